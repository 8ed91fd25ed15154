"""Random well-typed expressions over the rows of `things`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from tests.contracts.things import FIELDS, INPUTS, KINDS, ORDERED, TYPES, VALUES, Color

from sorbus.expressions.nodes import (
    CAST,
    COLLATE,
    FALSE,
    PARENT,
    PATH,
    TRUE,
    Aggregated,
    AggregateKind,
    As,
    Call,
    Const,
    Custom,
    Exists,
    InputRef,
    Node,
    Ordering,
    Param,
    Ref,
    Template,
)


class Trees:
    """Draws expressions; the plain values in them become the parameters of the statement."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw
        self.params: list[Any] = []
        self.outer = 0

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def param(self, value: Any, kind: type | None = None) -> Param:
        self.params.append(value)
        return Param(len(self.params) - 1, kind or type(value))

    def leaf(self, kind: type) -> Node:
        match self.pick("field", "field", "value", "parent", "outer"):
            case "value":
                return self.param(self.draw(VALUES[kind]), TYPES.get(kind))
            case "parent":
                return Ref(self.pick(*FIELDS[kind]), ("parent",))
            case "outer" if self.outer:
                # A derived field of an enclosing row is not what a declaration can name.
                return Ref(FIELDS[kind][0], outer=self.draw(st.integers(0, self.outer)))
            case _:
                return Ref(self.pick(*FIELDS[kind]))

    def tree(self, kind: type, depth: int = 3) -> Node:
        """An expression of a type."""
        if depth == 0 or self.pick(True, False, False):
            return self.leaf(kind)
        shared = {"if": self._if, "coalesce": self._coalesce, "nullif": self._nullif}
        if kind in ORDERED:
            shared |= {"least": self._chosen}
        if self.outer:
            shared |= {"parent": self._parent}
        own = _SHAPES.get(kind, {})
        name = self.pick(*shared, *own, *own)
        return shared[name](kind, depth - 1) if name in shared else own[name](self, depth - 1)

    def _if(self, kind: type, depth: int) -> Node:
        return Call("if", (self.tree(bool, depth), self.tree(kind, depth), self.tree(kind, depth)))

    def _coalesce(self, kind: type, depth: int) -> Node:
        return Call("coalesce", (self.tree(kind, depth), self.tree(kind, depth)))

    def _nullif(self, kind: type, depth: int) -> Node:
        return Call("nullif", (self.tree(kind, depth), self.tree(kind, depth)))

    def _chosen(self, kind: type, depth: int) -> Node:
        count = self.draw(st.integers(1, 3))
        return Call(self.pick("least", "greatest"), tuple(self.tree(kind, depth) for _ in range(count)))

    def _parent(self, kind: type, depth: int) -> Node:
        self.outer -= 1
        try:
            return Call(PARENT, (self.tree(kind, depth),))
        finally:
            self.outer += 1

    def within(self, make: Callable[[], Any]) -> Any:
        """What is drawn over the rows of a relationship."""
        self.outer += 1
        try:
            return make()
        finally:
            self.outer -= 1


Shape = Callable[[Trees, int], Node]


def _same(operator: str, kind: type, count: int = 2) -> Shape:
    return lambda trees, depth: Call(operator, tuple(trees.tree(kind, depth) for _ in range(count)))


def _mixed(operator: str, *kinds: type) -> Shape:
    return lambda trees, depth: Call(operator, tuple(trees.tree(kind, depth) for kind in kinds))


def _compared(trees: Trees, depth: int) -> Node:
    operator = trees.pick("eq", "ne", "distinct", "lt", "le", "gt", "ge")
    kind = trees.pick(*(KINDS if operator in {"eq", "ne", "distinct"} else ORDERED))
    return Call(operator, (trees.tree(kind, depth), trees.tree(kind, depth)))


def _with_input(trees: Trees, depth: int) -> Node:
    del depth
    return Call(trees.pick("eq", "lt", "ge"), (Ref("i"), InputRef(trees.pick(*INPUTS))))


def _in(trees: Trees, depth: int) -> Node:
    kind = trees.pick(int, Decimal, str, datetime, Color)
    values = tuple(trees.draw(st.lists(VALUES[kind], max_size=3)))
    sample = type(values[0]) if values else tuple
    return Call("in", (Ref(FIELDS[kind][0]), trees.param(values, sample)))


def _null(trees: Trees, depth: int) -> Node:
    return Call("is_null", (trees.tree(trees.pick(*KINDS), depth),))


def _logic(trees: Trees, depth: int) -> Node:
    count = trees.draw(st.integers(2, 3))
    return Call(trees.pick("and", "or"), tuple(trees.tree(bool, depth) for _ in range(count)))


def _exists(trees: Trees, depth: int) -> Node:
    name = trees.pick("children", "positive", "parent")
    return Exists(name, trees.within(lambda: trees.tree(bool, depth)) if trees.pick(True, False) else None)


