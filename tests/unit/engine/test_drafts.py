"""A draft reads like the record, records what is set, and knows its names."""

from __future__ import annotations

import pytest

from sorbus.changeset import Changeset
from sorbus.engine.drafts import draft_class, make_draft
from sorbus.engine.hydrate import record
from sorbus.errors.access import ImmutableRecord, NoConstructor, NoSuchMember, NotLoaded
from sorbus.resource.assembly import assemble
from sorbus.testing.conformance.press import DOMAINS, Article

SPEC = assemble("test", DOMAINS).by_class[Article]
DRAFT = draft_class(SPEC)


def test_a_draft_shows_the_record_with_the_changes_on_top() -> None:
    changeset = Changeset(resource=SPEC, action=SPEC.actions["revise"], changes={"title": "new"})
    changeset.record = record(Article, {"title": "old", "body": "b"})
    draft = make_draft(DRAFT, changeset)
    assert (draft.title, draft.body) == ("new", "b")
    draft.body = "c"
    assert draft.body == "c"
    assert changeset.changes == {"title": "new", "body": "c"}
    assert changeset.record.body == "b"
    with pytest.raises(NotLoaded):
        _ = draft.slug


def test_a_name_that_is_no_attribute_cannot_be_set() -> None:
    draft = make_draft(DRAFT, Changeset(resource=SPEC, action=SPEC.actions["revise"]))
    for name in ("titel", "comment_count", "author"):
        with pytest.raises(NoSuchMember):
            setattr(draft, name, "x")
    with pytest.raises(NoSuchMember, match="Did you mean `title`"):
        draft.titel = "x"


def test_a_draft_is_still_its_resource_and_a_record_stays_as_it_is() -> None:
    assert issubclass(DRAFT, Article)
    made = record(Article, {"title": "x"})
    with pytest.raises(ImmutableRecord, match="revise"):
        made.title = "y"
    with pytest.raises(NoConstructor, match="draft"):
        Article(title="x")  # type: ignore[call-arg]
