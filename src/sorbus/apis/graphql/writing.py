"""Writing: how a data layer writes the records of a selection itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol, cast
from uuid import UUID

from graphql import GraphQLEnumType, GraphQLNonNull

from sorbus.apis.graphql.bindings import Value
from sorbus.query.templates import Chosen, Keyed, Nested, Part, Shown, Template, Templates, texts_of
from sorbus.schema.fields import AttributeSpec, RelationshipSpec
from sorbus.types.showing import to_json


class Gap(Protocol):
    """Related records, as far as it matters here."""

    @property
    def relationship(self) -> RelationshipSpec:
        """What leads to them."""
        ...

    @property
    def leading(self) -> bool:
        """Whether they are loaded along."""
        ...

    @property
    def connection(self) -> bool:
        """Whether they come in pages with cursors."""
        ...

    @property
    def found(self) -> bool:
        """Whether a function finds them."""
        ...


@dataclass(slots=True, eq=False)
class Writing[G: Gap]:
    """How the records of a plan are written; learnt while their selection is compiled.

    Attributes:
        parts: the parts of one record; None where related records stand.
        ways: the relationships that stand there.
        needs_python: whether something in it does.
        writable: for read actions whether a data layer can write what they answer with.
        nestable: whether it is worth while to write all records in one statement; None until that was asked.
    """

    parts: list[Part | None] = field(default_factory=list[Part | None])
    ways: list[G] = field(default_factory=list[G])
    needs_python: bool = False
    _templates: Templates | None = None
    _gathered: Templates | None = None
    _together: Templates | None = None
    _together_gathered: Templates | None = None
    writable: dict[str, bool] = field(default_factory=dict[str, bool])
    nestable: bool | None = None

    @property
    def templates(self) -> Templates:
        """The texts of each record."""
        if self._templates is None:
            starts = tuple(way.relationship.name for way in self.ways)
            self._templates = Templates(texts_of(self.parts), starts)
        return self._templates

    @property
    def together(self) -> Templates:
        """The text of each record with everything behind it, for one statement."""
        if self._together is None:
            self._together = Templates(self._whole())
        return self._together

    @property
    def together_gathered(self) -> Templates:
        """The same of all records of one source row."""
        if self._together_gathered is None:
            self._together_gathered = Templates(self._whole(), gathered=True)
        return self._together_gathered

    def _whole(self) -> tuple[Template, ...]:
        ways = iter(self.ways)
        return texts_of(_behind(next(ways)) if part is None else part for part in self.parts)

    @property
    def gathered(self) -> Templates | None:
        """The texts of all records of one source row; None where related records stand in them."""
        if self._gathered is None and not self.ways:
            self._gathered = Templates(texts_of(self.parts), gathered=True)
        return self._gathered

    # what a selection shows

    def member(self, key: str, *, first: bool) -> None:
        """A name in the answer; its value comes next."""
        self.parts.append(("" if first else ",") + to_json(key).decode() + ":")

    def constant(self, value: str) -> None:
        """A value that is the same for all."""
        self.parts.append(to_json(value).decode())

    def value(self, found: Value, kind: Any, spec: Any, *, plain: bool) -> None:
        """The value of a field.

        Args:
            kind: its type in the schema.
            spec: its own spec.
            plain: whether it is shown as it stands on the record.
        """
        inner = cast("Any", kind.of_type) if isinstance(kind, GraphQLNonNull) else kind  # pyright: ignore[reportUnknownMemberType]
        if found.arguments:
            self.needs_python = True
        elif isinstance(inner, GraphQLEnumType) and found.show is None:
            self._chosen(found.name, inner)
        elif plain:
            self.parts.append(Shown(found.name))
        elif found.show is str and isinstance(spec, AttributeSpec) and _bare(spec):
            self.parts.append(Keyed('"', found.name, '"'))
        else:
            self.needs_python = True

    def _chosen(self, name: str, kind: GraphQLEnumType) -> None:
        cases: dict[str | int, str] = {}
        for shown, each in kind.values.items():
            stored = each.value.value if isinstance(each.value, Enum) else each.value
            if isinstance(stored, bool) or not isinstance(stored, str | int):
                self.needs_python = True
                return
            cases[stored if isinstance(stored, int) else str(stored)] = to_json(shown).decode()
        self.parts.append(Chosen(name, tuple(cases.items())))

    def related(self, way: G) -> None:
        """Related records, as one or as a list."""
        if way.connection or not way.leading or way.found or way in self.ways:
            self.needs_python = True
            return
        self.ways.append(way)
        many = way.relationship.to_many
        self.parts += ["[", None, "]"] if many else [None]


def _behind(way: Gap) -> Nested:
    return Nested(way.relationship.name, empty="" if way.relationship.to_many else "null")


def _bare(spec: AttributeSpec) -> bool:
    return issubclass(spec.type.python, UUID | int) and spec.type.codec.show is None
