"""Delivering: rows that many want to be told of at once are read once, and shown to each as it may see them.

The rows are read when somebody asks, after the commit that they are told of, so what is delivered is committed, and
decided by what stands in the row and what the actor is at that moment. No actor is in the statement's condition: its
rows stay in here, and each view (see `views`) decides in memory which of them, and which fields, it lets out. What
memory cannot decide is an output of the same statement, so that a decision and the values are of one snapshot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextvars import Context
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import batched
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID
from weakref import WeakSet

from sorbus.data_layers.base import Bindings, Capability, DataLayer, Executable
from sorbus.engine.hydrate import Hydrate, hydrator, record
from sorbus.engine.judging import TRUTH
from sorbus.engine.outputs import attribute_outputs
from sorbus.engine.tenants import EVERYWHERE
from sorbus.engine.views import Outlooks, View, answer_name, answers_of, slot_name, slots
from sorbus.errors.base import Forbidden
from sorbus.errors.database import DatabaseFault
from sorbus.expressions.nodes import Call, Node, Param, Ref
from sorbus.query.query import Query
from sorbus.query.statements import Output, Select
from sorbus.schema.resource import ResourceSpec
from sorbus.scope import Scope, tenant_key
from sorbus.types.hidden import HIDDEN

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine

VIEWS_AT_ONCE = 32
"""Views whose questions one statement answers."""


@dataclass(slots=True, eq=False)
class Sight:
    """What one scope sees of the rows that it asked for. Scopes that see the same share one, with its records.

    Attributes:
        records: for each key the record; None for a row that is gone or that the scope may not see.
        error: why it could not be found out.
    """

    records: Sequence[Any] = ()
    error: Exception | None = None


class Row:
    """A row, and the records that are made of it: one for each set of hidden fields."""

    __slots__ = ("_records", "_spec", "answers", "stored", "values")

    def __init__(self, spec: ResourceSpec, values: dict[str, Any], answers: Sequence[Any]) -> None:
        self.values = values
        self.stored = spec.stored(values)
        self.answers = answers
        self._spec = spec
        self._records: dict[frozenset[str], Any] = {}

    def answered(self, count: int, number: int) -> Mapping[str, Any]:
        """The stored values with the answers to the questions of one of the views of the statement."""
        first = number * count
        return {**self.stored, **{answer_name(n): self.answers[first + n] for n in range(count)}}

    def record(self, hidden: frozenset[str]) -> Any:
        """The record with some names hidden."""
        found = self._records.get(hidden)
        if found is None:
            about = (name for name in hidden if name in self.values or name in self._spec.relationships)
            values = {**self.values, **dict.fromkeys(about, HIDDEN)}
            found = self._records[hidden] = record(self._spec.python, values)
        return found


def seen(rows: Sequence[Row | None], view: View, number: int) -> list[Any]:
    """The records of rows as a view sees them; None for those that it does not.

    Args:
        number: which of the views it is whose questions the statement has answered.
    """
    decide, hidden, values, count = (
        view.decision.decide,
        view.decision.hidden,
        view.values,
        len(view.questions),
    )
    found: list[Any] = []
    for row in rows:
        bits = None
        if row is not None:
            bits = decide(row.answered(count, number) if count else row.stored, values)
        found.append(None if row is None or bits is None else row.record(hidden(bits)))
    return found


@dataclass(slots=True, eq=False)
class _Request:
    scopes: Sequence[Scope]
    keys: Sequence[Any]
    answer: asyncio.Future[list[Sight]]


@dataclass(frozen=True, slots=True)
class _Statement:
    """Rows by their keys, each with the answers to the questions of so many views."""

    executable: Executable
    hydrate: Hydrate
    answers: int


class Deliverer:
    """Shows rows to those who are told of them. Of each resource one statement is on its way at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lanes: dict[str, _Lane] = {}
        self._outlooks = Outlooks(engine.reader)

    async def look(self, spec: ResourceSpec, scopes: Sequence[Scope], keys: Sequence[Any]) -> list[Sight]:
        """What each scope sees of some rows as they are now.

        Those who ask while a statement is on its way share the next one.
        """
        lane = self._lanes.get(spec.name)
        if lane is None:
            lane = self._lanes[spec.name] = _Lane(self._engine, self._outlooks, spec)
        return await lane.look(scopes, keys)

    async def close(self) -> None:
        """Answer who still waits, and stop."""
        for each in self._lanes.values():
            await each.close()


