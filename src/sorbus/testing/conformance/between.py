"""Behaviours of field policies over rows between: what a many_to_many carries, and by which keys it leads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sorbus import is_hidden, join_of
from sorbus.testing.conformance.between_world import Club, Guest, Pass
from sorbus.testing.conformance.world import Behaviour, Tenant


async def opened(here: Tenant) -> tuple[Club, Guest, Guest]:
    """A club with two guests; the actor has paid for the second."""
    club = await Club.open_up(here.system, name="Chess")
    one, two = [await Guest.greet(here.system, name=name) for name in ("Ann", "Ben")]
    issue: Any = Pass.issue
    await issue(here.system, club_id=club.id, guest_id=one.id, host_id=one.id, price=5, code="x")
    paid = {"payer_id": here.ada.id, "price": 7, "code": "y"}
    await issue(here.system, club_id=club.id, guest_id=two.id, host_id=two.id, **paid)
    return club, one, two


class Between(Behaviour):
    """What an actor may not see of a row between."""

    @pytest.mark.parametrize("name", ["guests", "first", "page"])
    async def test_a_carried_row_shows_what_the_actor_may_see_of_it(self, here: Tenant, name: str) -> None:
        club, _, _ = await opened(here)
        clubs = Club.query(here.scope)
        guests: list[Guest]
        if name == "page":
            found = await clubs.load_page(Club.guests, limit=5).one()
            guests = list(Club.guests.page_of(found).items)
        else:
            found = await clubs.load(getattr(Club, name)).one()
            guests = getattr(found, name)
        passes = {each.name: join_of(each, Pass) for each in guests}
        assert is_hidden(passes["Ann"].price)
        for each in passes.values():
            assert each.club_id == club.id
            assert is_hidden(each.code)
            assert is_hidden(each.pin)
        if name != "first":
            assert passes["Ben"].price == 7
        seen = await Club.query(here.system).load(Club.guests).one()
        assert sorted(join_of(each, Pass).price for each in seen.guests) == [5, 7]
        assert {join_of(each, Pass).pin for each in seen.guests} == {"0000"}

    async def test_what_a_related_row_decides_about_a_carried_row_is_asked(self, here: Tenant) -> None:
        club = await Club.open_up(here.system, name="Chess", chair_id=here.ada.id)
        guest = await Guest.greet(here.system, name="Ann")
        await Pass.issue(here.system, club_id=club.id, guest_id=guest.id, code="x")
        found = await Club.query(here.scope).load(Club.guests).one()
        assert join_of(found.guests[0], Pass).code == "x"

    async def test_nothing_is_reached_by_a_key_that_is_hidden_in_a_row_between(self, here: Tenant) -> None:
        await opened(here)
        secret = replace(here.scope, context={"times": "secret"})
        found = await Club.query(secret).load(Club.guests, Club.first, Club.hosts).one()
        assert [each.name for each in found.guests] == ["Ben"]
        assert [each.name for each in found.first] == ["Ben"], "what is hidden takes no place"
        assert [each.name for each in found.hosts] == ["Ben"]
        guests = await Guest.query(secret).order_by(Guest.name).load(Guest.clubs).all()
        assert [len(each.clubs) for each in guests] == [0, 1]

    @pytest.mark.parametrize("way", ["guests", "first", "hosts"])
    async def test_filters_from_outside_do_not_go_by_such_keys_either(self, here: Tenant, way: str) -> None:
        await opened(here)
        secret = replace(here.scope, context={"times": "secret"})
        for name, count in (("Ann", 0), ("Ben", 1)):
            asked = {way: {"name": {"eq": name}}}
            assert await Club.query(secret).filter_input(asked).count() == count
            plain = 0 if (way, name) == ("first", "Ben") else 1
            assert await Club.query(here.scope).filter_input(asked).count() == plain

    async def test_a_path_goes_by_no_hidden_key_on_its_way(self, here: Tenant) -> None:
        club, one, _ = await opened(here)
        other = await Club.open_up(here.system, name="Go")
        await Pass.issue(here.system, club_id=other.id, guest_id=one.id)
        secret = replace(here.scope, context={"times": "secret"})
        for scope, names in ((here.scope, ["Chess", "Go"]), (secret, ["Chess"])):
            found = await Club.query(scope).where(Club.id == club.id).load(Club.clubs).one()
            assert sorted(each.name for each in found.clubs) == names
            asked = {"name": {"eq": "Chess"}, "clubs": {"name": {"eq": "Go"}}}
            assert await Club.query(scope).filter_input(asked).count() == len(names) - 1
