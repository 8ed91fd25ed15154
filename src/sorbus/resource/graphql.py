"""The section that says what GraphQL serves of a resource."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from sorbus.errors.declaration import DeclarationError
from sorbus.errors.graphql import BadGraphqlName, NotInGraphql
from sorbus.resource.actions import Action
from sorbus.resource.notifications import templates_of
from sorbus.resource.sections import Section
from sorbus.schema.actions import ActionKind
from sorbus.schema.resource import ResourceSpec

WAYS = ("get", "list", "connection")
"""The words for the primary read."""

_NAME = re.compile(r"(?!__)[_A-Za-z][_0-9A-Za-z]*")

Way = Literal["get", "list", "connection"]


class GraphQL(Section):
    """What GraphQL serves of a resource: `GraphQL("get", "list", write, edit, search, by=["slug"])`.

    A resource without this section is no type of the schema, and no relationship leads to it.

    Args:
        actions: the actions to expose: a read becomes a query, every other action a mutation. `"get"`, `"list"`
            and `"connection"` are the primary read of one row by its key, of many, and of pages with cursors as
            Relay has them. With `"connection"`, declared reads and relationships that lead here have pages, too.
        queries: generic actions that change nothing, and so become queries.
        by: the names of identities by which one row can be found.
        type: the name of its type; by default the class's.
        subscriptions: subscriptions by their names, each with a topic of the resource's `notifications`:
            `subscriptions={"noteChanged": "note:{id}"}`. Public attributes in it are arguments.
        plural: the name of its list; by default the type's with an ending.
        names: names of single queries and mutations, by what they are for: `names={write: "createNote"}`.
    """

    section_name = "graphql"

    def __init__(
        self,
        *actions: Action | Way,
        queries: Sequence[Action] = (),
        by: Sequence[str] = (),
        subscriptions: Mapping[str, str] | None = None,
        type: str = "",  # noqa: A002  # the word of the schema
        plural: str = "",
        names: Mapping[Action | str, str] | None = None,
    ) -> None:
        self.actions = actions
        self.queries = tuple(queries)
        self.by = tuple(by)
        self.subscriptions = dict(subscriptions or {})
        self.type = type
        self.plural = plural
        self._names = dict(names or {})

    @property
    def names(self) -> Mapping[str, str]:
        """The names of single queries and mutations, by the names of what they are for."""
        # Actions learn their own names only when the class is complete.
        return {getattr(each, "name", str(each)): name for each, name in self._names.items()}

    @property
    def exposes(self) -> bool:
        """Whether it lists an action."""
        return bool(self.actions or self.queries or self.by or self.subscriptions)

    @property
    def listed(self) -> Iterable[Any]:
        """Its actions, those that are queries among them."""
        return (*self.actions, *self.queries)

    def verify(self, spec: ResourceSpec) -> Iterator[DeclarationError]:
        """What it lists and the resource does not have."""
        for each in (*self.actions, *self.queries):
            yield from self._unknown(spec, each)
        for each in self.queries:
            found = spec.actions.get(getattr(each, "name", ""))
            if found is not None and found.kind is not ActionKind.GENERIC:
                generic = [action.name for action in spec.actions_of(ActionKind.GENERIC)]
                problem = "among `queries`, which holds generic actions only"
                yield NotInGraphql(spec.name, found.name, problem=problem, allowed=generic)
        for name in self.by:
            if name not in spec.identities:
                problem = f"which is no identity of `{spec.name}`"
                yield NotInGraphql(spec.name, str(name), problem=problem, allowed=spec.identities)
        listed = [each if isinstance(each, str) else each.name for each in (*self.actions, *self.queries)]
        for name in self.names:
            if name not in (*listed, *self.by):
                problem = "among `names`, and does not serve it"
                yield NotInGraphql(spec.name, name, problem=problem, allowed=[*listed, *self.by])
        yield from self._wrong_topics(spec)
        for name in (self.type, self.plural, *self.names.values(), *self.subscriptions):
            if name and not _NAME.fullmatch(name):
                yield BadGraphqlName(spec.name, name, problem="which is none: it has letters, digits and `_`")

    def _wrong_topics(self, spec: ResourceSpec) -> Iterator[DeclarationError]:
        known = {each.text: each for each in templates_of(spec)}
        for name, text in self.subscriptions.items():
            template = known.get(text)
            if template is not None and not spec.has_rows:
                problem = f"and `{spec.name}` has no attributes, so that there are no records"
                yield NotInGraphql(spec.name, name, problem=problem)
                continue
            if template is None:
                problem = f"with the topic `{text}`, to which `{spec.name}` publishes nothing"
                yield NotInGraphql(spec.name, name, problem=problem, allowed=known)
                continue
            private = [each for each in template.fields if not spec.attributes[each].public]
            if private:
                problem = f"with the topic `{text}`, in which `{private[0]}` is not public"
                yield NotInGraphql(spec.name, name, problem=problem)

    def _unknown(self, spec: ResourceSpec, each: object) -> Iterator[DeclarationError]:
        if isinstance(each, str):
            if each not in WAYS:
                allowed = [*WAYS, *(name for name in spec.actions if name != "read")]
                yield NotInGraphql(spec.name, each, problem="which names no way to read", allowed=allowed)
            elif not spec.has_rows:
                problem = f"and `{spec.name}` has no attributes, so that there are no records"
                yield NotInGraphql(spec.name, each, problem=problem, allowed=spec.actions)
            return
        name = str(getattr(each, "name", each))
        if not isinstance(each, Action) or spec.python.__dict__.get(name, each) is not each:
            problem = f"which is no action of `{spec.name}`"
            yield NotInGraphql(spec.name, name, problem=problem, allowed=spec.actions)
        elif name not in spec.actions:
            yield NotInGraphql(
                spec.name, name, problem=f"which is no action of `{spec.name}`", allowed=spec.actions
            )
