"""What a query loads: the fields of the statement, the related rows, and the calculations that run in Python."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from sorbus.engine.hydrate import record
from sorbus.engine.shapes import Extra
from sorbus.errors.declaration import NoSuchField, UnusableAlias
from sorbus.errors.inputs import InvalidAnswer
from sorbus.expressions.nodes import Node
from sorbus.query.query import LoadItem, Query, load_item
from sorbus.schema.fields import CalculationSpec, RelationshipSpec
from sorbus.schema.resource import ResourceSpec
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.expressions.lowering import Lowerer

Loads = tuple[tuple[RelationshipSpec, LoadItem], ...]


class Call(Protocol):
    """A calculation with its arguments, as a user writes it."""

    alias: str
    args: tuple[Any, ...]
    arguments: dict[str, Any]

    @property
    def name(self) -> str:
        """The calculation's name."""
        ...

    def lower(self, context: Any) -> Node:
        """Its expression."""
        ...


class Arguments(Protocol):
    """Casts the arguments of calculations."""

    def arguments(self, spec: CalculationSpec, call: Any) -> dict[str, Any]:
        """The cast arguments of a call."""
        ...


@dataclass(frozen=True, slots=True)
class Computation:
    """One calculation in Python: what it is called with, and where its value goes.

    Attributes:
        view: the names that the function sees another value under than the record has.
    """

    slot: str
    spec: CalculationSpec
    python: type[Any]
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    view: tuple[tuple[str, str], ...] = ()

    async def run(self, records: Sequence[Any], scope: Scope) -> None:
        """Put its value on each record.

        Raises:
            InvalidAnswer: a function for all records does not answer with one value for each.
        """
        function: Any = self.spec.function
        subjects = [self._seen(each) for each in records] if self.view else list(records)
        if not self.spec.batch:
            for each, subject in zip(records, subjects, strict=True):
                each.__dict__[self.slot] = function(subject, **self.arguments)
            return
        values = function(subjects, scope, **self.arguments)
        if inspect.isawaitable(values):
            values = await values
        if not isinstance(values, list) or len(values) != len(records):  # pyright: ignore[reportUnknownArgumentType]
            found = f"{len(values)} values" if isinstance(values, list) else f"a {type(values).__name__}"  # pyright: ignore[reportUnknownArgumentType]
            problem = f"{found} for {len(records)} records"
            raise InvalidAnswer(
                self.spec.label, problem=problem, expected="a list with a value for each record"
            )
        for each, value in zip(records, values, strict=True):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            each.__dict__[self.slot] = value

    def _seen(self, subject: Any) -> Any:
        """The record as the function sees it."""
        values, python = subject.__dict__, self.python
        return record(python, {**values, **{name: values[slot] for name, slot in self.view}})


@dataclass(slots=True)
class Python:
    """What a read does in Python once its rows are there.

    Attributes:
        before: related rows that calculations need.
        computations: in an order in which each finds what it needs.
        after: related rows that are loaded otherwise than the calculations need them.
        dropped: names that only the calculations needed.
    """

    before: Loads = ()
    computations: tuple[Computation, ...] = ()
    after: Loads = ()
    dropped: tuple[str, ...] = ()


