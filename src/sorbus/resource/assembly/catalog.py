"""What the assembly knows about the declared classes, gathered before anything is lowered."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, get_args, get_origin, get_type_hints

from sorbus.errors.declaration import DeclarationError, MissingPart, NoSuchResource
from sorbus.errors.hints import did_you_mean
from sorbus.expressions.expr import Expr
from sorbus.resource.fields import Attr
from sorbus.resource.relationships import Many, One, Relationship, is_relationship
from sorbus.types.base import FieldType, split_optional
from sorbus.types.base import field_type as make_type


@dataclass(slots=True)
class Namespace:
    """The names that annotations of some classes may use, and the types that such annotations name."""

    names: dict[str, Any]
    hints: dict[str, Any] = field(default_factory=dict[str, Any])

    def resolved(self, annotation: Any) -> Any:
        """The type that an annotation names.

        Raises:
            NameError: it uses an unknown name.
        """
        if annotation is None:
            return type(None)
        if not isinstance(annotation, str):
            return _resolved(annotation, self.names)
        if annotation not in self.hints:
            self.hints[annotation] = _resolved(annotation, self.names)
        return self.hints[annotation]


@dataclass(slots=True)
class ClassCatalog:
    """The classes of an application by name, with the types of their attributes and relationships."""

    classes: Mapping[str, type[Any]]
    types: dict[tuple[type[Any], str], FieldType] = field(
        default_factory=dict[tuple[type[Any], str], FieldType]
    )
    targets: dict[Any, type[Any]] = field(default_factory=dict[Any, type[Any]])
    maker: Callable[[type[Any], Any], Expr[Any]] | None = None
    several: dict[Any, bool] = field(default_factory=dict[Any, bool])
    namespaces: dict[Any, Namespace] = field(default_factory=dict[Any, Namespace])

    def namespace(self, cls: type[Any]) -> Namespace:
        """The names that a class's annotations may use; classes of the same modules share them.

        They are those of its modules and of the functions it was declared in; the name of a resource means the
        application's own, so that resources may be named before they are defined.
        """
        local = any(each.__dict__.get("__locals__") for each in cls.__mro__)
        key = cls if local else tuple(each.__module__ for each in cls.__mro__)
        if key not in self.namespaces:
            self.namespaces[key] = Namespace(_names(cls, self.classes))
        return self.namespaces[key]

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

    def calculation(self, owner: type[Any], call: Any) -> Expr[Any]:
        """The expression of a calculation with arguments."""
        assert self.maker is not None, "the assembly says how"
        return self.maker(owner, call)

    def reached(self, owner: type[Any], name: str) -> type[Any]:
        """The class that a relationship leads to, or a path of names joined by dots."""
        for step in name.split("."):
            owner = self.destination(owner.__declared__[step])
        return owner


def gather(classes: Mapping[str, type[Any]], errors: list[DeclarationError]) -> ClassCatalog:
    """Read the annotations of all classes."""
    catalog = ClassCatalog(classes)
    for cls in classes.values():
        gather_class(catalog, cls, errors)
    return catalog


def gather_class(catalog: ClassCatalog, cls: type[Any], errors: list[DeclarationError]) -> None:
    """Read the annotations of one class."""
    namespace = catalog.namespace(cls)
    annotations = _annotations(cls)
    for name, member in cls.__declared__.items():
        try:
            hint = namespace.resolved(annotations.get(name))
        except NameError as error:
            errors.append(_unresolved(f"{cls.__name__}.{name}", member, error, namespace.names))
            continue
        _gather_member(catalog, errors, member, owner=cls, name=name, hint=hint)


def _names(cls: type[Any], classes: Mapping[str, type[Any]]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        names.update(vars(sys.modules.get(base.__module__, sys)))
        names.update(base.__dict__.get("__locals__", {}))
    for name, each in classes.items():
        there = names.get(name)
        if there is None or (hasattr(there, "__declared__") and not hasattr(there, "__embedded__")):
            names[name] = each
    return names


def _resolved(annotation: Any, names: dict[str, Any]) -> Any:
    holder = SimpleNamespace(__annotations__={"it": annotation})
    return get_type_hints(holder, names, names, include_extras=True)["it"]


def _annotations(cls: type[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        found.update(inspect.get_annotations(base))
    return found


def _unresolved(where: str, member: Any, error: NameError, names: Mapping[str, Any]) -> DeclarationError:
    name = error.name or str(error)
    if is_relationship(member):
        resources = [each for each, value in names.items() if hasattr(value, "__declared__")]
        return NoSuchResource(
            name, wanted_by=where, allowed=(each for each in resources if each != "Resource")
        )
    hint = did_you_mean(name, names) or "Import it where it can be found at run time."
    return MissingPart(where, f"the name `{name}` in its type is unknown.", hint=hint)


def _gather_member(
    catalog: ClassCatalog,
    errors: list[DeclarationError],
    member: Any,
    *,
    owner: type[Any],
    name: str,
    hint: Any,
) -> None:
    if isinstance(member, Attr):
        if get_origin(hint) is not Attr:
            shape = f"`{name}: Attr[…] = attribute(…)`"
            errors.append(
                MissingPart(f"{owner.__name__}.{name}", f"the attribute has no type; write {shape}.")
            )
            return
        catalog.types[(owner, name)] = make_type(get_args(hint)[0], **member.options.limits)
        if member.owner is not owner:
            catalog.types.setdefault((member.owner, name), catalog.types[(owner, name)])
    elif is_relationship(member):
        _gather_relationship(catalog, errors, member, owner=owner, name=name, hint=hint)


def _gather_relationship(
    catalog: ClassCatalog,
    errors: list[DeclarationError],
    member: Relationship[Any],
    *,
    owner: type[Any],
    name: str,
    hint: Any,
) -> None:
    origin = get_origin(hint)
    # A path is neither: where it leads shows later.
    declared = next((kind for kind in (One, Many) if isinstance(member, kind)), origin)
    if origin not in {One, Many} or origin is not declared:
        wanted = "One[…]" if declared is One else "Many[…]"
        errors.append(
            MissingPart(
                f"{owner.__name__}.{name}", f"the relationship has no target; write `{name}: {wanted} = …`."
            )
        )
        return
    target: Any = split_optional(get_args(hint)[0])[0]
    name_of_target = getattr(target, "__name__", str(target))
    found = catalog.classes.get(name_of_target)
    if found is None or found is not target:
        errors.append(
            NoSuchResource(name_of_target, wanted_by=f"{owner.__name__}.{name}", allowed=catalog.classes)
        )
        return
    catalog.targets[member] = found
    catalog.several[member] = origin is Many
