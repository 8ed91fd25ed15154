"""The section of notifications: what is published when a record is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sorbus.engine.topics import Template, parse_template
from sorbus.errors.declaration import DeclarationError, NoSuchField, WrongSection
from sorbus.errors.hints import did_you_mean, listed
from sorbus.expressions.build import Expr
from sorbus.expressions.lowering import Lowerer
from sorbus.expressions.nodes import Aggregated, Exists, Node, Ref, walk
from sorbus.resource.actions import Action
from sorbus.resource.fields import Attr
from sorbus.resource.sections import ActionType, Section, section_of
from sorbus.schema.actions import ActionKind
from sorbus.schema.resource import ResourceSpec

if TYPE_CHECKING:
    # `import sorbus` declares; what publishes is imported by an application that runs.
    from sorbus.engine.notifications import Notification
    from sorbus.engine.publishing import Publication, Publications

TYPES = ("create", "update", "destroy", "any")
On = Action | ActionType | Sequence[Action | ActionType]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One topic and what is published to it; made by `publish`."""

    topic: str
    on: tuple[Action | ActionType, ...]
    where: Expr[bool] | None
    payload: tuple[Attr[Any], ...]
    previous: bool
    transform: Callable[[Any], Mapping[str, Any] | None] | None
    load: tuple[Any, ...]


def publish(
    topic: str,
    *,
    on: On = "any",
    where: Expr[bool] | None = None,
    payload: Sequence[Attr[Any]] = (),
    previous: bool = False,
    transform: Callable[[Any], Mapping[str, Any] | None] | None = None,
    load: Sequence[Any] = (),
) -> Published:
    """Publish writes to a topic: `publish("run:{id}", on=[start, process])`.

    A name in braces is an attribute. An update that changes such an attribute is published to the topic of
    the old value and to that of the new one. Topics are apart for each tenant. A null names no topic.

    Args:
        on: the actions, or kinds of actions, that are followed.
        where: the condition that the row must meet as it was written.
        payload: the attributes that `Notification.data` holds.
        previous: whether `Notification.previous` holds them as they were before an update.
        transform: makes further `data` from the record; with None as its answer nothing is published.
        load: calculations, aggregates and relationships that `transform` and notifiers find on the record.
    """
    listed_on = (on,) if isinstance(on, (Action, str)) else tuple(on)
    return Published(
        topic=topic,
        on=listed_on,
        where=where,
        payload=tuple(payload),
        previous=previous,
        transform=transform,
        load=tuple(load),
    )


class Notifications(Section):
    """What is published when records of this resource are written, after the commit.

    Args:
        publications: the topics, made by `publish`.
        notify: functions of this process that are called with each notification; without any publication with
            every write. Their failures are logged and undo nothing.
        durable: whether notifications are rows that commit with the write: none is lost, they have positions,
            and subscribers can go on from one.
        keep: how long durable ones are kept.
    """

    section_name = "notifications"

    def __init__(
        self,
        *publications: Published,
        notify: Callable[[Notification], Any] | Sequence[Callable[[Notification], Any]] = (),
        durable: bool = False,
        keep: timedelta = timedelta(days=7),
    ) -> None:
        self.publications = publications
        self.notify = (notify,) if callable(notify) else tuple(notify)
        self.durable = durable
        self.keep = keep

    def check(self, spec: ResourceSpec, lowerer: Lowerer) -> Iterator[DeclarationError]:
        """Topics name attributes, conditions look at the row alone, actions are those of this resource."""
        label = f"{spec.name}.notifications"
        if self.durable and spec.layer == "memory":
            yield WrongSection(
                label,
                "what lives in memory cannot be published durably.",
                hint="Store the resource in PostgreSQL, or leave `durable` out.",
            )
        for each in self.publications:
            for part in (_topic_errors, _on_errors, _where_errors, _payload_errors, _load_errors):
                yield from part(each, spec, lowerer)


def publications_of(spec: ResourceSpec, lowerer: Lowerer) -> Publications | None:
    """What a resource publishes, ready to be published; None when it has no such section."""
    from sorbus.engine.publishing import Publication, Publications

    section = section_of(spec, Notifications)
    if section is None:
        return None
    label = f"{spec.name}.notifications"
    publications: list[Publication] = [
        Publication(
            template=parse_template(each.topic, where=label),
            actions=frozenset(_followed(each, spec)),
            where=each.where.lower(lowerer) if each.where is not None else None,
            payload=tuple(field.name for field in each.payload),
            previous=each.previous,
            transform=each.transform,
            load=each.load,
        )
        for each in section.publications
    ]
    return Publications(
        spec=spec, publications=tuple(publications), notifiers=section.notify, durable=section.durable
    )


def _followed(each: Published, spec: ResourceSpec) -> Iterator[str]:
    for on in each.on:
        for action in spec.actions.values():
            if not action.kind.writes:
                continue
            if on in ("any", action.kind.value) or (isinstance(on, Action) and on.name == action.name):
                yield action.name


