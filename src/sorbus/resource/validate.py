"""The validations that come with Sorbus, to be used as `validate.present(title)` in an action's `changes=[…]`.

One that looks at fields which the write does not change is checked by the statement that writes, for the row as
it is then. Every validation can be the condition of another item, as in
`change.increment(tries).where(validate.changing(state))`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sorbus.changeset.changeset import Changeset
from sorbus.changeset.items import Validation
from sorbus.errors.access import NotLoaded
from sorbus.expressions.build import Built, Expr, is_expression
from sorbus.resource.actions import Action
from sorbus.resource.fields import Attr
from sorbus.schema.actions import ActionKind
from sorbus.scope import Scope

T = TypeVar("T")


def that(condition: Expr[bool], message: str, *, field: Attr[Any] | str = "") -> Validation:
    """A condition over the row as it will be: `validate.that(starts < ends, "the end comes first")`."""

    def holds(changeset: Changeset, scope: Scope) -> Expr[bool]:
        del changeset, scope
        return condition

    return Validation(name="that", holds=holds, text=message, field=field)


def present(*fields: Attr[Any], at_least: int | None = None) -> Validation:
    """All of the attributes, or `at_least` so many of them, have a value; an empty text is none."""
    return _counted("present", fields, at_least, "must be given", there=True)


def absent(*fields: Attr[Any], at_least: int | None = None) -> Validation:
    """All of the attributes, or `at_least` so many of them, have no value."""
    return _counted("absent", fields, at_least, "must not be given", there=False)


def _counted(
    name: str, fields: tuple[Attr[Any], ...], at_least: int | None, text: str, *, there: bool
) -> Validation:
    wanted = len(fields) if at_least is None else at_least

    def holds(changeset: Changeset, scope: Scope) -> bool | Expr[bool]:
        del scope
        sure, open_ = 0, list[Expr[bool]]()
        for each in fields:
            value = changeset.changes.get(each.name, each)
            if isinstance(value, Expr):
                open_.append(~value.is_null() if there else value.is_null())
            else:
                sure += (value not in (None, "")) is there
        if sure >= wanted or sure + len(open_) < wanted:
            return sure >= wanted
        return _at_least(open_, wanted - sure)

    count = "" if at_least is None else f"at least {at_least} of "
    return Validation(
        name=name,
        holds=holds,
        text=lambda: f"{count}{_listed(fields)} {text}",
        field=fields[0] if len(fields) == 1 else "",
    )


def _listed(fields: tuple[Attr[Any], ...]) -> str:
    return ", ".join(f"`{each.name}`" for each in fields)


def _at_least(conditions: list[Expr[bool]], count: int) -> Expr[bool]:
    """Whether so many of the conditions hold."""
    if count == 1:
        found = conditions[0]
        for each in conditions[1:]:
            found = found | each
        return found
    if count == len(conditions):
        found = conditions[0]
        for each in conditions[1:]:
            found = found & each
        return found
    first, rest = conditions[0], conditions[1:]
    return (first & _at_least(rest, count - 1)) | _at_least(rest, count)


def one_of(field: Attr[T], values: Sequence[T]) -> Validation:
    """The attribute has one of these values, or none."""
    shown = ", ".join(str(getattr(each, "value", each)) for each in values)
    return _of_value(
        "one_of",
        field,
        lambda value: value in values,
        lambda expression: expression.is_in(list(values)),
        f"must be one of {shown}",
    )


def string_length(
    field: Attr[str] | Attr[str | None], *, least: int = 0, most: int | None = None
) -> Validation:
    """The text has so many characters, or is null."""

    def in_statement(expression: Expr[Any]) -> Expr[bool]:
        length: Expr[int] = Built("length", expression)
        return length >= least if most is None else (length >= least) & (length <= most)

    bounds = f"at least {least}" if most is None else f"{least} to {most}"
    return _of_value(
        "string_length",
        field,
        lambda value: len(value) >= least and (most is None or len(value) <= most),
        in_statement,
        f"must have {bounds} characters",
    )


def byte_size(field: Attr[Any], *, most: int) -> Validation:
    """The text or bytes take at most so many bytes (text as UTF-8)."""

    def fits(value: Any) -> bool:
        return len(value.encode() if isinstance(value, str) else value) <= most

    return _of_value("byte_size", field, fits, None, f"must take at most {most} bytes")


def match(field: Attr[str] | Attr[str | None], pattern: str, *, flags: int = 0) -> Validation:
    """The text contains a match of a regular expression (Python's), or is null."""
    compiled = re.compile(pattern, flags)
    return _of_value(
        "match", field, lambda value: compiled.search(value) is not None, None, f"must match {pattern}"
    )


def _of_value(
    name: str,
    field: Attr[Any],
    in_memory: Callable[[Any], bool],
    in_statement: Callable[[Expr[Any]], Expr[bool]] | None,
    text: str,
) -> Validation:
    """A rule about one attribute; null meets it, and what is not changed is not looked at."""

    def holds(changeset: Changeset, scope: Scope) -> bool | Expr[bool]:
        del scope
        if field.name not in changeset.changes:
            return True
        value = changeset.changes[field.name]
        if not is_expression(value):
            return value is None or in_memory(value)
        if in_statement is None:
            # Python alone knows this rule, so the value must be known before the statement.
            return in_memory(changeset.record.__dict__[field.name]) if changeset.record else False
        return value.is_null() | in_statement(value)

    return Validation(name=name, holds=holds, text=lambda: f"`{field.name}` {text}", field=field)


def changing(*fields: Attr[Any]) -> Validation:
    """The write changes all of the attributes: to other values than the row has."""

    def holds(changeset: Changeset, scope: Scope) -> bool:
        del scope
        return all(_changes(changeset, each.name) for each in fields)

    return Validation(name="changing", holds=holds, text=lambda: f"{_listed(fields)} must change")


def _changes(changeset: Changeset, name: str) -> bool:
    if name not in changeset.changes or changeset.action.kind is ActionKind.CREATE:
        return name in changeset.changes
    value = changeset.changes[name]
    if isinstance(value, Expr):
        return True
    if changeset.record is None or name not in changeset.record.__dict__:
        raise NotLoaded(changeset.resource.name, name)
    return bool(changeset.record.__dict__[name] != value)


def confirm(argument: str, confirmation: str) -> Validation:
    """Two inputs have the same value."""

    def holds(changeset: Changeset, scope: Scope) -> bool:
        del scope
        return bool(changeset.inputs.get(argument) == changeset.inputs.get(confirmation))

    text = f"`{confirmation}` must repeat `{argument}`"
    return Validation(name="confirm", holds=holds, text=text, field=confirmation)


def argument_present(*names: str) -> Validation:
    """These inputs were given, with a value."""

    def holds(changeset: Changeset, scope: Scope) -> bool:
        del scope
        return all(changeset.inputs.get(name) not in (None, "") for name in names)

    text = f"{', '.join(f'`{name}`' for name in names)} must be given"
    return Validation(name="argument_present", holds=holds, text=text, field=names[0])


def argument_absent(*names: str) -> Validation:
    """These inputs were not given, or are null."""

    def holds(changeset: Changeset, scope: Scope) -> bool:
        del scope
        return all(changeset.inputs.get(name) in (None, "") for name in names)

    text = f"{', '.join(f'`{name}`' for name in names)} must not be given"
    return Validation(name="argument_absent", holds=holds, text=text, field=names[0])


def argument_in(name: str, values: Sequence[Any]) -> Validation:
    """An input has one of these values."""

    def holds(changeset: Changeset, scope: Scope) -> bool:
        del scope
        return changeset.inputs.get(name) in values

    shown = ", ".join(str(getattr(each, "value", each)) for each in values)
    return Validation(name="argument_in", holds=holds, text=f"`{name}` must be one of {shown}", field=name)


def action_is(*actions: Action) -> Validation:
    """The running action is one of these; for conditions in sections."""

    def holds(changeset: Changeset, scope: Scope) -> bool:
        del scope
        return any(changeset.action.name == each.name for each in actions)

    def text() -> str:
        return f"this is for {', '.join(sorted(each.name for each in actions))} only"

    return Validation(name="action_is", holds=holds, text=text)


def all_of(*validations: Validation, message: str = "") -> Validation:
    """Every one of the validations holds."""
    return _combined(
        "all_of",
        validations,
        lambda: message or " and ".join(each.problem for each in validations),
        every=True,
    )


def any_of(*validations: Validation, message: str = "") -> Validation:
    """One of the validations holds."""
    return _combined(
        "any_of",
        validations,
        lambda: message or " or ".join(each.problem for each in validations),
        every=False,
    )


def _combined(
    name: str, parts: tuple[Validation, ...], text: Callable[[], str], *, every: bool
) -> Validation:
    def holds(changeset: Changeset, scope: Scope) -> bool | Expr[bool]:
        found: Expr[bool] | None = None
        for each in parts:
            verdict = each.holds(changeset, scope)
            if isinstance(verdict, Expr):
                found = verdict if found is None else (found & verdict if every else found | verdict)
            elif verdict is not every:
                return verdict
        return every if found is None else found

    return Validation(name=name, holds=holds, text=text)


def negate(validation: Validation, message: str) -> Validation:
    """The validation does not hold."""

    def holds(changeset: Changeset, scope: Scope) -> bool | Expr[bool]:
        verdict = validation.holds(changeset, scope)
        return ~verdict if isinstance(verdict, Expr) else not verdict

    return Validation(name="negate", holds=holds, text=message, field=validation.field)
