"""The quick way of a bulk create whose action only takes its inputs: column by column, without a call for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sorbus.engine.bulk.inserting import insert_lists
from sorbus.engine.hydrate import record
from sorbus.engine.lifecycle import ActionCall
from sorbus.engine.write_data import WriteData
from sorbus.errors.base import SorbusError
from sorbus.expressions.nodes import FALSE, TRUE, InputRef
from sorbus.policies.explain import refusal
from sorbus.schema.fields import AttributeSpec, DefaultKind

if TYPE_CHECKING:
    from sorbus.engine.bulk.creates import BulkCreate


class Columns:
    """Writes batches of plain rows. A batch with anything wrong in it is left to the way that finds the row."""

    def __init__(self, run: BulkCreate) -> None:
        self.run = run
        data: WriteData = run.data
        self.names = tuple(data.spec.attributes)
        self.call: ActionCall = run.call({})
        self.call.filter = TRUE
        if run.scope.authorize:
            self.call.filter = data.program.fold(data.program.variant(run.scope, {}))
            if self.call.filter == FALSE:
                raise refusal(data.program, run.scope)

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

    async def write(self, chunk: Sequence[Mapping[str, Any]]) -> bool:
        """Write a batch; False when something in it is wrong, and nothing has been written."""
        run, data = self.run, self.run.data
        inputs: list[dict[str, Any]] = []
        cast = data.caster.cast
        for given in chunk:
            values, errors = cast(given)
            if errors:
                return False
            inputs.append(values)
        shared: dict[Any, list[Any]] = {}
        lists = [self._column(each, inputs, shared) for each in data.spec.attributes.values()]
        for attribute, cells in zip(data.spec.attributes.values(), lists, strict=True):
            if not attribute.type.nullable and None in cells:
                return False
        try:
            async with run.engine.transaction() as opened:
                session = await opened.session(data.layer)
                await insert_lists(run, session, self.names, lists, self.call)
        except SorbusError:
            if run.options.on_error == "raise" and run.engine.transaction_of_task() is not None:
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

    def _column(
        self, attribute: AttributeSpec, inputs: list[dict[str, Any]], shared: dict[Any, list[Any]]
    ) -> list[Any]:
        """The values of an attribute.

        Args:
            shared: the defaults of the rows by the function that makes them, for attributes that share one.
        """
        data, name = self.run.data, attribute.name
        tenant = self.run.scope.tenant
        if data.spec.tenancy is not None and data.spec.tenancy.attribute == name and tenant is not None:
            return [data.spec.tenancy.cast(tenant)] * len(inputs)
        if data.action.transition is not None and data.action.transition.attribute == name:
            return [data.action.transition.target] * len(inputs)
        make = attribute.make_default if attribute.has_default else _nothing
        if attribute.share_default and attribute.default_kind is DefaultKind.FACTORY:
            made = shared.get(attribute.default)
            if made is None:
                made = shared[attribute.default] = [make() for _ in inputs]
            return [row.get(name, value) for row, value in zip(inputs, made, strict=True)]
        if name in data.accepted:
            return [row[name] if name in row else make() for row in inputs]
        if attribute.default_kind is DefaultKind.FACTORY:
            return [make() for _ in inputs]
        return [make()] * len(inputs)


def _nothing() -> None:
    return None
