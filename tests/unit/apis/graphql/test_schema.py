"""Which schema the sections give, and which mistakes in them are found before anything is served."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, build_schema, parse
from tests.integration.graphql.office import Office

from sorbus import (
    Attr,
    Domain,
    GraphQL,
    Many,
    Notifications,
    Query,
    Resource,
    Scope,
    Sorbus,
    action,
    attribute,
    computed,
    has_many,
    publish,
    uuid_primary_key,
)
from sorbus.apis.graphql import Limits, schema_of, sdl, surface_of
from sorbus.apis.graphql.documents import Documents, digest
from sorbus.apis.graphql.limits import Measure
from sorbus.apis.graphql.requests import from_query
from sorbus.errors.declaration import DefinitionErrors
from sorbus.errors.graphql import GraphqlInvalid, PersistedQueryNotFound, QueryTooLarge
from sorbus.errors.http import QueryTooLong

# The resources here are about schemas alone.
pytestmark = pytest.mark.filterwarnings("ignore::sorbus.errors.warnings.NothingAllowed")


def schema(*resources: type[Resource]) -> str:
    return sdl(Sorbus(domains=[Domain("d", resources=list(resources))]))


def mistakes(*resources: type[Resource]) -> list[str]:
    with pytest.raises(DefinitionErrors) as caught:
        schema(*resources)
    return [str(each) for each in caught.value.errors]


class TestSchema:
    def test_it_is_one_and_says_nothing_of_what_is_private(self) -> None:
        text = sdl(Sorbus(domains=[Office]))
        build_schema(text)
        for private in (
            "secret",
            "orgId",
            "authorId",
            "score",
            "Person",
            "Hidden",
            "hidden",
            "code: String\n",
        ):
            assert private not in text.replace("code: String!", "")

    def test_every_kind_of_action_has_its_field(self) -> None:
        surface = surface_of(Sorbus(domains=[Office]).spec)
        found = [f"{each.kind} {each.name}" for each in surface.roots if each.exposed.type == "Note"]
        assert found == [
            "get note",
            "list notes",
            "connection notesConnection",
            "get_by noteBySlug",
            "subscribe noteChanged",
            "subscribe notesChanged",
            "subscribe wageEarned",
            "query countWordsNote",
            "create createNote",
            "create putNote",
            "update editNote",
            "update publishNote",
            "destroy removeNote",
            "list searchNotes",
            "connection searchNotesConnection",
            "list topNotes",
            "connection topNotesConnection",
            "generic explodeNote",
        ]

    def test_nothing_is_there_until_a_section_says_so(self) -> None:
        class Secret(Resource):
            id: Attr[UUID] = uuid_primary_key()

        class Tree(Resource):
            id: Attr[UUID] = uuid_primary_key()
            graphql = GraphQL("get")

        text = schema(Secret, Tree)
        assert "Secret" not in text
        assert "tree(id: ID!): Tree" in text

    def test_names_of_ones_own_come_before_node_ids(self) -> None:
        class Tree(Resource):
            id: Attr[UUID] = uuid_primary_key()
            node_id: Attr[str] = attribute(public=True)
            graphql = GraphQL("get")

        class Bush(Resource):
            id: Attr[UUID] = uuid_primary_key()
            graphql = GraphQL("get")

        class Node(Resource):
            id: Attr[UUID] = uuid_primary_key()
            graphql = GraphQL("get")

        text = schema(Tree, Bush)
        assert "type Bush implements Node" in text
        assert "nodeId: String!" in text
        assert "interface Node" not in schema(Node)

    def test_numbers_that_fit_are_ints(self) -> None:
        class Tree(Resource):
            id: Attr[UUID] = uuid_primary_key()
            small: Attr[int] = attribute(public=True, ge=0, le=100)
            large: Attr[int] = attribute(public=True)
            graphql = GraphQL("get", type="Oak", plural="oaks")

        text = schema(Tree)
        assert "small: Int!" in text
        assert "large: BigInt!" in text
        assert "oak(id: ID!): Oak" in text

    def test_only_what_may_be_asked_about_is_in_filters_and_sorts(self) -> None:
        class Tree(Resource):
            id: Attr[UUID] = uuid_primary_key()
            kind: Attr[str] = attribute(public=True, filterable=False, sortable=False)
            height: Attr[int] = attribute(public=True)
            tags: Attr[list[str]] = attribute(public=True)
            notes: Attr[dict[str, str]] = attribute(public=True)

            @computed(loads=[kind], public=True)
            def loud(self) -> str:
                """Only Python computes it."""
                return self.kind.upper()

            graphql = GraphQL("list")

        made = build_schema(schema(Tree))
        filters, sorts = made.type_map["TreeFilter"], made.type_map["TreeSortField"]
        assert isinstance(filters, GraphQLInputObjectType)
        assert isinstance(sorts, GraphQLEnumType)
        assert list(filters.fields) == ["and", "or", "not", "id", "height", "tags", "notes"]
        assert list(sorts.values) == ["ID", "HEIGHT"]
        for name, operators in (
            ("PresenceFilter", ["isNil"]),
            ("StringListFilter", ["isNil", "has", "intersects"]),
        ):
            found = made.type_map[name]
            assert isinstance(found, GraphQLInputObjectType)
            assert list(found.fields) == operators


class TestMistakes:
    def test_what_cannot_be_served_is_told_with_what_can(self) -> None:
        class Other(Resource):
            id: Attr[UUID] = uuid_primary_key()

            @action.create
            def plant(self, scope: Scope) -> None:
                """Plant it."""

        wrong: Any = ("lst", Other.plant)

        class Tree(Resource):
            id: Attr[UUID] = uuid_primary_key()
            color: Attr[str] = attribute()

            @action.create
            def grow(self, scope: Scope) -> None:
                """Grow it."""

            notifications = Notifications(publish("tree:{id}"), publish("color:{color}"))
            graphql = GraphQL(
                *wrong,
                grow,
                queries=[grow],
                by=["nam"],
                names={"gro": "x", grow: "no name"},
                subscriptions={"a": "tree:{di}", "b": "color:{color}"},
            )

        found = mistakes(Tree)
        assert len(found) == 8
        for part in (
            "`lst`, which names no way to read. Allowed: connection, get, grow, list.",
            "`plant`, which is no action of `Tree`",
            "`grow`, among `queries`, which holds generic actions only",
            "`nam`, which is no identity of `Tree`",
            "`gro`, among `names`, and does not serve it",
            "with the topic `tree:{di}`, to which `Tree` publishes nothing. Allowed: color:{color}, tree:{id}",
            "in which `color` is not public",
            "`no name`, which is none",
        ):
            assert any(part in each for each in found), (part, found)

    def test_two_fields_with_one_name_are_told(self) -> None:
        class Tree(Resource):
            id: Attr[UUID] = uuid_primary_key()
            leaf_count: Attr[int] = attribute(public=True)
            leafCount: Attr[int] = attribute(public=True)  # the point
            graphql = GraphQL("get")

        assert ["`leafCount`" in each for each in mistakes(Tree)] == [True]

    def test_two_queries_with_one_name_are_told(self) -> None:
        class Tree(Resource):
            id: Attr[UUID] = uuid_primary_key()
            graphql = GraphQL("list", plural="plants")

        class Bush(Resource):
            id: Attr[UUID] = uuid_primary_key()
            graphql = GraphQL("list", plural="plants")

        assert ["which is that of `Tree.read` already" in each for each in mistakes(Tree, Bush)] == [True]

    def test_two_types_with_one_name_are_told(self) -> None:
        class Tree(Resource):
            id: Attr[UUID] = uuid_primary_key()
            graphql = GraphQL("get", type="Query")

        assert ["which is the name of GraphQL itself already" in each for each in mistakes(Tree)] == [True]

    def test_an_input_must_not_hide_what_every_list_takes(self) -> None:
        class Tree(Resource):
            id: Attr[UUID] = uuid_primary_key()

            @action.read
            @classmethod
            def near(cls, scope: Scope, limit: int) -> Query[Tree]:
                """Trees that are near."""
                return cls.query()

            graphql = GraphQL(near)

        assert ["which every list takes" in each for each in mistakes(Tree)] == [True]

    def test_a_relationship_leads_to_served_resources_only(self) -> None:
        class Leaf(Resource):
            id: Attr[UUID] = uuid_primary_key()
            tree_id: Attr[UUID] = attribute(public=True)

        class Tree(Resource):
            id: Attr[UUID] = uuid_primary_key()
            leaves: Many[Leaf] = has_many(public=True)
            graphql = GraphQL("get")

        assert "leaves" not in schema(Tree, Leaf)


class TestDocuments:
    def documents(self, **options: Any) -> Documents:
        schema = schema_of(surface_of(Sorbus(domains=[Office]).spec))
        limits = options.pop("limits", Limits())
        return Documents(schema, limits, **{"introspection": True, **options})

    def problems(self, documents: Documents, text: str) -> str:
        with pytest.raises(GraphqlInvalid) as caught:
            documents.get(text)
        return str(caught.value)

    def test_each_text_is_read_once(self) -> None:
        documents = self.documents()
        assert documents.get("{ notes { id } }") is documents.get("{ notes { id } }")
        assert documents.parsed == 1

    def test_what_is_kept_is_bounded(self) -> None:
        documents = self.documents(limits=Limits(document=300_000))
        first = documents.get("{ notes { id } }")
        for number in range(4):
            documents.get(f"{{ notes {{ id }} }} # {number}" + " " * 290_000)
        assert documents.get("{ notes { id } }") is not first
        for number in range(501):
            documents.get(f"{{ notes {{ a{number}: id }} }}")
        parsed = documents.parsed
        documents.get("{ notes { a0: id } }")
        assert documents.parsed == parsed + 1

    @pytest.mark.parametrize("name", ["__schema { types { name } }", '__type(name: "Note") { name }'])
    def test_the_schema_can_be_hidden(self, name: str) -> None:
        documents = self.documents(introspection=False)
        assert "introspection" in self.problems(documents, f"{{ {name} }}").lower()
        assert "Did you mean" in self.problems(self.documents(), "{ notez { id } }")
        assert "Did you mean" not in self.problems(documents, "{ notez { id } }")
        documents.get("{ __typename }")

    @pytest.mark.parametrize(
        "text",
        [
            "{ notes { a: title a: slug } }",
            "{ notes { ...F a: slug } } fragment F on Note { a: title }",
            "{ notes { comments(limit: 1) { id } comments(limit: 2) { id } } }",
            "{ notes { comments { a: id } comments { a: text } } }",
            "{ notes { figures { ... on Circle { a: radius } ... { ... on Circle { a: __typename } } } } }",
            "{ __schema { queryType { a: name a: kind } } }",
            '{ node(nodeId: "x") { ... on Note { a: title a: slug } } }',
            '{ node(nodeId: "x") { a: nodeId ... on Note { a: slug } } }',
            "query ($x: Boolean!) { notes { a: title @skip(if: $x) a: slug @include(if: $x) } }",
        ],
    )
    def test_fields_under_one_name_must_be_the_same(self, text: str) -> None:
        assert "conflict" in self.problems(self.documents(), text)

    def test_documents_are_registered_only_where_that_is_wanted(self) -> None:
        text = "{ notes { id } }"
        for persisted in (True, False):
            documents = self.documents(persisted=persisted)
            documents.get(text, digest(text))
            if persisted:
                documents.get(None, digest(text))
            else:
                with pytest.raises(PersistedQueryNotFound):
                    documents.get(None, digest(text))

    def test_a_long_query_string_is_not_read(self) -> None:
        with pytest.raises(QueryTooLong):
            from_query(b"query=" + b"a" * 100_000, Limits())
        with pytest.raises(QueryTooLong):
            from_query(b"&a=b" * 100, Limits())

    def test_the_same_field_may_stand_there_twice(self) -> None:
        self.documents().get(
            "{ notes { title title comments(limit: 1) { id } comments(limit: 1) { text } figures {"
            " ... on Circle { v: radius } ... on Label { v: text } } } }"
        )

    def test_many_fields_under_one_name_take_no_time(self) -> None:
        documents = self.documents(limits=Limits(fields=1_000, tokens=4_000))
        began = time.process_time()
        documents.get("{ notes { " + "comments { id note { id } } " * 240 + "} }")
        assert time.process_time() - began < 1.0


class TestMeasure:
    @pytest.mark.parametrize(
        ("text", "fits"),
        [
            ("{ a { b { c } } }", True),
            ("{ a { b { c { d } } } }", False),
            ("{ a ...F } fragment F on Query { b { c { d } } }", True),
            ("{ a { ...F } } fragment F on A { b { c { d } } }", False),
            ("{ a b c d e f g h }", True),
            ("{ a b c d e f g h i }", False),
            ("{ ...F ...F } fragment F on Query { a b c d e }", False),
            ("{ ... { ... { a } } }", True),
            ("{ __schema { a { b { c { d } } } } }", True),
            ("{ a { __schema { b { c { d } } } } }", True),
        ],
    )
    def test_depth_and_width_are_counted_through_fragments(self, text: str, *, fits: bool) -> None:
        limits = Limits(depth=3, fields=8)
        if fits:
            Measure(parse(text), limits)
        else:
            with pytest.raises(QueryTooLarge):
                Measure(parse(text), limits)
