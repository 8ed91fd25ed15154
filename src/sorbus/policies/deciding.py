"""Deciding in memory: conditions on one row as a Python function, for rows that many look at.

It says what `evaluate` says of the same conditions. Nulls cost nothing extra: what is written is when a condition is
true, and below a `not` when it is false, which by SQL's rules are both other than unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sorbus.expressions.evaluate import Unevaluable
from sorbus.expressions.nodes import Call, Const, Node, Param, Ref

Decide = Callable[[Mapping[str, Any], Sequence[Any]], int | None]
"""From the values of a row and those of `Param` nodes: None when it is not let through, else bit `n` for mask `n`."""

_SIGNS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def decider(allowed: Node | None, masks: Sequence[Node]) -> Decide:
    """A function that decides about a row, and which masks are over it.

    Args:
        allowed: when the row is let through; None is always.
        masks: conditions, each of which sets its bit unless it is true.

    Raises:
        Unevaluable: there is something in them that is not decided here.
    """
    writer = _Writer()
    passes = "True" if allowed is None else writer.true(allowed)
    bits = [f"(0 if {writer.true(each)} else {1 << place})" for place, each in enumerate(masks)]
    code = f"def decide(r, v):\n if {passes}:\n  return {' | '.join(bits) if bits else '0'}\n return None\n"
    exec(code, writer.names)  # noqa: S102  # operators and names of fields only; values travel in `names`
    decide: Decide = writer.names["decide"]
    return decide


class _Writer:
    """Writes conditions as Python."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}

    def true(self, node: Node) -> str:
        """When it is true."""
        match node:
            case Const(value):
                return str(value is True)
            case Ref():
                return f"{self._operand(node)} is True"
            case Call("and", args):
                return self._joined(" and ", map(self.true, args))
            case Call("or", args):
                return self._joined(" or ", map(self.true, args))
            case Call("not", (arg,)):
                return self.false(arg)
            case Call("is_true", (arg,)):
                return self.true(arg)
            case _:
                return self._compared(node, truth=True)

    def false(self, node: Node) -> str:
        """When it is false."""
        match node:
            case Const(value):
                return str(value is False)
            case Ref():
                return f"{self._operand(node)} is False"
            case Call("and", args):
                return self._joined(" or ", map(self.false, args))
            case Call("or", args):
                return self._joined(" and ", map(self.false, args))
            case Call("not", (arg,)):
                return self.true(arg)
            case Call("is_true", (arg,)):
                return f"(not {self.true(arg)})"
            case _:
                return self._compared(node, truth=False)

    def _compared(self, node: Node, *, truth: bool) -> str:
        """When a comparison is true or false."""
        match node:
            case Call("is_null", (arg,)):
                return f"({self._operand(arg)} is {'' if truth else 'not '}None)"
            case Call("distinct", (one, other)):
                return f"({self._operand(one)} {'!=' if truth else '=='} {self._operand(other)})"
            case Call("eq" | "ne" as operator, (one, other)):
                sign = "==" if truth is (operator == "eq") else "!="
                return self._strict(f"{self._operand(one)} {sign} {self._operand(other)}", one, other)
            case Call(operator, (one, other)) if operator in _SIGNS:
                text = f"{self._operand(one)} {_SIGNS[operator]} {self._operand(other)}"
                return self._strict(text if truth else f"not {text}", one, other)
            case Call("in", (one, Const() as hay)) if hay.value.__class__ is tuple:
                if not hay.value:
                    return str(not truth)
                text = f"{self._operand(one)} {'' if truth else 'not '}in {self._operand(hay)}"
                return self._strict(text, one)
            case _:
                raise Unevaluable(repr(node))

    def _strict(self, text: str, *operands: Node) -> str:
        """A comparison that is neither true nor false beside a null."""
        if Const(None) in operands:
            return "False"
        tests = [f"{self._operand(each)} is not None" for each in operands if not isinstance(each, Const)]
        return self._joined(" and ", (*tests, text))

    def _joined(self, word: str, parts: Any) -> str:
        texts = tuple(parts)
        return f"({word.join(texts)})" if texts else str(word == " and ")

    def _operand(self, node: Node) -> str:
        match node:
            case Ref(name, (), 0):
                return f"r[{name!r}]"
            case Param(index):
                return f"v[{index}]"
            case Const(value):
                name = f"c{len(self.names)}"
                self.names[name] = value
                return name
            case _:
                raise Unevaluable(repr(node))
