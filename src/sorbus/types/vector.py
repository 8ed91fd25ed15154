"""Vectors of numbers: what a model makes of a text, to find what is near."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from numbers import Real
from typing import Any, Literal, overload

from sorbus.types.limits import Limits
from sorbus.types.rules import TypeRule

MOST_DIMENSIONS = 16_000
MOST_INDEXED = 2_000
"""The most dimensions that an index of pgvector can hold."""

Distance = Literal["cosine", "l2", "inner_product"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hnsw:
    """An index that finds near vectors without looking at all of them, nearly always the nearest.

    Attributes:
        distance: the distance that it serves; sort by the function of that name.
        m: links of each vector; more find better and take longer to build.
        ef_construction: candidates looked at while it is built.
    """

    distance: Distance = "cosine"
    m: int | None = None
    ef_construction: int | None = None

    @property
    def operators(self) -> str:
        """The operator class in PostgreSQL."""
        short = {"cosine": "cosine", "l2": "l2", "inner_product": "ip"}[self.distance]
        return f"vector_{short}_ops"


class VectorRule(TypeRule["Vector"]):
    """Vectors; a column of pgvector's `vector`."""

    sql = "vector"
    extension = "vector"
    stands_for = (list, tuple)

    def cast(self, value: Any) -> Vector:
        return value if isinstance(value, Vector) else Vector(_numbers(value))

    def constrain(self, value: Vector, limits: Limits) -> Vector:
        if limits.dimensions is not None:
            value.keep("dimensions", limits.dimensions)
        return value

    def dump(self, value: Any) -> Vector:
        return self.cast(value)

    def to_json(self, value: Vector) -> Any:
        return list(value)

    def json_schema(self, limits: Limits) -> dict[str, Any]:
        least, most = limits.dimensions or 1, limits.dimensions or MOST_DIMENSIONS
        return {"type": "array", "items": {"type": "number"}, "minItems": least, "maxItems": most}

    def column(self, limits: Limits) -> str:
        return "vector" if limits.dimensions is None else f"vector({limits.dimensions})"


class Vector(Sequence[float]):
    """A frozen vector: `Vector([0.1, 0.2, 0.3])`. Its numbers are rounded to 32 bits, as they are stored.

    Raises:
        ValueError: it has no numbers or too many of them, or one is not finite or too large for 32 bits.
    """

    __slots__ = ("_numbers",)
    type_rule = VectorRule()

    def __init__(self, numbers: Iterable[float]) -> None:
        try:
            rounded = array("f", numbers)
        except (TypeError, OverflowError):
            raise ValueError("a vector is made of numbers that fit into 32 bits") from None
        if not 1 <= len(rounded) <= MOST_DIMENSIONS:
            raise ValueError(f"it has {len(rounded)} numbers; a vector has 1 to {MOST_DIMENSIONS}")
        if not all(map(isfinite, rounded)):
            raise ValueError("its numbers must be finite and fit into 32 bits")
        # PostgreSQL keeps no negative zero apart, and neither may equality.
        self._numbers = tuple(each + 0.0 for each in rounded)

    @overload
    def __getitem__(self, index: int) -> float: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[float, ...]: ...
    def __getitem__(self, index: int | slice) -> float | tuple[float, ...]:
        return self._numbers[index]

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[float]:
        return iter(self._numbers)

    def __eq__(self, other: object) -> bool:
        return self._numbers == other._numbers if isinstance(other, Vector) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._numbers)

    def __repr__(self) -> str:
        shown = ", ".join(f"{each:g}" for each in self._numbers[:4])
        return f"Vector([{shown}{', …' if len(self) > 4 else ''}])"

    def keep(self, limit: str, wanted: int) -> None:
        """Look at a limit on it.

        Raises:
            ValueError: it has another number of dimensions.
        """
        if limit == "dimensions" and len(self) != wanted:
            raise ValueError(f"it has {len(self)} dimensions and should have {wanted}")


def _numbers(value: Any) -> Sequence[float]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise ValueError("it should be a list of numbers")  # noqa: TRY004  # what the contract asks for
    numbers: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType]
    if any(isinstance(each, bool) or not isinstance(each, Real) for each in numbers):
        raise ValueError("it should be a list of numbers")
    return numbers
