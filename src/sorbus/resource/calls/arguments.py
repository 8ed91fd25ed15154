"""The arguments of a call: the inputs of its action, the key of its record, and how a list is to come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sorbus.errors.base import Invalid
from sorbus.errors.inputs import InvalidAction, InvalidInput, InvalidPage, NoSuchInput, Required
from sorbus.query.keys import key_of
from sorbus.resource.calls.call import LIST_ARGUMENTS, Call
from sorbus.resource.calls.records import Records
from sorbus.schema.paging import FURTHEST

LONGEST_NAME = 100
MOST_UNKNOWN = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """How a list is to come.

    Attributes:
        paged: whether anything was said about pages.
    """

    filter: Any = None
    sort: Any = None
    load: tuple[str, ...] = ()
    limit: int | None = None
    after: str | None = None
    before: str | None = None
    offset: int | None = None
    count: bool | None = None
    paged: bool = False


def key_argument(call: Call) -> str:
    """The name of the argument that holds a record's key; empty when the call is about none."""
    if not call.kind.of_one:
        return ""
    return "record_id" if any(each.name == "id" for each in call.inputs) else "id"


def list_arguments(call: Call) -> tuple[str, ...]:
    """What a call takes about its list; an input of the action with the same name goes first."""
    own = {each.name for each in call.inputs}
    if call.kind.lists:
        return tuple(each for each in LIST_ARGUMENTS if each not in own)
    return ("load",) if call.primary else ()


def argument_names(call: Call) -> tuple[str, ...]:
    """Every argument of a call."""
    key = key_argument(call)
    return (*((key,) if key else ()), *(each.name for each in call.inputs), *list_arguments(call))


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The arguments of one call, told apart."""

    key: Any
    inputs: dict[str, Any]
    listing: Listing


def read_arguments(call: Call, records: Records, given: Mapping[str, Any]) -> Given:
    """The arguments told apart; the inputs are the engine's to cast.

    Raises:
        InvalidAction: there are arguments that the call does not take, or it needs a key.
        NotFound: the key can be none.
        InvalidPage: what is said about pages does not fit.
        InvalidInput: a field is to be loaded that cannot be.
    """
    names = argument_names(call)
    unknown = [each for each in given if each not in names]
    errors: list[Invalid] = [
        NoSuchInput(call.label, each[:LONGEST_NAME], allowed=names) for each in unknown[:MOST_UNKNOWN]
    ]
    key = key_argument(call)
    if key and given.get(key) is None:
        errors.append(Required(call.label, key, expected=call.spec.primary_key.type.describe()))
    if errors:
        raise InvalidAction(call.label, errors)
    inputs = {each.name: given[each.name] for each in call.inputs if each.name in given}
    own = {name: given[name] for name in list_arguments(call) if given.get(name) is not None}
    listing = _listing(call, records, own) if own else Listing()
    return Given(key=_key(call, given[key]) if key else None, inputs=inputs, listing=listing)


def _key(call: Call, value: Any) -> Any:
    """The key in its declared type. It is always one plain value, so that nobody can ask a question with it."""
    return key_of(call.spec, value if isinstance(value, str) else str(value) if type(value) is int else "")


def _listing(call: Call, records: Records, given: Mapping[str, Any]) -> Listing:
    for name in ("after", "before"):
        if name in given and not isinstance(given[name], str):
            raise InvalidPage(name, "no text", allowed="a cursor of an earlier page")
    positions = [each for each in ("after", "before", "offset") if each in given]
    if len(positions) > 1:
        raise InvalidPage(positions[1], "given too", allowed=f"one of {', '.join(positions)}")
    count = given.get("count")
    if count is not None and not isinstance(count, bool):
        raise InvalidPage("count", str(count)[:LONGEST_NAME], allowed="true, false")
    largest = call.action.page.largest
    return Listing(
        filter=given.get("filter"),
        sort=given.get("sort"),
        load=_load(call, records, given.get("load")),
        limit=_number(given, "limit", least=1, most=largest),
        after=given.get("after"),
        before=given.get("before"),
        offset=_number(given, "offset", least=0, most=FURTHEST),
        count=count,
        paged=bool(positions) or "limit" in given or bool(count),
    )


def _number(given: Mapping[str, Any], name: str, *, least: int, most: int) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if type(value) is not int or not least <= value <= most:
        raise InvalidPage(name, str(value)[:LONGEST_NAME], allowed=f"{least} to {most}")
    return value


def _load(call: Call, records: Records, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    names: list[Any] = value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]
    for each in names:
        if not isinstance(each, str) or each not in records.derived:
            problem = f"`{str(each)[:LONGEST_NAME]}` is nothing that can be loaded"
            expected = ", ".join(records.derived) or "nothing; there are no such fields"
            raise InvalidInput(call.label, "load", problem=problem, expected=expected)
    return tuple(dict.fromkeys(map(str, names)))
