"""Rules and conditions of a changeset as nodes of the statement that writes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sorbus.changeset.changeset import Changeset, Requirement
from sorbus.engine.write_data import WriteData
from sorbus.errors.base import SorbusError
from sorbus.errors.database import GuardViolation
from sorbus.errors.inputs import Rejected
from sorbus.expressions.build import Expr, is_expression
from sorbus.expressions.lowering import Lowerer
from sorbus.expressions.nodes import Aggregated, Call, Exists, Node, Ordering, Ref


def lowered(data: WriteData, expression: Expr[Any], params: list[Any]) -> Node:
    """An expression over the action's resource; its values are appended to `params`."""
    return expression.lower(Lowerer(data.engine.planner.catalog, (data.spec.python,), params))


def guards(data: WriteData, changeset: Changeset, params: list[Any]) -> tuple[Node, ...]:
    """The rules that the statement checks, over the row as it is before the write."""
    return tuple(_guard(data, each, params) for each in changeset.requirements)


def _guard(data: WriteData, requirement: Requirement, params: list[Any]) -> Node:
    node = lowered(data, requirement.condition, params)
    changed: dict[str, Node] = {}
    for name in {each.name for each in _own_refs(node)} & requirement.changes.keys():
        value = requirement.changes[name]
        if is_expression(value):
            changed[name] = lowered(data, value, params)
        else:
            params.append(data.stored(name, value))
            changed[name] = data.parameter(name, len(params) - 1)
    return substituted(node, changed) if changed else node


def conditions(data: WriteData, changeset: Changeset, params: list[Any]) -> tuple[Node, ...]:
    """What the row must meet to be written at all."""
    return tuple(lowered(data, each.condition, params) for each in changeset.filters)


def _own_refs(node: Node, depth: int = 0) -> list[Ref]:
    """The fields of the row in question, also those that are named inside related rows."""
    match node:
        case Ref(outer=outer, path=()) if outer == depth:
            return [node]
        case Call(args=args):
            return [ref for arg in args for ref in _own_refs(arg, depth)]
        case Exists(where=where) if where is not None:
            return _own_refs(where, depth + 1)
        case Aggregated(of=of, where=where, order=order):
            inner = [each for each in (of, where, *(term.node for term in order)) if each is not None]
            return [ref for each in inner for ref in _own_refs(each, depth + 1)]
        case _:
            return []


def substituted(node: Node, values: dict[str, Node], depth: int = 0) -> Node:
    """A node in which fields of the row in question are what they will be."""
    match node:
        case Ref(name, (), outer) if outer == depth and name in values:
            return values[name]
        case Call(operator, args):
            return Call(operator, tuple(substituted(arg, values, depth) for arg in args))
        case Exists(where=where) if where is not None:
            return replace(node, where=substituted(where, values, depth + 1))
        case Aggregated(of=of, where=where, order=order):
            return replace(
                node,
                of=substituted(of, values, depth + 1) if of is not None else None,
                where=substituted(where, values, depth + 1) if where is not None else None,
                order=tuple(
                    Ordering(substituted(each.node, values, depth + 1), each.descending, each.nulls_first)
                    for each in order
                ),
            )
        case _:
            return node


def rejected(changeset: Changeset, error: GuardViolation) -> SorbusError:
    """The error of a rule, in the words of who declared it."""
    rule = changeset.requirements[error.index]
    return Rejected(rule.message, field=rule.field)