def _aggregate(*kinds: AggregateKind, of: type) -> Shape:
    def shape(trees: Trees, depth: int) -> Node:
        kind, name = trees.pick(*kinds), trees.pick("children", "positive")
        bare = kind is AggregateKind.COUNT and trees.pick(True, False)

        def inner() -> tuple[Node | None, Node | None, tuple[Ordering, ...]]:
            value = None if bare else trees.tree(of, min(depth, 1))
            where = trees.tree(bool, min(depth, 1)) if trees.pick(True, False) else None
            ordered = kind in {AggregateKind.FIRST, AggregateKind.LIST, AggregateKind.CUSTOM}
            order = (Ordering(Ref("j"), trees.pick(True, False)), Ordering(Ref("id"))) if ordered else ()
            return value, where, order

        value, where, order = trees.within(inner)
        several = kind is AggregateKind.LIST
        result = list if several else int if kind is AggregateKind.COUNT else of
        return Aggregated(
            kind,
            name,
            value,
            where,
            order,
            unique=kind in {AggregateKind.COUNT, AggregateKind.LIST} and not bare and trees.pick(True, False),
            limit=trees.param(trees.draw(st.integers(0, 2))) if several and trees.pick(True, False) else None,
            skip_null=kind is AggregateKind.FIRST and trees.pick(True, False),
            default=trees.param(trees.draw(VALUES[result])) if trees.pick(True, False, False) else None,
            custom=JOINED if kind is AggregateKind.CUSTOM else None,
        )

    return shape


JOINED = Custom(Template(("string_agg(", ", '-')"), (0,)), "-".join, str)


def _substring(trees: Trees, depth: int) -> Node:
    places = [trees.param(trees.draw(st.integers(-4, 4))) for _ in range(trees.pick(1, 2))]
    return Call("substring", (trees.tree(str, depth), *places))


def _with(operator: str, kind: type, *values: st.SearchStrategy[Any]) -> Shape:
    """A function of an expression and some plain values."""
    return lambda trees, depth: Call(
        operator, (trees.tree(kind, depth), *(trees.param(trees.draw(each)) for each in values))
    )


def _cast(target: type, *sources: type) -> Shape:
    return lambda trees, depth: Call(CAST, (trees.tree(trees.pick(*sources), depth), Const(As(target))))


def _path(target: type) -> Shape:
    def shape(trees: Trees, depth: int) -> Node:
        del depth
        steps = tuple(trees.draw(st.lists(st.sampled_from(["a", "b", "0", "-1"]), min_size=1, max_size=2)))
        document = Ref("doc", ("parent",) if trees.pick(True, False, False) else ())
        return Call(PATH, (document, trees.param(steps, list[str]), Const(As(target))))

    return shape


def _date_add(kind: type) -> Shape:
    return lambda trees, depth: Call(
        "date_add",
        (
            trees.tree(kind, depth),
            trees.param(trees.draw(st.integers(-14, 14))),
            trees.param(trees.draw(st.integers(-40, 40))),
            trees.param(trees.draw(st.integers(-90_000, 90_000))),
        ),
    )


def _collated(trees: Trees, depth: int) -> Node:
    return Call(COLLATE, (trees.tree(str, depth), Const("C")))


def _has(trees: Trees, depth: int) -> Node:
    if trees.pick(True, False):
        return Call("in", (trees.tree(str, depth), trees.tree(list, depth)))
    return Call(trees.pick("has_all", "has_any"), (trees.tree(list, depth), trees.tree(list, depth)))


def _has_key(trees: Trees, depth: int) -> Node:
    del depth
    return Call("has_key", (Ref("doc"), trees.param(trees.pick("a", "b", "0"))))


SMALL = st.integers(-3, 4)
LETTERS = st.text("aA ", max_size=2)
UNITS = st.sampled_from(["year", "quarter", "month", "week", "day", "hour", "minute", "second"])
PARTS = st.sampled_from(
    ["year", "quarter", "month", "week", "day", "isodow", "doy", "hour", "minute", "second", "epoch"]
)
DAY_PARTS = st.sampled_from(["year", "quarter", "month", "week", "day", "isodow", "doy", "epoch"])

_LEAST = (AggregateKind.MIN, AggregateKind.MAX, AggregateKind.FIRST)

