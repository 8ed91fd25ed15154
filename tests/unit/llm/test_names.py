from __future__ import annotations

from sorbus.llm.names import (
    Evidence,
    NameKind,
    dates,
    display_names,
    looks_like_person,
    propose,
)

MAIL = """Hi Anna,

On Tue, 6 Aug 2002, Peter J. Miller wrote:
> The kernel panics on my Dell.
> Dr. Wei Chen of Stanford University said so on 12 August 2002.

The Daily Mail reported it. See http://www.example.com/Some/Path and ask Big.Boss@example.com.

Cheers,
Maria Garcia
"""


def by_name() -> dict[str, tuple[Evidence, NameKind | None]]:
    return {each.name: (each.evidence, each.kind) for each in propose(MAIL)}


def test_people_are_proposed_by_how_mails_name_them() -> None:
    found = by_name()
    assert found["Anna"] == (Evidence.GREETING, NameKind.PERSON)
    assert found["Peter J. Miller"] == (Evidence.ATTRIBUTION, NameKind.PERSON)
    assert found["Wei Chen"] == (Evidence.TITLE, NameKind.PERSON)
    assert found["Maria Garcia"] == (Evidence.SIGNATURE, NameKind.PERSON)


def test_organizations_are_proposed_by_their_last_word() -> None:
    assert by_name()["Stanford University"] == (Evidence.SUFFIX, NameKind.ORGANIZATION)


def test_other_capitalised_words_are_left_to_a_judge() -> None:
    found = by_name()
    assert found["Dell"] == (Evidence.SHAPE, None)
    assert found["Daily Mail"] == (Evidence.SHAPE, None)


def test_plain_words_and_addresses_are_no_names() -> None:
    names = " ".join(by_name())
    for word in ("Cheers", "The ", "See", "http", "Boss", "Path", "Hi "):
        assert word not in names


def test_every_proposal_stands_in_the_text() -> None:
    flat = " ".join(MAIL.split())
    assert all(each.name in flat for each in propose(MAIL))


def test_capitals_of_a_heading_tell_nothing() -> None:
    assert propose("Employee Seminar Posters And Benefit Manager Brochures\n") == []


def test_display_names_come_from_the_address_headers() -> None:
    headers = {
        "From": '"Miller, Peter" <p@example.com>',
        "to": "Anna Kowalska <a@example.com>, list@example.com",
        "Subject": "No Name <x@example.com>",
    }
    assert display_names(headers) == ["Miller, Peter", "Anna Kowalska"]


def test_a_sender_with_two_words_is_a_person_and_a_company_is_not() -> None:
    found = propose("x", headers={"From": "Anna Kowalska <a@b.c>", "To": "Acme Insurance <i@b.c>"})
    assert [each.kind for each in found] == [NameKind.PERSON, None]


def test_shapes() -> None:
    assert looks_like_person("Ludwig van Beethoven")
    assert not looks_like_person("Windows 2000")
    assert not looks_like_person("one two")


def test_dates_are_copied_as_they_stand() -> None:
    text = "Sent 2002-08-10, due 12 August 2002 or Sept 3rd, 2003; meet on Friday, 1/2/2003. Maybe May 5."
    assert dates(text) == ["2002-08-10", "12 August 2002", "Sept 3rd, 2003", "Friday", "1/2/2003", "May 5"]


def test_a_long_hostile_text_is_read_in_a_moment() -> None:
    import time

    began = time.monotonic()
    propose(("> " * 2000 + "\n") * 5 + "A " * 5000 + "Hi " * 3000 + "\n" * 5000)
    dates("Monday, 1 of " * 5000)
    assert time.monotonic() - began < 2
