"""Every related row that a condition touches is guarded, at any depth."""

from __future__ import annotations

from sorbus.engine.guards import Securer, tenancy
from sorbus.expressions.nodes import (
    PARENT,
    Aggregated,
    AggregateKind,
    Call,
    Const,
    Exists,
    Node,
    Ordering,
    Ref,
    TenantRef,
    walk,
)
from sorbus.resource.assembly import assemble
from sorbus.schema.resource import ResourceSpec
from sorbus.testing.conformance.press import DOMAINS, Article, Author

APPLICATION = assemble("test", DOMAINS)
ARTICLE, AUTHOR = APPLICATION.by_class[Article], APPLICATION.by_class[Author]


def mark(spec: ResourceSpec) -> Node:
    return Ref(f"may see {spec.name}")


def secured(node: Node, spec: ResourceSpec = ARTICLE) -> Node:
    return Securer(APPLICATION, mark).secure(node, (spec,))


def guards(node: Node) -> set[str]:
    return {each.name for each in walk(node) if isinstance(each, Ref) and each.name.startswith("may see")}


def test_own_fields_need_no_guard() -> None:
    node = Call("and", (Call("eq", (Ref("title"), Const("x"))), Call("is_null", (Ref("slug"),))))
    assert secured(node) == node


def test_exists_and_aggregates_count_guarded_rows_only() -> None:
    assert secured(Exists("comments")) == Exists("comments", Ref("may see Comment"))
    inner = Call("gt", (Ref("score"), Const(1)))
    assert secured(Exists("comments", inner)) == Exists(
        "comments", Call("and", (inner, Ref("may see Comment")))
    )
    found = secured(Aggregated(AggregateKind.COUNT, "tags"))
    hops = (Ref("may see ArticleTag"), None)
    assert found == Aggregated(AggregateKind.COUNT, "tags", None, Ref("may see Tag"), hops=hops)


def test_nested_rows_are_guarded_each() -> None:
    node = Exists("author", Exists("articles", Exists("comments")))
    assert guards(secured(node)) == {"may see Author", "may see Article", "may see Comment"}
    order = (Ordering(Ref("comment_count")),)
    node = Aggregated(AggregateKind.FIRST, "articles", Ref("comment_count"), None, order)
    assert guards(secured(node, AUTHOR)) == {"may see Article", "may see Comment"}


def test_paths_become_guarded_lookups() -> None:
    found = secured(Ref("name", ("author",)))
    assert found == Aggregated(AggregateKind.FIRST, "author", Ref("name"), Ref("may see Author"))
    assert guards(secured(Ref("bio", ("author", "profile")))) == {"may see Author", "may see Profile"}


def test_derived_fields_are_replaced_by_what_they_are_made_of() -> None:
    assert guards(secured(Ref("comment_count"))) == {"may see Comment"}
    assert guards(secured(Ref("comments_in_all"), AUTHOR)) == {"may see Article", "may see Comment"}
    assert guards(secured(Ref("heading"))) == set()


def test_a_derived_field_of_an_enclosing_row_is_guarded_there() -> None:
    node = Exists("comments", Call("eq", (Ref("score"), Ref("comment_count", outer=1))))
    inner = Aggregated(AggregateKind.COUNT, "comments", None, Ref("may see Comment"))
    found = secured(node)
    assert isinstance(found, Exists)
    assert found.where is not None
    assert Call(PARENT, (inner,)) in list(walk(found.where))
    node = Exists("comments", Call("eq", (Ref("body"), Ref("author_name", outer=1))))
    assert guards(secured(node)) == {"may see Comment", "may see Author"}


def test_without_guards_nothing_changes() -> None:
    node = Exists("comments", Call("eq", (Ref("body"), Ref("name", ("article", "author")))))
    assert Securer(APPLICATION, lambda spec: None).secure(node, (ARTICLE,)) == node


def test_the_tenants_condition() -> None:
    assert ARTICLE.tenancy is not None
    assert tenancy(ARTICLE) == Call("eq", (Ref("org_id"), TenantRef(ARTICLE.tenancy.cast)))
    assert tenancy(APPLICATION.resources["Org"]) is None
