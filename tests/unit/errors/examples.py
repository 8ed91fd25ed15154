"""One example of every error, for its snapshot.

Most are made from the `SAMPLES` and `OVERRIDES` of `samples.py`; `EXAMPLES` holds those that need more. The
test says of a new error what to add where.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.unit.errors.samples import OVERRIDES, SAMPLES

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
    WrongBody,
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
    WrongBody: lambda: WrongBody(
        "Run.report",
        kind="generic",
        found="a plain `def`",
        allowed="an `async def`",
        hint="Write `async def report(cls, scope: Scope, …)`; what blocks goes into a thread: "
        "`await asyncio.to_thread(…)`.",
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
            f"Add {', '.join(map(repr, unknown))} to SAMPLES in tests/unit/errors/samples.py, or an entry for "
            f"{cls.__name__} to EXAMPLES in tests/unit/errors/examples.py."
        )
    return cls(*positional, **named)


def rendered(error: SorbusError) -> str:
    """An error as its snapshot shows it."""
    path = " / ".join(map(str, error.path)) or "-"
    head = f"kind: {error.kind}\ncode: {error.code}\npath: {path}"
    return f"{head}\n\n{error.message}\n\nhint: {error.hint or '-'}\n"
