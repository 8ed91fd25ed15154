"""What a declaration becomes: frozen specs with everything the derived parts need."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest

from sorbus import (
    Arg,
    Attr,
    Domain,
    Identities,
    JsonApi,
    Many,
    One,
    Policies,
    Postgres,
    Query,
    Resource,
    Scope,
    Tenancy,
    action,
    actor,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    bypass,
    calculate,
    computed,
    has_many,
    has_one,
    many_to_many,
    policy,
    timestamp,
    uuid_primary_key,
)
from sorbus.errors.declaration import NoSuchField
from sorbus.expressions import ActorRef, Aggregated, AggregateKind, Call, Ref, describe
from sorbus.resource.assembly import assemble
from sorbus.schema import (
    ActionKind,
    Cardinality,
    DefaultKind,
    Effect,
    HookPoint,
    Missing,
    OnDelete,
    ResourceSpec,
)
from sorbus.schema.actions import InputSpec
from sorbus.types.base import field_type


class State(StrEnum):
    """Where a note stands."""

    DRAFT = "draft"
    SENT = "sent"


class Owner(Resource):
    """Somebody."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    notes: Many[Note] = has_many(order_by=lambda note: note.sent_at.desc())
    first: One[Note] = has_one()
    sent = agg.count(notes, where=lambda note: note.state == State.SENT, public=True)


class Tag(Resource):
    """A word."""

    id: Attr[UUID] = uuid_primary_key()


class NoteTag(Resource):
    """A word on a note."""

    id: Attr[UUID] = uuid_primary_key()
    note_id: Attr[UUID] = attribute()
    tag_id: Attr[UUID] = attribute()


class Note(Resource):
    """A note.

    More about it.
    """

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    owner_id: Attr[UUID] = attribute()
    text: Attr[str] = attribute(public=True, max_length=100, description="What it says.")
    secret: Attr[str | None] = attribute(default=None, sensitive=True, column="hidden")
    labels: Attr[list[str]] = attribute(default=list)
    price: Attr[Decimal] = attribute(default=Decimal(0))
    state: Attr[State] = attribute(default=State.DRAFT, writable=False)
    sent_at: Attr[datetime] = timestamp()
    updated_at: Attr[datetime] = timestamp(touch=True)

    owner: One[Owner] = belongs_to(via=owner_id, on_delete="cascade")
    tags: Many[Tag] = many_to_many("NoteTag")

    age = calculate(updated_at - sent_at)
    double = calculate(price * 2, description="Twice the price.")

    @computed(loads=[text])
    def label(self) -> str:
        """The text in capitals."""
        return self.text.upper()

    @action.create(upsert="text")
    def write(self, scope: Scope, text: str, owner_id: UUID, loud: Arg[bool] = False) -> None:
        """Write a note.

        More about that.
        """

    @write.before_write
    def check(self, scope: Scope) -> None:
        """A hook."""

    @action.transition(State.DRAFT, to=State.SENT)
    async def send(self, scope: Scope) -> None:
        """Send it."""

    @action.destroy
    def burn(self, scope: Scope) -> None:
        """Burn it."""

    @action.read
    @classmethod
    def of(cls, scope: Scope, owner_id: Arg[UUID]) -> Query[Note]:
        """The notes of an owner."""
        return cls.query()

    @action.generic
    @classmethod
    async def count_words(cls, scope: Scope, text: Arg[str]) -> int:
        """How many words there are."""
        return len(text.split())

    identities = Identities(text=[org_id, text])
    storage = Postgres("notes")
    tenancy = Tenancy(org_id)
    policies = Policies(
        bypass("any", authorize_if(actor(Owner.org_id).is_null())),
        policy(["update", write], authorize_if(owner_id == actor(Owner.id))),
    )
    json_api = JsonApi("/notes", write)


APPLICATION = assemble("test", [Domain("desk", resources=[Owner, Tag, NoteTag, Note])])
NOTE = APPLICATION.resources["Note"]


class TestAttributes:
    def test_come_in_written_order_with_their_options(self) -> None:
        assert list(NOTE.attributes)[:4] == ["id", "org_id", "owner_id", "text"]
        text = NOTE.attributes["text"]
        assert (text.public, text.description, text.type.constraints.max_length) == (
            True,
            "What it says.",
            100,
        )
        assert (NOTE.attributes["secret"].column, NOTE.attributes["secret"].sensitive) == ("hidden", True)
        assert NOTE.primary_key.name == "id"
        assert not NOTE.primary_key.writable

    @pytest.mark.parametrize(
        ("name", "kind", "value"),
        [
            ("text", DefaultKind.NONE, None),
            ("secret", DefaultKind.VALUE, None),
            ("price", DefaultKind.VALUE, Decimal(0)),
            ("labels", DefaultKind.FACTORY, []),
        ],
    )
    def test_make_their_defaults(self, name: str, kind: DefaultKind, value: Any) -> None:
        attribute = NOTE.attributes[name]
        assert attribute.default_kind is kind
        if kind is not DefaultKind.NONE:
            assert attribute.make_default() == value
        assert attribute.has_default is (kind is not DefaultKind.NONE)

    def test_a_default_that_is_made_is_made_anew_each_time(self) -> None:
        labels = NOTE.attributes["labels"]
        assert labels.make_default() is not labels.make_default()

    def test_touched_times_are_marked(self) -> None:
        assert NOTE.attributes["updated_at"].touch
        assert not NOTE.attributes["sent_at"].touch


