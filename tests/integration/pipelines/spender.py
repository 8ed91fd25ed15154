"""Pipelines that spend: each line of the content is a question to a model whose price is a dollar a token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.integration.pipelines.helpers import TENANT, application, ended, error_of, ingest

from sorbus import Domain, Policies, Resource, Scope, Sorbus, action, actor_present, authorize_if, policy
from sorbus.jobs import Backoff
from sorbus.llm import CallSink, ModelClient, ModelConfig, PriceTable, Retries
from sorbus.pipelines import Budget, Pipeline, Run, StageContent, StageContext, for_each, nested, stage
from sorbus.testing.model_server import ModelServer, Reply

ANSWER = 10
"""The most tokens of an answer."""

COST = Decimal(64 + 16 + 2 + ANSWER)
"""What a question of two letters may cost at most, in dollars as in tokens."""

FULL = Reply(tokens_in=int(COST) - ANSWER, tokens_out=ANSWER)
"""An answer that costs as much as it may."""

FIGURES = (Budget.spent_usd, Budget.spent_tokens, Budget.left_usd, Budget.left_tokens)
"""What a budget says of itself when it is loaded."""

SOON = Backoff(base=0.05, jitter=0.0)


@dataclass(frozen=True, slots=True)
class Said:
    """What the model said."""

    texts: list[str]


async def ask(scope: Scope, prompt: str) -> str:
    """One question on behalf of the stage."""
    context = scope.get(StageContext)
    answer = await scope.get(ModelClient).generate_text(
        prompt, max_tokens=ANSWER, stage=context.stage, run=context.run_id
    )
    return answer.text


class Spender(Resource):
    """The stages."""

    @action.generic
    @classmethod
    async def first(cls, scope: Scope, content: StageContent) -> Said:
        """Ask every line, one after the other."""
        return Said([await ask(scope, line) for line in content.text.splitlines()])

    @action.generic
    @classmethod
    async def second(cls, scope: Scope, first: Said) -> Said:
        """Ask once more."""
        return Said([*first.texts, await ask(scope, "zz")])

    @action.generic
    @classmethod
    async def lines(cls, scope: Scope, content: StageContent) -> list[str]:
        """The lines."""
        return content.text.splitlines()

    @action.generic
    @classmethod
    async def each(cls, scope: Scope, item: str) -> str:
        """Ask one line, and listen to the answer as it comes."""
        context = scope.get(StageContext)
        pieces = scope.get(ModelClient).stream_text(
            item, max_tokens=ANSWER, stage=context.stage, run=context.run_id
        )
        return "".join([piece async for piece in pieces])

    policies = Policies(policy("generic", authorize_if(actor_present())))


SPENDER = Domain("spender", resources=[Spender])


def spend(*, attempts: int = 3) -> Pipeline:
    """Two stages, one after the other."""
    return Pipeline(
        "spend",
        stages=[
            stage(Spender.first, attempts=attempts, backoff=SOON),
            stage(Spender.second, attempts=attempts, backoff=SOON),
        ],
    )


def spread() -> Pipeline:
    """A question for each line, four at once."""
    split = stage(Spender.lines)
    return Pipeline.graph("spread", stages=[split, for_each(Spender.each, over=lambda lines: lines, limit=4)])


def around(inner: Pipeline) -> Pipeline:
    """A run of another pipeline as a stage, which is itself in a run as a stage."""
    return Pipeline("around", stages=[nested(Pipeline("inside", stages=[nested(inner)]))])


def prices(server: ModelServer) -> PriceTable:
    """A dollar a token."""
    return PriceTable.shipped().with_prices({f"{server.url}/v1:test": ("1000000", "1000000")})


def models(server: ModelServer, **options: Any) -> Callable[[CallSink], ModelClient]:
    """A client of the server, which gives up soon."""
    config = ModelConfig(model=server.model, retries=Retries(attempts=2, base=0.02), timeout=20.0)
    given: dict[str, Any] = {"prices": prices(server), **options}
    return lambda sink: ModelClient(config, sink=sink, **given)


def spending(url: str, server: ModelServer, **options: Any) -> Sorbus:
    """An application whose pipelines spend."""
    spends = spend()
    given: dict[str, Any] = {
        "domains": [SPENDER],
        "pipelines": [spends, spread(), around(spends)],
        "models": models(server),
        **options,
    }
    return application(url, **given)


def me(app: Sorbus, tenant: str = TENANT) -> Scope:
    """My scope in a tenant."""
    return app.scope(actor="me", tenant=tenant)


async def begin(
    scope: Scope, text: str, *, name: str = "one", pipeline: str = "spend", **options: Any
) -> Run:
    """A run over some questions."""
    content = await ingest(scope, name, text=text)
    return await Run.start(scope, content_id=content.id, pipeline=pipeline, **options)


async def finish(scope: Scope, *runs: Run) -> list[Run]:
    """The runs when they are over."""
    found = await ended(scope, [run.id for run in runs])
    return [found[run.id] for run in runs]


async def figures(scope: Scope) -> list[dict[str, Any]]:
    """What the tenant's own budgets say."""
    found = await Budget.query(scope).where(Budget.run_id.is_null()).order_by(Budget.id).load(*FIGURES).all()
    return [
        {
            "spent": (each.spent_usd, each.spent_tokens),
            "reserved": (each.reserved_usd, each.reserved_tokens),
            "left": (each.left_usd, each.left_tokens),
        }
        for each in found
    ]


def codes(runs: list[Run]) -> list[str]:
    """How runs ended: their states, or the codes of their errors."""
    return sorted(run.state.value if run.error is None else error_of(run)["code"] for run in runs)
