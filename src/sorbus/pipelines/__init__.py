"""Durable content pipelines: content in, checked results out, nothing lost in between."""

from sorbus.pipelines.application import PIPELINES, pipeline_application
from sorbus.pipelines.builtin import BUILTIN, document_extraction, email_analysis
from sorbus.pipelines.component import Pipelines
from sorbus.pipelines.definition.limits import Limit, Rate, limit
from sorbus.pipelines.definition.pipeline import Pipeline
from sorbus.pipelines.definition.stages import (
    Approval,
    Stage,
    StageContent,
    StageContext,
    StageFailure,
    approval,
    for_each,
    nested,
    pause,
    repeat,
    signal,
    stage,
)
from sorbus.pipelines.resources.content import Content
from sorbus.pipelines.resources.run import Definition, Result, Run, StageItem, StageRun
from sorbus.pipelines.resources.states import RunState, StageState
from sorbus.pipelines.running.events import EventKind, RunEvent

__all__ = [
    "BUILTIN",
    "PIPELINES",
    "Approval",
    "Content",
    "Definition",
    "EventKind",
    "Limit",
    "Pipeline",
    "Pipelines",
    "Rate",
    "Result",
    "Run",
    "RunEvent",
    "RunState",
    "Stage",
    "StageContent",
    "StageContext",
    "StageFailure",
    "StageItem",
    "StageRun",
    "StageState",
    "approval",
    "document_extraction",
    "email_analysis",
    "for_each",
    "limit",
    "nested",
    "pause",
    "pipeline_application",
    "repeat",
    "signal",
    "stage",
]
