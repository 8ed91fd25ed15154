"""Related writes: what a write asks of other rows, before it for those that it refers to, else after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sorbus.changeset.relationships import Cascade, Managed, Role, chosen
from sorbus.engine.changing import check_required
from sorbus.engine.hydrate import record as made
from sorbus.engine.loading import related_records
from sorbus.engine.managing import Manager
from sorbus.engine.managing.rows import RowWrite, write_all
from sorbus.engine.ways import JOIN_ROW, keys_of, start_of
from sorbus.query.query import Query
from sorbus.schema.actions import ActionKind
from sorbus.schema.fields import Cardinality

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine
    from sorbus.engine.lifecycle import ActionCall


class RelatedWriter:
    """Writes what changesets ask of related rows, for one write or for all those of a bulk run at once."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.manager = Manager(engine)

    async def first(self, calls: Sequence[ActionCall]) -> None:
        """Before the rows are written: what they will refer to, and what refers to rows that go.

        Raises:
            InvalidAction: something is wrong with an input, or an attribute is left without value.
            Forbidden: the policies do not allow it.
        """
        await self._work(calls, before=True)
        for call in calls:
            changeset = call.changeset
            if changeset.pending:
                changeset.pending.clear()
                if changeset.action.kind is ActionKind.CREATE:
                    check_required(call)

    async def then(self, calls: Sequence[ActionCall]) -> None:
        """After the rows are written: what refers to them, and what they referred to and is to go.

        Raises:
            InvalidAction: something is wrong with an input.
            Forbidden: the policies do not allow it.
        """
        await self._work(calls, before=False)
        leaving: dict[int, tuple[Any, list[RowWrite]]] = {}
        for call in calls:
            for run, row in call.changeset.leaving:
                leaving.setdefault(id(run), (run, []))[1].append(row)
        for run, rows in leaving.values():
            await run.destroy(rows)

    async def _work(self, calls: Sequence[ActionCall], *, before: bool) -> None:
        """Everything that belongs to one side of the write; what several rows ask alike is done together."""
        groups: dict[Any, list[tuple[ActionCall, Any]]] = {}
        for call in calls:
            for item in call.changeset.related:
                if self._is_before(call, item) is before:
                    groups.setdefault(_kind(item), []).append((call, item))
        for asked in groups.values():
            if isinstance(asked[0][1], Managed):
                await self.manager.manage(asked)
            else:
                await self._cascade(asked)

    def _is_before(self, call: ActionCall, item: Managed | Cascade) -> bool:
        if isinstance(item, Cascade):
            return item.kind is ActionKind.DESTROY
        each = call.changeset.resource.relationships[item.relationship]
        return each.cardinality is Cardinality.BELONGS_TO

    async def _cascade(self, asked: Sequence[tuple[ActionCall, Cascade]]) -> None:
        """Run an action on all related rows."""
        first, item = asked[0]
        spec = first.changeset.resource
        engine = self.engine
        relationship = spec.relationships[item.relationship]
        far = engine.application.destination(relationship)
        scope = first.scope if item.authorize else first.scope.as_system()
        role = Role(name="action", resource=far.name, kind=item.kind, said=item.action)
        action = chosen(engine.application, f"{spec.name}.{item.relationship}", role)
        own = start_of(engine.application, spec, relationship)
        sources = [_source(call) for call, _ in asked]
        inner: Query[Any] = Query(resource=far.python)
        reading, known = engine.reader.checked(inner, far, scope, (spec.name, relationship.name))
        keys = keys_of(sources, spec, own)
        rows, found = await related_records(
            engine.reader, spec, relationship, inner, keys, reading, known=known
        )
        by_key = {source.__dict__[own]: each for source, each in zip(sources, asked, strict=True)}
        path = (*spec.name.split("."), relationship.name)
        writes: dict[Any, RowWrite] = {}
        for row, record in zip(rows, found, strict=True):
            record.__dict__.pop(JOIN_ROW, None)
            key = record.__dict__[far.primary_key.name]
            call, each = by_key[row[0]]
            writes.setdefault(key, RowWrite(owner=call, path=path, subject=record, given=dict(each.inputs)))
        plan = engine.plan_of(getattr(far.python, action.name))
        await write_all(engine, plan, scope, list(writes.values()), first.plan.data.action.label)


def _kind(item: Managed | Cascade) -> Any:
    """What is done in one go: the same relationship in the same way."""
    if isinstance(item, Managed):
        return ("managed", item.relationship, item.how.likeness)
    return ("cascade", item.relationship, item.action, item.authorize)


def _source(call: ActionCall) -> Any:
    """The row whose related rows are meant, as far as it is known."""
    changeset = call.changeset
    if call.result is not None:
        return call.result
    if changeset.record is not None:
        return changeset.record
    return made(changeset.resource.python, {changeset.resource.primary_key.name: changeset.key})
