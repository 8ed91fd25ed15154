"""Checks that come with Sorbus: conditions for policies, combined like any others with `&`, `|` and `~`."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from sorbus.errors.authorization import PolicyUndecided
from sorbus.errors.declaration import WrongSection
from sorbus.errors.hints import listed
from sorbus.expressions.build import Expr, Lowering
from sorbus.expressions.evaluate import actor_value
from sorbus.expressions.nodes import ActorRef, Call, Exists, Node, Ref
from sorbus.resource.actions import Action
from sorbus.resource.fields import Attr, Field
from sorbus.resource.relationships import Relationship, is_relationship
from sorbus.schema.actions import ActionKind
from sorbus.schema.fields import Cardinality
from sorbus.schema.policies import Asked, Fact, Readable, RuntimeCheck
from sorbus.scope import Scope

T = TypeVar("T")

_ABSENT: Any = object()


class BuiltIn(Expr[bool]):
    """A check that becomes a node when the application is put together: fields know their names by then."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[Lowering], Node]) -> None:
        self.make = make

    def lower(self, context: Lowering) -> Node:
        return self.make(context)


def _fact(
    text: Callable[[], str],
    decide: Callable[[Asked], bool | None],
    *,
    about_changes: bool = False,
    about_read: bool = False,
    about_scope: bool = False,
) -> Expr[bool]:
    return BuiltIn(lambda _: Fact(text(), decide, about_changes, about_read, about_scope))


# the call


def action_is(*actions: Action) -> Expr[bool]:
    """Whether the action that runs is one of these; for policies of several actions."""

    def decide(asked: Asked) -> bool:
        return asked.action in {each.name for each in actions}

    return _fact(lambda: f"action is {listed(each.name for each in actions)}", decide, about_scope=True)


def context_equals(key: str, value: Any) -> Expr[bool]:
    """Whether the scope's context has this value under a key: `app.scope(…, context={"origin": "import"})`."""

    def decide(asked: Asked) -> bool:
        return bool(asked.scope.context.get(key, _ABSENT) == value)

    return _fact(lambda: f"context.{key} == {value!r}", decide, about_scope=True)


def matches(description: str, function: Callable[[Any, Scope, Mapping[str, Any]], bool | None]) -> Expr[bool]:
    """What a plain function says of the call; it runs once for each call, before any row is seen.

    Args:
        description: what explanations say about it.
        function: takes the actor (or None), the scope, and the inputs; None is unknown.

    Raises:
        WrongSection: the function is a coroutine function; it must answer at once.
    """
    if inspect.iscoroutinefunction(function):
        raise WrongSection(
            "policies",
            f"the function of `matches({description!r}, …)` is `async`, and a check answers at once.",
            hint="Put what it needs into the scope's context or services beforehand.",
        )

    def decide(asked: Asked) -> bool | None:
        answer = function(asked.scope.actor, asked.scope, asked.inputs)
        return None if answer is None else bool(answer)

    return _fact(lambda: description, decide)


def check(description: str, function: Callable[[Any, Scope], bool | Awaitable[bool]]) -> Expr[bool]:
    """What a function says of each row; only in policies with `access="runtime"`.

    Args:
        description: what explanations say about it.
        function: takes the record with all its attributes, and the scope; may be `async`.
    """
    return BuiltIn(lambda _: RuntimeCheck(description, function))


# the actor


def actor_is_a(kind: type[Any]) -> Expr[bool]:
    """Whether the actor is of a class; for policies over several kinds of actors."""
    return _fact(
        lambda: f"actor is a {kind.__name__}",
        lambda asked: isinstance(asked.scope.actor, kind),
        about_scope=True,
    )


def relates_to_actor_via(
    relationship: Relationship[Any], *further: Callable[[Any], Relationship[Any]]
) -> Expr[bool]:
    """Whether the row is related to the actor: `relates_to_actor_via(owner)`.

    Args:
        further: the relationships that lead on, each from a row of the one before:
            `relates_to_actor_via(project, lambda project: project.members)`.
    """
    return BuiltIn(lambda context: _path_to_actor(context, relationship, further))


def _path_to_actor(
    context: Lowering, relationship: Relationship[Any], further: tuple[Callable[[Any], Any], ...]
) -> Node:
    name, destination, inner = context.into(relationship)
    if further:
        return Exists(name, _path_to_actor(inner, further[0](destination), further[1:]))
    key = _key(destination)
    source = _source(relationship)
    if source is not None:
        # The row holds the actor's key itself, so no other row need be asked.
        return Call("eq", (Ref(source), ActorRef(key, destination)))
    return Exists(name, Call("eq", (Ref(key), ActorRef(key, destination))))


