"""State machines: what is refused when the application is put together, and the charts."""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest

from sorbus import (
    Attr,
    Domain,
    Identities,
    Resource,
    Scope,
    Sorbus,
    action,
    attribute,
    uuid_primary_key,
)
from sorbus.errors.declaration import DefinitionErrors, WrongTransition
from sorbus.errors.states import BadStateMachine
from sorbus.extensions.state_machine import StateMachine, dot, graph_of, mermaid, svg, transition
from sorbus.schema.resource import ResourceSpec


class Light(StrEnum):
    """States."""

    RED = "red"
    GREEN = "green <&>"
    GREY = "grey"


class Colour(StrEnum):
    """Other states."""

    BLUE = "blue"


def spec_of(resource: type[Any]) -> ResourceSpec:
    return Sorbus(domains=[Domain("d", resources=[resource])]).spec.resources[resource.__name__]


def mistakes(resource: type[Any]) -> list[str]:
    with pytest.raises(DefinitionErrors) as caught:
        spec_of(resource)
    assert all(isinstance(each, (BadStateMachine, WrongTransition)) for each in caught.value.errors)
    return [str(each) for each in caught.value.errors]


class Base(Resource):
    """What the resources of these tests share."""

    id: Attr[UUID] = uuid_primary_key()
    light: Attr[Light] = attribute()
    number: Attr[int] = attribute(default=0)

    @action.create
    def make(self, scope: Scope) -> None:
        """Make one."""

    @action.update
    def go(self, scope: Scope) -> None:
        """Go."""

    @action.update
    def stop(self, scope: Scope) -> None:
        """Stop."""

    @action.create(upsert="number")
    def put(self, scope: Scope, number: int) -> None:
        """Put one."""

    identities = Identities(number=[number])


class Lamp(Base):
    """A machine that is right."""

    machine = StateMachine(
        Base.light,
        transition(Base.go, Light.RED, to=Light.GREEN),
        transition(Base.stop, "*", to=Light.RED),
        initial=[Light.RED],
        deprecated=[Light.GREY],
    )


def test_the_spec_knows_the_machine() -> None:
    spec = spec_of(Lamp)
    assert spec.attributes["light"].default is Light.RED
    go, stop = spec.actions["go"], spec.actions["stop"]
    assert go.transition is not None
    assert stop.transition is not None
    assert stop.transition.sources == (Light.RED, Light.GREEN), "deprecated states are left out of `*`"
    assert go.bounds == (("light", (Light.GREEN,)),)
    assert spec.actions["make"].bounds == (("light", (Light.RED,)),)
    assert ("machine", "action changed", "go: transition, bounds") in {
        (each.section, each.kind, each.name) for each in spec.additions
    }


def test_states_must_be_reached_and_left() -> None:
    class Lonely(Base):
        """No way to grey, no way out of green."""

        machine = StateMachine(
            Base.light, transition(Base.go, Light.RED, to=Light.GREEN), initial=[Light.RED]
        )

    assert mistakes(Lonely) == [
        "Lonely.machine: nothing leaves GREEN. Add a transition, or mark it: `final=[Light.GREEN]`.",
        "Lonely.machine: no transition leads to GREY. Add one, or name it among `initial` or `deprecated`.",
        "Lonely.machine: nothing leaves GREY. Add a transition, or mark it: `final=[Light.GREY]`.",
    ]


def test_final_and_deprecated_states_mean_what_they_say() -> None:
    class Leaky(Base):
        """A final state that is left, a deprecated one that is entered."""

        machine = StateMachine(
            Base.light,
            transition(Base.go, Light.RED, to=[Light.GREEN, Light.GREY]),
            transition(Base.stop, Light.GREEN, to=Light.RED),
            initial=[Light.RED],
            final=[Light.GREEN],
            deprecated=[Light.GREY],
        )

    assert mistakes(Leaky) == [
        "Leaky.machine: GREEN is final, but stop leaves it.",
        "Leaky.machine: GREY is deprecated, but go leads there.",
    ]


