"""A correct declaration with every feature of the language; both type checkers must find nothing to say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, assert_type
from uuid import UUID

from sorbus import (
    Arg,
    Attr,
    Domain,
    Expr,
    Identities,
    InMemory,
    Json,
    JsonApi,
    Many,
    One,
    Page,
    Policies,
    Postgres,
    Query,
    Resource,
    Scope,
    Tenancy,
    UpsertOutcome,
    action,
    actor,
    actor_present,
    agg,
    attribute,
    authorize_if,
    authorize_unless,
    belongs_to,
    bypass,
    calculate,
    calculation,
    coalesce,
    computed,
    concat,
    exists,
    fn,
    forbid_if,
    forbid_unless,
    has_many,
    has_one,
    if_,
    input_value,
    many_to_many,
    now,
    outcome_of,
    policy,
    related,
    require,
    tenant,
    timestamp,
    uuid_primary_key,
)
from sorbus.engine.bulk import BulkPlan, BulkResult
from sorbus.jobs import Triggers, trigger
from sorbus.llm import prompt, prompted


class RunState(StrEnum):
    """Where a run stands."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Priority(StrEnum):
    """How much a run hurries."""

    LOW = "low"
    HIGH = "high"


@dataclass(frozen=True)
class Options:
    """A structured value."""

    temperature: float = 0.0


class User(Resource):
    """Somebody who signs in."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    email: Attr[str] = attribute(public=True, max_length=200, pattern="@")
    is_admin: Attr[bool] = attribute(default=False)

    profile: One[Profile] = has_one()

    @action.create(upsert="email")
    def register(self, scope: Scope, org_id: UUID, email: str) -> None:
        """Register a user, or the same one again."""

    identities = Identities(email=[org_id, email])
    tenancy = Tenancy(org_id)
    policies = Policies(policy("any", authorize_if(org_id == actor(org_id))))


class Profile(Resource):
    """What a user tells about themselves."""

    id: Attr[UUID] = uuid_primary_key()
    user_id: Attr[UUID] = attribute()
    born_on: Attr[date | None] = attribute(default=None)

    user: One[User] = belongs_to(on_delete="cascade")

    storage = InMemory()


class Tag(Resource):
    """A word on content."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(public=True)


class ContentTag(Resource):
    """A tag on one piece of content."""

    id: Attr[UUID] = uuid_primary_key()
    content_id: Attr[UUID] = attribute()
    tag_id: Attr[UUID] = attribute()


class Content(Resource):
    """A text somebody owns."""

    id: Attr[UUID] = uuid_primary_key()
    owner_id: Attr[UUID] = attribute()
    title: Attr[str] = attribute(public=True)
    subtitle: Attr[str | None] = attribute(default=None, public=True)
    parent_id: Attr[UUID | None] = attribute(default=None)

    owner: One[User] = belongs_to(via=owner_id)
    parent: One[Content | None] = belongs_to(via=parent_id, on_delete="nilify")
    children: Many[Content] = has_many(via="parent_id")
    runs: Many[Run] = has_many(
        where=lambda run: run.state != RunState.FAILED, order_by=lambda run: run.inserted_at.desc()
    )
    tags: Many[Tag] = many_to_many("ContentTag")

    run_count = agg.count(runs)
    done_count = agg.count(runs, where=lambda run: run.state == RunState.DONE)
    has_runs = agg.exists(runs, public=True)
    heading = calculate(coalesce(subtitle, title), public=True)
    owner_email = calculate(related(owner, lambda user: user.email))
    parent_title = calculate(related(parent, lambda row: row.title))
    is_own = calculate(exists(owner, lambda user: user.org_id == tenant()))

    @computed(loads=[title, subtitle], public=True)
    def label(self) -> str:
        """The title with the subtitle."""
        return f"{self.title}: {self.subtitle}" if self.subtitle else self.title

    storage = Postgres("contents")
    policies = Policies(policy("read", authorize_if(owner_id == actor(User.id))))


