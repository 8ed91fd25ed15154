"""Views: what an actor may see of a resource's rows, as a condition that memory can decide for a row at hand.

A view is a normalised actor. It is made of the plan that a read of the actor's would run: its condition on the rows and
those on the fields, with the values of actor and tenant put in. Whoever comes to equal conditions sees the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sorbus.engine.read_plans import ReadPlan
from sorbus.engine.shapes import Shape
from sorbus.expressions.evaluate import actor_value
from sorbus.expressions.nodes import ActorRef, Call, Const, Node, Param, Ref, TenantRef
from sorbus.expressions.rewriting import rewritten
from sorbus.policies.deciding import decider
from sorbus.policies.nodes import LOGIC
from sorbus.query.query import Query
from sorbus.schema.fields import AttributeSpec
from sorbus.schema.resource import PRIMARY_READ, ResourceSpec
from sorbus.scope import Scope, tenant_key

if TYPE_CHECKING:
    from sorbus.engine.reading import Reader

_LARGEST_CACHE = 4096

Hole = ActorRef | TenantRef
"""What a condition asks of the actor or the tenant."""

_KNOWN: Mapping[str, type[Any]] = {
    "text": str, "uuid": UUID, "boolean": bool, "bigint": int, "integer": int, "smallint": int,
}  # fmt: skip
"""The column types whose equality Python decides as PostgreSQL does, whatever the values and the collation."""
_NOTHING = object()
_EQUALITY = frozenset({"eq", "ne", "distinct"})
_ORDER = frozenset({"lt", "le", "gt", "ge"})


@dataclass(frozen=True, slots=True)
class Question:
    """A condition that only the data layer can answer, and what it asks of the actor.

    Attributes:
        shape: the condition, in which the actor's attribute `n` stands for the value at `n`.
    """

    shape: Node
    values: tuple[Any, ...]


class Decision:
    """How the rows of one or more views are decided.

    Args:
        masks: the conditions of fields and relationships, each with the names that it is about.
    """

    def __init__(self, allowed: Node | None, masks: Sequence[tuple[Node, frozenset[str]]]) -> None:
        self.decide = decider(allowed, [node for node, _ in masks])
        self._masks = [names for _, names in masks]
        self._hidden: dict[int, frozenset[str]] = {}

    def hidden(self, bits: int) -> frozenset[str]:
        """The names under the masks that `decide` has answered with."""
        found = self._hidden.get(bits)
        if found is None:
            some = [names for place, names in enumerate(self._masks) if bits >> place & 1]
            found = self._hidden[bits] = frozenset[str]().union(*some)
        return found


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class View:
    """What a normalised actor may see of a resource's rows.

    Attributes:
        decision: it takes the stored values of a row, and the answer to question `n` as `answer_name(n)`.
        values: what it takes of the actor and the tenant.
        questions: what the data layer has to answer for each row.
    """

    decision: Decision
    values: tuple[Any, ...]
    questions: tuple[Question, ...]


def answer_name(place: int) -> str:
    """The name of an answer among the values of a row; no attribute has such a one."""
    return f"answer {place}"


@dataclass(slots=True, eq=False)
class Outlook:
    """The views of one read plan: its conditions, and what they ask of actor and tenant."""

    spec: ResourceSpec
    plan: ReadPlan
    holes: tuple[Hole, ...] = field(init=False)
    masks: tuple[tuple[Node, frozenset[str]], ...] = field(init=False)
    _views: dict[Any, View] = field(default_factory=dict[Any, View])
    _decisions: dict[Any, Decision] = field(default_factory=dict[Any, Decision])

    def __post_init__(self) -> None:
        about: dict[Node, set[str]] = {}
        for name, node in self.plan.masks.items():
            about.setdefault(node, set()).add(name)
        self.masks = tuple((node, frozenset(names)) for node, names in about.items())
        holes: dict[Hole, None] = {}
        where = (self.plan.where,) if self.plan.where is not None else ()
        for node in (*where, *about):
            _filled(node, holes.setdefault)
        self.holes = tuple(holes)

    def view(self, scope: Scope) -> View:
        """The view of a scope.

        Raises:
            ActorFieldNotLoaded, ActorFieldHidden, WrongActor: something of the actor is not at hand.
        """
        values = tuple(_value(hole, scope) for hole in self.holes)
        # 1, 1.0 and True are equal, and not the same to a database.
        key = values, tuple(map(type, values))
        try:
            found = self._views.get(key)
        except TypeError:  # a value that cannot be a key
            return self._made(values)
        if found is None:
            if len(self._views) >= _LARGEST_CACHE:
                self._views.clear()
            found = self._views[key] = self._made(values)
        return found

    def _made(self, values: tuple[Any, ...]) -> View:
        closer = _Closer(self.spec, self.holes, values)
        allowed = closer.closed(self.plan.where) if self.plan.where is not None else None
        masks = tuple((closer.closed(node), names) for node, names in self.masks)
        decision = self._decisions.get((allowed, masks))
        if decision is None:
            decision = self._decisions[allowed, masks] = Decision(allowed, masks)
        return View(decision, values, tuple(closer.questions))


class Outlooks:
    """The outlooks of an application's resources."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._found: dict[int, Outlook] = {}
        self._reads: dict[str, tuple[Query[Any], Shape]] = {}

    def of(self, spec: ResourceSpec, scope: Scope) -> tuple[Outlook, Scope]:
        """The outlook of a scope on a resource's rows, and the scope in which they are read.

        Raises:
            Forbidden: it can see none.
        """
        found = self._reads.get(spec.name)
        if found is None:
            found = self._reads[spec.name] = Query(resource=spec.python), Shape(spec.name, PRIMARY_READ, None)
        query, shape = found
        scope, known = self._reader.checked(query, spec, scope)
        plan = self._reader.planner.plan(shape, scope, known=known)
        outlook = self._found.get(id(plan))
        if outlook is None:
            if len(self._found) >= _LARGEST_CACHE:
                self._found.clear()
            # It holds the plan, so that no other one gets its place in memory.
            outlook = self._found[id(plan)] = Outlook(spec, plan)
        return outlook, scope


