"""Whatever JSON is given to whatever type: a value of the type or a typed error, never anything else."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from sorbus import CiStr, File, Json, Limits, Range, Tagged, Vector
from sorbus.data_layers.memory.values import conform
from sorbus.engine.casting import InputCaster
from sorbus.errors.base import Invalid
from sorbus.schema.actions import ActionKind, ActionSpec, InputSpec
from sorbus.types import FieldType, field_type


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


@dataclass(frozen=True)
class Part:
    name: str
    count: int = 1
    raw: bytes = b""


class Model(BaseModel):
    at: datetime
    tags: list[str] = []


class Size(TypedDict):
    width: Decimal


TYPES: dict[str, FieldType] = {
    "str": field_type(str),
    "short text": field_type(str, min_length=1, max_length=3, trim=True),
    "nullable text": field_type(str | None, empty_as_null=True),
    "pattern": field_type(Annotated[str, Limits(pattern="^a")], pattern="b$"),
    "CiStr": field_type(CiStr, max_length=5),
    "int": field_type(int),
    "bounded int": field_type(int | None, ge=0, lt=10),
    "float": field_type(float),
    "bool": field_type(bool),
    "Decimal": field_type(Decimal),
    "money": field_type(Decimal, max_digits=8, decimal_places=2),
    "datetime": field_type(datetime, precision=3),
    "date": field_type(date),
    "time": field_type(time),
    "timedelta": field_type(timedelta, precision=0),
    "bytes": field_type(bytes, max_length=3),
    "UUID": field_type(UUID),
    "Color": field_type(Color),
    "Level": field_type(Level | None),
    "literal": field_type(Literal["a", "b"]),
    "Range[int]": field_type(Range[int]),
    "Range[Decimal]": field_type(Range[Decimal] | None),
    "Range[date]": field_type(Range[date]),
    "Range[datetime]": field_type(Range[datetime]),
    "Vector": field_type(Vector, dimensions=2),
    "list[int]": field_type(list[int], max_length=3, unique_items=True),
    "list[int | None]": field_type(list[int | None]),
    "list[str]": field_type(list[Annotated[str, Limits(max_length=2)]], drop_nulls=True),
    "list[Color]": field_type(list[Color]),
    "list[CiStr]": field_type(list[CiStr]),
    "list[Decimal]": field_type(list[Decimal]),
    "list[datetime]": field_type(list[datetime]),
    "list[list[float]]": field_type(list[list[float]]),
    "Part": field_type(Part),
    "Model": field_type(Model),
    "Size": field_type(Size),
    "dict[str, int]": field_type(dict[str, int]),
    "dict[str, list[Part]]": field_type(dict[str, list[Part]]),
    "dict[str, Range[int]]": field_type(dict[str, Range[int]]),
    "tuple": field_type(tuple[int, str]),
    "set": field_type(set[int]),
    "tagged": field_type(Annotated[Part | Model, Tagged("kind")]),
    "tagged scalars": field_type(Annotated[int | str | bool | date | Decimal, Tagged()]),
    "list of tagged": field_type(list[Annotated[int | Part, Tagged()]]),
    "Json": field_type(Json),
    "dict[str, Json]": field_type(dict[str, Json]),
}

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=6)
    | st.sampled_from(
        ["", " ", "red", "a", "ab", "1", "1e9999", "NaN", "AAE=", "0001-01-01T00:00:00+23:59", "P1D"]
    )
    | st.sampled_from(
        ["2030-01-01", "12:00", "12:00Z", "9999-12-31T23:59:59-23:59", "x\x00", "\ud800", "9" * 500]
    )
    | st.datetimes().map(datetime.isoformat)
)
KEYS = st.sampled_from(
    [
        "name",
        "count",
        "raw",
        "lower",
        "upper",
        "bounds",
        "empty",
        "kind",
        "type",
        "value",
        "width",
        "at",
        "tags",
        "x",
    ]
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)
NESTED: Any = []
for _ in range(3000):
    NESTED = [NESTED]


def caster(kind: FieldType) -> InputCaster:
    return InputCaster(
        ActionSpec(
            name="add",
            kind=ActionKind.CREATE,
            resource="Thing",
            inputs=(InputSpec(name="it", type=kind, attribute=True),),
        )
    )


CASTERS = {name: caster(kind) for name, kind in TYPES.items()}


@pytest.mark.parametrize("name", TYPES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=JSON)
@example(value=NESTED)
@example(value={"name": math.inf})
@example(value=10**400)
@example(value={"lower": 1, "upper": 2**63 - 1, "bounds": "[]"})
@example(value={"lower": "9999-12-31", "upper": "9999-12-31", "bounds": "[]"})
def test_a_value_or_a_typed_error(name: str, value: Any) -> None:
    kind = TYPES[name]
    values, errors = CASTERS[name].cast({"it": value})
    assert all(isinstance(each, Invalid) and each.path[:2] == ("input", "it") for each in errors)
    assert bool(errors) != ("it" in values)
    if errors or values["it"] is None:
        return
    # What a row keeps, brought to the form of its column as memory does it, is the value again.
    stored = conform(kind.stored(values["it"]), kind)
    load = kind.codec.load
    again = stored if load is None else load(stored)
    assert same(again, values["it"])
    assert CASTERS[name].cast({"it": again})[1] == []


def same(one: Any, other: Any) -> bool:
    return one == as_json(other) or (one != one and other != other)


def as_json(value: Any) -> Any:
    """A value as a JSON document keeps it: there is no infinity and no NaN in one."""
    if isinstance(value, dict):
        return {key: _in_json(each) for key, each in value.items()}
    return [_in_json(each) for each in value] if isinstance(value, list) else value


def _in_json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return as_json(value)


@pytest.mark.parametrize("name", TYPES)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=JSON)
def test_what_interfaces_show_is_taken_back(name: str, value: Any) -> None:
    kind = TYPES[name]
    values, errors = CASTERS[name].cast({"it": value})
    if (
        errors
        or values["it"] is None
        or (isinstance(values["it"], float) and values["it"] - values["it"] != 0)
    ):
        return
    from sorbus.types.showing import to_json

    shown = msgspec.json.decode(to_json({"it": kind.shown(values["it"])}))
    again, errors = CASTERS[name].cast(shown)
    assert errors == []
    assert same(again["it"], values["it"])


def test_a_long_list_of_mistakes_is_cut() -> None:
    _, errors = CASTERS["list[int | None]"].cast({"it": ["x"] * 100})
    assert len(errors) == 16


def test_a_sensitive_value_is_in_no_message() -> None:
    kind = field_type(Range[int])
    spec = InputSpec(name="it", type=kind, attribute=True, sensitive=True)
    action = ActionSpec(name="add", kind=ActionKind.CREATE, resource="Thing", inputs=(spec,))
    _, (error,) = InputCaster(action).cast({"it": [4711, 1]})
    assert "4711" not in str(error)


def test_a_time_without_a_zone_is_utc() -> None:
    values, _ = CASTERS["datetime"].cast({"it": "2030-01-01T12:00:00.123456"})
    assert values["it"] == datetime(2030, 1, 1, 12, 0, 0, 123000, tzinfo=dt.UTC)


@pytest.mark.parametrize("given", ["1e1000", "1e131071", "1e-1001", 10**1000, "NaN", "Infinity"])
def test_a_decimal_is_no_short_way_to_a_long_text(given: Any) -> None:
    _, errors = CASTERS["Decimal"].cast({"it": given})
    assert len(errors) == 1


@pytest.mark.parametrize(
    ("given", "shown"),
    [("1e3", "1000"), ("-1.50E+4", "-15000"), ("1.50", "1.50"), ("1e-3", "0.001"), ("0e5", "0")],
)
def test_a_decimal_is_shown_as_the_database_will_show_it(given: str, shown: str) -> None:
    values, errors = CASTERS["Decimal"].cast({"it": given})
    assert not errors
    assert str(values["it"]) == shown


class TestFile:
    KIND = field_type(Annotated[File, Limits(max_size=5, content_types=("text/*", "image/png"))])

    @pytest.mark.parametrize(
        ("given", "problem"),
        [
            ({"name": "a.txt", "content": "YWJjZGVm"}, "6 bytes and may have 5"),
            ({"name": "a.exe", "content": ""}, "allowed: image/png, text/*"),
            ({"name": "a.txt", "content": "!"}, "no base64"),
            (
                {"name": "a.txt", "content": "", "content_type": "text/plain\r\nx-a: b"},
                "such as `text/plain`",
            ),
            ({"name": "a.txt", "content": "", "content_type": "text"}, "such as `text/plain`"),
            ({"name": "/", "content": ""}, "1 to 255 bytes"),
            ({"name": 1, "content": ""}, "are texts"),
            ({"name": "a", "path": "/etc/passwd"}, "no `path`"),
            ("/etc/passwd", "should be a file"),
            (None, "should be a file"),
        ],
    )
    def test_what_is_none_is_refused(self, given: Any, problem: str) -> None:
        with pytest.raises(ValueError, match=problem.replace("*", r"\*").replace("/", "/")):
            self.KIND.validator(given)

    async def test_it_is_read_from_memory_and_from_disk(self, tmp_path: Any) -> None:
        path = tmp_path / "b.txt"
        path.write_bytes(b"abc")
        for file in (
            self.KIND.validator({"name": "../../x/b.txt", "content": "YWJj"}),
            self.KIND.validator(File.from_path(path)),
            self.KIND.validator(
                File.from_bytes(b"abc", name="C:\\x\\b.txt", content_type="text/plain; charset=x")
            ),
        ):
            assert (file.name, file.content_type, file.size) == ("b.txt", "text/plain", 3)
            assert await file.read() == b"abc"
            assert [part async for part in file.chunks(2)] == [b"ab", b"c"]
