"""Sections of changes and validations that hold for several actions of a resource."""

from __future__ import annotations

from collections.abc import Iterator

from sorbus.changeset.items import Change, Item, Validation
from sorbus.errors.declaration import DeclarationError, WrongSection
from sorbus.errors.hints import did_you_mean, listed
from sorbus.expressions.lowering import Lowerer
from sorbus.resource.sections import ACTION_TYPES, Section
from sorbus.schema.actions import ActionSpec
from sorbus.schema.resource import ResourceSpec


class _Items(Section):
    """What both sections share."""

    items: tuple[Item, ...] = ()

    def check(self, spec: ResourceSpec, lowerer: Lowerer) -> Iterator[DeclarationError]:
        """Every item is for actions that there are."""
        del lowerer
        allowed = (*ACTION_TYPES, *spec.actions)
        for item in self.items:
            for name in sorted(item.kinds - set(allowed)):
                yield WrongSection(
                    f"{spec.name}.{self.section_name}",
                    f"`{item.name}` is for `{name}`, which is no action. Actions: {listed(allowed)}.",
                    hint=did_you_mean(name, allowed),
                )


class Changes(_Items):
    """Changes that run after an action's own, for creates and updates unless they say otherwise with `.on(…)`."""

    section_name = "changes"

    def __init__(self, *changes: Change) -> None:
        self.items = changes


class Validations(_Items):
    """Validations that run after all changes, for creates and updates unless they say otherwise with `.on(…)`."""

    section_name = "validations"

    def __init__(self, *validations: Validation) -> None:
        self.items = validations


def items_for(action: ActionSpec, *sections: object) -> tuple[Item, ...]:
    """The items of some sections that are for an action."""
    names = {action.name, action.kind.value, "any"}
    return tuple(
        item
        for section in sections
        if isinstance(section, _Items)
        for item in section.items
        if item.kinds & names
    )
