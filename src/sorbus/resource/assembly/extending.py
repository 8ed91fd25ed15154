"""What extensions make of a spec: their transforms in order, their verdicts, and who added what."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from sorbus.errors.declaration import DeclarationError
from sorbus.errors.extensions import ExtensionFailed, ExtensionOrder
from sorbus.expressions.build import Expr
from sorbus.expressions.lowering import Lowerer
from sorbus.expressions.nodes import Node
from sorbus.resource.assembly.catalog import ClassCatalog
from sorbus.resource.assembly.policies import PolicyBuilder
from sorbus.resource.policies import Policies, Policy
from sorbus.resource.sections import Section
from sorbus.schema.resource import AdditionSpec, ApplicationSpec, ResourceSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a transform may ask about its resource."""

    cls: type[Any]
    catalog: ClassCatalog
    errors: list[DeclarationError] = field(default_factory=list[DeclarationError])

    def lower(self, expression: Expr[Any]) -> Node:
        """An expression over this resource's fields as a node."""
        return expression.lower(Lowerer(self.catalog, (self.cls,)))

    def restrict(self, spec: ResourceSpec, *policies: Policy) -> ResourceSpec:
        """The spec with further policies; one without any stays closed."""
        if spec.policies is None:
            return spec
        builder = PolicyBuilder(self.cls, self.catalog, dict(spec.actions), self.errors)
        return replace(spec, policies=(*spec.policies, *(builder.build(Policies(*policies)) or ())))


def extended(spec: ResourceSpec, catalog: ClassCatalog, errors: list[DeclarationError]) -> ResourceSpec:
    """The spec after the transforms of its sections; mistakes join `errors` with the extension's name."""
    added = [*_members(spec)]
    for name, section in _ordered(spec, errors):
        context = Context(cls=spec.python, catalog=catalog)
        before = spec
        with _labelled(errors, spec, name, section, step="transform"):
            spec = section.transform(spec, context)
        errors.extend(_from(error, spec, name, section) for error in context.errors)
        added.extend(_changed(name, section, before, spec))
    return replace(spec, additions=tuple(added)) if added else spec


def verdicts(application: ApplicationSpec, errors: list[DeclarationError]) -> None:
    """What extensions find wrong with the finished specs."""
    for spec in application.resources.values():
        for name, section in _extensions(spec):
            with _labelled(errors, spec, name, section, step="verify"):
                errors.extend(_from(error, spec, name, section) for error in section.verify(spec))


def _extensions(spec: ResourceSpec) -> list[tuple[str, Section]]:
    sections: Mapping[str, Section] = spec.sections
    return list(sections.items())


def _ordered(spec: ResourceSpec, errors: list[DeclarationError]) -> Iterator[tuple[str, Section]]:
    """The sections that transform, each after those that it wants before it."""
    found = dict(_extensions(spec))
    graph: dict[str, set[str]] = {name: set() for name in found}
    for name, section in found.items():
        for other in section.after:
            if other in graph:
                graph[name].add(other)
        for other in section.before:
            if other in graph:
                graph[other].add(name)
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        errors.append(ExtensionOrder(spec.name, [str(name) for name in error.args[1]]))
        return
    for name in order:
        if type(found[name]).transform is not Section.transform:
            yield name, found[name]


@contextmanager
def _labelled(
    errors: list[DeclarationError], spec: ResourceSpec, name: str, section: Section, *, step: str
) -> Generator[None]:
    try:
        yield
    except DeclarationError as error:
        errors.append(_from(error, spec, name, section))
    except Exception as error:
        failed = ExtensionFailed(
            spec.name, name, type(section).__name__, step=step, problem=f"{type(error).__name__}: {error}"
        )
        failed.__cause__ = error
        errors.append(failed)


def _from(error: DeclarationError, spec: ResourceSpec, name: str, section: Section) -> DeclarationError:
    """The error, saying which extension found it."""
    label = f"{spec.name}.{name}"
    if label not in error.message:
        error.message = f"{error.message} (Found by {type(section).__name__} in {label}.)"
    return error


def _members(spec: ResourceSpec) -> Iterator[AdditionSpec]:
    added: Mapping[str, str] = getattr(spec.python, "__added__", {})
    for member, name in added.items():
        section = spec.sections.get(name)
        if section is not None:
            kind = "action" if member in spec.actions else "field"
            yield AdditionSpec(section=name, extension=type(section).__name__, kind=kind, name=member)


def _changed(
    name: str, section: Section, before: ResourceSpec, after: ResourceSpec
) -> Iterator[AdditionSpec]:
    def note(kind: str, part: str) -> AdditionSpec:
        return AdditionSpec(section=name, extension=type(section).__name__, kind=kind, name=part)

    parts: tuple[tuple[str, Callable[[ResourceSpec], Mapping[str, Any]]], ...] = (
        ("attribute", lambda spec: spec.attributes),
        ("action", lambda spec: spec.actions),
        ("identity", lambda spec: spec.identities),
        ("calculation", lambda spec: spec.calculations),
    )
    for kind, get in parts:
        old = get(before)
        for part, value in get(after).items():
            if part not in old:
                yield note(kind, part)
            elif value is not old[part]:
                yield note(f"{kind} changed", f"{part}: {_what(old[part], value)}")
    for policy in (after.policies or ())[len(before.policies or ()) :]:
        yield note("policy", ", ".join(sorted(policy.actions)))


def _what(old: Any, new: Any) -> str:
    """The options in which two specs differ."""
    return ", ".join(
        each.name for each in fields(new) if getattr(old, each.name) is not getattr(new, each.name)
    )