def test_foreign_states_and_actions_are_refused() -> None:
    class Elsewhere(Resource):
        """Another resource."""

        id: Attr[UUID] = uuid_primary_key()

        @action.update
        def move(self, scope: Scope) -> None:
            """Move."""

    wrong: Any = Colour.BLUE
    plain: Any = Base.number

    class Foreign(Base):
        """A state of another kind."""

        machine = StateMachine(Base.light, initial=[Light.RED, wrong])

    class Strange(Base):
        """An action of another resource, and a create that is no upsert."""

        machine = StateMachine(
            Base.light,
            transition(Elsewhere.move, Light.RED, to=Light.GREEN),
            transition(Base.make, Light.RED, to=Light.GREEN),
            transition(Base.go, "*", to=list(Light)),
            initial=[Light.RED],
        )

    class Textual(Base):
        """No enumeration."""

        machine = StateMachine(plain, initial=[Light.RED])

    assert mistakes(Foreign) == [
        "Foreign.machine: blue is no Light. States: GREEN, GREY, RED.",
    ]
    assert mistakes(Strange) == [
        "Strange.machine: `Elsewhere.move` is no action of `Strange`.",
        "Strange.machine: `make` is a create action; a transition is an update, or a create with an upsert.",
    ]
    assert mistakes(Textual) == ["Textual.machine: `number` holds no enumeration."]


def test_a_source_is_a_state_or_the_star() -> None:
    misspelt: Any = "gren"

    class Misspelt(Base):
        """No star, no state."""

        machine = StateMachine(
            Base.light,
            transition(Base.go, misspelt, to=Light.RED),
            initial=[Light.GREEN],
        )

    assert "Misspelt.machine: gren is no Light. States: GREEN, GREY, RED." in mistakes(Misspelt)[0]


def test_an_upsert_must_not_go_round_the_machine() -> None:
    class Sneaky(Base):
        """An upsert that takes the state."""

        @action.create(upsert="number")
        def overwrite(self, scope: Scope, number: int, light: Light) -> None:
            """Overwrite."""

        machine = StateMachine(
            Base.light,
            transition(Base.go, "*", to=list(Light)),
            transition(Base.put, Light.RED, to=Light.GREEN),
            initial=[Light.RED],
        )

    assert mistakes(Sneaky) == [
        "Sneaky.machine: Sneaky.put may insert a record that is GREEN, which is no initial state.",
        (
            "Sneaky.machine: Sneaky.overwrite would set the state of a row that is there, whatever state that "
            "is in. Declare where it may do so: `transition(overwrite, …, to=…)`."
        ),
    ]


def test_a_transition_needs_states_of_one_kind() -> None:
    class Mixed(Base):
        """States of two kinds."""

        @action.transition(Light.RED, to=[Light.GREEN, Colour.BLUE])
        def mix(self, scope: Scope) -> None:
            """Mix."""

        @action.transition(to=Light.GREEN)
        def none(self, scope: Scope) -> None:
            """From nowhere."""

    found = mistakes(Mixed)
    assert "is no Light" in found[0]
    assert "starts from no state" in found[1]


class TestCharts:
    def test_as_mermaid(self) -> None:
        assert mermaid(Lamp.machine.graph(spec_of(Lamp))) == (
            "stateDiagram-v2\n"
            '    state "green <&>" as green\n'
            "    [*] --> red\n"
            "    red --> green: go\n"
            "    red --> red: stop\n"
            "    green --> red: stop\n"
        )

    def test_as_dot(self) -> None:
        lines = dot(Lamp.machine.graph(spec_of(Lamp))).splitlines()
        assert lines[0] == 'digraph "Lamp" {'
        assert '    "GREEN" -> "RED" [label="stop"];' in lines
        assert '    "GREY" [label="grey", style=dashed];' in lines
        assert lines[-1] == "}"

    def test_as_svg(self) -> None:
        text = svg(Lamp.machine.graph(spec_of(Lamp)))
        root = ET.fromstring(text)
        space = "{http://www.w3.org/2000/svg}"
        words = [each.text for each in root.iter(f"{space}text")]
        assert {"red", "green <&>", "grey", "go", "stop"} <= set(words)
        width, height = (float(root.attrib[name]) for name in ("width", "height"))
        for box in root.iter(f"{space}rect"):
            left, top = float(box.attrib["x"]), float(box.attrib["y"])
            assert 0 <= left <= width - float(box.attrib["width"])
            assert 0 <= top <= height - float(box.attrib["height"])

    def test_without_a_machine(self) -> None:
        class Plain(Base):
            """Transitions only."""

            @action.transition(Light.RED, to=Light.GREEN)
            def turn(self, scope: Scope) -> None:
                """Turn."""

        assert [edge.action for edge in graph_of(spec_of(Plain)).edges] == ["turn"]
        with pytest.raises(BadStateMachine, match="no transitions"):
            graph_of(spec_of(Base))
