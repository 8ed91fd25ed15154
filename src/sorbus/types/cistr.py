"""Case-insensitive text: `Ada` and `ADA` are one value, and each keeps its own spelling."""

from __future__ import annotations

from typing import Any

from sorbus.types.rules import TypeRule, teach


def folded(text: str) -> str:
    """A text in lower case, letter by letter, as PostgreSQL's `lower` does it in a locale of UTF-8."""
    if text.isascii():
        return text.lower()
    return "".join(low if len(low := each.lower()) == 1 else each for each in text)


class CiStrRule(TypeRule["CiStr"]):
    """Texts that are compared without regard to case; a column of PostgreSQL's `citext`."""

    sql = "citext"
    extension = "citext"
    stands_for = (str,)
    limited = str

    def cast(self, value: Any) -> CiStr:
        if not isinstance(value, str):
            raise ValueError("it should be a text")  # noqa: TRY004  # what the contract asks for
        return CiStr(value)

    def dump(self, value: CiStr) -> Any:
        # A plain text may stand for one in an expression, and must then compare as one.
        return CiStr(value)

    def load(self, stored: Any) -> CiStr:
        return CiStr(stored)

    def to_json(self, value: CiStr) -> Any:
        return str(value)

    def core_schema(self, handler: Any) -> Any:
        del handler
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(
            CiStr,
            core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )


class CiStr(str):
    """A text that equals another whatever the case of its letters: `CiStr("Ada") == "ADA"`.

    It sorts, hashes and searches the same way. Made from a text; what a text method returns is a plain `str`.
    """

    __slots__ = ()
    type_rule = CiStrRule()

    def __eq__(self, other: object) -> bool:
        return folded(self) == folded(other) if isinstance(other, str) else NotImplemented

    def __ne__(self, other: object) -> bool:
        return folded(self) != folded(other) if isinstance(other, str) else NotImplemented

    def __hash__(self) -> int:
        return hash(folded(self))

    def __lt__(self, other: str) -> bool:
        return folded(self) < folded(other)

    def __le__(self, other: str) -> bool:
        return folded(self) <= folded(other)

    def __gt__(self, other: str) -> bool:
        return folded(self) > folded(other)

    def __ge__(self, other: str) -> bool:
        return folded(self) >= folded(other)

    def __contains__(self, part: object) -> bool:
        return isinstance(part, str) and folded(part) in folded(self)

    def startswith(self, prefix: Any, *bounds: Any) -> bool:
        """Whether it begins with a text, in whatever case."""
        return folded(self).startswith(_folded(prefix), *bounds)

    def endswith(self, suffix: Any, *bounds: Any) -> bool:
        """Whether it ends with a text, in whatever case."""
        return folded(self).endswith(_folded(suffix), *bounds)

    def __str__(self) -> str:
        return "".join(self)


def _folded(text: Any) -> Any:
    return tuple(map(folded, text)) if isinstance(text, tuple) else folded(text)  # pyright: ignore[reportUnknownArgumentType]


teach(CiStr)
