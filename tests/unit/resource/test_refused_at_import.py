"""What is refused where it stands, before any application is put together."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from sorbus import (
    Attr,
    JsonApi,
    Policies,
    Resource,
    Scope,
    action,
    attribute,
    uuid_primary_key,
)
from sorbus.errors.access import ImmutableRecord, NoConstructor
from sorbus.errors.declaration import (
    ExpressionTruth,
    HidesMember,
    UnknownMember,
)


def misspelt_section() -> object:
    class Note(Resource):
        id: Attr[UUID] = uuid_primary_key()
        polices = Policies()

    return Note


def section_under_another_name() -> object:
    class Note(Resource):
        id: Attr[UUID] = uuid_primary_key()
        policies = JsonApi("/notes")

    return Note


def plain_value() -> object:
    class Note(Resource):
        id: Attr[UUID] = uuid_primary_key()
        limit = 3

    return Note


def method() -> object:
    class Note(Resource):
        id: Attr[UUID] = uuid_primary_key()

        def shout(self) -> str:
            return "!"

    return Note


class TestAtImport:
    @pytest.mark.parametrize(
        ("declare", "message"),
        [
            (misspelt_section, "Policies section, which is named `policies`"),
            (section_under_another_name, "JsonApi section, which is named `json_api`"),
            (plain_value, "`Note.limit` is an int"),
            (method, "`Note.shout` is a function"),
        ],
    )
    def test_an_unknown_public_name_is_refused(self, declare: Callable[[], object], message: str) -> None:
        with pytest.raises(UnknownMember) as caught:
            declare()
        assert message in str(caught.value)

    def test_a_name_that_every_resource_has_is_refused(self) -> None:
        with pytest.raises(HidesMember):

            class Note(Resource):
                id: Attr[UUID] = uuid_primary_key()
                query: Attr[str] = attribute()  # type: ignore[assignment]

    def test_the_truth_value_of_a_condition_is_refused(self) -> None:
        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()
            likes: Attr[int] = attribute()

        for use in (
            lambda: (Note.likes > 1) and (Note.likes < 3),
            lambda: not (Note.likes > 1),
            lambda: 1 if Note.likes > 1 else 2,
            lambda: 1 < Note.likes < 3,
        ):
            with pytest.raises(ExpressionTruth, match="Combine conditions with `&`"):
                use()

    def test_records_are_neither_constructed_nor_assigned_to(self) -> None:
        class Note(Resource):
            id: Attr[UUID] = uuid_primary_key()
            text: Attr[str] = attribute()

            @action.create
            def write(self, scope: Scope, text: str) -> None: ...

            @action.update
            def edit(self, scope: Scope, text: str) -> None: ...

        with pytest.raises(NoConstructor, match=r"Create actions: Note\.write\."):
            Note(text="x")  # type: ignore[call-arg]
        note = object.__new__(Note)
        with pytest.raises(ImmutableRecord, match="Actions that change it: edit"):
            note.text = "x"
