"""What is wrong with calculations is found when the application is put together."""

# pyright: basic
# mypy: ignore-errors

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from tests.unit.resource.putting_together import only, put_together

from sorbus import (
    Attr,
    Expr,
    Many,
    One,
    Resource,
    Scope,
    agg,
    attribute,
    belongs_to,
    calculate,
    calculation,
    computed,
    exists,
    fn,
    fragment,
    has_many,
    lazy,
    nested,
    parent,
    uuid_primary_key,
)
from sorbus.errors.declaration import BrokenExpression, WrongOperand
from sorbus.expressions.describe import describe
from sorbus.schema.manifest import resource_manifest


class Priced(Resource):
    """What the resources of these tests share."""

    id: Attr[UUID] = uuid_primary_key()
    cost: Attr[int] = attribute()


class TestMistakes:
    @pytest.mark.parametrize(
        ("make", "code", "says"),
        [
            (lambda cls, percent: cls.cost, "wrong-input", "has no type"),
            (lambda self, percent: self.cost, "wrong-calculation", "start with `cls`"),
        ],
    )
    def test_the_form_of_the_function(self, make: Any, code: str, says: str) -> None:
        class Ware(Priced):
            dear = calculation(make)

        error = only(Ware)
        assert error.code == code
        assert says in error.message

    def test_no_return_annotation(self) -> None:
        class Ware(Priced):
            @calculation
            @classmethod
            def dear(cls):
                return cls.cost

        assert only(Ware).code == "missing-part"

    def test_an_annotation_that_is_not_what_the_expression_gives(self) -> None:
        class Ware(Priced):
            @calculation
            @classmethod
            def dear(cls, percent: int) -> Expr[Decimal]:
                return cls.cost * percent

        error = only(Ware)
        assert "its expression is int, its annotation says Decimal" in error.message

    def test_an_annotation_of_another_form(self) -> None:
        class Ware(Priced):
            @calculation
            @classmethod
            def dear(cls) -> int:
                return cls.cost

        assert "answers with `Expr[…]`" in only(Ware).message

    def test_a_batch_answers_with_a_list(self) -> None:
        class Ware(Resource):
            id: Attr[UUID] = uuid_primary_key()

            @computed(loads=[id], batch=True)
            @staticmethod
            def places(records: list[Ware], scope: Scope) -> int:
                return 0

        assert "answers with `list[…]`" in only(Ware).message

    def test_only_a_batch_may_be_asynchronous(self) -> None:
        class Ware(Resource):
            id: Attr[UUID] = uuid_primary_key()

            @computed(loads=[id])
            async def place(self) -> int:
                return 0

        assert only(Ware).hint == "Write `batch=True`."

    def test_an_unknown_field_in_the_body(self) -> None:
        class Ware(Priced):
            @calculation
            @classmethod
            def dear(cls, percent: int) -> Expr[int]:
                return cls.coast * percent

        error = only(Ware)
        assert (error.code, error.hint) == ("no-such-field", "Did you mean `cost`?")

    def test_arguments_of_another_calculation(self) -> None:
        class Ware(Priced):
            @calculation
            @classmethod
            def dear(cls, percent: int) -> Expr[int]:
                return cls.cost * percent

            dearer = calculate(dear(percent="many"))

        error = only(Ware)
        assert error.code == "wrong-calculation"
        assert "`percent`" in error.message

    def test_a_calculation_that_needs_itself(self) -> None:
        class Ware(Resource):
            id: Attr[UUID] = uuid_primary_key()

            @calculation
            @classmethod
            def dear(cls, percent: int = 1) -> Expr[int]:
                return cls.dear(percent=percent) + 1

        assert only(Ware).code == "circular-calculation"

    def test_a_circle_over_relationships(self) -> None:
        class Ware(Resource):
            id: Attr[UUID] = uuid_primary_key()
            of_id: Attr[UUID | None] = attribute(default=None)
            of: One[Ware] = belongs_to(via=of_id)
            parts: Many[Ware] = has_many(via="of_id")
            whole = calculate(exists(parts, lambda part: part.whole))

        error = only(Ware)
        assert error.code == "circular-calculation"
        assert "whole → whole" in error.message

    def test_the_same_name_over_a_relationship_is_no_circle(self) -> None:
        class Part(Resource):
            id: Attr[UUID] = uuid_primary_key()
            ware_id: Attr[UUID] = attribute()
            total: Attr[int] = attribute()

        class Ware(Resource):
            id: Attr[UUID] = uuid_primary_key()
            parts: Many[Part] = has_many()
            total = calculate(agg.sum(parts, lambda part: part.total) + 1)

        assert put_together(Ware, Part).resources["Ware"].calculations["total"].type.describe() == "int"

    def test_fields_of_others_in_loads(self) -> None:
        class Other(Resource):
            id: Attr[UUID] = uuid_primary_key()
            name: Attr[str] = attribute()

        class Ware(Resource):
            id: Attr[UUID] = uuid_primary_key()

            @computed(loads=[Other.name])
            def label(self) -> str:
                return ""

        assert only(Ware, Other).code == "foreign-field"

    def test_unknown_fields_in_nested_loads(self) -> None:
        class Part(Resource):
            id: Attr[UUID] = uuid_primary_key()
            ware_id: Attr[UUID] = attribute()

        class Ware(Resource):
            id: Attr[UUID] = uuid_primary_key()
            parts: Many[Part] = has_many()

            @computed(loads=[nested(parts, lambda part: [part.nam])])
            def label(self) -> str:
                return ""

        assert only(Ware, Part).code == "no-such-field"

    @pytest.mark.parametrize(
        ("expression", "says"),
        [
            (lambda cls: fn.upper(cls.stock), "`upper` takes a text as its first argument, not int"),
            (lambda cls: fn.join(cls.name, ","), "takes a list as its first argument"),
            (lambda cls: fn.round(cls.name), "takes a number"),
            (lambda cls: fn.cast(cls.stock, UUID), "`cast` takes what can become UUID, not int"),
            (lambda cls: fn.substring(cls.name, cls.name), "a number as its second argument"),
            (lambda cls: fn.date_trunc("day", cls.stock), "a date or time"),
            (lambda cls: fn.has_key(cls.name, "x"), "a JSON document"),
            (
                lambda cls: agg.max(cls.parts, lambda part: part.id),
                "`agg.max` takes what has an order, not UUID",
            ),
        ],
    )
    def test_what_a_function_surely_cannot_take(self, expression: Any, says: str) -> None:
        class Part(Resource):
            id: Attr[UUID] = uuid_primary_key()
            ware_id: Attr[UUID] = attribute()

        class Ware(Resource):
            id: Attr[UUID] = uuid_primary_key()
            name: Attr[str] = attribute()
            stock: Attr[int] = attribute()
            parts: Many[Part] = has_many()

            @calculation
            @classmethod
            def wrong(cls) -> Expr[Any]:
                return expression(cls)

        error = only(Ware, Part)
        assert error.code == "wrong-operand"
        assert says in error.message
        assert error.path == ("Ware", "wrong")

    def test_parent_without_an_enclosing_row(self) -> None:
        class Ware(Resource):
            id: Attr[UUID] = uuid_primary_key()
            stock: Attr[int] = attribute()
            wrong = calculate(parent(stock) + 1)

        assert only(Ware).code == "no-parent-row"

    def test_what_is_refused_at_once(self) -> None:
        async def slow() -> int:
            return 1

        with pytest.raises(BrokenExpression, match="asynchronous"):
            lazy(slow)
        with pytest.raises(WrongOperand, match="one of"):
            fn.cast(Ready.stock, bytes)
        with pytest.raises(WrongOperand, match="one of"):
            fn.path(Ready.stock, "a", type=UUID)
        with pytest.raises(WrongOperand, match="step"):
            fn.path(Ready.stock)


