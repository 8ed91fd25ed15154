"""The base class of every resource."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from copy import copy
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar, Never, NoReturn, Self, TypeAliasType, overload

from sorbus.errors.access import ImmutableRecord, NoConstructor
from sorbus.errors.declaration import HidesMember, UnknownMember
from sorbus.errors.extensions import MemberTaken
from sorbus.query.query import Query
from sorbus.resource.actions import Action
from sorbus.resource.fields import Attr, Field
from sorbus.resource.relationships import Relationship
from sorbus.resource.sections import Section
from sorbus.schema.actions import ActionKind
from sorbus.scope import Scope

_MEMBERS = (Field, Relationship, Action, Section)


class Resource:
    """A thing of the domain: typed fields, relationships, actions and the rules that hold for them.

    Subclass it to declare one. Records are its instances; they come from actions and cannot be changed.
    """

    __declared__: ClassVar[dict[str, Any]] = {}
    __locals__: ClassVar[dict[str, Any]] = {}
    __added__: ClassVar[dict[str, str]] = {}

    def __init_subclass__(cls, *, draft: bool = False, **kwargs: Any) -> None:
        """Check that every public name in the body is something that a resource can have.

        Raises:
            UnknownMember: a name is not a field, relationship, action or section.
        """
        super().__init_subclass__(**kwargs)
        if draft:
            return
        cls.__locals__ = local_types(1)
        inherited: dict[str, Any] = {}
        for base in reversed(cls.__mro__[1:]):
            inherited.update(getattr(base, "__declared__", {}))
        hooks = {id(fn) for value in vars(cls).values() if isinstance(value, Action) for fn in _hooks(value)}
        own: dict[str, Any] = {}
        for name, value in vars(cls).items():
            if name.startswith("_") or id(value) in hooks:
                continue
            _check_member(cls, name, value)
            own[name] = value
        _take_over(cls, inherited, own)
        cls.__declared__ = {**inherited, **own}
        _add_members(cls, own)

    if TYPE_CHECKING:
        # No call can satisfy this, so that type checkers refuse `Run(…)`.
        def __init__(self, *, records_come_from_actions: Never) -> None: ...

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Always an error: records come from actions."""
        del args, kwargs
        raise NoConstructor(
            cls.__name__, [name for name, each in _actions(cls) if each.kind is ActionKind.CREATE]
        )

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        kinds = {ActionKind.UPDATE}
        raise ImmutableRecord(
            type(self).__name__, name, [label for label, each in _actions(type(self)) if each.kind in kinds]
        )

    def __repr__(self) -> str:
        shown: list[str] = []
        for name, member in type(self).__declared__.items():
            if isinstance(member, Attr) and name in self.__dict__:
                hidden = member.options.sensitive
                shown.append(f"{name}=…" if hidden else f"{name}={_short(self.__dict__[name])}")
        return f"<{type(self).__name__} {' '.join(shown)}>"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        if self.__dict__ == other.__dict__:
            return True
        mine, others = (_fields(each.__dict__) for each in (self, other))
        return mine == others

    def __hash__(self) -> int:
        return hash((type(self), self.__dict__.get("id")))

    @classmethod
    def query(cls, scope: Scope | None = None) -> Query[Self]:
        """A query over the rows that the scope's actor may read."""
        return Query(resource=cls, scope=scope)

    @classmethod
    async def get(cls, scope: Scope, key: Any, *, load: Sequence[Any] = ()) -> Self:
        """The record with a key.

        Args:
            load: calculations, aggregates and relationships to load along with it.

        Raises:
            NotFound: there is none, or none that the actor may see.
            Forbidden: no policy allows the actor to read here.
        """
        record: Self = await scope.need_runtime().get(cls, scope, key, load)
        return record

    @classmethod
    async def get_by(cls, scope: Scope, *, load: Sequence[Any] = (), **values: Any) -> Self:
        """The record with the values of an identity: `await Article.get_by(scope, slug="x")`.

        Args:
            load: calculations, aggregates and relationships to load along with it.
            values: the attributes of an identity; that of the tenant need not be given.

        Raises:
            NoSuchIdentity: the names are those of no identity.
            InvalidInput: a value is none of its attribute's type.
            NotFound: there is none, or none that the actor may see.
            Forbidden: no policy allows the actor to read here.
        """
        record: Self = await scope.need_runtime().get_by(cls, scope, values, load)
        return record

    @overload
    @classmethod
    async def load(cls, records: Self, scope: Scope, *targets: Any, reuse: bool = ...) -> Self: ...
    @overload
    @classmethod
    async def load(
        cls, records: Sequence[Self], scope: Scope, *targets: Any, reuse: bool = ...
    ) -> list[Self]: ...
    @classmethod
    async def load(
        cls, records: Self | Sequence[Self], scope: Scope, *targets: Any, reuse: bool = False
    ) -> Self | list[Self]:
        """Records at hand with more loaded: `await Author.load(authors, scope, Author.articles)`.

        The records themselves stay as they are; the answer is copies. A field of a record that the actor may
        not read any more stays unloaded.

        Args:
            targets: fields and relationships, or a query of the resource, whose loads are taken.
            reuse: whether what a record has already is kept instead of being read again.
        """
        several = [records] if isinstance(records, Resource) else list(records)
        copies = [_copy(each) for each in several]
        await scope.need_runtime().reader.load(copies, cls, scope, targets, reuse=reuse)
        return copies[0] if isinstance(records, Resource) else copies


