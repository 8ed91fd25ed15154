"""One example of every error, for its snapshot.

Most are made from `SAMPLES`, by the names of their parameters, with `OVERRIDES` where the sample would make
no sense; `EXAMPLES` holds those that need more. The test says of a new error what to add here.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import sorbus.errors
from sorbus.errors.authorization import ActionForbidden
from sorbus.errors.base import SorbusError
from sorbus.errors.declaration import (
    BrokenExpression,
    BrokenFragment,
    CircularCalculation,
    DefinitionErrors,
    ExpressionTruth,
    ForeignField,
    HookNeverRuns,
    MissingPart,
    NoSuchField,
    NotNumeric,
    UnknownMember,
    UnusableAlias,
    WrongCalculation,
    WrongInput,
    WrongOperand,
    WrongRelationship,
    WrongSection,
    WrongTransition,
)
from sorbus.errors.extensions import ExtensionFailed, ExtensionOrder, MemberTaken, NoSuchPart
from sorbus.errors.flow import BacklogFull, BatchAnswersWrong, StageNotBatched
from sorbus.errors.framework import (
    AfterCommitFailed,
    CannotJoin,
    NoSuchService,
    TransactionSpoilt,
    WrongRelated,
)
from sorbus.errors.inputs import InvalidAction, InvalidInput, NoSuchInput, Rejected, Required, WrongState
from sorbus.errors.llm import AllModelsFailed, BudgetExceeded, RateLimited
from sorbus.errors.notifications import BadTopic, NoSuchTopic, NotResumable, PositionGone, TopicNeedsTenant
from sorbus.errors.pipelines import PipelineCycle, RoundsUsedUp, UnreachableStage
from sorbus.errors.states import BadStateMachine, NoStateChosen, NoSuchState, StateRefused
from sorbus.errors.tenancy import (
    InvalidTenant,
    NoTenantSchemas,
    RowSecurityBypassed,
    RowSecurityMissing,
    RowSecurityRole,
    TenantExists,
    TenantNameNotAllowed,
    TenantNotConfirmed,
    TenantNotMigrated,
    UnknownTenant,
)

SAMPLES: Mapping[str, Any] = {
    "accept": "text/html",
    "action": "Run.submit",
    "actions": ["edit", "process"],
    "allowed": ["content_id", "prompt"],
    "answer": '{"amount": "much"}',
    "attempt": 2,
    "changes": ["add column runs.score"],
    "column": "prompt",
    "columns": ("org_id", "slug"),
    "condition": "state == 'pending'",
    "conflicts": ["both change runs.score"],
    "constraint": "runs_slug_key",
    "context": 2048,
    "creates": ["submit"],
    "current": "done",
    "default": 200,
    "definition": UUID("0193a0c4-6a0f-7c6e-9a39-1f4f7c1d2e3b"),
    "destination": "Content",
    "detail": "the server closed the connection",
    "differences": ["the table runs is missing"],
    "expected": "str",
    "expression": "61 * * * *",
    "faults": ["the table runs has no primary key"],
    "field": "Run.state",
    "identity": "source",
    "index": 0,
    "file": "migrations/0002_score.sql",
    "first": "Run",
    "folder": Path("/srv/sorbus"),
    "found": "list",
    "free": 1_000_000,
    "given": "Wrong",
    "handlers": ["greet"],
    "host": "127.0.0.1",
    "job_id": 7,
    "kept": "0003_score",
    "key": "0193a0c4",
    "kind": "runs",
    "known": ["email_analysis"],
    "largest": 100,
    "limit": 1_000_000,
    "line": 3,
    "log": Path("/srv/sorbus/postgres.log"),
    "longest": 63,
    "looks_like": "application/zip",
    "media_type": "text/html",
    "message": 'relation "runs" does not exist',
    "method": "PUT",
    "missing": ["oban_jobs"],
    "model": "openai:gpt",
    "moved": "0003_tags",
    "name": "promt",
    "names": ["0002_score", "0003_tags"],
    "near": ["shop"],
    "needed": 15,
    "needs": [("runs.score", "integer")],
    "newest": "0003_tags",
    "of": "Content",
    "offered": "application/vnd.api+json",
    "option": "max_attempts",
    "other": "Content",
    "package": "sorbus-model",
    "packages": ["sorbus-model"],
    "parent": "0001_first",
    "path": "/runs",
    "pipeline": "email_analysis",
    "place": "runs.scroe",
    "port": 8000,
    "origin": "https://elsewhere.example",
    "problem": "it cannot be read",
    "problems": ["amount: Input should be a valid number"],
    "providers": ["anthropic", "openai"],
    "questions": ["Is runs.score the old runs.points?"],
    "reason": "it is broken",
    "reasons": ["it would drop the table runs"],
    "received": 12,
    "referenced": "contents",
    "rename": "runs.points=runs.score",
    "reserved": ["id", "type"],
    "resource": "Run",
    "returned": 3,
    "returns": "Invoice",
    "point": "after_write",
    "payer_id": UUID("0193a0c4-6a0f-7c6e-9a39-1f4f7c1d2e40"),
    "run_id": UUID("0193a0c4-6a0f-7c6e-9a39-1f4f7c1d2e3b"),
    "schema": "public",
    "second": "Step",
    "seconds": 30.0,
    "seen_from": "Run",
    "size": 10,
    "sources": ["pending"],
    "stage": "classify",
    "statement": "ALTER TABLE runs ADD score int",
    "status": 401,
    "still_used": True,
    "table": "runs",
    "target": "running",
    "tokens": 4096,
    "value": 99,
    "variable": "OPENAI_API_KEY",
    "version": 3,
    "waited": 5.0,
    "waiting": 2,
    "wanted": "0004_none",
    "wanted_by": "Run.content",
    "what": "paths",
    "where": "mails/1.eml",
    "why": "it has no `-- up` part",
    "worker": "greet",
}


OVERRIDES: Mapping[str, Mapping[str, Any]] = {
    "batch-refused": {"found": 3, "limit": 0},
    "bad-graphql-name": {"name": "notes", "problem": "which is that of `Folder.read` already"},
    "graphql-invalid": {"problems": [("Cannot query field 'secret' on type 'Note'.", [(1, 3)])]},
    "graphql-syntax": {"problem": "Expected Name, found '}'."},
    "malformed-contract": {"problem": "Syntax Error: Unexpected Name 'typo'."},
    "malformed-graphql-request": {"problem": "it has no `query`"},
    "not-in-graphql": {"what": "lst", "problem": "which names no way to read", "allowed": ["get", "list"]},
    "query-too-large": {"what": "depth", "limit": 12},
    "actor-field-hidden": {"actor": "User", "name": "role"},
    "actor-field-not-loaded": {"actor": "User", "name": "role"},
    "action-forbidden": {"action": "submit"},
    "address-in-use": {"problem": "the address is already in use"},
    "already-taken": {"names": ["email"], "message": "has already been taken"},
    "application-closed": {"name": "studio"},
    "malformed-form": {"problem": "'utf-8' codec can't decode byte 0xff in position 0"},
    "unknown-act": {"name": "cansel", "allowed": ["cancel", "pause", "resume", "retry"]},
    "pages-without-pipelines": {"name": "shop"},
    "application-not-found": {"name": "shp.app:app", "problem": "there is no module `shp`"},
    "bad-api-path": {"path": "Runs"},
    "bad-condition": {"label": "email_analysis.answer", "why": "it compares with a value of type datetime"},
    "bad-cron": {"name": "nightly", "reason": "there is no minute 61"},
    "bad-fork": {"name": "clasify", "why": "there is no such stage", "at": ("fork_stage",)},
    "bad-job-option": {"allowed": "a whole number from 1 to 20"},
    "bad-project-name": {"name": "3 Shops"},
    "nested-run-failed": {
        "pipeline": "report",
        "stage": "review",
        "run": "0197",
        "state": "failed",
        "error": {"message": "No price."},
    },
    "bad-limit": {"name": "reading", "why": "at_once=0", "allowed": "1 or more"},
    "bad-stage-option": {"name": "classify", "option": "attempts", "value": 0, "allowed": "1 or more"},
    "broken-migration": {"name": "0002_score"},
    "condition-undecided": {
        "label": "email_analysis.answer",
        "condition": "path(classify, ['score']) > 0.8",
        "why": "'>' not supported between instances of 'str' and 'float'",
    },
    "database-too-old": {"where": "db.example.org", "version": "13.4"},
    "duplicate-name": {"what": "resources", "name": "runs"},
    "embedded-version-mismatch": {"found": "17", "needed": "18"},
    "extension-unavailable": {"names": ["vector"], "version": "15.14"},
    "hidden-field": {"name": "salary"},
    "hides-member": {"name": "query"},
    "change-not-served": {"what": "record", "allowed": ["GET", "POST"]},
    "contract-broken": {
        "file": "openapi.json",
        "changes": ["breaking: GET /runs: `sort` is removed (for clients that call GET /runs with `sort`)"],
    },
    "contract-drift": {"file": "contracts/openapi.json", "changes": ["compatible: GET /runs: is new"]},
    "no-contract": {"file": "contracts/openapi.json"},
    "id-conflict": {"given": "7", "expected": "8"},
    "immutable-record": {"name": "prompt"},
    "invalid-answer": {"problem": "Input should be a valid string"},
    "invalid-cursor": {"reason": "its signature does not fit this query"},
    "invalid-definition": {
        "pipeline": "review",
        "why": "a stage has an `action`, a `pause` or an `approval`",
    },
    "invalid-include": {"path": "contnt", "allowed": ["content", "steps"]},
    "invalid-page": {"name": "limit", "value": 5000, "allowed": "1 to 1000"},
    "invalid-parameter": {"name": "page[size]", "problem": "it is no number"},
    "mail-too-complex": {"problem": "70 levels of parts"},
    "malformed-body": {"problem": "it ends too early"},
    "method-not-allowed": {"allowed": ["GET", "POST"]},
    "migration-failed": {"name": "0002_score", "file": "up.sql", "column": 7},
    "model-embedded": {"name": "minilm"},
    "model-fetch-failed": {"name": "qwen", "reason": "the connection was refused"},
    "model-hash-mismatch": {"name": "qwen", "expected": "1f3b…", "found": "9c0a…"},
    "model-not-fetched": {"name": "qwen", "size": 1_117_000_000},
    "name-too-long": {"where": "Run.a_very_long_name"},
    "no-jobs": {"name": "shop"},
    "no-pipelines": {"name": "shop.app:app"},
    "no-such-items": {"place": "extract.parts", "found": "a value of type str"},
    "no-such-job-handler": {"worker": "greeet"},
    "no-such-job-option": {"name": "priorty", "allowed": ["max_attempts", "priority"]},
    "no-such-output": {"where": "classify", "name": "lable", "allowed": ["label", "score"]},
    "no-such-pipeline": {"name": "email_analisis", "allowed": ["document_extraction", "email_analysis"]},
    "no-such-place": {"option": "--backfill", "allowed": ["runs.score"]},
    "no-such-provider": {"model": "opnai:gpt"},
    "no-such-rename": {"why": "there is no column runs.points"},
    "no-such-resource": {"name": "Contents", "allowed": ["Content", "Run"]},
    "no-such-resource-name": {"name": "Rum", "allowed": ["Content", "Run"]},
    "not-an-application": {"name": "shop.app:items"},
    "not-compilable": {"what": "Run.label"},
    "not-enough-disk": {"name": "qwen", "needed": 1_117_000_000, "free": 90_000_000},
    "bad-tool-name": {
        "name": "a_resource_with_a_name_that_goes_on_and_on_run_start_from_there",
        "longest": 64,
    },
    "duplicate-tool": {"name": "run"},
    "host-refused": {"host": "evil.example.com", "allowed": ["127.0.0.1", "localhost"]},
    "not-in-mcp": {"what": "strat", "problem": "which is no action of `Run`", "allowed": ["start", "cancel"]},
    "nothing-to-call": {"name": "Run.strat", "allowed": ["Run.start", "Run.cancel"]},
    "origin-refused": {"origin": "https://evil.example.com"},
    "unreadable-value": {"name": "extra", "problem": "it is no JSON"},
    "not-exposable": {"what": "prompt", "problem": "which is no action"},
    "not-loaded": {"name": "cost"},
    "nothing-awaited": {
        "stage": "aprove",
        "why": "there is no such stage",
        "allowed": ["approve"],
    },
    "path-not-found": {"path": "mails"},
    "project-exists": {"path": "shop"},
    "query-too-long": {"limit": 8192},
    "related-missing": {"name": "content_id"},
    "required": {"name": "prompt"},
    "reserved-name": {"name": "type"},
    "reserved-pipeline": {"name": "email_analysis"},
    "row-policy-on-generic": {"action": "Run.estimate"},
    "stage-input-mismatch": {"name": "extract", "wanted": "str", "given": "Entities"},
    "stage-output-too-large": {"size": 70_000_000, "limit": 16_000_000},
    "source-too-large": {"size": 30_000_000, "limit": 20_000_000},
    "tenant-required": {"action": "submit"},
    "transaction-control": {"name": "0002_score", "statement": "COMMIT"},
    "type-conflict": {"given": "run", "expected": "runs"},
    "unknown-parameter": {"name": "filtr", "allowed": ["filter", "page", "sort"]},
    "unknown-pipeline-version": {"name": "email_analysis", "known": ["1", "2"]},
    "unknown-resource": {"name": "Rum", "allowed": ["Content", "Run"]},
    "unknown-stage": {"name": "extarct", "allowed": ["classify", "extract"]},
    "unknown-stage-input": {"name": "extarct", "allowed": ["content", "extract"]},
    "unknown-stored-value": {"value": "paused", "allowed": ["done", "pending"]},
    "policy-undecided": {
        "resource": "Run",
        "action": "retry",
        "name": "tries",
        "check": "changing tries to 3",
    },
    "wrong-actor": {"actor": "ApiKey", "name": "role", "expected": "User", "fields": ["id", "rule"]},
    "wrong-value-type": {"value": "done", "expected": "RunState"},
}


class Mailer:
    """A service."""


class Mialer:
    """A service with a near name."""


EXAMPLES: Mapping[type[SorbusError], Callable[[], SorbusError]] = {
    TransactionSpoilt: lambda: TransactionSpoilt("`Order.close`", LookupError("no printer.")),
    AfterCommitFailed: lambda: AfterCommitFailed([LookupError("no printer"), ValueError("no mail")]),
    BadStateMachine: lambda: BadStateMachine(
        "Order.machine", "nothing leaves SENT.", hint="Add a transition, or mark it: `final=[Phase.SENT]`."
    ),
    BadTopic: lambda: BadTopic("Run.notifications", "run:{id!r}", problem="`{id!r}` is no name of a field"),
    ExtensionFailed: lambda: ExtensionFailed(
        "Article", "slug", "Slug", step="transform", problem="KeyError: 'title'"
    ),
    ExtensionOrder: lambda: ExtensionOrder("Article", ["audit", "archival", "audit"]),
    MemberTaken: lambda: MemberTaken("Article", "slug", extension="Slug"),
    NoStateChosen: lambda: NoStateChosen("Order.decide", "phase", allowed=["refused", "shipped"]),
    NoSuchPart: lambda: NoSuchPart("Article", "action", "archve", allowed=["archive", "draft"]),
    NoSuchState: lambda: NoSuchState("Order", "shipd", allowed=["paid", "shipped"]),
    NoSuchTopic: lambda: NoSuchTopic("rnu:7", allowed=["org:{org_id}:runs", "run:{id}"]),
    NotResumable: lambda: NotResumable("run:7"),
    PositionGone: lambda: PositionGone(17, oldest=4711),
    StateRefused: lambda: StateRefused("Order.decide", "phase", given="ship", allowed=["refused", "shipped"]),
    TopicNeedsTenant: lambda: TopicNeedsTenant("run:7", ["Run"]),
    WrongState: lambda: WrongState(
        "Run.process", current="failed", sources=["pending"], target="running", possible=["retry"]
    ),
    ActionForbidden: lambda: ActionForbidden("Run", "submit", reason="no policy allows it."),
    BrokenExpression: lambda: BrokenExpression(
        "Run.size", "unsupported operand type(s) for +: 'One' and 'int'"
    ),
    BrokenFragment: lambda: BrokenFragment("fragment", "lower({1})", "`{1}` names none of its 1 arguments"),
    CircularCalculation: lambda: CircularCalculation("Node", ["Node.depth", "Node.depth"]),
    DefinitionErrors: lambda: DefinitionErrors(
        [
            MissingPart("Run", "the resource has no primary key."),
            NoSuchField("Run", "stat", allowed=["id", "state"], where="`Run.is_done`"),
        ]
    ),
    ExpressionTruth: lambda: ExpressionTruth("Built"),
    ForeignField: lambda: ForeignField("title", of="Content", seen_from="Run"),
    InvalidAction: lambda: InvalidAction(
        "Run.submit",
        [
            Required("Run.submit", "content_id", expected="UUID"),
            NoSuchInput("Run.submit", "promt", allowed=["prompt"]),
        ],
    ),
    InvalidInput: lambda: InvalidInput(
        "Run.submit", "prompt", problem="the text is longer than 8000 characters", expected="str"
    ),
    MissingPart: lambda: MissingPart(
        "Run", "the resource has no primary key.", hint="Write `id: Attr[UUID] = uuid_primary_key()`."
    ),
    NoSuchField: lambda: NoSuchField("Run", "stat", allowed=["id", "state"], where="`Run.is_done`"),
    NoSuchService: lambda: NoSuchService(Mailer, [Mialer]),
    NotNumeric: lambda: NotNumeric("Run.steps", kind="sum", found="str"),
    Rejected: lambda: Rejected("The end comes before the start.", field="end"),
    UnknownMember: lambda: UnknownMember(
        "Run", "polices", found="Policies section, which is named `policies`", allowed=["policies"]
    ),
    UnusableAlias: lambda: UnusableAlias(
        "Article.discounted", "title", "`Article` has a member of that name"
    ),
    WrongCalculation: lambda: WrongCalculation(
        "Article.discounted", "its parameters start with `cls`", hint="Write it on a class method."
    ),
    WrongOperand: lambda: WrongOperand("upper", found="int", takes="a text", place=0),
    WrongInput: lambda: WrongInput(
        "Run.submit",
        "loud",
        "the input `loud` is no attribute of `Run`. Attributes: id, prompt.",
        hint="For an argument that is not stored write `loud: Arg[…]`.",
    ),
    WrongRelationship: lambda: WrongRelationship(
        "Content.calls",
        "its path leads over `Run.content_id`, which is no relationship. Relationships of Run: calls, content.",
    ),
    CannotJoin: lambda: CannotJoin("Gig.venue", "the rows of Venue live in another data layer (memory)"),
    WrongRelated: lambda: WrongRelated(
        "Band.rivals", found="list", expected="a mapping from keys to records"
    ),
    WrongSection: lambda: WrongSection("Run.policies", "`Step.skip` is an action of another resource."),
    PipelineCycle: lambda: PipelineCycle(
        "review",
        ["read", "judge", "read"],
        drawing="read  <- judge   <-- here\njudge <- read",
    ),
    StageNotBatched: lambda: StageNotBatched(
        "reading", "embed", "item", "str", drawing="split\nembed <- split   <-- here"
    ),
    BatchAnswersWrong: lambda: BatchAnswersWrong("reading", "embed", items=1, answers=0),
    BacklogFull: lambda: BacklogFull(limit=2000, tenant="acme"),
    RoundsUsedUp: lambda: RoundsUsedUp(
        "review", "improve", rounds=5, condition="path(improve, ['score']) > 0.8"
    ),
    UnreachableStage: lambda: UnreachableStage(
        "review",
        "decide",
        "it wants 3 stages before it to be done, and has 2",
        drawing="first\nsecond\ndecide <- 3 of first, second   <-- here",
    ),
    AllModelsFailed: lambda: AllModelsFailed(
        [("openai:gpt", RateLimited("openai:gpt", retry_after=60.0, attempts=3))]
    ),
    BudgetExceeded: lambda: BudgetExceeded(
        "openai:gpt-4o-mini",
        run=UUID("01890a5d-ac96-774b-bcce-b302099a8057"),
        budget=UUID("01890a5d-ac96-774b-bcce-b302099a8057"),
        period="total",
        only="",
        unit="usd",
        limit=Decimal("0.50"),
        spent=Decimal("0.4210"),
        reserved=Decimal("0.0200"),
        needed=Decimal("0.0612"),
    ),
    InvalidTenant: lambda: InvalidTenant("Run", "acme", expected="UUID"),
    NoTenantSchemas: lambda: NoTenantSchemas("studio"),
    RowSecurityBypassed: lambda: RowSecurityBypassed("postgres", reason="it is a superuser"),
    RowSecurityMissing: lambda: RowSecurityMissing(["runs", "contents"]),
    RowSecurityRole: lambda: RowSecurityRole("sorbus_app", problem="there is no such role", login="studio"),
    TenantExists: lambda: TenantExists("acme"),
    TenantNameNotAllowed: lambda: TenantNameNotAllowed(
        "Acme!", problem="it has characters that are not allowed"
    ),
    TenantNotConfirmed: lambda: TenantNotConfirmed("acme", "amce"),
    TenantNotMigrated: lambda: TenantNotMigrated("acme", Rejected("The column has rows.")),
    UnknownTenant: lambda: UnknownTenant("amce", known=["acme", "globex"]),
    HookNeverRuns: lambda: HookNeverRuns("Run.report", kind="generic", point="after_commit"),
    WrongTransition: lambda: WrongTransition("Run.process", "no attribute of `Run` holds Colour."),
}


class NoExample(Exception):
    """There is no sample for some parameters of an error; the message says what to add."""


def leaves() -> list[type[SorbusError]]:
    """Every error class of `sorbus.errors` that no other refines, sorted by code."""
    for module in pkgutil.iter_modules(sorbus.errors.__path__):
        importlib.import_module(f"sorbus.errors.{module.name}")
    return sorted(set(_leaves_below(SorbusError)), key=lambda each: (each.code, each.__name__))


def _leaves_below(cls: type[SorbusError]) -> Iterator[type[SorbusError]]:
    refined = [each for each in cls.__subclasses__() if each.__module__.startswith("sorbus.errors.")]
    if not refined:
        yield cls
    for each in refined:
        yield from _leaves_below(each)


def example(cls: type[SorbusError]) -> SorbusError:
    """An instance of an error.

    Raises:
        NoExample: it takes something for which there is no sample yet.
    """
    if cls in EXAMPLES:
        return EXAMPLES[cls]()
    samples = {**SAMPLES, **OVERRIDES.get(cls.code, {})}
    positional: list[Any] = []
    named: dict[str, Any] = {}
    unknown: list[str] = []
    for parameter in list(inspect.signature(cls.__init__).parameters.values())[1:]:
        if parameter.default is not parameter.empty:
            continue
        if parameter.name not in samples:
            unknown.append(parameter.name)
        elif parameter.kind is parameter.KEYWORD_ONLY:
            named[parameter.name] = samples[parameter.name]
        else:
            positional.append(samples[parameter.name])
    if unknown:
        raise NoExample(
            f"Add {', '.join(map(repr, unknown))} to SAMPLES, or an entry for {cls.__name__} to EXAMPLES, in "
            "tests/unit/errors/examples.py."
        )
    return cls(*positional, **named)


def rendered(error: SorbusError) -> str:
    """An error as its snapshot shows it."""
    path = " / ".join(map(str, error.path)) or "-"
    head = f"kind: {error.kind}\ncode: {error.code}\npath: {path}"
    return f"{head}\n\n{error.message}\n\nhint: {error.hint or '-'}\n"