class Run(Resource):
    """One execution of a program over one piece of content."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    content_id: Attr[UUID] = attribute(public=True)
    prompt: Attr[str] = attribute(public=True, min_length=1, max_length=8_000)
    state: Attr[RunState] = attribute(default=RunState.PENDING, public=True, writable=False)
    priority: Attr[Priority | None] = attribute(default=None)
    mode: Attr[Literal["fast", "good"]] = attribute(default="fast")
    tries: Attr[int] = attribute(default=0, ge=0)
    score: Attr[float | None] = attribute(default=None)
    cost_usd: Attr[Decimal] = attribute(default=Decimal(0), max_digits=12, decimal_places=6)
    output: Attr[str | None] = attribute(default=None, sensitive=True)
    digest: Attr[bytes | None] = attribute(default=None)
    labels: Attr[list[str]] = attribute(default=list)
    stage_outputs: Attr[dict[str, Json]] = attribute(default=dict)
    options: Attr[Options] = attribute(default=Options)
    extra: Attr[Json] = attribute(default=None)
    due_on: Attr[date | None] = attribute(default=None)
    daily_at: Attr[time | None] = attribute(default=None)
    limit: Attr[timedelta] = attribute(default=timedelta(minutes=5))
    started_at: Attr[datetime] = timestamp()
    finished_at: Attr[datetime] = timestamp(touch=True)
    inserted_at: Attr[datetime] = timestamp(public=True)

    content: One[Content] = belongs_to(via=content_id)
    steps: Many[Step] = has_many()

    duration = calculate(finished_at - started_at, public=True)
    overdue = calculate((finished_at + limit < now()) & (state != RunState.DONE))
    shout = calculate(concat(prompt, "!"))
    words = calculate(if_(prompt.contains(" "), "many", "one"))
    budget = calculate(cost_usd * Decimal(2))
    step_count = agg.count(steps)
    cents = agg.sum(steps, lambda step: step.cents)
    cost = agg.sum(steps, lambda step: step.cost, where=lambda step: step.cents > 0)
    cheapest = agg.min(steps, lambda step: step.cents)
    names = agg.list(steps, lambda step: step.name, unique=True, limit=3)
    least = agg.min(steps, lambda step: step.cents, default=0)
    has_many_steps = calculate(agg.count(steps) > 3)
    first_word = calculate(fn.at(fn.split(fn.lower(prompt), " "), 0))
    slow = calculate(fn.extract("hour", fn.date_add(started_at, days=1)) > 12)
    remainder = calculate(100 - cost_usd)

    @calculation
    @classmethod
    def price(cls, percent: int = 10) -> Expr[Decimal]:
        """The cost with something on top."""
        return cls.cost_usd * (100 + percent) / 100

    @computed(
        loads=[prompt, price(percent=5).as_("net")],
        expression=lambda cls, mark="!": fn.upper(cls.prompt) + mark,
    )
    def banner(self, mark: str = "!") -> str:
        """A banner."""
        return self.prompt + mark

    @computed(loads=[steps], batch=True)
    @staticmethod
    async def numbers(records: list[Run], scope: Scope, first: int = 1) -> list[int]:
        """Numbers for all of them."""
        return [len(each.steps) + first for each in records]

    longest = agg.max(steps, lambda step: step.took)
    mean = agg.avg(steps, lambda step: step.cost)
    mean_time = agg.avg(steps, lambda step: step.took)
    total_time = agg.sum(steps, lambda step: step.took)
    last_name = agg.first(steps, lambda step: step.name, order_by=lambda step: step.position.desc())

    @action.create
    def submit(
        self, scope: Scope, content_id: UUID, prompt: str, tries: int = 0, notify: Arg[bool] = False
    ) -> None:
        """Queue a run."""
        require(len(prompt) > 0, "there is nothing to do", field="prompt")
        self.org_id = scope.tenant
        self.priority = Priority.HIGH if notify else None
        self.labels = ["new"]

    @submit.before_transaction
    async def fetch(self, scope: Scope) -> None:
        """Slow work belongs here."""
        self.output = self.prompt.upper()

    @submit.after_commit
    async def announce(self, scope: Scope) -> None:
        """What others are told afterwards."""

    @action.update
    def edit(self, scope: Scope, prompt: str) -> None:
        """Change the prompt."""
        self.tries = Run.tries + 1

    @action.transition(RunState.PENDING, to=RunState.RUNNING)
    async def process(self, scope: Scope) -> None:
        """Begin."""
        self.output = self.prompt.upper()

    @action.transition(RunState.PENDING, RunState.RUNNING, to=RunState.DONE)
    def finish(self, scope: Scope, output: str) -> None:
        """End."""

    @action.destroy
    def remove(self, scope: Scope, reason: Arg[str] = "") -> None:
        """Forget the run."""

    @action.read
    @classmethod
    def for_content(cls, scope: Scope, content_id: Arg[UUID]) -> Query[Run]:
        """The runs of one piece of content."""
        return cls.query().where(cls.content_id == content_id).order_by(cls.inserted_at.desc())

    @action.generic
    @classmethod
    async def estimate(cls, scope: Scope, prompt: Arg[str]) -> Decimal:
        """What a prompt would cost, in dollars."""
        return Decimal(len(prompt)) / 1000

    @action.generic
    @prompted(tools=[submit, for_content, lambda: Run.estimate, Content], max_turns=3)
    @classmethod
    async def appraise(cls, scope: Scope, prompt_text: Arg[str]) -> list[Decimal]:
        """What such a prompt is worth to us, in dollars, in the best and in the worst case."""
        return prompt(f"The prompt: {prompt_text}")

    @action.generic(transaction=True)
    @classmethod
    async def reset(cls, scope: Scope) -> None:
        """Begin anew."""

    storage = Postgres("runs")
    tenancy = Tenancy(org_id)
    policies = Policies(
        bypass("any", authorize_if(actor(User.is_admin))),
        policy("read", authorize_if(org_id == actor(User.org_id))),
        policy([submit, edit], authorize_if(exists(content, lambda row: row.owner_id == actor(User.id)))),
        policy(
            [process, finish, remove],
            forbid_if(state == RunState.FAILED),
            forbid_unless(actor_present()),
            authorize_unless(tries > 3),
        ),
        policy(estimate, authorize_if(input_value("prompt") != "")),
    )
    triggers = Triggers(trigger(process, where=(state == RunState.PENDING) & (tries < 3), queue="pipeline"))
    json_api = JsonApi("/runs", submit, for_content, "get", "index")


class Step(Resource):
    """One step of a run."""

    id: Attr[UUID] = uuid_primary_key()
    run_id: Attr[UUID] = attribute()
    name: Attr[str] = attribute()
    position: Attr[int] = attribute(default=0)
    cents: Attr[int] = attribute(default=0)
    cost: Attr[Decimal] = attribute(default=Decimal(0))
    took: Attr[timedelta] = attribute(default=timedelta)

    run: One[Run] = belongs_to()


Studio = Domain("studio", resources=[User, Profile, Tag, ContentTag, Content, Run, Step])


def on_the_class() -> None:
    """A field on the class is an expression of its values' type."""
    assert_type(Run.prompt, Attr[str])
    assert_type(Run.prompt == "x", Expr[bool])
    assert_type(Run.tries + 1, Expr[int])
    assert_type(Run.finished_at - Run.started_at, Expr[timedelta])
    assert_type(Run.finished_at + timedelta(1), Expr[datetime])
    assert_type(Run.prompt + "!", Expr[str])
    assert_type(Run.cost_usd * 2, Expr[Decimal])
    assert_type(~(Run.state == RunState.DONE) | Run.output.is_null(), Expr[bool])
    assert_type(Run.state.is_in([RunState.DONE, RunState.FAILED]), Expr[bool])
    assert_type(Run.output.contains("x"), Expr[bool])


