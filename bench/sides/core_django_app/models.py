"""The tables of the core suite as Django's ORM has them."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from rows import uuid7


class Kind(models.TextChoices):
    """What a content is."""

    EMAIL = "email"
    DOCUMENT = "document"
    NOTE = "note"


class State(models.TextChoices):
    """How far a content or a run is."""

    QUEUED = "queued"
    DONE = "done"


class Content(models.Model):
    """A text somebody owns."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    org_id = models.UUIDField()
    owner_id = models.UUIDField()
    kind = models.TextField(choices=Kind)
    state = models.TextField(choices=State, default=State.QUEUED)
    title = models.TextField()
    body = models.TextField()
    metadata = models.JSONField(default=dict)
    inserted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """Where its rows are."""

        managed = False
        db_table = "bench_contents"


class Run(models.Model):
    """One execution over one piece of content."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    org_id = models.UUIDField()
    content = models.ForeignKey(Content, models.DO_NOTHING, related_name="runs")
    state = models.TextField(choices=State, default=State.QUEUED)
    prompt = models.TextField()
    output = models.TextField(null=True)
    inserted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """Where its rows are."""

        managed = False
        db_table = "bench_runs"


class Call(models.Model):
    """One call of a model within a run."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    org_id = models.UUIDField()
    run = models.ForeignKey(Run, models.DO_NOTHING, related_name="calls")
    model = models.TextField()
    tokens = models.BigIntegerField()
    cost = models.DecimalField(max_digits=20, decimal_places=10)
    inserted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """Where its rows are."""

        managed = False
        db_table = "bench_calls"


class Letter(models.Model):
    """A text that comes in with thousands of others."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    org_id = models.UUIDField()
    owner_id = models.UUIDField()
    kind = models.TextField(choices=Kind)
    title = models.TextField()
    body = models.TextField()
    metadata = models.JSONField(default=dict)
    label = models.TextField(null=True)
    revision = models.BigIntegerField(default=0)
    inserted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """Where its rows are."""

        managed = False
        db_table = "bench_letters"
