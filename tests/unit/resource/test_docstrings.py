"""What an action's docstring says, taken apart, and shown by every interface."""

from __future__ import annotations

import json
from uuid import UUID

from click.testing import CliRunner

from sorbus import (
    Arg,
    Attr,
    Domain,
    GraphQL,
    InMemory,
    JsonApi,
    Mcp,
    Policies,
    Resource,
    Scope,
    Sorbus,
    action,
    attribute,
    uuid_primary_key,
)
from sorbus.apis.graphql import sdl
from sorbus.apis.json_api import openapi, routes_of, surface_of
from sorbus.apis.mcp import tools_of
from sorbus.cli.call import command_of
from sorbus.cli.exposed import exposed_calls
from sorbus.resource.docstrings import Docstring, docstring_of


def test_sections_and_parameters_are_told_apart() -> None:
    def function() -> None:
        """Do something.

        It takes a while: be patient.

        Args:
            first: what it begins with,
                and goes on with: all of it.
            second (int, optional): a number.

        Returns:
            third: nothing of the kind.
        """

    found = docstring_of(function)
    assert found.summary == "Do something."
    assert found.text == "Do something.\n\nIt takes a while: be patient."
    assert found.parameters == {
        "first": "what it begins with, and goes on with: all of it.",
        "second": "a number.",
    }


def test_a_docstring_may_be_short_or_missing() -> None:
    def short() -> None:
        """Args are not meant here: nothing is."""

    assert docstring_of(short) == Docstring("Args are not meant here: nothing is.", short.__doc__ or "")
    assert docstring_of(lambda: None) == Docstring()


class Letter(Resource):
    """A letter."""

    id: Attr[UUID] = uuid_primary_key()
    title: Attr[str] = attribute(public=True, description="Of the attribute.")
    body: Attr[str] = attribute(default="", public=True, description="What it says.")

    @action.create
    def write(self, scope: Scope, title: str, body: str = "", loud: Arg[bool] = False) -> None:
        """Write a letter.

        It is not sent yet.

        Args:
            title: Of this action.
            loud: In capitals.
        """

    storage = InMemory()
    policies = Policies()
    json_api = JsonApi("/letters", write)
    graphql = GraphQL("get", write)
    mcp = Mcp(write)


SAID = ("Of this action.", "What it says.", "In capitals.")


def test_every_interface_shows_what_it_says_of_the_inputs() -> None:
    app = Sorbus(domains=[Domain("letters", resources=[Letter])])
    surface = surface_of(app.spec)
    described = openapi(surface, routes_of(surface), title="letters", prefix="/api")
    schema = described["paths"]["/letters"]["post"]["requestBody"]["content"]
    (tool,) = tools_of(app.spec).tools.values()
    arguments = json.loads(bytes(tool.listed))["inputSchema"]["properties"]
    taken = sdl(app).partition("input WriteLetterInput")[2].partition("\n}")[0]
    for said in SAID:
        assert said in json.dumps(schema)
        assert said in taken
    assert tuple(each["description"] for each in arguments.values()) == SAID
    helped = CliRunner().invoke(command_of(exposed_calls(app)["Letter.write"]), ["--help"]).output
    for said in (*SAID, "It is not sent yet."):
        assert said in helped
    assert "Args:" not in helped
