"""Annotations taken apart: aliases, optional ones, the class of the values, and how they are written."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, NewType, TypeAliasType, Union, get_args, get_origin

from sorbus.types.limits import Limits

UNIONS = frozenset({Union, types.UnionType})


@dataclass(frozen=True, slots=True)
class Resolved:
    """A derived type taken apart: `Email | None` is `str`, nullable, with the limits of `Email`."""

    annotation: Any
    nullable: bool
    limits: Limits


def resolve(annotation: Any) -> Resolved:
    """The type below aliases, `NewType` and `Annotated`, with every limit on the way."""
    limits, nullable = Limits(), False
    kept: list[Any] = []
    while True:
        inner = unalias(annotation)
        if get_origin(inner) is Annotated:
            inner, *metadata = get_args(inner)
            for each in metadata:
                limits = limits.with_(each) if isinstance(each, Limits) else limits
            kept = [each for each in metadata if not isinstance(each, Limits)] + kept
        elif is_union(inner):
            inner, optional = without_null(inner)
            nullable = nullable or optional
            if not optional:
                break
        elif get_origin(inner) is Literal and None in get_args(inner) and len(get_args(inner)) > 1:
            inner, nullable = Literal[tuple(each for each in get_args(inner) if each is not None)], True
        elif inner is annotation:
            break
        annotation = inner
    whole = Annotated[annotation, *kept] if kept else annotation
    return Resolved(whole, nullable or admits_null(annotation), limits)


def unalias(annotation: Any) -> Any:
    """The type that an alias or `NewType` stands for; Sorbus' own recursive `Json` stays."""
    while True:
        origin = get_origin(annotation)
        if isinstance(annotation, TypeAliasType) and not is_json_alias(annotation):
            annotation = annotation.__value__
        elif isinstance(origin, TypeAliasType):
            annotation = origin.__value__[get_args(annotation)]
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        else:
            return annotation


def bare(annotation: Any) -> Any:
    """The type below aliases and `Annotated`."""
    while True:
        annotation = unalias(annotation)
        if get_origin(annotation) is not Annotated:
            return annotation
        annotation = get_args(annotation)[0]


def without_null(annotation: Any) -> tuple[Any, bool]:
    """The annotation without `None`, and whether it had it."""
    if is_union(annotation):
        args = tuple(arg for arg in get_args(annotation) if arg is not type(None))
        if len(args) < len(get_args(annotation)):
            return (args[0] if len(args) == 1 else Union[args]), True  # noqa: UP007
    return annotation, False


def admits_null(annotation: Any) -> bool:
    """Whether `None` is among the values of a type, also where it does not say so itself, as in `Json`."""
    inner = bare(annotation)
    if is_json_alias(inner) or inner in (None, type(None), Any, object):
        return True
    if get_origin(inner) is Literal:
        return None in get_args(inner)
    return is_union(inner) and any(admits_null(each) for each in get_args(inner))


def is_union(annotation: Any) -> bool:
    """Whether it is `A | B`."""
    return get_origin(annotation) in UNIONS


def is_enum(annotation: Any) -> bool:
    """Whether an annotation is an enumeration class."""
    return isinstance(annotation, type) and issubclass(annotation, Enum)


def is_json_alias(annotation: Any) -> bool:
    """Whether an annotation is Sorbus' own recursive `Json` type."""
    return getattr(annotation, "__name__", "") == "Json"


def python_class(annotation: Any) -> type:
    """The class whose instances an annotation describes; `object` when there is no single one."""
    annotation = bare(annotation)
    origin = get_origin(annotation)
    if origin is Literal:
        sample: object = get_args(annotation)[0]
        return type(sample)
    if annotation is Any or origin in UNIONS:
        return object
    if isinstance(origin, type):
        return origin
    return annotation if isinstance(annotation, type) else object


def type_name(annotation: Any) -> str:
    """A short name: `UUID` rather than `uuid.UUID`."""
    if get_origin(annotation) is Annotated:
        return type_name(get_args(annotation)[0])
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__name__
    if is_union(annotation):
        return " | ".join("None" if arg is type(None) else type_name(arg) for arg in get_args(annotation))
    args = get_args(annotation)
    if args:
        origin = get_origin(annotation)
        name = getattr(origin, "__name__", str(origin))
        shown = (repr(arg) if isinstance(arg, str) else type_name(arg) for arg in args)
        return f"{name}[{', '.join(shown)}]"
    return getattr(annotation, "__name__", str(annotation))


def parts(annotation: Any) -> Iterator[Any]:
    """The annotation and every one inside it, below aliases; what is `Annotated` comes with and without it."""
    annotation = unalias(annotation)
    yield annotation
    plain = bare(annotation)
    if plain is not annotation:
        yield plain
    for each in () if get_origin(plain) is Literal else get_args(plain):
        yield from parts(each)
