"""What actions ask of related rows can be done: relationship, input and the other resources' actions are there."""

from __future__ import annotations

from collections.abc import Iterator

from sorbus.changeset.relationships import Role, chosen, verify_management
from sorbus.errors.declaration import DeclarationError, WrongRelationship
from sorbus.errors.hints import did_you_mean, listed
from sorbus.resource.managing import RelatedChange
from sorbus.schema.actions import ActionSpec
from sorbus.schema.fields import Cardinality
from sorbus.schema.resource import ApplicationSpec, ResourceSpec


def related_mistakes(application: ApplicationSpec) -> Iterator[DeclarationError]:
    """The changes of actions that write related rows and cannot."""
    for spec in application.resources.values():
        for action in spec.actions.values():
            for change in action.changes:
                if isinstance(change, RelatedChange):
                    try:
                        _check(application, spec, action, change)
                    except DeclarationError as error:
                        yield error


def _check(
    application: ApplicationSpec, spec: ResourceSpec, action: ActionSpec, change: RelatedChange
) -> None:
    label = f"{action.label}: {change.name}"
    name = change.relationship.name
    each = spec.relationships.get(name)
    if each is None:
        raise WrongRelationship(
            label,
            f"`{name}` is no relationship of {spec.name}. Relationships: {listed(spec.relationships)}.",
            hint=did_you_mean(name, spec.relationships),
        )
    if change.cascade is not None:
        _check_cascade(application, spec, change, label)
        return
    if change.from_input is not None:
        _check_input(action, change, label)
    actor_key = change.from_input is None and each.cardinality is Cardinality.BELONGS_TO
    if change.how is not None and not actor_key:
        verify_management(application, spec, name, change.how, label)


def _check_input(action: ActionSpec, change: RelatedChange, label: str) -> None:
    name = change.from_input or change.relationship.name
    inputs = [each.name for each in action.inputs]
    if name not in inputs:
        raise WrongRelationship(
            label,
            f"{action.label} has no input `{name}` to follow. Inputs: {listed(inputs)}.",
            hint=did_you_mean(name, inputs) or f"Declare `{name}: Arg[…]`, or say `from_input=`.",
        )


def _check_cascade(
    application: ApplicationSpec, spec: ResourceSpec, change: RelatedChange, label: str
) -> None:
    said, kind = change.cascade or (None, None)
    each = spec.relationships[change.relationship.name]
    if each.cardinality is Cardinality.MANUAL:
        raise WrongRelationship(label, f"a function finds the rows of `{spec.name}.{each.name}`.")
    if kind is not None:
        chosen(application, label, Role(name="action", resource=each.destination, kind=kind, said=said))
