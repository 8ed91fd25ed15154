"""The API of the suite `http` in Django REST Framework: model serializers, a viewset, a router."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from core_django_app.models import Content, Run
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from rest_framework import mixins, serializers, viewsets
from rest_framework.routers import SimpleRouter


class RunSerializer(serializers.ModelSerializer[Run]):
    """A run as clients see it."""

    content_id = serializers.UUIDField(read_only=True)

    class Meta:
        """Its fields."""

        model = Run
        fields = ("id", "content_id", "state", "prompt", "output", "inserted_at")


class ContentSerializer(serializers.ModelSerializer[Content]):
    """A content as clients see it and give it."""

    class Meta:
        """Its fields."""

        model = Content
        fields: tuple[str, ...] = ("id", "kind", "state", "title", "body", "metadata", "inserted_at")
        read_only_fields = ("id", "state", "inserted_at")
        extra_kwargs: ClassVar = {"title": {"max_length": 200}, "body": {"max_length": 10_000}}


class ContentWithRunsSerializer(ContentSerializer):
    """A content with its runs."""

    runs = RunSerializer(many=True, read_only=True)

    class Meta(ContentSerializer.Meta):
        """Its fields."""

        fields = (*ContentSerializer.Meta.fields, "runs")


class ContentViewSet(
    mixins.CreateModelMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Content],
):
    """The contents of the caller's tenant."""

    serializer_class = ContentSerializer

    def get_queryset(self) -> QuerySet[Content]:
        """Its rows."""
        return Content.objects.filter(org_id=self.request.user.org_id).order_by("id")

    def perform_create(self, serializer: Any) -> None:
        """A new one is the caller's."""
        serializer.save(org_id=self.request.user.org_id, owner_id=self.request.user.id)


class ContentWithRunsViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Content]):
    """The contents of the caller's tenant, with their runs."""

    serializer_class = ContentWithRunsSerializer

    def get_queryset(self) -> QuerySet[Content]:
        """Its rows."""
        org = self.request.user.org_id
        runs = Prefetch("runs", Run.objects.filter(org_id=org).order_by("id"))
        return Content.objects.filter(org_id=org).order_by("id").prefetch_related(runs)


def cpu(_: HttpRequest) -> JsonResponse:
    """The processor time of this process."""
    return JsonResponse({"seconds": time.process_time()})


router = SimpleRouter(trailing_slash=False)
router.register("contents", ContentViewSet, basename="content")
router.register("contents-with-runs", ContentWithRunsViewSet, basename="content-with-runs")
urlpatterns = [path("cpu", cpu), path("", include(router.urls))]
