"""Hydration: from rows to records, by a function written once for each selection."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sorbus.data_layers.base import DataLayer, Row
from sorbus.query.statements import Output
from sorbus.types.hidden import HIDDEN

NO_FLAGS: Mapping[str, int | None] = MappingProxyType({})

LATE = "__hidden__"
"""Where a record keeps the names of what is still to be hidden on it."""

Hydrate = Callable[[Sequence[Row]], list[Any]]


def hydrator(
    python: type,
    outputs: Sequence[Output],
    layer: DataLayer,
    *,
    first: int = 0,
    flags: Mapping[str, int | None] = NO_FLAGS,
    late: Collection[str] = (),
) -> Hydrate:
    """A function from rows to records of a class.

    Args:
        first: the position of the first output in a row.
        flags: the names that may be hidden, each with the output that says whether it may be seen, or None for
            never. Outputs without a name are only looked at.
        late: those of them that keep their values until `conceal` hides them.
    """
    # A record is made without `__new__`, and its dictionary is set at once: the class forbids both to users.
    names: dict[str, Any] = {
        "new": object.__new__,
        "cls": python,
        "fill": _dictionary_setter(python),
        "hidden": HIDDEN,
    }
    terms: list[str] = []
    for position, output in enumerate(outputs, first):
        if not output.name:
            continue
        loader = layer.loader(output.type) if output.type is not None else None
        value = f"r[{position}]"
        if loader is not None:
            names[f"l{position}"] = loader
            value = f"(None if (v := {value}) is None else l{position}(v))"
        flag = None if output.name in late else flags.get(output.name)
        seen = value if flag is None else f"{value} if r[{first + flag}] else hidden"
        terms.append(f"{output.name!r}: {seen}")
    terms += _hidden_terms(outputs, first, flags, late)
    code = (
        "def hydrate(rows):\n"
        " records = []\n"
        " for r in rows:\n"
        "  record = new(cls)\n"
        f"  fill(record, {{{', '.join(terms)}}})\n"
        "  records.append(record)\n"
        " return records\n"
    )
    exec(code, names)  # noqa: S102  # built from field names that were checked when the class was declared
    hydrate: Hydrate = names["hydrate"]
    return hydrate


def _hidden_terms(
    outputs: Sequence[Output], first: int, flags: Mapping[str, int | None], late: Collection[str]
) -> list[str]:
    """What stands on a record for names without a value, and the names that are still to be hidden."""
    shown = {each.name for each in outputs}
    terms: list[str] = []
    for name, flag in flags.items():
        if name in shown or name in late:
            continue
        terms.append(
            f"{name!r}: hidden"
            if flag is None
            else f"**({{}} if r[{first + flag}] else {{{name!r}: hidden}})"
        )
    if late:
        tests = [f"*(({name!r},) if {_test(flags[name], first)} else ())" for name in late]
        terms.append(f"{LATE!r}: ({', '.join(tests)},)")
    return terms


def _test(flag: int | None, first: int) -> str:
    return "True" if flag is None else f"not r[{first + flag}]"


def record(python: type[Any], values: dict[str, Any]) -> Any:
    """A record of a class with these values."""
    made = object.__new__(python)
    _dictionary_setter(python)(made, values)
    return made


def _dictionary_setter(python: type) -> Callable[[Any, dict[str, Any]], None]:
    for base in python.__mro__:
        descriptor = base.__dict__.get("__dict__")
        if descriptor is not None:
            setter: Callable[[Any, dict[str, Any]], None] = descriptor.__set__
            return setter
    raise TypeError(python)
