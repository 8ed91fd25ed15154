"""The door for extensions: what a section may add to a resource, and the tools to add it with.

An extension is a `Section` of its own. A resource that holds one gets what it adds:

- `members(cls)`: attributes, actions, calculations, as if they stood in the body of the class;
- `transform(spec, context)`: the finished spec with something changed, in the order of `before` and `after`;
- `verify(spec)`: mistakes, seen from the spec with every transform done;
- `effects(spec, action)`: work that commits together with a write;
- `notices(spec, action)`: work that follows the commit.

Everything that an extension needs is here, in the public parts of `sorbus`, and in `sorbus.schema`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sorbus.changeset.changeset import Changeset
from sorbus.changeset.items import Change, Item, Validation
from sorbus.errors.declaration import NoSuchField
from sorbus.errors.extensions import NoSuchPart
from sorbus.resource.actions import Action
from sorbus.resource.effects import Work, Write
from sorbus.resource.fields import Attr
from sorbus.resource.sections import ExtensionContext, Section
from sorbus.schema.actions import ActionSpec
from sorbus.schema.fields import AttributeSpec
from sorbus.schema.resource import ResourceSpec

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine

__all__ = [
    "Added",
    "Change",
    "Changeset",
    "ExtensionContext",
    "Item",
    "Section",
    "Validation",
    "Work",
    "Write",
    "add_changes",
    "change_action",
    "change_attribute",
    "install_extensions",
]


@dataclass(frozen=True, slots=True)
class Added:
    """An attribute that an extension adds, with its type: `Added(Attr[datetime | None], attribute(default=None))`."""

    annotation: Any
    member: Attr[Any]


def change_attribute(spec: ResourceSpec, name: str, **changes: Any) -> ResourceSpec:
    """The spec with one attribute changed: `change_attribute(spec, "slug", writable=False)`.

    Raises:
        NoSuchField: there is no such attribute.
    """
    found = spec.attributes.get(name)
    if found is None:
        raise NoSuchField(spec.name, name, allowed=spec.attributes)
    attribute: AttributeSpec = replace(found, **changes)
    return replace(spec, attributes=MappingProxyType({**spec.attributes, name: attribute}))


def change_action(spec: ResourceSpec, name: str, **changes: Any) -> ResourceSpec:
    """The spec with one action changed.

    Raises:
        NoSuchPart: there is no such action.
    """
    found = spec.actions.get(name)
    if found is None:
        raise NoSuchPart(spec.name, "action", name, allowed=spec.actions)
    action: ActionSpec = replace(found, **changes)
    return replace(spec, actions=MappingProxyType({**spec.actions, name: action}))


def add_changes(spec: ResourceSpec, *items: Item, on: Iterable[Action | str] = ()) -> ResourceSpec:
    """The spec with changes and validations after those of its actions.

    Args:
        on: the actions or kinds of actions; by default what each item says itself (creates and updates).
    """
    wanted = {each if isinstance(each, str) else each.name for each in on}
    for action in tuple(spec.actions.values()):
        names = {action.name, action.kind.value, "any"}
        own = tuple(each for each in items if (wanted or each.kinds) & names)
        if own and action.kind.writes:
            spec = change_action(spec, action.name, changes=(*action.changes, *own))
    return spec


def install_extensions(engine: Engine) -> None:
    """Have an engine do what the sections of its resources want done with each write."""
    specs = engine.application.resources.values()
    sections: list[Section] = [each for spec in specs for each in spec.sections.values()]
    if any(type(each).effects is not Section.effects for each in sections):
        engine.effect_sources.append(lambda spec, action: _together(spec, action, "effects"))
    if any(type(each).notices is not Section.notices for each in sections):
        engine.notice_sources.append(lambda spec, action: _together(spec, action, "notices"))


class _Together:
    """The effects of several extensions, one after the other."""

    def __init__(self, effects: list[Any]) -> None:
        self.effects = effects
        self.previous = frozenset(name for each in effects for name in getattr(each, "previous", ()))

    async def __call__(self, call: Write) -> None:
        await self.many([call])

    async def many(self, calls: Sequence[Write]) -> None:
        """Do the work for several writes: at once where an effect can, else one after the other."""
        for effect in self.effects:
            many = getattr(effect, "many", None)
            if many is not None:
                await many(calls)
                continue
            for call in calls:
                await effect(call)


def _together(spec: ResourceSpec, action: ActionSpec, what: str) -> Any:
    sections: Mapping[str, Section] = spec.sections
    found = [
        effect for each in sections.values() if (effect := getattr(each, what)(spec, action)) is not None
    ]
    return _Together(found) if found else None
