"""What an input asks for: one item for each row that it names, with the values that tell which row that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from pydantic import BaseModel

from sorbus.errors.base import Invalid
from sorbus.errors.inputs import InvalidInput
from sorbus.schema.resource import ResourceSpec

if TYPE_CHECKING:
    from sorbus.engine.lifecycle import ActionCall
    from sorbus.engine.managing.plans import ManagedPlan

_SCALARS = (str, bytes, bool, int, float, Decimal, UUID, datetime, date, time, timedelta, Enum)
"""What a row may be looked up by. A list or a mapping is never read as a condition."""

Path = tuple[str | int, ...]


@dataclass(slots=True, eq=False)
class Wanted:
    """One item of an input.

    Attributes:
        call: the write that it belongs to.
        index: its position in the list; 0 for a single value.
        values: the attributes that it gives, as they came.
        names: the identity that it names its row by, or None.
        key: the values of that identity.
        record, between: the row that it names, and the row that leads there, once they are found.
    """

    call: ActionCall
    index: int
    path: Path
    values: dict[str, Any]
    names: tuple[str, ...] | None = None
    key: tuple[Any, ...] = ()
    record: Any = None
    between: Any = None

    def says(self, plan: ManagedPlan) -> dict[str, Any]:
        """What it says besides which row it means, for the far row's own actions."""
        leave = {*plan.how.join_keys, *(self.names or ())}
        return {name: value for name, value in self.values.items() if name not in leave}

    def for_create(self, plan: ManagedPlan) -> dict[str, Any]:
        """The inputs of a new far row."""
        return {name: value for name, value in self.values.items() if name not in plan.how.join_keys}

    def for_join(self, plan: ManagedPlan) -> dict[str, Any]:
        """The values of the row between."""
        return {name: self.values[name] for name in plan.how.join_keys if name in self.values}


def wanted(
    plan: ManagedPlan, call: ActionCall, value: Any, path: Path, errors: list[Invalid]
) -> list[Wanted]:
    """The items of an input's value; what is wrong with them joins `errors`."""
    found: list[Wanted] = []
    several = plan.relationship.to_many
    for index, item in _items(plan, call, value, path, errors):
        each = Wanted(call, index, (*path, index) if several else path, item)
        try:
            each.names, each.key = _named(plan, each)
        except InvalidInput as error:
            errors.append(error)
            continue
        found.append(each)
    return _once(found, errors, plan)


def _items(
    plan: ManagedPlan, call: ActionCall, value: Any, path: Path, errors: list[Invalid]
) -> Iterator[tuple[int, dict[str, Any]]]:
    label = call.plan.data.action.label
    several = plan.relationship.to_many
    if several and not isinstance(value, (list, tuple, set, frozenset)):
        errors.append(_wrong(label, path, "it is no list", "a list"))
        return
    items: list[Any] = list(cast("Sequence[Any]", value)) if several else [cast("Any", value)]
    for index, item in enumerate(items):
        read = _values(plan, item)
        if read is None:
            at = (*path, index) if several else path
            kind = plan.far.attributes[plan.value_key].type.describe()
            errors.append(_wrong(label, at, f"{type(item).__name__} names no row", f"{kind}, or a mapping"))
            continue
        yield index, read


def _values(plan: ManagedPlan, item: Any) -> dict[str, Any] | None:
    """An item as attributes by name; None when it can be none."""
    if isinstance(item, plan.far.python):
        key = plan.far.primary_key.name
        return {key: item.__dict__[key]}
    if isinstance(item, Mapping):
        return {str(name): value for name, value in item.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(item, BaseModel):
        return {name: getattr(item, name) for name in item.model_fields_set}
    if is_dataclass(item) and not isinstance(item, type):
        return {each.name: getattr(item, each.name) for each in fields(item)}
    return {plan.value_key: item} if isinstance(item, _SCALARS) else None


def _named(plan: ManagedPlan, each: Wanted) -> tuple[tuple[str, ...] | None, tuple[Any, ...]]:
    """The first identity that an item gives wholly, the key before all others.

    Raises:
        InvalidInput: a value of it is none that a row can be told by.
    """
    candidates = plan.identities
    if (plan.value_key,) not in candidates:
        candidates = (*candidates, (plan.value_key,))
    for names in candidates:
        if all(each.values.get(name) is not None for name in names):
            return names, tuple(_key(plan, each, name) for name in names)
    return None, ()


def _key(plan: ManagedPlan, each: Wanted, name: str) -> Any:
    value, attribute = each.values[name], plan.far.attributes[name]
    label = each.call.plan.data.action.label
    at = each.path if len(each.values) == 1 and name == plan.value_key else (*each.path, name)
    if not isinstance(value, _SCALARS):
        raise _wrong(label, at, f"{type(value).__name__} names no row", attribute.type.describe())
    try:
        return attribute.type.adapter.validate_python(value)
    except ValueError:
        raise _wrong(label, at, "it is no valid key", attribute.type.describe()) from None


def _once(found: list[Wanted], errors: list[Invalid], plan: ManagedPlan) -> list[Wanted]:
    """Each row once: a bare key may be repeated, two items that say something of one row may not."""
    seen: dict[Any, Wanted] = {}
    kept: list[Wanted] = []
    for each in found:
        before = seen.setdefault((each.names, each.key), each) if each.names is not None else each
        if before is each:
            kept.append(each)
        elif each.says(plan) or before.says(plan) or each.for_join(plan) or before.for_join(plan):
            label = each.call.plan.data.action.label
            errors.append(_wrong(label, each.path, "it names the same row as an item before it", ""))
    return kept


def _wrong(label: str, path: Path, problem: str, expected: str) -> InvalidInput:
    """An error about an item, with the whole way to it."""
    shown = ".".join(map(str, path[1:]))
    error = InvalidInput(label, shown, problem=problem, expected=expected)
    error.path = path
    return error


def rerooted(error: Invalid, path: Path) -> list[Invalid]:
    """The errors of a related row's own action, with the way to the item that it came from in front."""
    found = leaves(error)
    for each in found:
        each.path = (*path, *(each.path[1:] if each.path[:1] == ("input",) else each.path))
    return found


def leaves(error: Invalid) -> list[Invalid]:
    """The single errors in an error."""
    return list(getattr(error, "errors", None) or [error])


def key_of(record: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    """The values of an identity on a record."""
    return tuple(record.__dict__[name] for name in names)


def primary(spec: ResourceSpec, record: Any) -> Any:
    """The key of a record."""
    return record.__dict__[spec.primary_key.name]
