"""From embedded resources to their specs: those that attributes name, and those that these name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from sorbus.errors.declaration import DeclarationError, MissingPart
from sorbus.resource.actions import Action
from sorbus.resource.assembly.actions import ActionBuilder
from sorbus.resource.assembly.catalog import ClassCatalog, gather_class
from sorbus.resource.assembly.fields import attribute_spec
from sorbus.resource.assembly.mistakes import noting
from sorbus.resource.assembly.options import check_attribute
from sorbus.resource.assembly.policies import PolicyBuilder
from sorbus.resource.embedded import EmbeddedRule, is_embedded
from sorbus.resource.fields import is_attribute
from sorbus.schema.actions import UNCHANGED, ActionKind, ActionSpec, InputSpec, Missing
from sorbus.schema.fields import AttributeSpec
from sorbus.schema.resource import ResourceSpec
from sorbus.types.base import FieldType
from sorbus.types.names import parts
from sorbus.types.purposes import Purpose

KINDS = (ActionKind.CREATE, ActionKind.UPDATE, ActionKind.DESTROY)


def embedded_specs(catalog: ClassCatalog, errors: list[DeclarationError]) -> Mapping[type[Any], ResourceSpec]:
    """The specs of every embedded resource that an attribute of the application can hold."""
    waiting = list(dict.fromkeys(each for kind in catalog.types.values() for each in embedded_in(kind)))
    found: dict[type[Any], ResourceSpec] = {}
    seen: set[type[Any]] = set()
    while waiting:
        cls = waiting.pop(0)
        if cls in seen:
            continue
        seen.add(cls)
        gather_class(catalog, cls, errors)
        kinds = [catalog.type_of(cls, name) for name in cls.__declared__]
        waiting += [each for kind in kinds if kind is not None for each in embedded_in(kind)]
        spec = found[cls] = _spec(cls, catalog, errors)
        rule = cls.type_rule
        if isinstance(rule, EmbeddedRule):
            rule.learn(spec)
    return MappingProxyType(found)


def embedded_in(kind: FieldType) -> Iterator[type[Any]]:
    """The embedded resources that a type names."""
    yield from filter(is_embedded, parts(kind.annotation))


def _spec(cls: type[Any], catalog: ClassCatalog, errors: list[DeclarationError]) -> ResourceSpec:
    note = partial(noting, errors, cls)
    attributes: dict[str, AttributeSpec] = {}
    for name, member in cls.__declared__.items():
        kind = catalog.type_of(cls, name)
        if is_attribute(member) and kind is not None:
            with note(name):
                check_attribute(cls, name, member, kind)
                attributes[name] = attribute_spec(name, member, kind)
    builder = ActionBuilder(cls, catalog, attributes, {}, errors)
    actions: dict[str, ActionSpec] = {}
    for name, member in cls.__declared__.items():
        if isinstance(member, Action):
            with note(name):
                action = builder.build(name, member)
                _check_action(action, actions.values())
                actions[name] = action
    for missing in KINDS:
        if not any(each.kind is missing for each in actions.values()):
            actions[missing.value] = _implicit(cls.__name__, missing, attributes)
    policies = PolicyBuilder(cls, catalog, actions, errors)
    return ResourceSpec(
        name=cls.__name__,
        python=cls,
        description=inspect.cleandoc(cls.__doc__ or "").split("\n")[0],
        layer="none",
        attributes=MappingProxyType(attributes),
        actions=MappingProxyType(actions),
        policies=policies.build(cls.__declared__.get("policies")),
    )


def _check_action(action: ActionSpec, others: Any) -> None:
    """An embedded resource has one action of each kind, which runs while its owner's change is put together.

    Raises:
        MissingPart: it cannot.
    """
    problem = ""
    first = next((each.name for each in others if each.kind is action.kind), None)
    if action.kind not in KINDS:
        problem = "an embedded resource has create, update and destroy actions only."
    elif first is not None:
        problem = f"it is a second {action.kind.value} action beside `{first}`; the owner would not know which to run."
    elif action.body_async or action.hooks:
        problem = (
            "it runs while the owner's change is put together, so it has neither hooks nor an async body."
        )
    elif not all(each.public for each in action.inputs):
        problem = "documents come from outside as a whole, so it has no `PrivateArg`."
    elif action.transition is not None or action.upsert is not None:
        problem = "a document has neither transitions nor upserts."
    elif action.kind is ActionKind.DESTROY and any(each.required for each in action.inputs):
        problem = "nobody gives inputs to the destroy action of a document."
    if problem:
        raise MissingPart(action.label, problem)


def _implicit(name: str, kind: ActionKind, attributes: Mapping[str, AttributeSpec]) -> ActionSpec:
    """The action of a kind that is not declared: it accepts what is public and writable."""
    inputs: tuple[InputSpec, ...] = ()
    if kind is not ActionKind.DESTROY:
        inputs = tuple(
            InputSpec(
                name=each.name,
                type=each.type,
                attribute=True,
                default=Missing.MARK
                if kind is ActionKind.CREATE and not each.has_default and not each.generated
                else UNCHANGED,
                description=each.description,
                sensitive=each.sensitive,
                purpose=Purpose.CREATED if kind is ActionKind.CREATE else Purpose.CHANGED,
            )
            for each in attributes.values()
            if each.public and each.writable
        )
    return ActionSpec(name=kind.value, kind=kind, resource=name, inputs=inputs)