def on_a_record(run: Run, content: Content, user: User) -> None:
    """On a record a field is its value."""
    assert_type(run.prompt, str)
    assert_type(run.state, RunState)
    assert_type(run.priority, Priority | None)
    assert_type(run.labels, list[str])
    assert_type(run.stage_outputs, dict[str, Json])
    assert_type(run.options, Options)
    assert_type(run.extra, Json)
    assert_type(run.duration, timedelta)
    assert_type(run.overdue, bool)
    assert_type(run.words, str)
    assert_type(run.budget, Decimal)
    assert_type(run.step_count, int)
    assert_type(run.cents, int)
    assert_type(run.cost, Decimal)
    assert_type(run.cheapest, int | None)
    assert_type(run.longest, timedelta | None)
    assert_type(run.mean, Decimal | None)
    assert_type(run.mean_time, timedelta | None)
    assert_type(run.total_time, timedelta)
    assert_type(run.last_name, str | None)
    assert_type(run.content, Content)
    assert_type(run.content.title, str)
    assert_type(run.steps, list[Step])
    assert_type(content.parent, Content | None)
    assert_type(content.tags, list[Tag])
    assert_type(content.has_runs, bool)
    assert_type(content.heading, str)
    assert_type(content.owner_email, str)
    assert_type(content.label, str)
    assert_type(content.parent_title, str | None)
    assert_type(user.profile, Profile)


