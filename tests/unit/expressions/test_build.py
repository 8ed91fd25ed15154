"""What is written becomes plain nodes; what cannot be meant is an error with a hint."""

from __future__ import annotations

from typing import Any, cast

import pytest

from sorbus import coalesce, concat, exists, if_, now, related, tenant
from sorbus.errors.declaration import ExpressionTruth, ForeignField, WrongValueType
from sorbus.expressions.build import Expr, Sort
from sorbus.expressions.describe import describe
from sorbus.expressions.lowering import Lowerer
from sorbus.expressions.nodes import (
    FALSE,
    TRUE,
    Call,
    Const,
    Exists,
    Node,
    Ordering,
    Param,
    Ref,
    TenantRef,
    children,
    conjunction,
    walk,
)
from sorbus.expressions.operators import OPERATORS, SPECIAL
from sorbus.resource.assembly import assemble
from sorbus.testing.conformance.people import Role
from sorbus.testing.conformance.press import DOMAINS, Article, Author, Comment, Status

APPLICATION = assemble("test", DOMAINS)


class Catalog:
    def type_of(self, owner: type[Any], name: str) -> Any:
        spec = APPLICATION.by_class.get(owner)
        found = spec.fields.get(name) if spec is not None else None
        return found.type if found is not None else None

    def destination(self, relationship: Any) -> type[Any]:
        spec = APPLICATION.by_class[relationship.owner]
        return APPLICATION.destination(spec.relationships[relationship.name]).python


def lowered(expression: Expr[Any], *stack: type[Any], values: list[Any] | None = None) -> Node:
    return expression.lower(Lowerer(Catalog(), stack or (Article,), values))


@pytest.mark.parametrize(
    "misuse", [bool, lambda each: each and each, lambda each: not each, lambda each: 1 < each < 2]
)
def test_an_expression_has_no_truth_value(misuse: Any) -> None:
    with pytest.raises(ExpressionTruth, match="&"):
        misuse(Article.tries > 1)


def test_comparing_with_none_asks_for_null() -> None:
    assert lowered(Article.slug == None) == Call("is_null", (Ref("slug"),))  # noqa: E711
    assert lowered(Article.slug != None) == Call("not", (Call("is_null", (Ref("slug"),)),))  # noqa: E711


def test_chains_of_one_operator_are_one_node() -> None:
    a, b, c = (Article.title == name for name in "abc")
    both = lowered(a & b & c)
    assert isinstance(both, Call)
    assert (both.operator, len(both.args)) == ("and", 3)
    either = lowered(a | b | (a & c))
    assert isinstance(either, Call)
    assert [each.operator for each in either.args if isinstance(each, Call)] == ["eq", "eq", "and"]


def test_values_become_parameters_of_a_query_and_constants_of_a_declaration() -> None:
    values: list[Any] = []
    node = lowered((Article.tries > 3) & Article.title.is_in(["a", "b"]), values=values)
    assert values == [3, ("a", "b")]
    assert [each for each in walk(node) if isinstance(each, Param)] == [Param(0, int), Param(1, list[str])]
    assert not any(isinstance(each, Const) for each in walk(node))
    assert Const(3) in walk(lowered(Article.tries > 3))


def test_the_shape_of_a_query_does_not_depend_on_its_values() -> None:
    shapes = {
        lowered((Article.tries > number) & (Article.title != f"{number}"), values=[]) for number in range(5)
    }
    assert len(shapes) == 1


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Article.tries == cast("Any", "many"), "int"),
        (Article.title == cast("Any", 5), "str"),
        (Article.status == cast("Any", "draft"), "Status"),
        (Article.status == cast("Any", Role.ADMIN), "Status"),
        (Article.title.is_in(cast("Any", ["a", 1])), "str"),
        (Article.tries == cast("Any", True), "int"),
    ],
)
def test_a_value_that_its_field_can_never_have_is_an_error(condition: Expr[bool], expected: str) -> None:
    with pytest.raises(WrongValueType, match=expected):
        lowered(condition)


def test_whole_numbers_fit_where_fractions_do() -> None:
    assert lowered(coalesce(Article.rating, cast("Any", 1)) > 2) is not None


def test_a_field_of_another_resource_needs_a_relationship() -> None:
    with pytest.raises(ForeignField, match="Comment"):
        lowered(Article.title == Comment.body)
    with pytest.raises(ForeignField):
        lowered(exists(Author.articles))


def test_related_rows_see_the_rows_around_them() -> None:
    node = lowered(exists(Article.comments, lambda each: each.body == Article.title))
    assert node == Exists("comments", Call("eq", (Ref("body"), Ref("title", outer=1))))


def test_a_related_field_is_a_path() -> None:
    assert lowered(related(Article.author, lambda each: each.name)) == Ref("name", ("author",))
    far = related(Comment.article, lambda article: related(article.author, lambda each: each.name))
    assert lowered(far, Comment) == Ref("name", ("article", "author"))


def test_sorts() -> None:
    assert Sort(Article.title).lower(Lowerer(Catalog(), (Article,))) == Ordering(Ref("title"))
    assert Ordering(Ref("a")).puts_nulls_first is False
    assert Ordering(Ref("a"), descending=True).puts_nulls_first is True
    assert Ordering(Ref("a"), descending=True, nulls_first=False).puts_nulls_first is False


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (Article.status == Status.DRAFT, "status == 'draft'"),
        ((Article.tries > 1) & ~(Article.title == "x"), "(tries > 1 & ~(title == 'x'))"),
        (Article.slug == None, "is_null(slug)"),  # noqa: E711
        (exists(Article.comments, lambda each: each.score > 3), "exists(comments, score > 3)"),
        (
            exists(Article.comments, lambda each: each.body == Article.title),
            "exists(comments, body == parent.title)",
        ),
        (related(Article.author, lambda each: each.name) == "Ann", "author.name == 'Ann'"),
        (if_(Article.tries > 1, "a", "b") == "a", "if(tries > 1, 'a', 'b') == 'a'"),
        (concat(Article.title, "!") == "x", "concat(title, '!') == 'x'"),
        (Article.org_id == tenant(), "org_id == tenant"),
        (Article.written_at < now(), "written_at < now()"),
        (Article.comment_count > 2, "comment_count > 2"),
    ],
)
def test_expressions_in_words(expression: Expr[Any], words: str) -> None:
    assert describe(lowered(expression)) == words


def test_every_operator_can_be_described() -> None:
    for name, rule in OPERATORS.items():
        assert rule.symbol in describe(Call(name, (Ref("a"), Ref("b"))))
    assert {"and", "or", "not", "in", "coalesce", "if", "today", "cast", "path"} < SPECIAL


def test_conjunction_drops_what_says_nothing() -> None:
    a, b = Ref("a"), Ref("b")
    assert conjunction(None, TRUE) is None
    assert conjunction(None, a, TRUE) == a
    assert conjunction(a, b) == Call("and", (a, b))
    assert conjunction(FALSE, None) == FALSE


def test_walk_meets_every_node_once_parents_first() -> None:
    node = Exists("x", Call("and", (Ref("a"), Call("eq", (Ref("b"), TenantRef())))))
    assert [type(each).__name__ for each in walk(node)] == [
        "Exists",
        "Call",
        "Ref",
        "Call",
        "Ref",
        "TenantRef",
    ]
    assert children(Exists("x")) == ()
