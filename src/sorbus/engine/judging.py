"""Judging rows in Python: policies with `access="runtime"` look at each row before anything is answered."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sorbus.expressions.evaluate import Environment, Unevaluable, evaluate
from sorbus.expressions.nodes import Call, Const, Node
from sorbus.policies.nodes import LOGIC, substitute
from sorbus.query.statements import Output
from sorbus.schema.policies import RuntimeCheck
from sorbus.scope import Scope
from sorbus.types.base import FieldType

TRUTH = FieldType(annotation=bool)
"""The type of a condition's value."""

LEAST_BATCH = 100
"""How many rows are read at once while a page is filled with rows that may be seen."""


def _parts(node: Node) -> Iterator[Node]:
    """The conditions that a decision is made of."""
    if isinstance(node, Call) and node.operator in LOGIC:
        for arg in node.args:
            yield from _parts(arg)
    elif not isinstance(node, Const):
        yield node


@dataclass(frozen=True, slots=True)
class Judge:
    """Decides about single rows.

    Attributes:
        node: what the policies have come to, with the checks that only Python can decide.
        asked: for each condition that the statement has answered, its position in a row.
        first: the position of the first output in a row.
    """

    node: Node
    asked: dict[Node, int] = field(default_factory=dict[Node, int])
    first: int = 0

    async def allows(self, record: Any, row: Sequence[Any], scope: Scope) -> bool:
        """Whether the actor may see the row; a function is asked only where its answer matters.

        Args:
            record: the row with all its attributes.
            row: what the statement answered for it.
        """
        known = {node: row[self.first + place] for node, place in self.asked.items()}
        return await decided(substitute(self.node, known), record, scope)

    async def seen(
        self, rows: Sequence[Any], records: Sequence[Any], scope: Scope
    ) -> tuple[list[Any], list[Any]]:
        """The rows and records that the actor may see."""
        kept: list[Any] = []
        found: list[Any] = []
        for row, record in zip(rows, records, strict=True):
            if await self.allows(record, row, scope):
                kept.append(row)
                found.append(record)
        return kept, found


def judged_outputs(node: Node, outputs: tuple[Output, ...]) -> tuple[Judge, tuple[Output, ...]]:
    """A judge, and the outputs with the conditions that the data layer can answer for it."""
    leaves = dict.fromkeys(each for each in _parts(node) if not isinstance(each, RuntimeCheck))
    asked = {each: len(outputs) + number for number, each in enumerate(leaves)}
    return Judge(node, asked), (*outputs, *(Output(name="", node=each, type=TRUTH) for each in leaves))


async def decided(node: Node, record: Any, scope: Scope) -> bool:
    """What is left of policies, once everything but the checks in Python is known."""
    while not isinstance(node, Const):
        check = next((each for each in _parts(node) if isinstance(each, RuntimeCheck)), None)
        if check is None:
            raise Unevaluable(repr(node))
        answer: Any = check.function(record, scope)
        if inspect.isawaitable(answer):
            answer = await answer
        node = substitute(node, {check: bool(answer)})
    return node.value is True


def known_in_memory(node: Node, values: dict[str, Any], environment: Environment) -> dict[Node, bool | None]:
    """What a row at hand tells of the conditions that the data layer would answer.

    Raises:
        Unevaluable: it does not tell enough.
    """
    return {
        each: evaluate(each, values, environment)
        for each in _parts(node)
        if not isinstance(each, RuntimeCheck)
    }