_SHAPES: dict[type, dict[str, Shape]] = {
    int: {
        **{name: _same(name, int) for name in ("add", "sub", "mul", "div", "mod")},
        "neg": _same("neg", int, 1),
        "length": _same("length", str, 1),
        "size": _same("length", list, 1),
        "abs": _same("abs", int, 1),
        "round": _with("round", int, SMALL),
        "whole": lambda trees, depth: Call(trees.pick("floor", "ceil"), (trees.tree(int, depth),)),
        "position": _same("position", str),
        "extract": _with("extract", datetime, PARTS),
        "part": _with("extract", date, DAY_PARTS),
        "cast": _cast(int, str, Decimal, float, bool),
        "path": _path(int),
        "count": _aggregate(AggregateKind.COUNT, of=int),
        "count of texts": _aggregate(AggregateKind.COUNT, of=str),
        "aggregate": _aggregate(AggregateKind.SUM, *_LEAST, of=int),
    },
    Decimal: {
        **{name: _same(name, Decimal) for name in ("add", "sub", "mul", "div", "mod")},
        **{f"{name} int": _mixed(name, Decimal, int) for name in ("add", "sub", "mul", "div", "mod")},
        "neg": _same("neg", Decimal, 1),
        "abs": _same("abs", Decimal, 1),
        "round": _with("round", Decimal, SMALL),
        "whole": lambda trees, depth: Call(trees.pick("floor", "ceil"), (trees.tree(Decimal, depth),)),
        "root": _same("sqrt", Decimal, 1),
        "cast": _cast(Decimal, str, int, float),
        "path": _path(Decimal),
        "aggregate": _aggregate(AggregateKind.SUM, AggregateKind.AVG, *_LEAST, of=Decimal),
        "mean": _aggregate(AggregateKind.AVG, of=int),
    },
    float: {
        **{name: _same(name, float) for name in ("add", "sub", "mul", "div")},
        "neg": _same("neg", float, 1),
        "abs": _same("abs", float, 1),
        "round": _with("round", float, SMALL),
        "whole": lambda trees, depth: Call(trees.pick("floor", "ceil"), (trees.tree(float, depth),)),
        "root": lambda trees, depth: Call("sqrt", (trees.tree(trees.pick(int, float), depth),)),
        "power": _with("power", int, SMALL),
        "cast": _cast(float, str, int, Decimal),
        "path": _path(float),
        "aggregate": _aggregate(*_LEAST, of=float),
    },
    str: {
        "concat": _same("concat", str),
        "add": _same("add", str),
        "lower": _same("lower", str, 1),
        "upper": _same("upper", str, 1),
        "trim": lambda trees, depth: Call(
            trees.pick("trim", "trim_start", "trim_end"),
            (trees.tree(str, depth), trees.param(trees.draw(LETTERS))),
        ),
        "substring": _substring,
        "replace": _same("replace", str, 3),
        "reverse": _same("reverse", str, 1),
        "pad": lambda trees, depth: Call(
            trees.pick("pad_start", "pad_end"),
            (
                trees.tree(str, depth),
                trees.param(trees.draw(st.integers(-2, 9))),
                trees.param(trees.draw(LETTERS)),
            ),
        ),
        "join": _with("join", list, LETTERS),
        "at": _with("at", list, SMALL),
        "collate": _collated,
        "cast": _cast(str, int, Decimal, bool, date),
        "path": _path(str),
        "aggregate": _aggregate(*_LEAST, AggregateKind.CUSTOM, of=str),
    },
    bool: {
        "compared": _compared,
        "logic": _logic,
        "not": _same("not", bool, 1),
        "true": _same("is_true", bool, 1),
        "null": _null,
        "in": _in,
        "input": _with_input,
        "contains": _same("contains", str),
        "starts": _same("starts_with", str),
        "ends": _same("ends_with", str),
        "exists": _exists,
        "has": _has,
        "has_key": _has_key,
        "cast": _cast(bool, str, int),
        "path": _path(bool),
        "const": lambda trees, depth: trees.pick(TRUE, FALSE),
    },
    datetime: {
        "add": _mixed("add", datetime, timedelta),
        "sub": _mixed("sub", datetime, timedelta),
        "date_add": _date_add(datetime),
        "date_trunc": _with("date_trunc", datetime, UNITS),
        "cast": _cast(datetime, date),
        "aggregate": _aggregate(*_LEAST, of=datetime),
    },
    date: {
        "add": _mixed("add", date, timedelta),
        "sub": _mixed("sub", date, timedelta),
        "date_add": _date_add(date),
        "date_trunc": _with("date_trunc", date, UNITS),
        "date_of": _same("date_of", datetime, 1),
        "cast": _cast(date, datetime),
        "aggregate": _aggregate(*_LEAST, of=date),
    },
    list: {
        "split": _with("split", str, LETTERS),
        "append": _mixed("append", list, str),
        "remove": _mixed("remove", list, str),
        "aggregate": _aggregate(AggregateKind.LIST, of=str),
    },
    timedelta: {
        "between": _same("sub", datetime),
        "days": _same("sub", date),
        "add": _same("add", timedelta),
        "sub": _same("sub", timedelta),
        "neg": _same("neg", timedelta, 1),
        "aggregate": _aggregate(AggregateKind.SUM, AggregateKind.AVG, *_LEAST, of=timedelta),
    },
}
