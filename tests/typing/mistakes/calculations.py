"""Calculations and functions used with what they do not take."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from sorbus import (
    Attr,
    Domain,
    Expr,
    Resource,
    Scope,
    attribute,
    calculate,
    calculation,
    computed,
    fn,
    uuid_primary_key,
)


class Ware(Resource):
    """A ware."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute()
    cost: Attr[Decimal] = attribute()
    stock: Attr[int] = attribute()

    loud = calculate(fn.upper(stock))  # error: mypy, pyright, assembly wrong-operand
    root = calculate(fn.floor(name))  # error: mypy, pyright, assembly wrong-operand

    @calculation
    @classmethod
    def dear(cls, percent: int) -> Expr[Decimal]:
        """The cost with something on top."""
        return cls.cost * (100 + percent) / 100

    @calculation
    @classmethod
    def label(cls, mark: str = "!") -> Expr[str]:
        """The wrong type."""
        return cls.cost + 1  # error: mypy, pyright, assembly wrong-calculation

    @computed(loads=[name], batch=True)
    @staticmethod
    def places(records: list[Ware], scope: Scope) -> list[int]:
        """The place of each."""
        return [len(each.name) + len(scope.need_runtime().__class__.__name__) for each in records]


async def use(scope: Scope) -> None:
    """Uses that cannot be."""
    query = Ware.query(scope)
    query.where(Ware.dear(percnt=5) > Decimal(1))  # error: mypy, pyright
    query.where(Ware.dear(percent="5") > Decimal(1))  # error: mypy, pyright
    query.where(Ware.dear() > Decimal(1))  # error: mypy, pyright
    query.where(Ware.dear(5) > "much")  # error: mypy, pyright
    for ware in await query.load(Ware.places).all():
        name: str = ware.places  # error: mypy, pyright
        print(name)


Mistaken = Domain("mistaken", resources=[Ware])
