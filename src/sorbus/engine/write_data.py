"""What the steps of one write share: its parts, its compiled statements, and the conditions of its row."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sorbus.data_layers.base import Bindings, DataLayer, Executable, Row
from sorbus.engine.casting import InputCaster
from sorbus.engine.documents import Documents
from sorbus.engine.guards import tenancy
from sorbus.engine.hydrate import Hydrate
from sorbus.engine.lifecycle import ActionCall
from sorbus.engine.states import chooses
from sorbus.engine.tenants import reach
from sorbus.expressions.nodes import Call, Const, InputRef, Node, Param, Ref, walk
from sorbus.policies.fold import PolicyProgram
from sorbus.query.statements import Statement
from sorbus.schema.actions import ActionSpec
from sorbus.schema.fields import AttributeSpec
from sorbus.schema.resource import ResourceSpec
from sorbus.scope import EveryTenant

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine

_IDLE = frozenset(
    {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE", "RETURN_GENERATOR", "POP_TOP"}
)
_LARGEST_CACHE = 500


def is_empty(function: Callable[..., Any]) -> bool:
    """Whether a body is a docstring alone, so that calling it would do nothing."""
    return not inspect.iscoroutinefunction(function) and all(
        each.opname in _IDLE for each in dis.get_instructions(function)
    )


@dataclass(slots=True)
class WriteData:
    """What the steps of one write action share.

    Attributes:
        sync_body: whether there is a body that does something and runs at step 4.
        prepares: whether step 4 has anything to run besides taking the inputs.
        row_first: whether the row is read before step 4, since a hook or what runs there looks at it.
        accepted: the attributes that are set by an input of their name.
        fields: the attributes that a create sets by itself: name, whether an input does, and the spec if it has
            a default.
        parameters: the node of a plain value, by its attribute and position.
        nodes: the nodes of plain values for several attributes, by their names and the first position.
        changes_later: whether a create's row may still change after its policies have seen it.
        documents: the embedded documents of the resource, when the action can write some.
        generates: whether the database makes values of a new row.
        answers: whether a create may learn from the statement what was written.
        unselected: the attributes that records have only when they are asked for.
        chooses: whether its body must choose the state that follows.
        previous: the attributes whose values from before an update its effects ask for, and its statement tells.
        executables: the compiled statements, by which attributes they write and what is left of the policies.
    """

    engine: Engine
    spec: ResourceSpec
    action: ActionSpec
    layer: DataLayer
    caster: InputCaster
    program: PolicyProgram
    hydrate: Hydrate
    draft: type
    sync_body: bool
    needs_draft: bool
    prepares: bool
    row_first: bool
    changes_later: bool
    previous: frozenset[str] = frozenset()
    chooses: bool = False
    accepted: frozenset[str] = frozenset()
    documents: Documents | None = None
    generates: bool = False
    answers: bool = False
    unselected: frozenset[str] = frozenset()
    fields: tuple[tuple[str, bool, AttributeSpec | None], ...] = ()
    nodes: dict[Any, tuple[tuple[str, Node], ...]] = field(
        default_factory=dict[Any, tuple[tuple[str, Node], ...]]
    )
    parameters: dict[tuple[str, int], Param] = field(default_factory=dict[tuple[str, int], Param])
    executables: dict[Any, Executable] = field(default_factory=dict[Any, Executable])

    def __post_init__(self) -> None:
        self.chooses = chooses(self.action.transition)
        self.accepted = frozenset(each.name for each in self.action.inputs if each.attribute)
        attributes = self.spec.attributes.items()
        self.fields = tuple(
            (name, name in self.accepted, each if each.has_default else None) for name, each in attributes
        )
        self.generates = any(each.generated for _, each in attributes)
        self.answers = self.action.upsert is not None or self.generates
        self.unselected = frozenset(name for name, each in attributes if not each.select_by_default)

    @property
    def previous_of_upsert(self) -> tuple[str, ...]:
        """The attributes whose old values an upsert's statement answers with."""
        return tuple(sorted(self.previous)) if self.action.upsert is not None else ()

    def parameter(self, name: str, position: int) -> Param:
        """The node of a plain value for an attribute; made once."""
        key = (name, position)
        found = self.parameters.get(key)
        if found is None:
            found = self.parameters[key] = Param(position, self.spec.attributes[name].type.python)
        return found

    def plain(self, names: tuple[str, ...], first: int) -> tuple[tuple[str, Node], ...]:
        """The nodes of plain values for some attributes, whose parameters begin at a position; made once."""
        key = (names, first)
        found = self.nodes.get(key)
        if found is None:
            if len(self.nodes) >= _LARGEST_CACHE:
                self.nodes.clear()
            found = tuple((name, self.parameter(name, first + index)) for index, name in enumerate(names))
            self.nodes[key] = found
        return found

    def stored(self, name: str, value: Any) -> Any:
        """What a row keeps for a value of an attribute."""
        dump = self.spec.dumps.get(name)
        return value if dump is None or value is None else dump(value)

    def column(self, name: str, values: list[Any]) -> list[Any]:
        """What rows keep for values of an attribute."""
        dump = self.spec.dumps.get(name)
        return values if dump is None else [None if each is None else dump(each) for each in values]

    def keep(self, key: Any, statement: Statement) -> Executable:
        """Compile a statement and keep it for the next run; a cache that is full starts anew."""
        if len(self.executables) >= _LARGEST_CACHE:
            self.executables.clear()
        executable = self.executables[key] = self.engine.compile(self.layer, statement)
        return executable


def previous_of(effects: Iterable[Any]) -> frozenset[str]:
    """The attributes whose values from before an update some effects ask for, in their `previous`."""
    return frozenset(name for effect in effects for name in getattr(effect, "previous", ()))


def before(data: WriteData, names: tuple[str, ...], values: Row) -> dict[str, Any]:
    """The values from before an update, as Python values."""
    found: dict[str, Any] = {}
    for name, value in zip(names, values, strict=True):
        loader = data.layer.loader(data.spec.attributes[name].type)
        found[name] = value if loader is None or value is None else loader(value)
    return found


def tenancy_for(call: ActionCall) -> Node | None:
    """The tenant's condition; none where the action, or inner work without a tenant, looks at all of them."""
    data: WriteData = call.plan.data
    if data.spec.tenancy is None or reach(data.action, call.scope).__class__ is EveryTenant:
        return None
    return tenancy(data.spec)


def key_is(spec: ResourceSpec, index: int) -> Node:
    """The condition that a row has the key in a parameter."""
    key = spec.primary_key
    return Call("eq", (Ref(key.name), Param(index, key.type.python)))


def asked_inputs(inputs: Mapping[str, Any], *conditions: Node | None) -> dict[str, Any]:
    """The inputs that conditions look at: one statement asks for several calls only where these are equal."""
    asked = (each for node in conditions if node is not None for each in walk(node))
    names = {each.name for each in asked if isinstance(each, InputRef)}
    return {name: inputs.get(name) for name in sorted(names)}


def guarded(data: WriteData) -> Node | None:
    """The transition's guard, in the statement itself."""
    transition = data.action.transition
    if transition is None or not transition.sources:
        return None
    return Call("in", (Ref(transition.attribute), Const(transition.sources)))


def bindings(call: ActionCall, params: list[Any]) -> Bindings:
    """What a statement of this call is run with."""
    tenant = reach(call.plan.data.action, call.scope)
    return Bindings(params, call.scope.actor, tenant, call.changeset.inputs)