class _Lane:
    """The looks at one resource."""

    def __init__(self, engine: Engine, outlooks: Outlooks, spec: ResourceSpec) -> None:
        self.engine = engine
        self.outlooks = outlooks
        self.spec = spec
        self.layer: DataLayer = engine.layer_of(spec)
        schemas = any(each.schema_tenancy for each in engine.application.resources.values())
        self.apart = schemas or self.layer.can(Capability.WALL)
        self.waiting: list[_Request] = []
        self.task: asyncio.Task[None] | None = None
        self.failed: WeakSet[View] = WeakSet()
        """Views whose statement has failed where that of others did not; each has one by itself."""
        self._statements: dict[tuple[tuple[Node, ...], int], _Statement] = {}

    async def look(self, scopes: Sequence[Scope], keys: Sequence[Any]) -> list[Sight]:
        request = _Request(scopes, keys, asyncio.get_running_loop().create_future())
        self.waiting.append(request)
        if self.task is None or self.task.done():
            # Not in the context of who asks first: its open transaction is nobody else's.
            self.task = asyncio.get_running_loop().create_task(
                self._run(), name=f"sorbus-deliver-{self.spec.name}", context=Context()
            )
        return await request.answer

    async def close(self) -> None:
        if self.task is not None:
            await asyncio.wait([self.task], timeout=5)
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            # Whoever was woken together asks together.
            await asyncio.sleep(0)
            while self.waiting:
                requests, self.waiting = self.waiting, []
                try:
                    await _Looking(self, requests).run()
                except Exception as error:  # whoever waits must hear of it
                    for each in requests:
                        if not each.answer.done():
                            each.answer.set_exception(error)
                except BaseException:
                    self.waiting = requests + self.waiting
                    raise
        finally:
            for each in self.waiting:
                each.answer.cancel()
            self.waiting = []

    async def rows(self, keys: Sequence[Any], views: Sequence[View], tenant: Any) -> dict[Any, Row]:
        """Rows by their keys, with the answers to the questions of some views that ask alike."""
        shapes = answers_of(views[0].questions) if views else ()
        number = 1 << (len(views) - 1).bit_length() if shapes else 0
        statement = self._statements.get((shapes, number))
        if statement is None:
            if len(self._statements) >= VIEWS_AT_ONCE * 8:
                self._statements.clear()
            statement = self._statements[shapes, number] = self._compiled(shapes, number)
        everybody = SimpleNamespace()
        for n in range(number):
            # The places that nobody takes are filled with the last one.
            for asked, question in enumerate(views[min(n, len(views) - 1)].questions):
                for place, value in enumerate(question.values):
                    setattr(everybody, slot_name(f"{asked}_{place}", n), value)
        found = await self.engine.fetch(
            self.layer, statement.executable, Bindings([tuple(keys)], everybody, tenant)
        )
        records = statement.hydrate(found)
        name = self.spec.primary_key.name
        return {
            each.__dict__[name]: Row(self.spec, each.__dict__, row[statement.answers :])
            for row, each in zip(found, records, strict=True)
        }

    def _compiled(self, shapes: tuple[Node, ...], number: int) -> _Statement:
        outputs = attribute_outputs(self.spec)
        questions = tuple(
            Output(name="", node=slots(shape, asked, n), type=TRUTH)
            for n in range(number)
            for asked, shape in enumerate(shapes)
        )
        where = Call("in", (Ref(self.spec.primary_key.name), Param(0, tuple)))
        select = Select(resource=self.spec, outputs=(*outputs, *questions), where=where)
        return _Statement(
            self.engine.compile(self.layer, select),
            hydrator(self.spec.python, outputs, self.layer),
            len(outputs),
        )


