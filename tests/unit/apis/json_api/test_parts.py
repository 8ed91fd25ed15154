"""The small parts: texts to values, operators by type, media types, links, statuses."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorbus.apis.json_api.documents import Links
from sorbus.apis.json_api.filters import TextField
from sorbus.apis.json_api.negotiation import check_accept, check_content_type
from sorbus.apis.json_api.texts import input_value
from sorbus.errors import http as http_errors
from sorbus.errors.base import FrameworkError, SorbusError
from sorbus.errors.database import DatabaseUnavailable, UniqueViolation
from sorbus.errors.http import NotAcceptable, UnsupportedMediaType
from sorbus.errors.inputs import InvalidAnswer, NotFound, Rejected
from sorbus.expressions.build import tenant
from sorbus.http.faults import STATUSES, fault_of, status_of
from sorbus.query.input_fields import operators_for
from sorbus.types.base import FieldType, field_type
from sorbus.types.showing import to_json

PAGES = Path(__file__).parents[4] / "docs" / "errors"

VALUES = st.one_of(
    st.uuids(),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.decimals(allow_nan=False, allow_infinity=False, places=3),
)


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


def read(kind: FieldType, text: str) -> Any:
    """A text of a query string as the value of a field."""
    return TextField(name="field", type=kind, expression=tenant()).cast(text)


class TestTexts:
    @pytest.mark.parametrize(
        ("kind", "text", "value"),
        [
            (str, "", ""),
            (str, "x,y", "x,y"),
            (int, "-5", -5),
            (float, "1.5", 1.5),
            (Decimal, "0.10", Decimal("0.10")),
            (bool, "true", True),
            (Colour, "red", Colour.RED),
            (Level, "3", Level.HIGH),
            (Literal["a", "b"], "b", "b"),
            (date, "2026-02-28", date(2026, 2, 28)),
            (timedelta, "PT90S", timedelta(seconds=90)),
            (datetime, "2026-01-01T00:00:00", datetime(2026, 1, 1, tzinfo=UTC)),
            (datetime | None, "2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=UTC)),
        ],
    )
    def test_a_text_becomes_the_value_of_its_type(self, kind: Any, text: str, value: Any) -> None:
        found = read(field_type(kind), text)
        assert (found, type(found)) == (value, type(value))

    @pytest.mark.parametrize(
        ("kind", "text"),
        [
            (int, ""),
            (int, "1.5"),
            (int, str(2**63)),
            (UUID, "1"),
            (bool, "2"),
            (Colour, "blue"),
            (str, "\x00"),
        ],
    )
    def test_other_texts_are_refused(self, kind: Any, text: str) -> None:
        with pytest.raises(ValueError):
            read(field_type(kind), text)

    def test_limits_do_not_hold_for_filters(self) -> None:
        assert read(field_type(str, max_length=1), "long") == "long"

    @given(VALUES)
    def test_what_is_written_is_read_again(self, value: Any) -> None:
        text = msgspec.json.decode(
            to_json({"v": str(value).lower() if isinstance(value, bool) else str(value)})
        )["v"]
        assert read(FieldType(annotation=type(value)), text) == value

    def test_a_repeated_parameter_is_a_list(self) -> None:
        assert input_value(field_type(list[int]), ["1", "2"]) == [1, 2]
        assert input_value(field_type(int), ["1", "2"]) == 2
        assert input_value(field_type(int | None), [""]) is None
        assert input_value(field_type(int), ["x"]) == "x"


@pytest.mark.parametrize(
    ("kind", "has", "lacks"),
    [
        (str, {"eq", "in", "contains", "less_than"}, set[str]()),
        (int, {"eq", "less_than"}, {"contains"}),
        (Colour, {"eq", "in"}, {"less_than", "contains"}),
        (bool, {"eq"}, {"less_than"}),
        (list[str], {"is_nil", "has", "intersects"}, {"eq", "contains"}),
        (list[Colour], {"has", "intersects"}, {"eq", "in"}),
        (list[dict[str, int]], {"is_nil"}, {"has", "intersects"}),
        (list[bytes], {"is_nil"}, {"has", "intersects"}),
        (dict[str, Any], {"is_nil"}, {"eq"}),
        (bytes, {"is_nil"}, {"eq"}),
    ],
)
def test_operators_follow_from_the_type(kind: Any, has: set[str], lacks: set[str]) -> None:
    found = set(operators_for(field_type(kind)))
    assert has <= found
    assert not lacks & found


def test_media_types_that_cannot_be_read_are_refused() -> None:
    for kind in ("", ";", "application/vnd.api+json;x=1", "application/vnd.api+jsonx", "*/*"):
        with pytest.raises(UnsupportedMediaType):
            check_content_type(kind)
    check_content_type('APPLICATION/VND.API+JSON; profile="a b"')


@given(st.text())
def test_any_accept_header_is_taken_or_refused(text: str) -> None:
    with suppress(NotAcceptable):
        check_accept(text)


def test_links_replace_the_position_and_keep_the_rest() -> None:
    links = Links(
        path="/api/x", query="sort=-a&page[after]=A&page%5bbefore%5D=B&page[limit]=3&filter%5Bn%5D=%26"
    )
    assert links.at(after="C=&") == "/api/x?sort=-a&page[limit]=3&filter%5Bn%5D=%26&page%5Bafter%5D=C%3D%26"
    assert links.at() == "/api/x?sort=-a&page[limit]=3&filter%5Bn%5D=%26"
    assert Links(path="/api/x").at() == Links(path="/api/x").itself == "/api/x"


class TestFaults:
    def test_a_framework_error_says_nothing(self) -> None:
        fault = fault_of(FrameworkError("the password is 123", hint="look into /etc"), where="GET /")
        assert fault.status == 500
        assert "123" not in str(fault)
        assert "/etc" not in str(fault)
        assert fault.id in fault.detail

    def test_a_wrong_answer_is_the_servers_fault(self) -> None:
        assert fault_of(InvalidAnswer("A.b", problem="secret", expected="int"), where="").status == 500

    def test_a_database_that_is_away_is_a_503_without_its_address(self) -> None:
        fault = fault_of(DatabaseUnavailable("refused", where="db.internal:5432"), where="GET /")
        assert fault.status == 503
        assert "internal" not in str(fault)

    def test_constraints_and_columns_are_not_named(self) -> None:
        error = UniqueViolation(constraint="users_pw_key", schema="s", table="users", columns=("pw",))
        fault = fault_of(error, where="")
        assert (fault.status, fault.code) == (409, "unique-violation")
        assert "users" not in str(fault)

    def test_a_class_has_the_status_of_its_nearest_base(self) -> None:
        class Odd(Rejected):
            """Odd."""

        assert status_of(Odd) == 422
        assert status_of(NotFound) == 404

    def test_long_messages_are_cut(self) -> None:
        assert len(fault_of(Rejected("x" * 10_000), where="").detail) == 1000


def leaves() -> list[type[SorbusError]]:
    found = [each for each in vars(http_errors).values() if isinstance(each, type)]
    return [
        each for each in found if issubclass(each, SorbusError) and each.__module__ == http_errors.__name__
    ]


@pytest.mark.parametrize("leaf", leaves(), ids=lambda leaf: leaf.code)
def test_every_error_has_its_page_and_a_status(leaf: type[SorbusError]) -> None:
    assert (PAGES / f"{leaf.code}.md").is_file()
    assert STATUSES[next(base for base in leaf.__mro__ if base in STATUSES)] == status_of(leaf)


def test_codes_are_distinct() -> None:
    codes = [each.code for each in leaves()]
    assert len(codes) == len(set(codes))


def test_values_that_only_pydantic_knows_are_written() -> None:
    from pydantic import BaseModel

    class Point(BaseModel):
        x: int
        id: UUID

    key = uuid4()
    assert msgspec.json.decode(to_json({"p": Point(x=1, id=key)})) == {"p": {"x": 1, "id": str(key)}}
