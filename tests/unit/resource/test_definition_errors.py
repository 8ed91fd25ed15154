"""Mistakes in declarations: all are reported at once, each with what, where, what is allowed and near."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

import pytest
from tests.unit.resource.putting_together import mistakes, only, put_together

from sorbus import (
    Arg,
    Attr,
    Domain,
    Identities,
    Many,
    One,
    Policies,
    Resource,
    Scope,
    Tenancy,
    action,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    calculate,
    computed,
    exists,
    has_many,
    has_one,
    many_to_many,
    policy,
    related,
    uuid_primary_key,
)
from sorbus.errors.declaration import (
    DefinitionErrors,
)
from sorbus.resource.assembly import assemble


class Colour(StrEnum):
    """An enumeration of this module."""

    RED = "red"
    BLUE = "blue"


class TestEveryMistakeAtOnce:
    def test_those_of_one_resource_and_of_several(self) -> None:
        class Owner(Resource):
            id: Attr[UUID] = uuid_primary_key()
            name: Attr[str] = attribute()

        class Thing(Resource):
            id: Attr[UUID] = uuid_primary_key()
            owner_id: Attr[UUID] = attribute()
            owner: One[Owner] = belongs_to(via=owner_id)
            maker: One[Owner] = belongs_to()
            parts: Many[Prt] = has_many()  # type: ignore[name-defined]  # noqa: F821
            name_of_owner = calculate(related(owner, lambda row: row.nam))  # type: ignore[attr-defined]

            @action.create
            def make(self, scope: Scope, nme: str, owner_id: str) -> None:
                self.ownr_id = None

            policies = Policies(
                policy("read", authorize_if(exists(owner, lambda row: row.naem == ""))),  # type: ignore[attr-defined]
                policy("red", authorize_if(True)),  # type: ignore[arg-type]
                policy("update"),
            )

        class Lonely(Resource):
            name: Attr[str] = attribute()

        found = mistakes(Thing, Owner, Lonely)
        assert [(each.code, each.path) for each in found] == [
            ("no-such-resource", ("Thing", "parts")),
            ("missing-part", ("Lonely",)),
            ("wrong-input", ("Thing", "make", "nme")),
            ("wrong-input", ("Thing", "make", "owner_id")),
            ("no-such-field", ("Thing", "ownr_id")),
            ("no-such-field", ("Thing", "maker_id")),
            ("no-such-field", ("Owner", "nam")),
            ("no-such-field", ("Owner", "naem")),
            ("wrong-section", ("Thing", "policies")),
            ("wrong-section", ("Thing", "policies")),
        ]

    def test_the_message_numbers_them(self) -> None:
        class First(Resource):
            name: Attr[str] = attribute()

        class Second(Resource):
            name: Attr[str] = attribute()

        with pytest.raises(DefinitionErrors) as caught:
            put_together(First, Second)
        text = str(caught.value)
        assert text.startswith("The declarations have 2 mistakes:\n  1. [missing-part] First:")
        assert "\n  2. [missing-part] Second:" in text


class TestWhatMessagesSay:
    def test_a_misspelt_field_behind_an_aggregate_names_the_near_one(self) -> None:
        class Line(Resource):
            id: Attr[UUID] = uuid_primary_key()
            bill_id: Attr[UUID] = attribute()
            cents: Attr[int] = attribute()

        class Bill(Resource):
            id: Attr[UUID] = uuid_primary_key()
            lines: Many[Line] = has_many()
            total = agg.sum(lines, lambda line: line.cent)  # type: ignore[attr-defined]

        assert str(only(Bill, Line)) == (
            "`Line` has no field `cent` in `Bill.total`. Fields: bill_id, cents, id. Did you mean `cents`?"
        )

    def test_a_sum_over_text_names_the_type(self) -> None:
        class Line(Resource):
            id: Attr[UUID] = uuid_primary_key()
            bill_id: Attr[UUID] = attribute()
            text: Attr[str] = attribute()

        class Bill(Resource):
            id: Attr[UUID] = uuid_primary_key()
            lines: Many[Line] = has_many()
            total = agg.sum(lines, lambda line: line.text)  # type: ignore[type-var]

        error = only(Bill, Line)
        assert error.code == "not-numeric"
        assert "sum needs numbers or durations, not str" in error.message

    def test_a_comparison_with_another_type_names_both_and_the_place(self) -> None:
        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()
            likes: Attr[int] = attribute()
            policies = Policies(policy("read", authorize_if(likes == "many")))  # type: ignore[arg-type]

        error = only(Note)
        assert error.path == ("Note", "policies")
        assert error.message == ("Note.policies: `Note.likes` holds int; it is compared with 'many', a str.")

    def test_a_field_of_another_resource_without_a_way_to_it(self) -> None:
        class Other(Resource):
            id: Attr[UUID] = uuid_primary_key()
            size: Attr[int] = attribute()

        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()
            double = calculate(Other.size * 2)

        error = only(Note, Other)
        assert error.code == "foreign-field"
        assert error.path == ("Note", "double")
        assert error.message.startswith("Note.double: `Other.size` is not a field of `Note`.")

    def test_an_input_that_is_no_attribute_lists_the_attributes_and_tells_about_arguments(self) -> None:
        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()
            text: Attr[str] = attribute()

            @action.create
            def write(self, scope: Scope, loud: bool) -> None: ...

        assert str(only(Note)) == (
            "Note.write: the input `loud` is no attribute of `Note`. Attributes: id, text. "
            "For an argument that is not stored write `loud: Arg[…]`."
        )

    def test_an_argument_named_like_an_attribute(self) -> None:
        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()
            text: Attr[str] = attribute()

            @action.create
            def write(self, scope: Scope, text: Arg[str]) -> None: ...

        assert only(Note).path == ("Note", "write", "text")

    def test_an_attribute_without_type_shows_how_to_write_it(self) -> None:
        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()
            text = attribute()

        error = only(Note)
        assert error.path == ("Note", "text")
        assert "`text: Attr[…] = attribute(…)`" in error.message

    def test_an_unknown_type_names_the_near_one(self) -> None:
        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()
            colour: Attr[Color] = attribute()  # type: ignore[name-defined]  # noqa: F821

        error = only(Note)
        assert error.path == ("Note", "colour")
        assert "the name `Color` in its type is unknown" in error.message
        assert error.hint == "Did you mean `Colour`?"

    def test_an_upsert_by_an_identity_that_there_is_not(self) -> None:
        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()
            slug: Attr[str] = attribute()

            @action.create(upsert="slgu")
            def write(self, scope: Scope, slug: str) -> None: ...

            identities = Identities(slug=[slug])

        assert str(only(Note)) == (
            "Note.write: upsert names the identity `slgu`. Identities: slug. Did you mean `slug`?"
        )

    def test_a_policy_for_an_action_of_another_resource(self) -> None:
        class Line(Resource):
            id: Attr[UUID] = uuid_primary_key()

            @action.destroy
            def strike(self, scope: Scope) -> None: ...

        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()
            policies = Policies(policy(Line.strike, authorize_if(True)))

        assert "`Line.strike` is an action of another resource" in str(only(Note, Line))

    def test_a_tenancy_on_an_attribute_that_may_be_null(self) -> None:
        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()
            org_id: Attr[UUID | None] = attribute(default=None)
            tenancy = Tenancy(org_id)

        error = only(Note)
        assert (error.code, error.path) == ("wrong-section", ("Note", "tenancy"))

    def test_a_key_attribute_that_the_other_side_lacks(self) -> None:
        class Line(Resource):
            id: Attr[UUID] = uuid_primary_key()
            bill: Attr[UUID] = attribute()

        class Bill(Resource):
            id: Attr[UUID] = uuid_primary_key()
            lines: Many[Line] = has_many()
            first: One[Line] = has_one(via="bil_id")

        found = mistakes(Bill, Line)
        assert [str(each) for each in found] == [
            f"`Line` has no field `{name}` in the relationship `Bill.{relationship}`. Fields: bill, id. "
            "Did you mean `bill`?"
            for name, relationship in (("bill_id", "lines"), ("bil_id", "first"))
        ]

    def test_a_many_to_many_over_a_resource_that_there_is_not(self) -> None:
        class Tag(Resource):
            id: Attr[UUID] = uuid_primary_key()

        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()
            tags: Many[Tag] = many_to_many("NoteTg")

        error = only(Note, Tag)
        assert error.code == "no-such-resource"
        assert "Note.tags needs the resource `NoteTg`" in error.message

    def test_a_transition_of_an_enumeration_that_two_attributes_hold(self) -> None:
        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()
            front: Attr[Colour] = attribute()
            back: Attr[Colour] = attribute()

            @action.transition(Colour.RED, to=Colour.BLUE)
            def paint(self, scope: Scope) -> None: ...

        assert "several attributes (back, front) of `Note` holds Colour" in only(Note).message

    def test_an_update_that_walks_around_a_transition(self) -> None:
        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()
            colour: Attr[Colour] = attribute(default=Colour.RED)

            @action.transition(Colour.RED, to=Colour.BLUE)
            def paint(self, scope: Scope) -> None: ...

            @action.update
            def edit(self, scope: Scope, colour: Colour) -> None: ...

        assert only(Note).path == ("Note", "edit", "colour")

    def test_an_expression_over_a_relationship_as_if_it_were_a_value(self) -> None:
        class Owner(Resource):
            id: Attr[UUID] = uuid_primary_key()

        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()
            owner_id: Attr[UUID] = attribute()
            owner: One[Owner] = belongs_to()
            me = calculate(exists(owner, lambda row: row > 3))  # type: ignore[operator,arg-type,return-value]

        error = only(Note, Owner)
        assert (error.code, error.path) == ("broken-expression", ("Note", "me"))

    def test_a_generic_action_says_what_it_answers_with(self) -> None:
        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()

            @action.generic
            @classmethod
            async def guess(cls, scope: Scope):  # type: ignore[no-untyped-def]
                return 1

        assert only(Note).path == ("Note", "guess")


class TestNamesThatClash:
    def test_two_resources_in_two_domains(self) -> None:
        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()

        with pytest.raises(DefinitionErrors) as caught:
            assemble("test", [Domain("one", resources=[Note]), Domain("two", resources=[Note])])
        (error,) = caught.value.errors
        assert error.code == "duplicate-name"
        assert "in domain one and" in error.message
        assert error.message.endswith("in domain two.")

    def test_two_domains(self) -> None:
        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()

        class Line(Resource):
            id: Attr[UUID] = uuid_primary_key()

        with pytest.raises(DefinitionErrors, match="Two domains bear the name `one`"):
            assemble("test", [Domain("one", resources=[Note]), Domain("one", resources=[Line])])

    def test_two_tables_and_two_columns(self) -> None:
        from sorbus import Postgres

        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()
            text: Attr[str] = attribute()
            body: Attr[str] = attribute(column="text")
            storage = Postgres("things")

        class Line(Resource):
            id: Attr[UUID] = uuid_primary_key()
            storage = Postgres("things")

        assert sorted(str(each).split(":")[0] for each in mistakes(Note, Line)) == [
            "Two columns bear the name `text`",
            "Two resources bear the name `things`",
        ]

    def test_a_column_that_is_too_long(self) -> None:
        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()
            text: Attr[str] = attribute(column="t" * 64)

        assert only(Note).code == "name-too-long"


class TestCircles:
    def test_a_calculation_over_a_relationship_to_its_own_resource(self) -> None:
        class Node(Resource):
            id: Attr[UUID] = uuid_primary_key()
            parent_id: Attr[UUID | None] = attribute(default=None)
            parent: One[Node | None] = belongs_to()
            depth = calculate(related(parent, lambda row: row.depth))

        error = only(Node)
        assert error.code == "circular-calculation"
        assert "Node.depth → Node.depth" in error.message

    def test_a_calculation_and_an_aggregate_of_two_resources(self) -> None:
        class Bill(Resource):
            id: Attr[UUID] = uuid_primary_key()
            lines: Many[Line] = has_many()
            total = agg.sum(lines, lambda line: line.share)

        class Line(Resource):
            id: Attr[UUID] = uuid_primary_key()
            bill_id: Attr[UUID] = attribute()
            bill: One[Bill] = belongs_to()
            share = calculate(related(bill, lambda bill: bill.total))

        assert {each.code for each in mistakes(Bill, Line)} == {"circular-calculation"}


def test_a_computed_method_with_an_unknown_return_type_is_noted() -> None:
    class Note(Resource):
        id: Attr[UUID] = uuid_primary_key()

        @computed(loads=[id])
        def label(self) -> Strng:  # type: ignore[name-defined]  # noqa: F821
            return ""

    assert only(Note).path == ("Note", "label")
