"""Durable content pipelines: content in, checked results out, nothing lost in between."""

from sorbus.pipelines.advance import EventKind, RunEvent
from sorbus.pipelines.application import PIPELINES, pipeline_application
from sorbus.pipelines.builtin import BUILTIN, document_extraction, email_analysis
from sorbus.pipelines.component import Pipelines
from sorbus.pipelines.definition import Pipeline, Stage, StageContent, StageContext, stage
from sorbus.pipelines.resources.content import Content
from sorbus.pipelines.resources.run import Definition, Result, Run, StageRun
from sorbus.pipelines.resources.states import RunState, StageState

__all__ = [
    "BUILTIN",
    "PIPELINES",
    "Content",
    "Definition",
    "EventKind",
    "Pipeline",
    "Pipelines",
    "Result",
    "Run",
    "RunEvent",
    "RunState",
    "Stage",
    "StageContent",
    "StageContext",
    "StageRun",
    "StageState",
    "document_extraction",
    "email_analysis",
    "pipeline_application",
    "stage",
]
