"""Durable content pipelines: content in, checked results out, nothing lost in between."""

from sorbus.llm.budgets.resources import Budget, BudgetPeriod
from sorbus.pipelines.application import PIPELINES, pipeline_application
from sorbus.pipelines.builtin import BUILTIN, document_extraction, email_analysis
from sorbus.pipelines.component import Pipelines
from sorbus.pipelines.definition.backlog import Backlog
from sorbus.pipelines.definition.batch import Batch
from sorbus.pipelines.definition.given import Approval, BatchContext, StageContent, StageContext, StageFailure
from sorbus.pipelines.definition.limits import Limit, Rate, limit
from sorbus.pipelines.definition.pipeline import Pipeline
from sorbus.pipelines.definition.stages import Stage, approval, for_each, nested, pause, repeat, signal, stage
from sorbus.pipelines.feeding import when_free
from sorbus.pipelines.resources.content import Content
from sorbus.pipelines.resources.definition import Definition
from sorbus.pipelines.resources.run import Result, Run
from sorbus.pipelines.resources.stages import StageItem, StageRun
from sorbus.pipelines.resources.states import RunState, StageState
from sorbus.pipelines.running.events import EventKind, RunEvent

__all__ = [
    "BUILTIN",
    "PIPELINES",
    "Approval",
    "Backlog",
    "Batch",
    "BatchContext",
    "Budget",
    "BudgetPeriod",
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
    "when_free",
]
