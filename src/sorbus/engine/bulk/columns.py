"""The quick way of a bulk create whose action only takes its inputs: column by column, without a call for each row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sorbus.engine.bulk.inserting import insert_lists
from sorbus.engine.hydrate import record
from sorbus.engine.lifecycle import ActionCall
from sorbus.engine.write_data import WriteData
from sorbus.errors.base import SorbusError
from sorbus.expressions.evaluate import Environment, Unevaluable, evaluate
from sorbus.expressions.nodes import FALSE, TRUE, InputRef, Node, Ref, walk
from sorbus.policies.explain import refusal
from sorbus.policies.nodes import has_runtime
from sorbus.policies.rows import DICT_ROW
from sorbus.schema.actions import UNCHANGED
from sorbus.schema.defaults import fresh
from sorbus.schema.fields import AttributeSpec, DefaultKind
from sorbus.types.uuid7 import uuid7, uuid7s

if TYPE_CHECKING:
    from sorbus.engine.bulk.creates import BulkCreate

Row = Mapping[str, Any]

_ABSENT: Any = object()
"""Stands where a row gives no value."""


class Columns:
    """Writes batches of plain rows. A batch with anything wrong in it is left to the way that finds the row.

    Attributes:
        folded: what is left of the policies, and so what every new row must meet.
        asked: the attributes that it looks at.
        runtime: whether it looks at rows one by one, in Python.
    """

    def __init__(self, run: BulkCreate) -> None:
        self.run = run
        data: WriteData = run.data
        self.names = tuple(data.spec.attributes)
        self.call: ActionCall = run.call({})
        self.folded: Node = TRUE
        if run.scope.authorize:
            self.folded = data.program.fold(data.program.variant(run.scope, {}))
            if self.folded == FALSE:
                raise refusal(data.program, run.scope)
        refs = {each.name for each in walk(self.folded) if isinstance(each, Ref)}
        self.asked = tuple(name for name in self.names if name in refs)
        self.runtime = has_runtime(self.folded)

    @staticmethod
    def fit(run: BulkCreate) -> bool:
        """Whether the action's rows need nothing but casting and defaults."""
        data: WriteData = run.data
        if data.program.about_call or data.program.about_readable:
            return False  # its policies look at what each row asks for
        if (
            data.answers
            or data.unselected
            or data.prepares
            or data.action.upsert is not None
            or run.tail
            or run.plan.after
            or data.action.hooks
        ):
            return False
        if data.spec.tenancy is not None and data.spec.tenancy.attribute in data.accepted:
            return False  # what an input says about the tenant is checked row by row
        return not any(isinstance(node, InputRef) for node in data.program.nodes)

    async def write(self, chunk: Sequence[Row], start: int) -> bool:
        """Write a batch; False when something in it is wrong, and nothing has been written.

        Args:
            start: the position of its first row in what was given.
        """
        run, data = self.run, self.run.data
        if self.runtime:
            return False
        given = self._cast(chunk)
        if given is None:
            given = self._cast_each(chunk)
        if given is None:
            return False
        shared: dict[Any, list[Any]] = {}
        lists = [self._column(each, given, len(chunk), shared) for each in data.spec.attributes.values()]
        if self._lack_values(lists) or not self._allowed(lists):
            return False
        try:
            # Where the policies have yet to decide, the way that finds the row tells what stands in its way.
            async with run.together(nested=self.call.filter != TRUE) as opened:
                session = await opened.session(data.layer)
                places = range(start, start + len(chunk))
                await insert_lists(run, session, self.names, lists, self.call, places)
        except SorbusError:
            joined = self.call.filter == TRUE and run.engine.transaction_of_task() is not None
            if run.options.on_error == "raise" and joined:
                raise
            return False
        run.result.count += len(chunk)
        if run.result.records is not None:
            python = data.spec.python
            run.result.records.extend(
                record(python, dict(zip(self.names, cells, strict=True)))
                for cells in zip(*lists, strict=True)
            )
        return True

    def _cast(self, chunk: Sequence[Row]) -> dict[str, list[Any]] | None:
        """The inputs, one list each; None when the rows do not all give the same ones, or when one is wrong."""
        given: dict[str, list[Any]] = {}
        width = 0
        for spec, validate in self.run.data.caster.columns:
            name = spec.name
            try:
                values = [row[name] for row in chunk]
            except KeyError:
                if spec.required or any(name in row for row in chunk):
                    return None
                if spec.default is not UNCHANGED:
                    given[name] = [spec.make_default() for _ in chunk]
                continue
            width += 1
            try:
                given[name] = validate(values)
            except (ValueError, ArithmeticError, RecursionError):
                return None
        # A row that is longer has an input that the action does not know.
        return given if all(len(row) == width for row in chunk) else None

    def _cast_each(self, chunk: Sequence[Row]) -> dict[str, list[Any]] | None:
        """The same for rows that give different inputs; None when one is wrong."""
        data = self.run.data
        inputs: list[dict[str, Any]] = []
        for row in chunk:
            values, errors = data.caster.cast(row)
            if errors:
                return None
            inputs.append(values)
        names = (name for name in data.accepted if any(name in row for row in inputs))
        return {name: [row.get(name, _ABSENT) for row in inputs] for name in names}

    def _column(
        self, attribute: AttributeSpec, given: dict[str, list[Any]], count: int, shared: dict[Any, list[Any]]
    ) -> list[Any]:
        """The values of an attribute.

        Args:
            shared: the defaults of the rows by the function that makes them, for attributes that share one.
        """
        data, name = self.run.data, attribute.name
        tenant = self.run.scope.tenant
        if data.spec.tenancy is not None and data.spec.tenancy.attribute == name and tenant is not None:
            return [data.spec.tenancy.cast(tenant)] * count
        if data.action.transition is not None and data.action.transition.attribute == name:
            return [data.action.transition.target] * count
        found = given.get(name) if name in data.accepted else None
        if found is None:
            return self._defaults(attribute, count, shared)
        if any(each is _ABSENT for each in found):
            made = self._defaults(attribute, count, shared)
            return [made[row] if each is _ABSENT else each for row, each in enumerate(found)]
        return found

    def _defaults(self, attribute: AttributeSpec, count: int, shared: dict[Any, list[Any]]) -> list[Any]:
        """What rows get that give no value."""
        if not attribute.has_default:
            return [None] * count
        if attribute.default_kind is not DefaultKind.FACTORY:
            made = attribute.make_default()
            return [made] * count if made is attribute.default else [fresh(made) for _ in range(count)]
        known = shared.get(attribute.default) if attribute.share_default else None
        if known is not None:
            return known
        if attribute.default is uuid7 and attribute.type.rule is None:
            found: list[Any] = uuid7s(count)
        else:
            found = [attribute.make_default() for _ in range(count)]
        if attribute.share_default:
            shared[attribute.default] = found
        return found

    def _lack_values(self, lists: list[list[Any]]) -> bool:
        """Whether an attribute that cannot be null is so in a row."""
        attributes = self.run.data.spec.attributes.values()
        return any(
            any(each is None for each in cells)
            for attribute, cells in zip(attributes, lists, strict=True)
            if not attribute.type.nullable
        )

    def _allowed(self, lists: list[list[Any]]) -> bool:
        """Whether the policies hold for all rows, as far as memory can tell; else the statement will."""
        self.call.filter = self.folded
        if self.folded == TRUE:
            return True
        scope = self.run.scope
        environment = Environment(rows=DICT_ROW, actor=scope.actor, tenant=scope.tenant, inputs={})
        try:
            for row in self._kinds(lists):
                values = dict(zip(self.asked, row, strict=True))
                if evaluate(self.folded, self.run.data.spec.stored(values), environment) is not True:
                    return False
        except Unevaluable:
            return True
        self.call.filter = TRUE
        return True

    def _kinds(self, lists: list[list[Any]]) -> Iterable[tuple[Any, ...]]:
        """The values that the policies look at; mostly a whole batch is alike in them, as in its owner or tenant."""
        if not self.asked:
            return [()]
        columns = [lists[self.names.index(name)] for name in self.asked]
        attributes = self.run.data.spec.attributes
        # Documents have no hash, and those that have, as 1 and True, may be equal without being the same.
        documents = any(attributes[name].type.sql == "jsonb" for name in self.asked)
        try:
            return zip(*columns, strict=True) if documents else set(zip(*columns, strict=True))
        except TypeError:
            return zip(*columns, strict=True)