class _Looking:
    """One look for everybody who waits."""

    def __init__(self, lane: _Lane, requests: Sequence[_Request]) -> None:
        self.lane = lane
        self.requests = requests
        self.views: dict[Hashable, dict[View, Any]] = {}
        """The views by whose statement they are in, each with a tenant of it."""
        self.seen: dict[tuple[Hashable, View], tuple[Mapping[Any, Row] | Exception, int]] = {}

    async def run(self) -> None:
        """Answer the requests."""
        chosen = [[self._view(scope) for scope in each.scopes] for each in self.requests]
        keys = list(dict.fromkeys(key for each in self.requests for key in each.keys))
        for apart, views in self.views.items():
            await self._ask(apart, views, keys)
        for request, found in zip(self.requests, chosen, strict=True):
            sights: dict[Any, Sight] = {}
            rows: dict[int, list[Row | None]] = {}
            nothing = Sight([None] * len(request.keys))
            answer: list[Sight] = []
            for scope, view in zip(request.scopes, found, strict=True):
                if view is _BLIND:
                    answer.append(nothing)
                elif isinstance(view, Sight):
                    answer.append(view)
                elif view is None:
                    answer.append(await self._own(scope, request.keys))
                else:
                    if view not in sights:
                        sights[view] = self._sight(view, request.keys, rows)
                    answer.append(sights[view])
            if not request.answer.done():
                request.answer.set_result(answer)

    def _view(self, scope: Scope) -> tuple[Hashable, View] | Sight | None:
        """The view of a scope; None where its own read has to find out."""
        try:
            outlook, scope = self.lane.outlooks.of(self.lane.spec, scope)
            if outlook.plan.judge is not None:
                return None
            view = outlook.view(scope)
        except Forbidden:
            return _BLIND
        except Exception as error:  # who it is of is told, and nobody else
            return Sight(error=error)
        tenant, apart = EVERYWHERE, None
        if self.lane.apart:
            tenant = EVERYWHERE if outlook.plan.everywhere and scope.tenant is None else scope.tenant
            apart = (tenant.__class__, tenant_key(tenant))
        self.views.setdefault(apart, {})[view] = tenant
        return apart, view

    async def _ask(self, apart: Hashable, views: Mapping[View, Any], keys: Sequence[Any]) -> None:
        """Read the rows for some views: with one statement for all that ask alike, those that ask nothing included."""
        groups: dict[tuple[Node, ...], list[View]] = {}
        failed = [each for each in views if each in self.lane.failed]
        for each in views:
            if each not in failed:
                groups.setdefault(answers_of(each.questions), []).append(each)
        silent = groups.pop((), [])
        chunks = [list(each) for group in groups.values() for each in batched(group, VIEWS_AT_ONCE)]
        if silent and not chunks:
            chunks.append([])
        tenant = next(iter(views.values()))
        for number, chunk in enumerate(chunks):
            await self._read(apart, chunk, silent if number == 0 else (), keys, tenant)
        for each in failed:
            await self._read(apart, [each], (), keys, tenant)

    async def _read(
        self, apart: Hashable, chunk: list[View], silent: Iterable[View], keys: Sequence[Any], tenant: Any
    ) -> None:
        rows: Mapping[Any, Row] | Exception
        try:
            rows = await self.lane.rows(keys, chunk, tenant)
        except Exception as error:
            if len(chunk) + bool(silent) > 1 and not _passes(error):
                await self._apart(apart, chunk, silent, keys, tenant)
                return
            rows = error
        for number, view in enumerate(chunk):
            self.seen[apart, view] = rows, number
        for view in silent:
            self.seen[apart, view] = rows, 0

    async def _apart(
        self, apart: Hashable, chunk: list[View], silent: Iterable[View], keys: Sequence[Any], tenant: Any
    ) -> None:
        """Read for each view by itself: what one of them asks must not keep the others from being told."""
        for each in chunk:
            await self._read(apart, [each], (), keys, tenant)
        if silent:
            await self._read(apart, [], silent, keys, tenant)
        failed = [each for each in chunk if isinstance(self.seen[apart, each][0], Exception)]
        if len(failed) < len(chunk):
            # Nor may it make all of them be read for by themselves again and again.
            self.lane.failed.update(failed)

    def _sight(
        self, chosen: tuple[Hashable, View], keys: Sequence[Any], ordered: dict[int, list[Row | None]]
    ) -> Sight:
        """What a view sees of some keys.

        Args:
            ordered: the rows of these keys, by the statement that has found them.
        """
        found, number = self.seen[chosen]
        if isinstance(found, Exception):
            return Sight(error=found)
        rows = ordered.get(id(found))
        if rows is None:
            rows = ordered[id(found)] = [found.get(key) for key in keys]
        try:
            return Sight(seen(rows, chosen[1], number))
        except Exception as error:  # who it is of is told, and nobody else
            return Sight(error=error)

    async def _own(self, scope: Scope, keys: Sequence[Any]) -> Sight:
        """What a scope sees by a read of its own, where a function of the user's looks at each row."""
        spec = self.lane.spec
        name = spec.primary_key.name
        key: Any = getattr(spec.python, name)
        query: Query[Any] = Query(resource=spec.python)
        try:
            rows = await self.lane.engine.reader.everything(query.where(key.is_in(keys)), scope)
        except Forbidden:
            rows = []
        except Exception as error:  # who it is of is told, and nobody else
            return Sight(error=error)
        found = {each.__dict__[name]: each for each in rows}
        return Sight([found.get(each) for each in keys])


def _passes(error: Exception) -> bool:
    """Whether an error is one of the moment, which has nothing to do with what was asked."""
    return isinstance(error, DatabaseFault) and error.retryable


_BLIND = Sight()
"""Of a scope that may see no row at all."""

_FIXED = (str, int, float, bytes, Decimal, UUID, Enum, date, time, timedelta, type(None))
"""What nobody can change in place."""


def copied(found: Any) -> Any:
    """A record of one's own: others hold the same one, and may change what is in it."""
    values = {
        name: value if isinstance(value, _FIXED) or value is HIDDEN else deepcopy(value)
        for name, value in found.__dict__.items()
    }
    return record(found.__class__, values)
