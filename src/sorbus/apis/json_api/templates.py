"""Templates: resource objects as the data layer writes them, for each selection of fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sorbus.apis.json_api.surface import Exposed, Surface
from sorbus.query.templates import Keyed, Nested, Part, Shown, Templates, texts_of
from sorbus.schema.fields import AttributeSpec, Cardinality, RelationshipSpec
from sorbus.types.showing import to_json

_LARGEST_CACHE = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Writing:
    """How resource objects are written.

    Attributes:
        templates: the texts of one; between two of them stands what is known of a loaded relationship.
        slots: the relationships that stand there.
        gathered: the identifiers, and the objects, of all that belong to one record; None where relationships are
            loaded along.
        nested: the relationships whose records the same statement writes. Behind the other texts stand their objects.
    """

    templates: Templates
    slots: tuple[str, ...]
    gathered: Templates | None
    nested: tuple[str, ...] = ()


class TemplateFactory:
    """Makes the templates of one application and keeps them.

    Args:
        prefix: what stands before the paths of links.
    """

    def __init__(self, surface: Surface, *, prefix: str) -> None:
        self.surface = surface
        self.prefix = prefix
        self._known: dict[
            tuple[str, frozenset[str] | None, frozenset[str], tuple[str, ...]], Writing | None
        ] = {}

    def writing(
        self,
        exposed: Exposed,
        fields: frozenset[str] | None,
        loaded: frozenset[str],
        nested: tuple[str, ...] = (),
    ) -> Writing | None:
        """How the resource objects of a resource are written; None where a key has to be spelled in Python.

        Args:
            fields: what to show; None means every attribute and relationship.
            loaded: the relationships that are loaded along.
            nested: those of them whose records the same statement writes.
        """
        key = (exposed.spec.name, fields, loaded, nested)
        if key not in self._known:
            if len(self._known) >= _LARGEST_CACHE:
                self._known.clear()
            self._known[key] = self._made(exposed, fields, loaded, nested)
        return self._known[key]

    def _made(
        self,
        exposed: Exposed,
        fields: frozenset[str] | None,
        loaded: frozenset[str],
        nested: tuple[str, ...],
    ) -> Writing | None:
        shown = {
            name: each for name, each in exposed.relationships.items() if fields is None or name in fields
        }
        slots = tuple(name for name in shown if name in loaded and name not in nested)
        keys = [
            exposed.spec.primary_key,
            *(link for each in shown.values() if (link := self._link(exposed, each))),
        ]
        if not all(map(_bare, keys)):
            return None
        texts = texts_of(self._parts(exposed, fields, shown, loaded, nested))
        texts += tuple((Nested(name, 1),) for name in nested)
        gathered: Templates | None = None
        if not loaded:
            identifier = (
                f'{{"type":{_json(exposed.type)},"id":"',
                Keyed("", exposed.spec.primary_key.name, ""),
                '"}',
            )
            gathered = Templates((identifier, *texts), gathered=True)
        starts = tuple(name for name in sorted(loaded) if name not in nested)
        return Writing(Templates(texts, starts), slots, gathered, nested)

    def _parts(
        self,
        exposed: Exposed,
        fields: frozenset[str] | None,
        shown: dict[str, RelationshipSpec],
        loaded: frozenset[str],
        nested: tuple[str, ...],
    ) -> Iterator[Part | None]:
        """The parts of a resource object; None where a loaded relationship stands."""
        key = Keyed("", exposed.spec.primary_key.name, "")
        yield from ('{"type":', _json(exposed.type), ',"id":"', key, '","attributes":{')
        names = [name for name in exposed.attributes if fields is None or name in fields]
        names += [name for name in exposed.derived if fields is not None and name in fields]
        for place, name in enumerate(names):
            yield from ("," if place else "", _json(exposed.names.wire(name)), ":", Shown(name))
        yield "}"
        members: list[tuple[str, list[Part | None]]] = []
        for name, each in shown.items():
            data: Sequence[Part | None] | None = None
            if name in nested:
                data = ('"data":[', Nested(name), "]")
            elif name in loaded:
                data = (None,)
            about = list(self._relationship(exposed, each, data, key))
            if about:
                members.append((name, about))
        for place, (name, about) in enumerate(members):
            yield from ("," if place else ',"relationships":{', _json(exposed.names.wire(name)), ":{")
            yield from about
            yield "}"
        yield "}" if members else ""
        if exposed.gettable:
            yield from (',"links":{"self":"', self._path(exposed), key, '"}')
        yield "}"

    def _path(self, exposed: Exposed) -> str:
        return _json(self.prefix + exposed.path + "/")[1:-1]

    def _relationship(
        self, exposed: Exposed, spec: RelationshipSpec, data: Sequence[Part | None] | None, key: Keyed
    ) -> Iterator[Part | None]:
        """The members of a relationship object; none when nothing is known about it.

        Args:
            data: its records, where they are loaded along.
        """
        link = None if data is not None else self._link(exposed, spec)
        if exposed.linked(spec.name):
            path, name = self._path(exposed), _json(exposed.names.wire(spec.name))[1:-1]
            yield from ('"links":{"self":"', path, key, f'/relationships/{name}","related":"', path, key)
            yield f'/{name}"}}' + ("," if data is not None or link is not None else "")
        if data is not None:
            yield from data
        elif link is not None:
            kind = _json(self.surface.destination(spec).type)
            yield '"data":'
            yield Keyed(f'{{"type":{kind},"id":"', link.name, '"}', behind=spec.name)

    def _link(self, exposed: Exposed, spec: RelationshipSpec) -> AttributeSpec | None:
        """The attribute that holds the key of a related record, where it may be told."""
        own = exposed.spec.attributes.get(spec.source_attribute)
        far = self.surface.destination(spec).spec.primary_key.name
        if own is None or spec.cardinality is not Cardinality.BELONGS_TO or spec.destination_attribute != far:
            return None
        return own if own.public and own.select_by_default else None


def _bare(key: AttributeSpec) -> bool:
    """Whether a key can stand in texts and paths as it is."""
    return issubclass(key.type.python, (UUID, int)) and key.type.codec.show is None


def _json(text: str) -> str:
    return to_json(text).decode()