def _fields(values: dict[str, Any]) -> dict[str, Any]:
    """The fields of a record without what Sorbus notes about it."""
    return {name: value for name, value in values.items() if not name.startswith("__")}


def _take_over(cls: type[Resource], inherited: dict[str, Any], own: dict[str, Any]) -> None:
    """Give a class fields and actions of its own for those of its bases: who names one means this resource."""
    bound: Any = (Action, Field)
    for name, member in inherited.items():
        if isinstance(member, bound) and name not in own:
            mine: Any = copy(member)
            mine.__set_name__(cls, name)
            setattr(cls, name, mine)
            inherited[name] = mine


def _add_members(cls: type[Resource], own: dict[str, Any]) -> None:
    """Add what the sections in a body bring along, as if it stood in the body.

    Raises:
        MemberTaken: the body has a member of that name.
    """
    added: dict[str, str] = {}
    for section_name, section in [(name, each) for name, each in own.items() if isinstance(each, Section)]:
        for name, given in section.members(cls).items():
            if name in own or name in added:
                raise MemberTaken(cls.__name__, name, extension=type(section).__name__)
            member = getattr(given, "member", given)
            if hasattr(given, "annotation"):
                cls.__annotations__ = {**inspect.get_annotations(cls), name: given.annotation}
            _check_member(cls, name, member)
            setattr(cls, name, member)
            member.__set_name__(cls, name)
            added[name] = section_name
            cls.__declared__[name] = member
    cls.__added__ = {**cls.__added__, **added}


def _copy[T](record: T) -> T:
    """A record with the same values; a further load on it does not change the first."""
    made = object.__new__(type(record))
    made.__dict__.update(record.__dict__)
    return made


def local_types(above: int) -> dict[str, Any]:
    """The types that a function has defined before a resource in its body; annotations may name them.

    Args:
        above: how many calls lie between the class body and the caller of this.
    """
    frame: FrameType = sys._getframe(above + 1)
    if frame.f_locals is frame.f_globals:
        return {}
    return {name: value for name, value in frame.f_locals.items() if isinstance(value, (type, TypeAliasType))}


def _hooks(action: Action) -> list[Any]:
    return [function for functions in action.hooks.values() for function in functions]


def _actions(cls: type[Resource]) -> list[tuple[str, Action]]:
    return [(name, member) for name, member in cls.__declared__.items() if isinstance(member, Action)]


def _short(value: Any) -> str:
    text = repr(getattr(value, "value", value)) if not hasattr(value, "hex") else str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _check_member(cls: type[Resource], name: str, value: Any) -> None:
    allowed = sorted(Section.registry)
    if isinstance(value, Section):
        wanted = _section_name(type(value))
        if name != wanted:
            raise UnknownMember(
                cls.__name__,
                name,
                found=f"{type(value).__name__} section, which is named `{wanted}`",
                allowed=[wanted],
            )
        return
    if not isinstance(value, _MEMBERS):
        found = "function" if inspect.isfunction(value) else type(value).__name__
        raise UnknownMember(cls.__name__, name, found=found, allowed=allowed)
    if hasattr(Resource, name):
        raise HidesMember(cls.__name__, name)


def _section_name(section: type[Section]) -> str:
    """The name of the section's family: `storage` for every kind of storage."""
    return next(
        str(each.__dict__["section_name"]) for each in section.__mro__ if each.__dict__.get("section_name")
    )
