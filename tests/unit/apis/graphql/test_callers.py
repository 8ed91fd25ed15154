"""What callers are counted by, and what they are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from sorbus.apis.graphql.callers import address_of, caller_of
from sorbus.apis.graphql.openings import Openings
from sorbus.errors.graphql import TooManyOwnStreams, TooManyStreams
from sorbus.http.closing import Closing
from sorbus.scope import Scope

ONE = UUID(int=1)


@dataclass
class User:
    """An actor that is no key itself, as it has no hash."""

    id: Any = ONE
    name: str = ""


@dataclass(frozen=True)
class Robot:
    id: UUID = ONE


class TestCallers:
    def test_an_actor_is_the_same_wherever_it_comes_from(self) -> None:
        one = caller_of(Scope(actor=User(name="a"), tenant="t"), "192.0.2.1")
        assert one == caller_of(Scope(actor=User(name="b"), tenant="t"), "192.0.2.2")
        assert one != caller_of(Scope(actor=User(), tenant="other"), "192.0.2.1")
        assert one != caller_of(Scope(actor=User(id=2), tenant="t"), "192.0.2.1")
        assert one != caller_of(Scope(actor=Robot(), tenant="t"), "192.0.2.1")

    def test_what_cannot_be_a_key_goes_by_what_it_shows(self) -> None:
        given: list[Any] = [{"sub": "a"}, User(id=["a"]), Scope(actor=None)]
        keys = {caller_of(Scope(actor=each), "") for each in given}
        assert len(keys) == len(given)
        assert caller_of(Scope(actor={"sub": "a"}), "") in keys

    def test_who_is_nobody_goes_by_the_address(self) -> None:
        assert caller_of(Scope(), "192.0.2.1") == caller_of(Scope(), "::ffff:192.0.2.1")
        assert caller_of(Scope(), "192.0.2.1") != caller_of(Scope(), "192.0.2.2")

    def test_of_ipv6_the_network_counts(self) -> None:
        assert address_of("2001:db8:1:2::1") == address_of("2001:DB8:1:2:ffff::2")
        assert address_of("2001:db8:1:2::1") != address_of("2001:db8:1:3::1")
        assert address_of("fe80::1%eth0") == address_of("fe80::2")
        assert address_of("") == ""


class TestOpenings:
    def test_each_has_room_and_all_together(self) -> None:
        openings = Openings(Closing(), most=3, each=2)
        with openings.one("a"), openings.one("a"):
            with pytest.raises(TooManyOwnStreams), openings.one("a"):
                pass
            with openings.one("b"), pytest.raises(TooManyStreams), openings.one("c"):
                pass
            with openings.one("b"):
                pass
        assert not openings.open

    def test_a_server_that_stops_opens_nothing(self) -> None:
        closing = Closing()
        openings = Openings(closing, most=3, each=2)
        closing.begin()
        with pytest.raises(TooManyStreams), openings.one("a"):
            pass
        closing.reopen()
        with openings.one("a"):
            pass