class Piece(Resource):
    id: Attr[UUID] = uuid_primary_key()
    ready_id: Attr[UUID] = attribute()
    size: Attr[int] = attribute(default=0)


class Ready(Resource):
    id: Attr[UUID] = uuid_primary_key()
    stock: Attr[int] = attribute(public=True)
    name: Attr[str] = attribute()
    pieces: Many[Piece] = has_many()

    sizes = agg.list(
        pieces, lambda piece: piece.size, where=lambda piece: piece.size > 1, order_by=lambda each: each.size.desc(),
        unique=True, limit=2,
    )  # fmt: skip
    most = agg.max(pieces, lambda piece: piece.size, default=0, authorize=False)
    hashed = calculate(fragment("md5({0} || {1})", name, "{x}", type=str))

    @calculation(public=True)
    @classmethod
    def more(cls, by: int = 2) -> Expr[int]:
        """More of it."""
        return cls.stock * by

    @calculation(public=True)
    @classmethod
    def much(cls, least: int) -> Expr[bool]:
        """Whether there is much."""
        return cls.stock >= least

    @computed(loads=[stock, more(by=3).as_("three")], batch=True)
    @staticmethod
    def places(records: list[Ready], scope: Scope, first: int = 1) -> list[int]:
        """The places."""
        return []


class TestExplanations:
    def test_expressions_in_words(self) -> None:
        spec = put_together(Ready, Piece).resources["Ready"]
        assert {each.name: describe(each.node) for each in (*spec.aggregates.values(),)} == {
            "sizes": "list(pieces.size, where size > 1, order by size desc, unique, at most 2)",
            "most": "max(pieces.size, else 0, whoever asks)",
        }
        calculations = spec.calculations
        assert calculations["hashed"].node is not None
        assert describe(calculations["hashed"].node) == "fragment('md5({0} || {1})', name, '{x}')"
        assert calculations["more"].node is not None
        assert describe(calculations["more"].node) == "stock * 2"
        assert calculations["much"].node is None

    def test_calculations_in_the_manifest(self) -> None:
        data = resource_manifest(put_together(Ready, Piece).resources["Ready"])
        found = {each["name"]: each for each in data["fields"]}
        assert found["more"]["arguments"] == [
            {**found["more"]["arguments"][0], "name": "by", "type": "int", "required": False}
        ]
        assert found["much"]["arguments"][0]["required"]
        assert (found["places"]["runs_in"], found["places"]["batch"]) == ("python", True)
        assert found["places"]["loads"] == ["stock", "three"]
        assert (found["most"]["over"], found["most"]["authorize"]) == ("pieces", False)
