"""What the assembly knows about the declared classes, gathered before anything is lowered."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin, get_type_hints

from sorbus.errors.declaration import DeclarationError, MissingPart, NoSuchResource
from sorbus.resource.fields import Attr
from sorbus.resource.relationships import Many, One, Relationship
from sorbus.types.base import FieldType, split_optional
from sorbus.types.base import field_type as make_type


@dataclass(slots=True)
class ClassCatalog:
    """The classes of an application by name, with the types of their attributes and relationships."""

    classes: Mapping[str, type[Any]]
    types: dict[tuple[type[Any], str], FieldType] = field(default_factory=dict[tuple[type[Any], str], FieldType])
    targets: dict[Any, type[Any]] = field(default_factory=dict[Any, type[Any]])

    def type_of(self, owner: type[Any], name: str) -> FieldType | None:
        """The type of an attribute, once known."""
        return self.types.get((owner, name))

    def destination(self, relationship: Any) -> type[Any]:
        """The class a relationship leads to.

        Raises:
            NoSuchResource: it is in no domain of the application.
        """
        found: type[Any] | None = self.targets.get(relationship)
        if found is None:
            label = f"{relationship.owner.__name__}.{relationship.name}"
            raise NoSuchResource("?", wanted_by=label, allowed=self.classes)
        return found


def gather(classes: Mapping[str, type[Any]], errors: list[DeclarationError]) -> ClassCatalog:
    """Read the annotations of all classes."""
    catalog = ClassCatalog(classes)
    for cls in classes.values():
        try:
            hints = resolved_hints(cls, classes)
        except NameError as error:
            errors.append(_unresolved(cls, error, classes))
            continue
        for name, member in cls.__declared__.items():
            _gather_member(cls, name, member, hints.get(name), catalog, errors)
    return catalog


def resolved_hints(cls: type[Any], classes: Mapping[str, type[Any]], function: Any = None) -> dict[str, Any]:
    """The resolved annotations of a class or function; resources may be named before they are defined."""
    names: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        names.update(vars(sys.modules.get(base.__module__, sys)))
    names.update(classes)
    target = function if function is not None else cls
    return get_type_hints(target, globalns=names, localns=dict(classes), include_extras=True)


def _unresolved(cls: type[Any], error: NameError, classes: Iterable[str]) -> DeclarationError:
    return NoSuchResource(error.name or str(error), wanted_by=cls.__name__, allowed=classes)


def _gather_member(
    cls: type[Any],
    name: str,
    member: Any,
    hint: Any,
    catalog: ClassCatalog,
    errors: list[DeclarationError],
) -> None:
    if isinstance(member, Attr):
        if get_origin(hint) is not Attr:
            shape = f"`{name}: Attr[…] = attribute(…)`"
            errors.append(MissingPart(f"{cls.__name__}.{name}", f"the attribute has no type; write {shape}."))
            return
        catalog.types[(cls, name)] = make_type(get_args(hint)[0], **member.options.limits)
        if member.owner is not cls:
            catalog.types.setdefault((member.owner, name), catalog.types[(cls, name)])
    elif isinstance(member, Relationship):
        _gather_relationship(cls, name, member, hint, catalog, errors)


def _gather_relationship(
    cls: type[Any],
    name: str,
    member: Relationship[Any],
    hint: Any,
    catalog: ClassCatalog,
    errors: list[DeclarationError],
) -> None:
    if get_origin(hint) not in {One, Many}:
        wanted = "One[…]" if isinstance(member, One) else "Many[…]"
        errors.append(
            MissingPart(f"{cls.__name__}.{name}", f"the relationship has no target; write `{name}: {wanted} = …`.")
        )
        return
    target: Any = split_optional(get_args(hint)[0])[0]
    name_of_target = getattr(target, "__name__", str(target))
    if catalog.classes.get(name_of_target) is not target:
        errors.append(
            NoSuchResource(name_of_target, wanted_by=f"{cls.__name__}.{name}", allowed=catalog.classes)
        )
        return
    catalog.targets[member] = target
