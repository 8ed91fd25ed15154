"""What the settings of the suite `http` make the defaults of Django REST Framework's views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from django.db.models import QuerySet
from http_serving import who
from rest_framework.authentication import BaseAuthentication
from rest_framework.pagination import BasePagination
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls."""

    id: str
    org_id: str
    is_authenticated: bool = True


class ByHeader(BaseAuthentication):
    """Who calls, by the header."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        """The caller, if the request names one."""
        header = request.headers.get("x-user")
        return (Caller(*who(header)), None) if header else None


class OrjsonRenderer(JSONRenderer):
    """JSON by orjson, as the other sides that may choose write it."""

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        """The bytes."""
        return b"" if data is None else orjson.dumps(data)


class Fifty(BasePagination):
    """The first fifty; counts nothing."""

    def paginate_queryset(self, queryset: QuerySet[Any], request: Request, view: Any = None) -> list[Any]:
        """The rows."""
        return list(queryset[:50])

    def get_paginated_response(self, data: Any) -> Response:
        """The answer."""
        return Response({"data": data})