def _on_errors(each: Published, spec: ResourceSpec, lowerer: Lowerer) -> Iterator[DeclarationError]:
    del lowerer
    label = f"{spec.name}.notifications"
    writes = [action.name for action in spec.actions.values() if action.kind.writes]
    for on in each.on:
        if not isinstance(on, Action):
            if on not in TYPES:
                yield WrongSection(
                    label,
                    f"`{on}` is no kind of write. Kinds: {listed(TYPES)}.",
                    hint=did_you_mean(on, (*TYPES, *writes)) or "Name a single action by the action itself.",
                )
            continue
        found = spec.actions.get(on.name)
        if found is None or not issubclass(spec.python, on.owner):
            yield WrongSection(label, f"`{on.owner.__name__}.{on.name}` is no action of `{spec.name}`.")
        elif not found.kind.writes:
            yield WrongSection(
                label,
                f"`{found.label}` is a {found.kind.value} action and writes no row to tell of.",
                hint=f"Writes: {listed(writes)}.",
            )


def _load_errors(each: Published, spec: ResourceSpec, lowerer: Lowerer) -> Iterator[DeclarationError]:
    del lowerer
    gone = [name for name in _followed(each, spec) if spec.actions[name].kind is ActionKind.DESTROY]
    if each.load and gone:
        yield WrongSection(
            f"{spec.name}.notifications",
            f"the topic `{each.topic}` follows {listed(gone)} and loads further values, "
            "but of a row that is gone nothing can be loaded.",
            hint='Publish it `on=["create", "update"]`, and destroys by another `publish` without `load`.',
        )


def _topic_errors(each: Published, spec: ResourceSpec, lowerer: Lowerer) -> Iterator[DeclarationError]:
    del lowerer
    label = f"{spec.name}.notifications"
    try:
        template = parse_template(each.topic, where=label)
    except DeclarationError as error:
        yield error
        return
    yield from _field_errors(template.fields, spec, label, where=f"the topic `{each.topic}`")
    for name in template.fields:
        attribute = spec.attributes.get(name)
        if attribute is not None and (attribute.type.sql == "jsonb" or attribute.type.sql.endswith("[]")):
            yield WrongSection(
                label,
                f"the topic `{each.topic}` names `{name}`, which is {attribute.type.describe()}.",
                hint="A topic is made of single values, such as keys and states.",
            )


def _payload_errors(each: Published, spec: ResourceSpec, lowerer: Lowerer) -> Iterator[DeclarationError]:
    from sorbus.resource.assembly.mistakes import noting  # the assembly is no part of a declaration

    label, where = f"{spec.name}.notifications", f"the payload of `{each.topic}`"
    yield from _field_errors((field.name for field in each.payload), spec, label, where=where)
    for field in each.payload:
        errors: list[DeclarationError] = []
        with noting(errors, spec.python, "notifications"):
            lowerer.field(field)
        yield from errors


def _field_errors(
    names: Iterable[str], spec: ResourceSpec, label: str, *, where: str
) -> Iterator[DeclarationError]:
    for name in names:
        attribute = spec.attributes.get(name)
        if attribute is None:
            derived = name in spec.fields
            if derived:
                yield WrongSection(
                    label,
                    f"{where} names `{name}`, which is computed and not stored.",
                    hint=f"Attributes: {listed(spec.attributes)}.",
                )
            else:
                yield NoSuchField(spec.name, name, allowed=spec.attributes, where=f"{where} of `{label}`")
        elif attribute.sensitive:
            yield WrongSection(label, f"{where} names `{name}`, which is sensitive and must not travel.")


def _where_errors(each: Published, spec: ResourceSpec, lowerer: Lowerer) -> Iterator[DeclarationError]:
    if each.where is None:
        return
    from sorbus.resource.assembly.mistakes import noting

    label = f"{spec.name}.notifications"
    errors: list[DeclarationError] = []
    with noting(errors, spec.python, "notifications"):
        node = each.where.lower(lowerer)
        outside = next((part for part in walk(node) if _leaves_row(part, spec)), None)
        if outside is not None:
            errors.append(
                WrongSection(
                    label,
                    f"the condition of `{each.topic}` looks beyond the stored values of the row.",
                    hint="Compare attributes, the actor and the tenant; for more use `load` and `transform`.",
                )
            )
    yield from errors


def _leaves_row(node: Node, spec: ResourceSpec) -> bool:
    if isinstance(node, Ref):
        return bool(node.path) or node.name not in spec.attributes
    return isinstance(node, (Exists, Aggregated))


def templates_of(spec: ResourceSpec) -> tuple[Template, ...]:
    """The topics that a resource publishes to."""
    section = section_of(spec, Notifications)
    if section is None:
        return ()
    return tuple(parse_template(each.topic, where=spec.name) for each in section.publications)
