"""Names in the database: derived in one place, never longer than PostgreSQL keeps."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from sorbus import Attr, Domain, Identities, One, Postgres, Resource, attribute, belongs_to, uuid_primary_key
from sorbus.resource.assembly import assemble
from sorbus.schema.names import check_name, constraint_name, fitted, foreign_key_name


class Owner(Resource):
    """Somebody."""

    id: Attr[UUID] = uuid_primary_key()


class Note(Resource):
    """A note."""

    id: Attr[UUID] = uuid_primary_key()
    owner_id: Attr[UUID] = attribute()
    slug: Attr[str] = attribute()

    owner: One[Owner] = belongs_to()

    identities = Identities(slug=[slug])
    storage = Postgres("notes")


def test_constraints_are_named_after_their_table_and_what_they_hold() -> None:
    spec = assemble("test", [Domain("test", resources=[Owner, Note])]).resources["Note"]
    assert constraint_name(spec, "slug") == "notes_slug_key"
    assert foreign_key_name(spec, spec.relationships["owner"]) == "notes_owner_fkey"
    assert check_name(spec, "state") == "notes_state_check"


@given(st.text(min_size=1, max_size=200))
def test_a_name_fits_and_a_short_one_is_kept(name: str) -> None:
    made = fitted(name)
    assert len(made.encode()) <= 63
    if len(name.encode()) <= 63:
        assert made == name


@given(st.text(min_size=64, max_size=80), st.text(min_size=1, max_size=5), st.text(min_size=1, max_size=5))
def test_long_names_that_differ_at_the_end_stay_apart(start: str, one: str, other: str) -> None:
    if one != other:
        assert fitted(start + one) != fitted(start + other)
