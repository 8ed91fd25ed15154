"""Behaviours of bulk creates of so many rows that a layer may take a quicker way: it must not be another one."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from sorbus.engine.bulk import BulkStatus
from sorbus.errors.authorization import ActionForbidden
from sorbus.errors.inputs import AlreadyTaken, InvalidAction
from sorbus.testing.conformance.many_rows_world import Chest, Grade, Wood
from sorbus.testing.conformance.shop import Item
from sorbus.testing.conformance.world import Behaviour, Tenant

COUNT = 250

Kind = type[Chest] | type[Item]


def rows(count: int = COUNT, **inputs: Any) -> list[dict[str, Any]]:
    """The inputs of many items, `m000`, `m001`…"""
    return [{"code": f"m{number:03}", "stock": number, **inputs} for number in range(count)]


class ManyRows(Behaviour):
    """Bulk creates of hundreds of rows."""

    @pytest.fixture(params=[Chest, Item], ids=["as they are", "one by one"])
    def kind(self, request: pytest.FixtureRequest) -> Kind:
        """A chest only takes its inputs; an item has validations, which look at each row."""
        found: Kind = request.param
        return found

    async def test_hundreds_of_rows_are_made_as_a_few_are(self, here: Tenant, kind: Kind) -> None:
        result = await kind.add.bulk(here.scope, rows(), returning=True)
        assert (result.count, result.status) == (COUNT, BulkStatus.SUCCESS)
        found = await kind.query(here.scope).order_by(kind.code).all()
        assert found == result.records
        assert [each.stock for each in found] == list(range(COUNT))
        assert {(each.org_id, each.name, each.cost) for each in found} == {(here.org.id, "thing", None)}
        keys = [each.id for each in found]
        assert keys == sorted(set(keys))

    async def test_every_kind_of_value_arrives_in_hundreds_of_rows(self, here: Tenant, kind: Kind) -> None:
        start = datetime(2030, 1, 2, 3, 4, 5, 678901, UTC)
        given = [
            {
                **each,
                "labels": ["x", 'q"u\\o', "", "{}", "NULL", "ü,", f"{number}"][: number % 8],
                "days": [start + timedelta(days=number)] * (number % 3),
                "meta": [None, [1, [2.5]], {"a": None, "b": [True, 't"\\']}, "text", number][number % 5],
                "cost": None if number % 2 else Decimal(number) / 8,
                "owner_id": uuid4() if number % 3 else None,
                "name": "a\ttab\nand ünïcode"[: 1 + number % 19],
            }
            for number, each in enumerate(rows())
        ]
        made = await kind.add.bulk(here.scope, given, returning=True)
        found = await kind.query(here.scope).order_by(kind.code).all()
        assert found == made.records
        for name in ("labels", "days", "meta", "cost", "owner_id", "name"):
            assert [getattr(each, name) for each in found] == [each[name] for each in given]

    async def test_rows_may_give_different_inputs(self, here: Tenant, kind: Kind) -> None:
        given = [{**each, **({"name": "own"} if each["stock"] % 2 else {})} for each in rows()]
        made = await kind.add.bulk(here.scope, given, returning=True)
        assert [each.name for each in made] == ["thing", "own"] * (COUNT // 2)

    async def test_values_are_cast_in_hundreds_of_rows(self, here: Tenant, kind: Kind) -> None:
        given = [{**each, "stock": str(each["stock"]), "cost": "1.50"} for each in rows()]
        made = await kind.add.bulk(here.scope, given, returning=True)
        assert [(each.stock, each.cost) for each in made] == [
            (number, Decimal("1.50")) for number in range(COUNT)
        ]

    async def test_what_is_made_does_not_hang_on_what_was_given(self, here: Tenant, kind: Kind) -> None:
        given = rows(meta={"a": [1]})
        made = await kind.add.bulk(here.scope, given, returning=True)
        given[0]["meta"]["a"].append(2)
        assert {str(each.meta) for each in made} == {"{'a': [1]}"}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("stock", "many"),
            ("code", "with a NUL \x00"),
            ("name", "x" * 41),
            ("meta", object()),
            ("cost", "cheap"),
            ("code", None),
        ],
    )
    async def test_the_wrong_one_of_hundreds_is_found(
        self, here: Tenant, kind: Kind, name: str, value: Any
    ) -> None:
        given = rows()
        given[201][name] = value
        with pytest.raises(InvalidAction) as caught:
            await kind.add.bulk(here.scope, given)
        assert caught.value.errors[0].path[:4] == ("rows", 201, "input", name)
        assert await kind.query(here.scope).count() == 0
        result = await kind.add.bulk(here.scope, given, on_error="continue")
        assert (result.count, [each.index for each in result.errors]) == (COUNT - 1, [201])

    async def test_an_input_that_is_missing_or_unknown_is_found(self, here: Tenant, kind: Kind) -> None:
        given = rows()
        del given[120]["code"]
        with pytest.raises(InvalidAction) as caught:
            await kind.add.bulk(here.scope, given)
        assert caught.value.errors[0].path == ("rows", 120, "input", "code")
        given = rows()
        given[130]["stok"] = 1
        with pytest.raises(InvalidAction, match="no input `stok`") as caught:
            await kind.add.bulk(here.scope, given)
        assert caught.value.errors[0].path[:2] == ("rows", 130)
        assert await kind.query(here.scope).count() == 0

    async def test_what_is_taken_undoes_hundreds(self, here: Tenant, kind: Kind) -> None:
        await kind.add(here.scope, code="m200")
        with pytest.raises(InvalidAction) as caught:
            await kind.add.bulk(here.scope, rows())
        assert isinstance(caught.value.errors[0], AlreadyTaken)
        assert await kind.query(here.scope).count() == 1
        result = await kind.add.bulk(here.scope, rows(), on_error="continue")
        assert (result.count, [each.index for each in result.errors]) == (COUNT - 1, [200])

    async def test_policies_look_at_each_of_hundreds(self, here: Tenant, kind: Kind) -> None:
        given = [{"code": each["code"], "owner_id": here.ada.id} for each in rows()]
        assert (await kind.add_mine.bulk(here.scope, given)).count == COUNT
        for each in given:
            each["code"] = f"n{each['code']}"
        given[222]["owner_id"] = uuid4()
        with pytest.raises(ActionForbidden):
            await kind.add_mine.bulk(here.scope, given)
        assert await kind.query(here.scope).count() == COUNT
        result = await kind.add_mine.bulk(here.scope, given, on_error="continue")
        assert (result.count, [each.index for each in result.errors]) == (COUNT - 1, [222])

    async def test_hundreds_are_undone_with_their_transaction(self, here: Tenant, kind: Kind) -> None:
        async def spoilt() -> None:
            async with here.app.transaction():
                await kind.add.bulk(here.scope, rows())
                assert await kind.query(here.scope).count() == COUNT
                raise LookupError

        with pytest.raises(LookupError):
            await spoilt()
        assert await kind.query(here.scope).count() == 0


class ManyValues(Behaviour):
    """Values of every kind of column, by the hundred."""

    async def test_every_scalar_arrives_in_hundreds_of_rows(self, here: Tenant) -> None:
        given = [
            {
                **each,
                "weight": number / 7,
                "sealed": number % 2 == 1,
                "wood": list(Wood)[number % 2],
                "grade": list(Grade)[number % 2],
                "side": ("left", "right")[number % 2],
                "packed_on": date(2030, 1, 1) + timedelta(days=number) if number % 4 else None,
                "packed_at": time(number % 24, number % 60, 1, 999_999) if number % 5 else None,
                "took": timedelta(days=number, microseconds=number) if number % 6 else None,
                "stamp": bytes([number % 256, 0, 255]),
                "numbers": list(range(number % 5)),
            }
            for number, each in enumerate(rows())
        ]
        made = await Chest.add.bulk(here.scope, given, returning=True)
        found = await Chest.query(here.scope).order_by(Chest.code).all()
        assert found == made.records
        for name in given[0]:
            assert [getattr(each, name) for each in found] == [each[name] for each in given], name