class TestRelationships:
    def test_know_both_keys(self) -> None:
        owner, notes = NOTE.relationships["owner"], APPLICATION.resources["Owner"].relationships["notes"]
        assert (owner.cardinality, owner.source_attribute, owner.destination_attribute) == (
            Cardinality.BELONGS_TO,
            "owner_id",
            "id",
        )
        assert (notes.source_attribute, notes.destination_attribute) == ("id", "owner_id")
        assert (owner.on_delete, owner.foreign_key, notes.foreign_key) == (OnDelete.CASCADE, True, False)
        assert (owner.to_many, notes.to_many) == (False, True)
        assert notes.order[0].descending

    def test_many_to_many_knows_the_resource_between(self) -> None:
        tags = NOTE.relationships["tags"]
        assert tags.join is not None
        assert (tags.join.source_attribute, tags.join.destination_attribute) == ("note_id", "tag_id")
        assert APPLICATION.join(tags) is APPLICATION.resources["NoteTag"]
        assert APPLICATION.destination(tags) is APPLICATION.resources["Tag"]


class TestDerivedFields:
    def test_have_the_types_of_their_expressions(self) -> None:
        assert NOTE.calculations["age"].type == field_type(timedelta)
        assert NOTE.calculations["double"].type == field_type(Decimal)
        assert NOTE.calculations["label"].type == field_type(str)
        assert NOTE.calculations["label"].loads == ("text",)
        assert NOTE.calculations["label"].description == "The text in capitals."
        sent = APPLICATION.resources["Owner"].aggregates["sent"]
        assert sent.type == field_type(int)
        assert sent.public

    def test_are_plain_nodes(self) -> None:
        assert NOTE.calculations["age"].node == Call("sub", (Ref("updated_at"), Ref("sent_at")))
        node = APPLICATION.resources["Owner"].aggregates["sent"].node
        assert isinstance(node, Aggregated)
        assert (node.kind, node.relationship) == (AggregateKind.COUNT, "notes")
        assert node.where is not None
        assert describe(node.where) == "state == 'sent'"

    def test_a_field_is_found_by_name_or_its_near_ones_are_told(self) -> None:
        assert NOTE.field("age") is NOTE.calculations["age"]
        with pytest.raises(NoSuchField, match="Did you mean `price`"):
            NOTE.field("prize", where="a sort")


class TestActions:
    def test_a_signature_is_the_contract(self) -> None:
        write = NOTE.actions["write"]
        assert [(each.name, each.attribute, each.required) for each in write.inputs] == [
            ("text", True, True),
            ("owner_id", True, True),
            ("loud", False, False),
        ]
        assert write.description == "Write a note."
        assert write.upsert is not None
        assert (write.label, write.upsert.identity, write.kind) == ("Note.write", "text", ActionKind.CREATE)
        text = write.input("text")
        assert isinstance(text, InputSpec)
        assert text.type.constraints.max_length == 100
        assert text.description == "What it says."
        assert text.default is Missing.MARK
        assert write.input("other") is None

    def test_hooks_hang_on_their_action(self) -> None:
        assert [each.__name__ for each in NOTE.actions["write"].hooks[HookPoint.BEFORE_WRITE]] == ["check"]
        assert NOTE.actions["burn"].hooks == {}
        assert "check" not in NOTE.actions

    def test_a_transition_names_its_attribute_and_states(self) -> None:
        transition = NOTE.actions["send"].transition
        assert transition is not None
        assert (transition.attribute, transition.sources, transition.target) == (
            "state",
            (State.DRAFT,),
            State.SENT,
        )
        assert NOTE.actions["send"].body_async

    def test_kinds_and_the_primary_read(self) -> None:
        assert {name: each.kind.value for name, each in NOTE.actions.items()} == {
            "read": "read",
            "write": "create",
            "send": "update",
            "burn": "destroy",
            "of": "read",
            "count_words": "generic",
        }
        assert [each.name for each in NOTE.actions_of(ActionKind.READ)] == ["read", "of"]
        returns = NOTE.actions["count_words"].returns
        assert returns is not None
        assert returns.python is int
        assert [kind.writes for kind in ActionKind] == [True, False, True, True, False]


class TestRules:
    def test_policies_name_their_actions(self) -> None:
        assert NOTE.policies is not None
        first, second = NOTE.policies
        assert (first.bypass, first.actions) == (True, frozenset(NOTE.actions))
        assert second.actions == {"send", "write"}
        assert second.checks[0].effect is Effect.AUTHORIZE_IF
        assert second.checks[0].condition == Call("eq", (Ref("owner_id"), ActorRef("id", Owner)))
        assert APPLICATION.resources["Tag"].policies is None

    def test_tenancy_identities_storage_and_sections(self) -> None:
        assert NOTE.tenancy is not None
        assert NOTE.tenancy.attribute == "org_id"
        assert NOTE.identities["text"].keys == ("org_id", "text")
        assert (NOTE.table, NOTE.layer, NOTE.domain) == ("notes", "postgres", "desk")
        assert APPLICATION.resources["NoteTag"].table == "note_tag"
        assert isinstance(NOTE.sections["json_api"], JsonApi)


class TestFrozen:
    def test_nothing_can_be_changed(self) -> None:
        with pytest.raises(FrozenInstanceError):
            NOTE.name = "Other"  # type: ignore[misc]
        with pytest.raises(TypeError):
            NOTE.attributes["x"] = NOTE.primary_key  # type: ignore[index]
        with pytest.raises(TypeError):
            APPLICATION.resources["x"] = NOTE  # type: ignore[index]

    def test_resources_are_found_by_class(self) -> None:
        found: ResourceSpec = APPLICATION.by_class[Note]
        assert found is NOTE
        assert found.description == "A note."
