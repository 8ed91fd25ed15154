"""Hydration: from rows to records, by a function written once for each selection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sorbus.data_layers.base import DataLayer, Row
from sorbus.query.statements import Output

Hydrate = Callable[[Sequence[Row]], list[Any]]


def hydrator(python: type, outputs: Sequence[Output], layer: DataLayer, *, first: int = 0) -> Hydrate:
    """A function from rows to records of a class.

    Args:
        first: the position of the first output in a row.
    """
    # A record is made without `__new__`, and its dictionary is set at once: the class forbids both to users.
    names: dict[str, Any] = {"new": object.__new__, "cls": python, "fill": _dictionary_setter(python)}
    terms: list[str] = []
    for position, output in enumerate(outputs, first):
        loader = layer.loader(output.type) if output.type is not None else None
        value = f"r[{position}]"
        if loader is not None:
            names[f"l{position}"] = loader
            value = f"(None if (v := {value}) is None else l{position}(v))"
        terms.append(f"{output.name!r}: {value}")
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