class _Closer:
    """Puts values into conditions, and takes out of them what memory cannot decide."""

    def __init__(self, spec: ResourceSpec, holes: Sequence[Hole], values: Sequence[Any]) -> None:
        self.spec = spec
        self.places = {hole: place for place, hole in enumerate(holes)}
        self.values = values
        self.questions: list[Question] = []

    def closed(self, node: Node) -> Node:
        """A condition on the values of a row and the answers to questions."""
        if isinstance(node, Const):
            return node
        if isinstance(node, Call) and node.operator in LOGIC:
            return Call(node.operator, tuple(self.closed(each) for each in node.args))
        return self._plain(node) or self._asked(node)

    def _plain(self, node: Node) -> Node | None:
        """The condition with its values, if memory decides it as the data layer would."""
        match node:
            case Ref():
                return node if self._kind(node) is bool else None
            case Call("is_null", (Ref() as ref,)):
                return node if self._kind(ref) is not None else None
            case Call(operator, (one, other)) if operator in _EQUALITY or operator in _ORDER:
                kinds = {kind for each in (one, other) if (kind := self._kind(each)) is not None}
                if len(kinds) != 1 or (operator in _ORDER and kinds != {int}):
                    return None
                (kind,) = kinds
                filled = self._operand(one, kind), self._operand(other, kind)
                return Call(operator, (filled[0], filled[1])) if filled[0] and filled[1] else None
            case Call("in", (Ref() as ref, Const() as hay)) if hay.value.__class__ is tuple:
                kind = self._kind(ref)
                return node if kind is not None and all(_is(item, kind) for item in hay.value) else None
            case _:
                return None

    def _operand(self, node: Node, kind: type[Any]) -> Node | None:
        """A side of a comparison with its value; None when its type is another one."""
        if isinstance(node, Ref):
            return node if self._kind(node) is kind else None
        value: Any = _NOTHING
        if isinstance(node, (ActorRef, TenantRef)):
            place = self.places[node]
            node, value = Param(place, kind), self.values[place]
        elif isinstance(node, Const):
            value = node.value
        return node if value is None or _is(value, kind) else None

    def _kind(self, node: Node) -> type[Any] | None:
        """The type of an attribute that is read unasked and that memory compares; None of all else."""
        if not isinstance(node, Ref) or node.path or node.outer:
            return None
        attribute = self.spec.attributes.get(node.name)
        return None if attribute is None or not attribute.select_by_default else _kind_of(attribute)

    def _asked(self, node: Node) -> Node:
        values: list[Any] = []

        def numbered(hole: Hole) -> Node:
            values.append(self.values[self.places[hole]])
            return ActorRef(str(len(values) - 1))

        question = Question(_filled(node, numbered), tuple(values))
        self.questions.append(question)
        return Ref(answer_name(len(self.questions) - 1))


def _kind_of(attribute: AttributeSpec) -> type[Any] | None:
    kind = attribute.type
    known = _KNOWN.get(kind.sql)
    return known if known is not None and kind.rule is None and issubclass(kind.python, known) else None


def _is(value: Any, kind: type[Any]) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _filled(node: Node, instead: Any) -> Node:
    return rewritten(node, lambda each: instead(each) if isinstance(each, (ActorRef, TenantRef)) else None)


def _value(hole: Hole, scope: Scope) -> Any:
    if isinstance(hole, TenantRef):
        return (hole.cast or tenant_key)(scope.tenant)
    return actor_value(scope.actor, hole.name, hole.owner)


def slots(shape: Node, asked: int, number: int) -> Node:
    """The shape of question `asked`, for one of several actors in a statement."""

    def slot(each: Node) -> Node | None:
        return ActorRef(slot_name(f"{asked}_{each.name}", number)) if isinstance(each, ActorRef) else None

    return rewritten(shape, slot)


def slot_name(place: str, number: int) -> str:
    """The attribute of all actors of a statement together that holds a value of one of them."""
    return f"v{place}_{number}"


def answers_of(questions: Sequence[Question]) -> tuple[Node, ...]:
    """The shapes of questions, which decide the statement that answers them."""
    return tuple(each.shape for each in questions)