def relating_to_actor(relationship: Relationship[Any]) -> Expr[bool]:
    """Whether the action sets a `belongs_to` to the actor.

    Raises:
        WrongSection: when the application is put together and it is another kind of relationship.
    """

    def make(context: Lowering) -> Node:
        _, destination, _ = context.into(relationship)
        key, source = _key(destination), _source(relationship)
        if source is None:
            raise WrongSection(
                f"{relationship.owner.__name__}.policies",
                f"`relating_to_actor({relationship.name})` needs a belongs_to, whose key the row itself holds.",
            )
        text = f"relating {relationship.name} to the actor"

        def decide(asked: Asked) -> bool:
            value = asked.changes.get(source, _ABSENT)
            _certain(value, source, asked, relationship.owner, text)
            actor = asked.scope.actor
            return actor is not None and value == actor_value(actor, key, destination)

        return Fact(text, decide, about_changes=True)

    return BuiltIn(make)


def _key(cls: type[Any]) -> str:
    members: Mapping[str, Any] = cls.__declared__
    found = (name for name, each in members.items() if isinstance(each, Attr) and each.options.primary_key)
    return next(found, "id")


def _source(relationship: Relationship[Any]) -> str | None:
    """The attribute in which a belongs_to holds its key."""
    if relationship.cardinality is not Cardinality.BELONGS_TO:
        return None
    via = relationship.options.via
    return via.name if isinstance(via, Attr) else f"{relationship.name}_id"


# what is written


def changing(
    attribute: Attr[T], *more: Attr[Any], to: T | None = _ABSENT, from_: T | None = _ABSENT
) -> Expr[bool]:
    """Whether the action sets one of these attributes; on a create, to something else than its default.

    Args:
        to: only if it is set to this value.
        from_: only if the row has this value now; never true of a create.

    Raises:
        PolicyUndecided: when it runs with `to`, and the new value is an expression.
    """
    attributes = (attribute, *more)

    def decide(asked: Asked) -> bool:
        return any(_changes(asked, each.name) for each in attributes)

    def becomes(asked: Asked) -> bool:
        value = asked.changes.get(attribute.name, _ABSENT)
        _certain(value, attribute.name, asked, attribute.owner, text())
        return value is not _ABSENT and bool(value == to)

    def text() -> str:
        end = "" if to is _ABSENT else f" to {getattr(to, 'value', to)!r}"
        return f"changing {listed(each.name for each in attributes)}{end}"

    found = _fact(text, decide if to is _ABSENT else becomes, about_changes=True)
    if from_ is _ABSENT:
        return found
    # A create has no value before; of an update the statement asks the row itself.
    updates = _fact(lambda: "updating", lambda asked: asked.kind is ActionKind.UPDATE)
    before: Expr[bool] = attribute == from_
    return found & updates & before


def _changes(asked: Asked, name: str) -> bool:
    if name not in asked.changes:
        return False
    value = asked.changes[name]
    if asked.kind is not ActionKind.CREATE or isinstance(value, Expr):
        return True
    return name not in asked.defaults or bool(value != asked.defaults[name])


def _certain(value: Any, name: str, asked: Asked, owner: type[Any], text: str) -> None:
    if isinstance(value, Expr):
        raise PolicyUndecided(owner.__name__, asked.action, name, check=text)


def may_read(relationship: Relationship[Any]) -> Expr[bool]:
    """Whether the row that a relationship leads to is there and the actor may read it.

    With it a create or update refuses references to rows that its actor may not see, in the same words as those to
    rows that do not exist.
    """

    def make(context: Lowering) -> Node:
        name, _, _ = context.into(relationship)
        return Readable(name)

    return BuiltIn(make)


# what is read


def loading(target: Relationship[Any] | Field[Any]) -> Expr[bool]:
    """Whether the read loads a relationship, calculation or aggregate along."""
    return _fact(
        lambda: f"loading {target.name}", lambda asked: target.name in asked.wanted.loads, about_read=True
    )


def selecting(target: Field[Any]) -> Expr[bool]:
    """Whether the read answers with a field: attributes unless the query selects others, the rest if loaded."""

    def decide(asked: Asked) -> bool:
        wanted = asked.wanted
        if not isinstance(target, Attr):
            return target.name in wanted.loads
        return wanted.selected is None or target.name in wanted.selected

    return _fact(lambda: f"selecting {target.name}", decide, about_read=True)


def filtering_on(field: Field[Any]) -> Expr[bool]:
    """Whether a condition of the read looks at a field of the resource."""
    return _fact(
        lambda: f"filtering on {field.name}",
        lambda asked: field.name in asked.wanted.filters,
        about_read=True,
    )


def accessing_from(relationship: Relationship[Any] | Callable[[], Relationship[Any]]) -> Expr[bool]:
    """Whether the rows are reached by a relationship of another resource: `accessing_from(Author.books)`.

    Args:
        relationship: the relationship, or a function that answers with it, for a resource that is declared later.
    """

    def found() -> Relationship[Any]:
        given: Any = relationship
        each: Relationship[Any] = given if is_relationship(given) else given()
        return each

    def decide(asked: Asked) -> bool:
        each = found()
        via = asked.wanted.via
        return via is not None and via[1] == each.name and via[0] == each.owner.__name__

    return _fact(lambda: f"accessing from {found().owner.__name__}.{found().name}", decide, about_read=True)
