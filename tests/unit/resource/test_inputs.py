"""What the signature of an action says about its inputs and its body: defaults, null, `def` and `async def`."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import pytest
from tests.unit.resource.putting_together import mistakes, put_together

from sorbus import (
    Arg,
    Attr,
    Expr,
    InMemory,
    Json,
    Policies,
    Query,
    Resource,
    Scope,
    Sorbus,
    action,
    attribute,
    authorize_if,
    calculation,
    policy,
    uuid_primary_key,
)
from sorbus.resource.domain import Domain

NULL: Any = None
THREE: Any = 3
FEW: Any = "few"
OPEN = Policies(policy("any", authorize_if(True)))


class Sheet(Resource):
    """Something with documents that nobody knows the form of."""

    id: Attr[UUID] = uuid_primary_key()
    anything: Attr[Json] = attribute(public=True)
    words: Attr[list[str]] = attribute(default=[], public=True)

    @action.create
    def make(self, scope: Scope, anything: Json = None) -> None:
        """Make one; the words are changed in place."""
        self.words.append("new")

    @action.create
    def copy(self, scope: Scope, anything: Json) -> None:
        """Make one of a value, null or not."""

    @action.update
    def edit(self, scope: Scope, anything: Json = None) -> None:
        """Change it."""

    @action.generic
    @classmethod
    async def gather(cls, scope: Scope, word: str, words: list[str] = []) -> list[str]:  # noqa: B006  # on purpose
        """Add a word to a list."""
        words.append(word)
        return words

    @action.generic
    @classmethod
    async def price(cls, scope: Scope, amount: Decimal = THREE, unit: Literal["kg", None] = None) -> str:
        """Say what things are."""
        return f"{amount!r} {unit}"

    storage = InMemory()
    policies = OPEN


@pytest.fixture
def app() -> Sorbus:
    return Sorbus(domains=[Domain("sheets", resources=[Sheet])], secret=b"s" * 32)


class TestDefaults:
    async def test_a_type_that_knows_null_may_have_it_for_a_default(self, app: Sorbus) -> None:
        async with app:
            scope = app.scope()
            made = await Sheet.make(scope)
            assert made.anything is None
            assert (await Sheet.make(scope, anything={"a": [None]})).anything == {"a": [None]}
            assert (await Sheet.copy(scope, anything=None)).anything is None
            full = await Sheet.copy(scope, anything=[1])
            assert (await full.edit(scope)).anything is None
            assert await Sheet.query(scope).where(Sheet.anything.is_null()).count() == 3

    async def test_what_a_body_changes_in_place_is_a_new_one_for_each_call(self, app: Sorbus) -> None:
        async with app:
            scope = app.scope()
            assert await Sheet.gather(scope, word="a") == ["a"]
            assert await Sheet.gather(scope, word="b") == ["b"]
            for _ in range(2):
                assert (await Sheet.make(scope)).words == ["new"]
            result = await Sheet.copy.bulk(scope, [{"anything": 1}, {"anything": 2}], returning=True)
            first, second = result.records or ()
            first.words.append("changed")
            assert second.words == []

    async def test_it_is_a_value_of_the_declared_type(self, app: Sorbus) -> None:
        async with app:
            assert await Sheet.price(app.scope()) == "Decimal('3') None"

    def test_one_that_is_none_of_its_type_is_refused(self) -> None:
        class Wrong(Resource):
            id: Attr[UUID] = uuid_primary_key()
            title: Attr[str] = attribute(public=True)

            @action.create
            def make(self, scope: Scope, title: str = NULL, loud: Arg[bool] = NULL) -> None:
                """Make it."""

            @action.generic
            @classmethod
            async def count(cls, scope: Scope, least: int = FEW) -> int:
                """Count."""
                return least

            @calculation
            @classmethod
            def longer(cls, text: str = NULL) -> Expr[str]:
                """Longer."""
                return cls.title + text

        found = {each.path: each for each in mistakes(Wrong)}
        assert found.keys() == {
            ("Wrong", "make", "title"),
            ("Wrong", "make", "loud"),
            ("Wrong", "count", "least"),
            ("Wrong", "longer", "text"),
        }
        assert {each.code for each in found.values()} == {"wrong-input"}
        title = found["Wrong", "make", "title"]
        assert title.message == "Wrong.make: the default of `title` is None, which is no str."
        assert title.hint == "Write `title: str | None = None`."
        assert "'few', which is no int" in found["Wrong", "count", "least"].message

    def test_a_column_that_takes_null_need_not_be_given(self) -> None:
        (sheet,) = put_together(Sheet).resources.values()
        assert sheet.attributes["anything"].type.nullable
        assert not sheet.attributes["words"].type.nullable
        unit = sheet.actions["price"].input("unit")
        assert unit is not None
        assert (unit.type.nullable, unit.type.choices) == (True, ("kg",))


class TestBodies:
    def test_the_wrong_form_is_refused_with_the_right_one(self) -> None:
        class Wrong(Resource):
            id: Attr[UUID] = uuid_primary_key()

            @action.generic  # type: ignore[arg-type]
            @classmethod
            def ring(cls, scope: Scope) -> int:
                """Ring."""
                return 1

            @action.generic  # type: ignore[arg-type]
            @classmethod
            async def drip(cls, scope: Scope) -> Any:
                """Drip."""
                yield 1

            @action.read  # type: ignore[arg-type]
            @classmethod
            async def every(cls, scope: Scope) -> Query[Any]:
                """All."""
                return cls.query()

            @action.create  # type: ignore[arg-type]
            def make(self, scope: Scope) -> Iterator[None]:
                """Make it."""
                yield

        found = {each.path: each for each in mistakes(Wrong)}
        assert {path[1]: each.message for path, each in found.items()} == {
            "ring": "Wrong.ring: the body is a plain `def`; that of a generic action is an `async def`.",
            "drip": "Wrong.drip: the body is a generator; that of a generic action is an `async def`.",
            "every": "Wrong.every: the body is an `async def`; that of a read action is a plain `def`.",
            "make": "Wrong.make: the body is a generator; that of a create action is a plain `def` or an `async def`.",
        }
        assert {each.code for each in found.values()} == {"wrong-body"}
        assert "`async def ring(cls, scope: Scope, …)`" in found["Wrong", "ring"].hint
        assert "`def every(cls, scope: Scope, …)`" in found["Wrong", "every"].hint
        assert "`yield`" in found["Wrong", "make"].hint
