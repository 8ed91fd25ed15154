"""What a prompted action's declaration must be, and that each mistake is said."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from sorbus import (
    Attr,
    Domain,
    InMemory,
    Mcp,
    Policies,
    Query,
    Resource,
    Scope,
    Sorbus,
    action,
    attribute,
    authorize_if,
    policy,
    uuid_primary_key,
)
from sorbus.errors.declaration import DefinitionErrors, UnknownMember
from sorbus.errors.prompting import WrongPrompted
from sorbus.llm import ModelClient, prompt, prompted
from sorbus.resource.assembly.assemble import assemble
from sorbus.testing.scripted import ScriptedProvider, calling

ALL = Policies(policy("any", authorize_if(True)))


class Elsewhere(Resource):
    """In no domain."""

    id: Attr[UUID] = uuid_primary_key()
    storage = InMemory()
    policies = ALL


class Homeless(Resource):
    """Has no records."""

    policies = ALL


class WithAVeryLongNameThatNoModelWouldEverTakeForAToolHoweverGood(Resource):
    """Has a long name."""

    id: Attr[UUID] = uuid_primary_key()
    storage = InMemory()
    policies = ALL


class Namesake(Resource):
    """Is called like another one over MCP."""

    id: Attr[UUID] = uuid_primary_key()
    storage = InMemory()
    policies = ALL
    mcp = Mcp("get", name="parcel")


class Parcel(Resource):
    """A parcel."""

    id: Attr[UUID] = uuid_primary_key()
    storage = InMemory()
    policies = ALL


def letter(docstring: str | None = "Decide.", returns: Any = str, **options: Any) -> type[Resource]:
    """A resource whose action is prompted with these options."""

    async def triage(cls: Any, scope: Scope, text: str) -> Any:
        return prompt()

    triage.__doc__ = docstring
    triage.__annotations__["return"] = returns
    made = action.generic(prompted(**options)(triage))
    return type("Letter", (Resource,), {"__module__": __name__, "triage": made, "policies": ALL})


def mistakes(*resources: type[Resource]) -> list[str]:
    """What is wrong with an application of these."""
    with pytest.raises(DefinitionErrors) as found:
        assemble("test", [Domain("test", resources=list(resources))])
    assert {type(each) for each in found.value.errors} == {WrongPrompted}
    return [each.message for each in found.value.errors]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"tools": [3]}, "`3` in its `tools` is neither an action nor a resource"),
        ({"tools": [lambda: 3]}, "`3` in its `tools` is neither an action nor a resource"),
        ({"tools": [lambda: Missing]}, "a function in its `tools` failed (NameError: name 'Missing' is not defined)"),  # type: ignore[name-defined]  # noqa: F821
        ({"tools": [Elsewhere]}, "`Elsewhere`, of which it lists a tool, is in no domain of the application"),
        ({"tools": [Homeless]}, "`Homeless` in its `tools` has no records to read"),
        ({"tools": [Parcel, Parcel]}, "`Parcel.get` stands in its `tools` twice"),
        ({"tools": [Parcel, Namesake]}, "`Parcel.get` and `Namesake.get` would both be the tool `parcel_get`"),
        ({"tools": [WithAVeryLongNameThatNoModelWouldEverTakeForAToolHoweverGood]}, "at most 64"),
        ({"max_turns": 0}, "`max_turns` is 0; allowed is 1 or more"),
        ({"max_turns": True}, "`max_turns` is True; allowed is 1 or more"),
        ({"max_calls": -1}, "`max_calls` is -1; allowed is 1 or more"),
        ({"result_bytes": 10}, "`result_bytes` is 10; allowed is 256 or more"),
        ({"max_tokens": 0}, "`max_tokens` is 0; allowed is 1 or more"),
        ({"timeout": 0}, "`timeout` is 0; allowed are seconds, or None for no limit"),
        ({"timeout": float("nan")}, "`timeout` is nan"),
        ({"timeout": "soon"}, "`timeout` is 'soon'"),
        ({"docstring": None}, "it has no docstring"),
        ({"returns": None}, "it answers with nothing"),
        ({"returns": Parcel}, "no model can be told the form of its answer, Parcel"),
    ],
)  # fmt: skip
def test_a_mistake_is_said(options: dict[str, Any], told: str) -> None:
    others = [Parcel, Homeless, Namesake, WithAVeryLongNameThatNoModelWouldEverTakeForAToolHoweverGood]
    found = mistakes(letter(**options), *others)
    assert told in found[0]
    assert all(each.startswith("Letter.triage: ") for each in found)


def test_all_mistakes_are_said_at_once() -> None:
    found = mistakes(letter(tools=[3, Elsewhere], max_turns=0, timeout=-1, docstring=""))
    assert len(found) == 5


def test_it_stands_below_the_decorator_of_the_action() -> None:
    with pytest.raises(WrongPrompted, match="stands above the action's decorator"):

        class Letter(Resource):
            """A letter."""

            @prompted()
            @action.generic
            @classmethod
            async def triage(cls, scope: Scope) -> str:
                """Decide."""
                return prompt()


def test_it_does_not_make_an_action_by_itself() -> None:
    with pytest.raises(UnknownMember, match=r"Letter.triage"):

        class Letter(Resource):
            """A letter."""

            @prompted()
            @classmethod
            async def triage(cls, scope: Scope) -> str:
                """Decide."""
                return prompt()


class Base(Resource):
    """What several resources share; it is in no application itself."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(public=True)

    @action.create
    def make(self, scope: Scope, name: str) -> None:
        """Make one."""

    @action.read
    @classmethod
    def named(cls, scope: Scope, name: str) -> Query[Base]:
        """Those with a name."""
        return cls.query().where(cls.name == name)

    @action.generic
    @prompted(tools=[named])
    @classmethod
    async def judge(cls, scope: Scope, name: str) -> str:
        """Say what it is worth."""
        return prompt()


class Chair(Base):
    """A chair."""

    storage = InMemory()
    policies = ALL


class Table(Base):
    """A table."""

    storage = InMemory()
    policies = ALL


async def test_resources_that_take_it_over_have_tools_of_their_own_in_every_application() -> None:
    def says(request: Any) -> Any:
        results = [each.content for each in request.messages if each.role == "tool"]
        return (
            f'{{"value": "{len(results[0])}"}}'
            if results
            else calling((request.tools[0].name, {"name": "a"}))
        )

    model = ScriptedProvider(says)
    client = ModelClient("scripted:any", providers={"scripted": model})
    services: dict[type, Any] = {ModelClient: client}
    answers: list[str] = []
    for resources in ([Chair, Table], [Table]):
        async with Sorbus(
            domains=[Domain("d", resources=resources)], services=services, storage="memory"
        ) as app:
            await Table.make(app.scope(), name="a")
            answers += [await each.judge(app.scope(), name="a") for each in resources]
    assert [request.tools[0].name for request in model.requests[::2]] == [
        "chair_named",
        "table_named",
        "table_named",
    ]
    chair, *tables = answers
    assert tables[0] == tables[1] != chair
