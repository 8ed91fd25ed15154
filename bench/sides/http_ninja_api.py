"""The API of the suite `http` in django-ninja: schemas of Pydantic over Django's ORM."""

import time
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from core_django_app.models import Content, Kind, Run, State
from django.db.models import Prefetch
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from http_serving import who
from ninja import Field, NinjaAPI, Schema, Status
from ninja.renderers import BaseRenderer
from ninja.security import APIKeyHeader


class RunOut(Schema):
    """A run as clients see it."""

    id: UUID
    content_id: UUID
    state: State
    prompt: str
    output: str | None
    inserted_at: datetime


class ContentOut(Schema):
    """A content as clients see it."""

    id: UUID
    kind: Kind
    state: State
    title: str
    body: str
    metadata: dict[str, Any]
    inserted_at: datetime


class ContentWithRuns(ContentOut):
    """A content with its runs."""

    runs: list[RunOut]


class Several(Schema):
    """A list."""

    data: list[ContentOut]


class SeveralWithRuns(Schema):
    """A list with runs."""

    data: list[ContentWithRuns]


class ContentIn(Schema):
    """A new content."""

    kind: Kind
    title: str = Field(max_length=200)
    body: str = Field(max_length=10_000)
    metadata: dict[str, Any]


class Caller(Schema):
    """Who calls."""

    id: UUID
    org_id: UUID


class ByHeader(APIKeyHeader):
    """Who calls, by the header."""

    param_name = "X-User"

    def authenticate(self, request: HttpRequest, key: str | None) -> Caller | None:
        """The caller, if the request names one."""
        if key is None:
            return None
        user, org = who(key)
        return Caller(id=UUID(user), org_id=UUID(org))


class OrjsonRenderer(BaseRenderer):
    """JSON by orjson, as the documentation of django-ninja shows it."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        """The bytes."""
        return orjson.dumps(data)


api = NinjaAPI(auth=ByHeader(), renderer=OrjsonRenderer(), openapi_url=None)


@api.get("/contents/{uuid:key}", response=ContentOut)
def one(request: Any, key: UUID) -> Any:
    """One row."""
    return get_object_or_404(Content, id=key, org_id=request.auth.org_id)


@api.get("/contents", response=Several)
def listing(request: Any) -> Any:
    """Fifty rows."""
    return {"data": list(Content.objects.filter(org_id=request.auth.org_id).order_by("id")[:50])}


@api.get("/contents-with-runs", response=SeveralWithRuns)
def with_runs(request: Any) -> Any:
    """Fifty rows with their runs."""
    org = request.auth.org_id
    runs = Prefetch("runs", Run.objects.filter(org_id=org).order_by("id"))
    return {"data": list(Content.objects.filter(org_id=org).order_by("id").prefetch_related(runs)[:50])}


@api.post("/contents", response={201: ContentOut})
def create(request: Any, given: ContentIn) -> Any:
    """One new row."""
    who = request.auth
    made = Content.objects.create(org_id=who.org_id, owner_id=who.id, **given.dict())
    return Status(201, made)


def cpu(_: HttpRequest) -> JsonResponse:
    """The processor time of this process."""
    return JsonResponse({"seconds": time.process_time()})


urlpatterns = [path("cpu", cpu), path("", api.urls)]
