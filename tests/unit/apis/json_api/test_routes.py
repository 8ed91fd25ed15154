"""Which routes a section gives, and which mistakes in it are found when the application is served."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from tests.integration.json_api.desk import Desk

from sorbus import (
    Arg,
    Attr,
    Domain,
    JsonApi,
    Many,
    One,
    Query,
    Resource,
    Scope,
    Sorbus,
    action,
    attribute,
    belongs_to,
    has_many,
    linkage,
    uuid_primary_key,
)
from sorbus.apis.json_api import routes_of, surface_of
from sorbus.errors.declaration import DefinitionErrors

# The resources here are about routes alone.
pytestmark = pytest.mark.filterwarnings("ignore::sorbus.errors.warnings.NothingAllowed")


def served(*resources: type[Resource]) -> list[str]:
    surface = surface_of(Sorbus(domains=[Domain("d", resources=list(resources))]).spec)
    return [f"{each.method} {each.path} {each.operation_id}" for each in routes_of(surface)]


def mistakes(*resources: type[Resource]) -> list[str]:
    with pytest.raises(DefinitionErrors) as caught:
        served(*resources)
    return [each.code for each in caught.value.errors]


def test_every_kind_of_action_has_its_route() -> None:
    surface = surface_of(Sorbus(domains=[Desk]).spec)
    found = [f"{each.method} {each.path}" for each in routes_of(surface) if each.exposed.type == "notes"]
    assert found == [
        "GET /notes",
        "GET /notes/{id}",
        "POST /notes",
        "POST /notes/import-text",
        "PATCH /notes/{id}",
        "POST /notes/{id}/move",
        "POST /notes/{id}/publish",
        "DELETE /notes/{id}",
        "GET /notes/search",
        "GET /notes/top",
        "POST /notes/count-words",
        "POST /notes/explode",
    ]


def test_a_resource_without_a_section_has_no_routes() -> None:
    class Hidden(Resource):
        id: Attr[UUID] = uuid_primary_key()

    assert served(Hidden) == []


def test_only_listed_actions_have_routes() -> None:
    class Half(Resource):
        id: Attr[UUID] = uuid_primary_key()

        @action.create
        def make(self, scope: Scope) -> None: ...

        @action.destroy
        def kill(self, scope: Scope) -> None: ...

        json_api = JsonApi("/studio/halves", kill)

    assert served(Half) == ["DELETE /studio/halves/{id} Half.kill"]


def test_the_type_is_the_last_part_of_the_path() -> None:
    class Deep(Resource):
        id: Attr[UUID] = uuid_primary_key()

        json_api = JsonApi("/studio/deep-ones", "get")

    surface = surface_of(Sorbus(domains=[Domain("d", resources=[Deep])]).spec)
    assert list(surface.by_type) == ["deep-ones"]


def test_includes_default_to_public_relationships_to_served_resources() -> None:
    class Leaf(Resource):
        id: Attr[UUID] = uuid_primary_key()
        tree_id: Attr[UUID] = attribute(public=True)
        tree: One[Tree] = belongs_to(via=tree_id, public=True)

        json_api = JsonApi("/leaves", "get")

    class Nest(Resource):
        id: Attr[UUID] = uuid_primary_key()
        tree_id: Attr[UUID] = attribute(public=True)

    class Tree(Resource):
        id: Attr[UUID] = uuid_primary_key()
        leaves: Many[Leaf] = has_many(public=True)
        secret_leaves: Many[Leaf] = has_many()
        nests: Many[Nest] = has_many(public=True)

        json_api = JsonApi("/trees", "get")

    surface = surface_of(Sorbus(domains=[Domain("d", resources=[Leaf, Nest, Tree])]).spec)
    assert tuple(surface.include_paths(surface.exposed["Tree"])) == ("leaves",)
    assert surface.exposed["Tree"].fields == ("leaves",)
    assert "Nest" not in surface.exposed


class TestMistakes:
    @pytest.mark.parametrize(
        "path", ["runs", "/", "/Runs", "/runs/", "/a b", "/runs/{id}", "", "/../x", "/openapi.json"]
    )
    def test_a_bad_path(self, path: str) -> None:
        class Bad(Resource):
            id: Attr[UUID] = uuid_primary_key()

            json_api = JsonApi(path, "get")

        assert mistakes(Bad) == ["bad-api-path"]

    def test_one_path_for_two(self) -> None:
        class One1(Resource):
            id: Attr[UUID] = uuid_primary_key()

            json_api = JsonApi("/ones", "get")

        class One2(Resource):
            id: Attr[UUID] = uuid_primary_key()

            json_api = JsonApi("/ones", "get")

        class One3(Resource):
            id: Attr[UUID] = uuid_primary_key()

            json_api = JsonApi("/other/ones", "get")

        assert mistakes(One1, One2, One3) == ["duplicate-path", "duplicate-path"]

    @pytest.mark.parametrize("name", ["type", "links", "meta", "relationships"])
    def test_a_field_with_a_reserved_name(self, name: str) -> None:
        def body(space: dict[str, Any]) -> None:
            space["__annotations__"] = {"id": Attr[UUID], name: Attr[str]}
            space["id"] = uuid_primary_key()
            space[name] = attribute(public=True)
            space["json_api"] = JsonApi("/things", "get")

        import types

        assert mistakes(types.new_class("Named", (Resource,), exec_body=body)) == ["reserved-name"]

    def test_an_input_with_a_reserved_name(self) -> None:
        class Sorted(Resource):
            id: Attr[UUID] = uuid_primary_key()

            @action.read
            @classmethod
            def by(cls, scope: Scope, sort: str) -> Query[Sorted]:
                return cls.query()

            json_api = JsonApi("/sorted", by)

        assert mistakes(Sorted) == ["reserved-name"]

    def test_an_action_of_another_resource(self) -> None:
        class Owner(Resource):
            id: Attr[UUID] = uuid_primary_key()

            @action.create
            def make(self, scope: Scope, note: Arg[str]) -> None: ...

        class Thief(Resource):
            id: Attr[UUID] = uuid_primary_key()

            json_api = JsonApi("/thieves", Owner.make, "list", 5)  # type: ignore[arg-type]

        assert mistakes(Owner, Thief) == ["not-exposable", "not-exposable", "not-exposable"]

    def test_a_relationship_among_the_actions(self) -> None:
        class Shelf(Resource):
            id: Attr[UUID] = uuid_primary_key()
            books: Many[Book] = has_many(public=True)

            json_api = JsonApi("/shelves", "get", linkage(books))  # type: ignore[arg-type]

        class Book(Resource):
            id: Attr[UUID] = uuid_primary_key()
            shelf_id: Attr[UUID] = attribute()

        assert mistakes(Shelf, Book) == ["not-exposable"]

    def test_an_include_that_is_private_or_unknown(self) -> None:
        class Child(Resource):
            id: Attr[UUID] = uuid_primary_key()
            parent_id: Attr[UUID] = attribute()

        class Parent(Resource):
            id: Attr[UUID] = uuid_primary_key()
            children: Many[Child] = has_many()

            json_api = JsonApi("/parents", "get", includes=[children, "cousins"])

        assert mistakes(Child, Parent) == ["not-exposable", "not-exposable"]