@dataclass(slots=True)
class Gathering:
    """Gathers what the items of one query ask for; what several need is loaded once."""

    spec: ResourceSpec
    lowerer: Lowerer
    casts: Arguments
    fields: dict[str, None] = field(default_factory=dict[str, None])
    extras: dict[str, Extra] = field(default_factory=dict[str, Extra])
    attributes: set[str] = field(default_factory=set[str])
    asked: dict[str, LoadItem] = field(default_factory=dict[str, LoadItem])
    _related: dict[str, LoadItem] = field(default_factory=dict[str, LoadItem])
    _needed: dict[str, LoadItem] = field(default_factory=dict[str, LoadItem])
    _computations: dict[str, Computation] = field(default_factory=dict[str, Computation])
    _hidden: list[str] = field(default_factory=list[str])
    _calls: list[tuple[str, dict[str, Any], str]] = field(
        default_factory=list[tuple[str, dict[str, Any], str]]
    )

    def ask(self, item: LoadItem) -> None:
        """What a user asks for.

        Raises:
            NoSuchField: there is no such field or relationship.
            UnusableAlias: a name is taken.
            InvalidAction: a calculation's arguments do not fit.
        """
        target: Any = item.target
        if hasattr(target, "alias"):
            slot = self._slot(target)
            self._called(target, slot)
            self.asked[slot] = item
            return
        name: str = target if isinstance(target, str) else target.name
        if name in self.spec.relationships:
            # The last word counts when a relationship is asked for twice.
            self._related[name] = item
        elif name in self.spec.calculations or name in self.spec.aggregates:
            self._taken(name, None)
            self._plain(name)
            self.asked[name] = item
        elif name in self.spec.attributes:
            self._attribute(name)
        else:
            raise NoSuchField(
                self.spec.name, name, allowed=[*self.spec.fields, *self.spec.relationships], where="a load"
            )

    def _attribute(self, name: str) -> None:
        self.attributes.add(name)
        if not self.spec.attributes[name].select_by_default:
            self.fields[name] = None

    def _slot(self, call: Call) -> str:
        slot = call.alias or call.name
        known = self.spec.calculations.get(call.name)
        if known is None:
            raise NoSuchField(self.spec.name, call.name, allowed=self.spec.calculations, where="a load")
        if call.alias and (call.alias in self.spec.relationships or hasattr(self.spec.python, call.alias)):
            raise UnusableAlias(known.label, call.alias, f"`{self.spec.name}` has a member of that name")
        self._taken(slot, (call.name, self.casts.arguments(known, call)))
        return slot

    def _taken(self, slot: str, call: tuple[str, dict[str, Any]] | None) -> None:
        """Refuse a second value under a name; the same one again is the same."""
        there = next(((name, given) for name, given, where in self._calls if where == slot), None)
        if (slot in self.asked) and there != call:
            label = f"{self.spec.name}.{call[0] if call is not None else slot}"
            raise UnusableAlias(label, slot, "another value is loaded under that name")

    def _plain(self, name: str) -> None:
        """A derived field by its name alone."""
        known = self.spec.calculations.get(name)
        if known is not None and not known.plain:
            # An argument without default is missing, and the cast says so.
            self.casts.arguments(known, _NoArguments(name))
        if name in self.fields:
            return
        if known is not None and known.function is not None:
            arguments = {each.name: each.default for each in known.arguments}
            self._compute(name, known, arguments)
        self.fields[name] = None

    def _called(self, call: Call, slot: str) -> None:
        """A calculation with arguments."""
        if slot in self.extras:
            return
        known = self.spec.calculations[call.name]
        arguments = self.casts.arguments(known, call)
        node: Node | None = None
        if known.function is None:
            node = call.lower(self.lowerer)
        else:
            self._compute(slot, known, arguments)
        self.extras[slot] = Extra(slot, known.name, node)
        self._calls.append((known.name, arguments, slot))

    def _compute(self, slot: str, known: CalculationSpec, arguments: dict[str, Any]) -> None:
        view = tuple((name, where) for name, where in map(self._need, known.needs) if name != where)
        self._computations[slot] = Computation(slot, known, self.spec.python, arguments, view)

    def _need(self, target: Any) -> tuple[str, str]:
        """What a calculation needs: under which name it looks for it, and where it stands."""
        if hasattr(target, "alias"):
            name = target.alias or target.name
            arguments = self.casts.arguments(self.spec.calculations[target.name], target)
            for known, given, slot in self._calls:
                if known == target.name and given == arguments:
                    return name, slot
            # No user can ask for a name with a space.
            slot = f"needed {len(self._hidden)}"
            self._hidden.append(slot)
            self._called(target, slot)
            return name, slot
        if hasattr(target, "targets"):
            name = target.relationship.name
            self._need_related(name, target.targets(self._destination(target.relationship)))
            return name, name
        name = target.name
        if name in self.spec.relationships:
            self._need_related(name, ())
        elif name in self.spec.attributes:
            self._attribute(name)
        else:
            self._plain(name)
        return name, name

    def _destination(self, relationship: Any) -> type[Any]:
        """The class behind a relationship."""
        return self.lowerer.catalog.destination(relationship)

    def _need_related(self, name: str, targets: Iterable[Any]) -> None:
        """Related rows, with what several calculations need of them together."""
        relationship = self.spec.relationships[name]
        self.attributes.add(relationship.source_attribute)
        loads = tuple(map(load_item, targets))
        there = self._needed.get(name)
        if there is not None and there.query is not None:
            loads = (*there.query.loads, *loads)
        query: Query[Any] | None = None
        if loads:
            destination = self._destination(getattr(self.spec.python, name))
            query = Query(resource=destination, loads=loads)
        self._needed[name] = LoadItem(target=name, query=query)

    # what comes of it

    def loads(self) -> Loads:
        """The related rows that the user asked for and that can be loaded first."""
        return tuple(self._with_specs(name for name in self._related if name not in self._needed))

    def python(self) -> Python | None:
        """What is left to do in Python; None when there is nothing."""
        if not self._computations:
            return None
        after = tuple(self._with_specs(name for name in self._related if name in self._needed))
        before = tuple((self.spec.relationships[name], item) for name, item in self._needed.items())
        dropped = (*self._hidden, *(name for name in self._needed if name not in self._related))
        return Python(before, tuple(self._computations.values()), after, dropped)

    def _with_specs(self, names: Iterator[str]) -> Iterator[tuple[RelationshipSpec, LoadItem]]:
        for name in names:
            yield self.spec.relationships[name], self._related[name]


@dataclass(frozen=True, slots=True)
class _NoArguments:
    name: str
    args: tuple[Any, ...] = ()
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    alias: str = ""
