"""Limits: what a value of a type must keep besides being one, in the words of JSON Schema where it has them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

_HIGHER = ("min_length", "ge", "gt")
_LOWER = ("max_length", "le", "lt", "max_digits", "decimal_places", "precision", "max_size")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits on a value, for `attribute(…)` and in `Annotated`: `type Email = Annotated[str, Limits(max_length=200)]`.

    Where several meet, all of them hold: the narrower one counts.

    Attributes:
        min_length, max_length: characters of a text, bytes of binary data, items of a list.
        pattern: a regular expression that a text must contain; several where limits meet.
        ge, gt, le, lt: bounds of a number, date, time or duration.
        max_digits, decimal_places: of a decimal. With both the column is `numeric(max_digits, decimal_places)`.
        precision: digits after the second of a time, 0 to 6; further ones are cut off.
        dimensions: the numbers of a vector.
        unique_items: no item of a list twice.
        drop_nulls: nulls in a list are left out instead of refused.
        trim: blanks at both ends of a text are taken away before anything else.
        empty_as_null: an empty text is no value at all.
        max_size: bytes of a file.
        content_types: those that a file may have; `image/*` is every image.
    """

    min_length: int | None = None
    max_length: int | None = None
    pattern: str | tuple[str, ...] | None = None
    ge: Any = None
    gt: Any = None
    le: Any = None
    lt: Any = None
    max_digits: int | None = None
    decimal_places: int | None = None
    precision: int | None = None
    dimensions: int | None = None
    unique_items: bool | None = None
    drop_nulls: bool | None = None
    trim: bool | None = None
    empty_as_null: bool | None = None
    max_size: int | None = None
    content_types: tuple[str, ...] | None = None

    # Pydantic then reads these limits wherever they stand, also inside a TypedDict or a model.
    __is_annotated_types_grouped_metadata__ = True

    def given(self) -> dict[str, Any]:
        """The limits that are set, by name."""
        return dict(self._given)

    @cached_property
    def _given(self) -> dict[str, Any]:
        found = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {name: value for name, value in found if value is not None and value is not False}

    def __bool__(self) -> bool:
        return bool(self._given)

    def __hash__(self) -> int:
        return hash(tuple(sorted(self._given)))

    def with_(self, other: Limits) -> Limits:
        """These limits and those of another at once."""
        if not other:
            return self
        if not self:
            return other
        merged: dict[str, Any] = {**self._given, **other._given}
        for name in self._given.keys() & other._given.keys():
            merged[name] = _narrower(name, self._given[name], other._given[name])
        return replace(self, **merged)

    def without(self, *names: str) -> Limits:
        """These limits but for some."""
        return replace(self, **dict.fromkeys(names)) if names else self

    @cached_property
    def patterns(self) -> tuple[str, ...]:
        """Every pattern."""
        if self.pattern is None:
            return ()
        return (self.pattern,) if isinstance(self.pattern, str) else self.pattern

    def __iter__(self) -> Iterator[Any]:
        """The limits as Pydantic's own metadata, in the order in which they are looked at."""
        from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

        if self.trim:
            yield from StringConstraints(strip_whitespace=True)
        names = ("min_length", "max_length", "ge", "gt", "le", "lt", "max_digits", "decimal_places")
        plain: dict[str, Any] = {name: self._given[name] for name in names if name in self._given}
        if self.patterns:
            plain["pattern"] = self.patterns[0]
        if plain:
            yield from Field(**plain).metadata
        for check in self._checks():
            yield AfterValidator(check)
        if self.unique_items:
            yield Field(json_schema_extra={"uniqueItems": True})
        if self.drop_nulls:
            yield BeforeValidator(_without_nulls)
        if self.empty_as_null:
            yield BeforeValidator(_empty_to_null)

    def _checks(self) -> Iterator[Callable[[Any], Any]]:
        """What Pydantic has no word for."""
        for pattern in self.patterns[1:]:
            yield _matching(pattern)
        if self.precision is not None:
            yield _cut(self.precision)
        if self.unique_items:
            yield _unique
        for name in ("dimensions", "max_size", "content_types"):
            limit = self._given.get(name)
            if limit is not None:
                yield _asked(name, limit)

    def check(self, value: Any) -> None:
        """Look at a value of a type that Pydantic does not know.

        Raises:
            ValueError: a limit does not hold.
        """
        for name, (holds, problem) in _PLAIN.items():
            limit = self._given.get(name)
            if limit is not None and not holds(value, limit):
                raise ValueError(problem.format(limit))

    def describe(self) -> str:
        """The limits as they stand in a message."""
        return ", ".join(f"{name} {_shown(value)}" for name, value in self._given.items())


def _shown(value: Any) -> str:
    if value is True:
        return "true"
    if isinstance(value, tuple):
        several: tuple[object, ...] = value  # pyright: ignore[reportUnknownVariableType]
        return ", ".join(map(str, several))
    return str(value)


_PLAIN: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "min_length": (lambda value, limit: len(value) >= limit, "it should have at least {}"),
    "max_length": (lambda value, limit: len(value) <= limit, "it should have at most {}"),
    "ge": (lambda value, limit: bool(value >= limit), "it should be {} or more"),
    "gt": (lambda value, limit: bool(value > limit), "it should be more than {}"),
    "le": (lambda value, limit: bool(value <= limit), "it should be {} or less"),
    "lt": (lambda value, limit: bool(value < limit), "it should be less than {}"),
}


def _narrower(name: str, one: Any, other: Any) -> Any:
    if name in _HIGHER:
        return max(one, other)
    if name in _LOWER:
        return min(one, other)
    if name == "pattern":
        both = Limits(pattern=one).patterns + Limits(pattern=other).patterns
        return tuple(dict.fromkeys(both))
    if name == "content_types":
        return tuple(each for each in one if each in other)
    return other


def _asked(name: str, limit: Any) -> Callable[[Any], Any]:
    """The value itself says whether it keeps a limit: a vector its dimensions, a file its size."""

    def check(value: Any) -> Any:
        if value is not None:
            value.keep(name, limit)
        return value

    return check


def _matching(pattern: str) -> Callable[[Any], Any]:
    compiled = re.compile(pattern)

    def check(value: Any) -> Any:
        if isinstance(value, str) and compiled.search(value) is None:
            raise ValueError(f"it should match the pattern {pattern!r}")
        return value

    return check


def _cut(digits: int) -> Callable[[Any], Any]:
    unit = 10 ** (6 - digits)

    def check(value: Any) -> Any:
        return value if value is None else _without_rest(value, unit)

    return check


def _without_rest(value: Any, unit: int) -> Any:
    """A time whose microseconds are whole units; what is beyond is cut, so that no time comes early."""
    if hasattr(value, "microsecond"):
        return value.replace(microsecond=value.microsecond - value.microsecond % unit)
    return value - type(value)(microseconds=value.microseconds % unit)


def _unique(value: Any) -> Any:
    if value is None:
        return value
    items: Sequence[Any] = value
    for number, item in enumerate(items):
        if item in items[:number]:
            raise ValueError(f"its item {number} is there twice; no item may be")
    return value


def _without_nulls(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [each for each in value if each is not None]  # pyright: ignore[reportUnknownVariableType]
    return value


def _empty_to_null(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


Constraints = Limits
"""The same under the name that specs use."""