async def calls(scope: Scope, content: Content) -> None:
    """A call takes what the signature says, and answers what the action makes."""
    run = await Run.submit(scope, content_id=content.id, prompt="Summarise", notify=True)
    assert_type(run, Run)
    assert_type(await run.edit(scope, prompt="Translate"), Run)
    assert_type(await run.process(scope), Run)
    assert_type(await Run.process.by_key(run.id, scope), Run)
    assert_type(await run.finish(scope, output="done"), Run)
    assert_type(await run.remove(scope, reason="old"), Run)
    assert_type(await Run.estimate(scope, prompt="x"), Decimal)
    assert_type(await Run.appraise(scope, prompt_text="x"), list[Decimal])
    assert_type(await Run.get(scope, run.id), Run)
    assert_type(await User.register(scope, org_id=run.org_id, email="a@b"), User)
    await Run.reset(scope)


async def many(scope: Scope, content: Content) -> None:
    """Bulk runs answer with records of their resource."""
    made = await Run.submit.bulk(scope, [{"content_id": content.id, "prompt": "x"}], returning=True)
    assert_type(made, BulkResult[Run])
    assert_type(made.records, list[Run] | None)
    done = await Run.edit.bulk(scope, Run.query(scope), {"prompt": "y"}, on_error="continue", batch=100)
    assert_type(done, BulkResult[Run])
    assert_type(await Run.edit.bulk_rows(scope, [(content.id, {"prompt": "z"})]), BulkResult[Run])
    assert_type(Run.edit.explain(scope, Run.query(scope), {"prompt": "y"}), BulkPlan)
    assert_type(outcome_of(done.errors[0].key), UpsertOutcome | None)


async def queries(scope: Scope, content: Content) -> None:
    """Queries answer with records of their resource."""
    found = Run.for_content(scope, content_id=content.id)
    assert_type(found, Query[Run])
    assert_type(await found.all(), list[Run])
    assert_type(await found.first(), Run | None)
    assert_type(await found.one(), Run)
    assert_type(await found.count(), int)
    assert_type(await found.page(limit=10), Page[Run])
    assert_type(await found.offset_page(), Page[Run])
    assert_type(found.stream(), AsyncIterator[Run])
    own = (
        Run.query(scope)
        .where(Run.state == RunState.DONE, Run.tries > 1)
        .order_by(Run.prompt, Run.tries.desc())
    )
    assert_type(own.load(Run.cents, Run.content, Run.steps).limit(5), Query[Run])
    assert_type(own.load_with(Run.steps, Step.query().where(Step.cents > 3)), Query[Run])
    price = Run.price(percent=5).as_("dear")
    for run in await own.where(price > Decimal(1), agg.count(Run.steps) > 2).load(price).all():
        assert_type(price.of(run), Decimal)
        assert_type((run.price, run.banner, run.numbers), tuple[Decimal, str, int])
        assert_type((run.names, run.least), tuple[list[str], int])
    assert_type(fn.length(Run.prompt), Expr[int])
    assert_type(fn.upper(Run.output), Expr[str | None])
    assert_type(fn.cast(Run.tries, str), Expr[str])
    assert_type(fn.path(Run.stage_outputs, "a", 0, type=int), Expr[int | None])
    assert_type(fn.date_trunc("day", Run.started_at), Expr[datetime])


def needs_scope_alone(run: Run) -> Callable[[Scope], Coroutine[Any, Any, Run]]:
    """An action on a record is a plain function of the scope and its inputs."""
    return run.process
