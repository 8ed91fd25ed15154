"""A small office whose letters a model answers: actions of every kind as its tools, and rules about who may what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from sorbus import (
    Attr,
    Domain,
    Identities,
    InMemory,
    Policies,
    PrivateArg,
    Query,
    Resource,
    Scope,
    Sorbus,
    Tenancy,
    action,
    actor_is_a,
    actor_present,
    attribute,
    authorize_if,
    identity,
    policy,
    uuid_primary_key,
)
from sorbus.llm import MemorySink, Message, ModelClient, ModelRequest, Retries, prompt, prompted
from sorbus.llm.providers.base import Completion
from sorbus.testing.scripted import ScriptedProvider

SECRET = "the-password-of-the-database"

WAITING = asyncio.Event()
CANCELLED = asyncio.Event()


@dataclass(frozen=True)
class Clerk:
    """Somebody who acts."""

    name: str


class Chief(Clerk):
    """A clerk who may throw orders away."""


@dataclass
class Triage:
    """What becomes of a letter."""

    queue: Literal["orders", "complaints"]
    note: str


class Mood(StrEnum):
    GOOD = "good"
    BAD = "bad"


class Order(Resource):
    """What a customer has ordered."""

    id: Attr[UUID] = uuid_primary_key()
    org: Attr[str] = attribute()
    number: Attr[str] = attribute(public=True, max_length=100)
    note: Attr[str] = attribute(public=True, default="")
    margin: Attr[str] = attribute(default=SECRET)

    @action.create
    def place(self, scope: Scope, number: str, note: str = "") -> None:
        """Place an order."""

    @action.read
    @classmethod
    def find(cls, scope: Scope, number: str) -> Query[Order]:
        """Orders with a number."""
        return cls.query().where(cls.number == number)

    @action.destroy
    def shred(self, scope: Scope) -> None:
        """Throw an order away."""

    @action.generic
    @classmethod
    async def weigh(cls, scope: Scope, kilograms: int, private: PrivateArg[str] = SECRET) -> int:
        """What so many kilograms cost."""
        return kilograms * 3

    @action.generic
    @classmethod
    async def crash(cls, scope: Scope) -> str:
        """Fail in a way that nobody foresaw."""
        raise RuntimeError(f"could not connect with {SECRET}")

    @action.generic
    @classmethod
    async def flood(cls, scope: Scope) -> str:
        """Say very much."""
        return "ü" * 1_000_000

    @action.generic
    @classmethod
    async def wait(cls, scope: Scope) -> str:
        """Wait for ever."""
        WAITING.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            CANCELLED.set()
            raise
        return "done"

    storage = InMemory()
    tenancy = Tenancy(org)
    identities = Identities(number=identity(number))
    policies = Policies(
        policy(["read", "create", weigh, crash, flood, wait], authorize_if(actor_present())),
        policy(shred, authorize_if(actor_is_a(Chief))),
    )


class Letter(Resource):
    """What a customer writes."""

    @action.generic
    @prompted(
        tools=[
            Order, Order.find, Order.place, Order.shred, Order.weigh, Order.crash, Order.flood, Order.wait,
        ],
        max_turns=3,
        max_calls=12,
        timeout=60,
    )  # fmt: skip
    @classmethod
    async def triage(cls, scope: Scope, text: str, private: PrivateArg[str] = SECRET) -> Triage:
        """Decide what to do with a letter.

        Complaints are those that hurt.
        """
        return prompt()

    @action.generic
    @prompted()
    @classmethod
    async def mood(cls, scope: Scope, text: str) -> Mood:
        """Say how the writer feels."""
        return prompt(f"The letter: {text}", system="Be brief.")

    @action.generic
    @prompted()
    @classmethod
    async def numbers(cls, scope: Scope, text: str) -> list[int] | None:
        """Every number in a text."""

    @action.generic
    @prompted()
    @classmethod
    async def reply(cls, scope: Scope, number: str) -> str:
        """Answer a letter about an order."""
        order = await Order.find(scope, number=number).one()
        return prompt(
            [Message("user", "Dear Sir"), Message("assistant", "Yes?"), Message("user", order.note)]
        )

    @action.generic
    @prompted()
    @classmethod
    async def confused(cls, scope: Scope) -> str:
        """Answer by itself."""
        return "an answer"

    @action.generic
    @prompted(tools=[lambda: Letter.inner, Order.weigh], max_calls=3)
    @classmethod
    async def outer(cls, scope: Scope) -> str:
        """Ask another one."""
        return prompt()

    @action.generic
    @prompted(tools=[lambda: Letter.outer, Order.weigh])
    @classmethod
    async def inner(cls, scope: Scope) -> str:
        """Ask the first one again."""
        return prompt()

    @action.generic
    @prompted(tools=[Order.find, Order.weigh], max_turns=1)
    @classmethod
    async def quick(cls, scope: Scope, text: str) -> Triage:
        """Decide what to do with a letter."""
        return prompt(text)

    @action.generic
    @prompted(model="scripted:better", max_tokens=50, temperature=0.5)
    @classmethod
    async def named(cls, scope: Scope) -> Mood:
        """Say how you feel."""
        return prompt()

    @action.generic
    @prompted(tools=[Order.wait], timeout=0.2)
    @classmethod
    async def hurried(cls, scope: Scope) -> str:
        """Answer soon."""
        return prompt()

    policies = Policies(policy("generic", authorize_if(actor_present())))


Office = Domain("office", resources=[Order, Letter])

TRIAGE = '{"queue": "orders", "note": "n"}'

Said = str | Completion


@dataclass
class Opened:
    """An office that is open, with a model that says what is scripted: item after item, and then the last one again."""

    app: Sorbus
    model: ScriptedProvider
    sink: MemorySink
    scope: Scope = field(init=False)

    def __post_init__(self) -> None:
        self.scope = self.scope_of(Clerk("ada"))

    def scope_of(self, clerk: Clerk | None, org: str = "acme") -> Scope:
        return self.app.scope(actor=clerk, tenant=org)

    @property
    def results(self) -> list[str]:
        """What the model has read of the results of its calls."""
        return [each.content for each in self.model.requests[-1].messages if each.role == "tool"]

    def offered(self, question: int = 0) -> list[str]:
        """The tools that were offered with a question."""
        return [each.name for each in self.model.requests[question].tools]


def scripted(said: Iterable[Said | Callable[[ModelRequest], Said]]) -> Callable[[ModelRequest], Said]:
    waiting = list(said)

    def answer(request: ModelRequest) -> Said:
        found = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return found(request) if callable(found) else found

    return answer


@asynccontextmanager
async def office(
    *said: Said | Callable[[ModelRequest], Said], sink: MemorySink | None = None, domain: Domain = Office
) -> AsyncIterator[Opened]:
    """An office whose model says so."""
    model, kept = ScriptedProvider(scripted(said)), sink or MemorySink()
    client = ModelClient(
        "scripted:any", providers={"scripted": model}, sink=kept, retries=Retries(attempts=1)
    )
    services: dict[type, Any] = {ModelClient: client}
    async with Sorbus(domains=[domain], services=services, storage="memory") as app:
        yield Opened(app, model, kept)
