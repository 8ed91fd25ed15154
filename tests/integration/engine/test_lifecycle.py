"""The order of every action: what the reference says, what the code says, and what hooks see are one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from tests.integration.engine.conftest import Opener
from tests.integration.engine.stages import Actor, Belt, Light, Log, Report, Stage, Stages

from sorbus import Domain, Scope, Sorbus
from sorbus.engine.hydrate import record
from sorbus.engine.lifecycle import ActionCall, Step
from sorbus.errors.authorization import ActionForbidden
from sorbus.errors.declaration import DefinitionErrors, HookNeverRuns, HookOfOneRow
from sorbus.errors.inputs import InvalidAction, NotFound, WrongState

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "lifecycle.md"
_ROW = re.compile(r"^\| (?P<number>\d+) \| `(?P<name>\w+)` \| (?P<what>.+) \|$", re.MULTILINE)

SYNC = ["make", "rename", "go", "drop"]
SLOW = [f"{name}_slowly" for name in SYNC]

INSIDE = [
    "BEGIN",
    "BEFORE_WRITE",
    "before_write hook",
    "WRITE",
    "AFTER_WRITE",
    "after_write hook",
    "EFFECTS",
    "effect",
    "COMMIT",
    "AFTER_COMMIT",
    "after_commit hook",
]
WHOLE_SYNC = ["CAST", "CHANGE", "body", "AUTHORISE", "BEFORE_TRANSACTION", "before_transaction hook", *INSIDE]
WHOLE_SLOW = [
    "CAST", "CHANGE", "AUTHORISE", "BEFORE_TRANSACTION", "before_transaction hook", "async body", *INSIDE,
]  # fmt: skip


@dataclass
class Theatre:
    """An application whose engine writes its steps into the log of the hooks."""

    app: Sorbus
    log: Log

    def scope(self, *, trusted: bool = True) -> Scope:
        return self.app.scope(actor=record(Actor, {"trusted": trusted}))

    async def made(self, **values: Any) -> Stage:
        stage = await Stage.make(self.app.system_scope(), name=values.get("name", "x"))
        self.log.names.clear()
        return stage

    def call(self, name: str, stage: Stage, scope: Scope) -> Awaitable[Any]:
        inputs = {} if name.startswith(("go", "drop")) else {"name": "y"}
        bound: Callable[..., Awaitable[Any]] = getattr(stage, name)
        return bound(scope, **inputs)


@pytest.fixture
async def theatre(opened: Opener) -> AsyncIterator[Theatre]:
    async with opened([Stages]) as app:
        log = Log()
        app.provide(Log, log)

        async def effect(call: ActionCall) -> None:
            log.add("effect")

        app.engine.effect_sources.append(lambda spec, action: effect)
        app.engine.trace = lambda step: log.add(step.name)
        yield Theatre(app, log)


def test_the_reference_lists_the_steps_of_the_code() -> None:
    table = [(int(row["number"]), row["name"].upper()) for row in _ROW.finditer(PAGE.read_text())]
    assert table == [(step.value, step.name) for step in Step]
    assert len(table) == 15


@pytest.mark.parametrize(("names", "wanted"), [(SYNC, WHOLE_SYNC), (SLOW, WHOLE_SLOW)], ids=["sync", "async"])
@pytest.mark.parametrize("kind", range(4), ids=["create", "update", "transition", "destroy"])
async def test_every_kind_takes_its_steps_in_the_one_order(
    theatre: Theatre, names: list[str], wanted: list[str], kind: int
) -> None:
    stage = await theatre.made()
    await theatre.call(names[kind], stage, theatre.scope())
    assert theatre.log.names == wanted
    steps = [Step[each] for each in theatre.log.names if each in Step.__members__]
    assert steps == sorted(steps)


@pytest.mark.parametrize("name", SYNC + SLOW)
async def test_nothing_runs_after_the_policies_refused(theatre: Theatre, name: str) -> None:
    stage = await theatre.made()
    with pytest.raises(ActionForbidden):
        await theatre.call(name, stage, theatre.scope(trusted=False))
    bodies = ["body"] if name in SYNC else []
    assert theatre.log.names == ["CAST", "CHANGE", *bodies, "AUTHORISE"]
    assert await Stage.get(theatre.app.system_scope(), stage.id) == stage
    assert await Stage.query(theatre.app.system_scope()).count() == 1


@pytest.mark.parametrize("name", [each for each in SYNC + SLOW if not each.startswith("make")])
async def test_no_hook_runs_for_a_row_that_the_policies_refuse(theatre: Theatre, name: str) -> None:
    stage = await theatre.made(name="sealed")
    with pytest.raises(ActionForbidden):
        await theatre.call(name, stage, theatre.scope())
    assert theatre.log.names[-1] == "BEFORE_TRANSACTION"
    assert not any("hook" in each or each == "async body" for each in theatre.log.names)


@pytest.mark.parametrize("name", ["go", "go_slowly"])
async def test_no_hook_runs_for_a_row_in_another_state(theatre: Theatre, name: str) -> None:
    stage = await theatre.made()
    gone = await stage.go(theatre.scope())
    assert gone.light is Light.GREEN
    theatre.log.names.clear()
    with pytest.raises(WrongState):
        await theatre.call(name, stage, theatre.scope())
    assert not any("hook" in each or each == "async body" for each in theatre.log.names)


@pytest.mark.parametrize("name", [each for each in SYNC + SLOW if not each.startswith("make")])
async def test_no_hook_runs_for_a_row_that_is_gone(theatre: Theatre, name: str) -> None:
    stage = await theatre.made()
    await stage.drop(theatre.scope())
    theatre.log.names.clear()
    with pytest.raises(NotFound):
        await theatre.call(name, stage, theatre.scope())
    assert not any("hook" in each or each == "async body" for each in theatre.log.names)


@pytest.mark.parametrize("name", ["make", "make_slowly", "rename", "rename_slowly"])
async def test_wrong_inputs_stop_everything(theatre: Theatre, name: str) -> None:
    stage = await theatre.made()
    with pytest.raises(InvalidAction):
        await getattr(stage, name)(theatre.scope(), nam="y")
    assert theatre.log.names == ["CAST"]


async def test_a_hook_that_fails_inside_undoes_the_write(theatre: Theatre) -> None:
    stage = await theatre.made()

    class Broken(Exception):
        pass

    async def fail(call: ActionCall) -> None:
        raise Broken

    app = theatre.app
    app.engine.effect_sources[:] = [lambda spec, action: fail]
    with pytest.raises(Broken):
        await stage.rename(theatre.scope(), name="y")
    assert theatre.log.names[-1] == "EFFECTS"
    assert (await Stage.get(app.system_scope(), stage.id)).name == "x"


@pytest.mark.parametrize(
    ("generic", "steps"),
    [
        (Stage.count_to, ["SCOPE", "CAST", "AUTHORISE", "async body"]),
        (Stage.count_together, ["SCOPE", "CAST", "AUTHORISE", "BEGIN", "async body", "COMMIT"]),
    ],
    ids=["plain", "in a transaction"],
)
async def test_a_generic_action_is_authorised_before_its_body(
    theatre: Theatre, generic: Any, steps: list[str]
) -> None:
    assert await generic(theatre.scope(), number=3) == 3
    assert theatre.log.names == steps
    theatre.log.names.clear()
    with pytest.raises(ActionForbidden):
        await generic(theatre.scope(trusted=False), number=3)
    assert theatre.log.names == ["SCOPE", "CAST", "AUTHORISE"]


async def test_inside_a_transaction_an_action_joins_and_its_last_step_waits(theatre: Theatre) -> None:
    async with theatre.app.transaction():
        await Stage.make(theatre.scope(), name="a")
        joined = list(theatre.log.names)
    left_out = {"BEGIN", "COMMIT", "AFTER_COMMIT", "after_commit hook"}
    assert joined == [each for each in WHOLE_SYNC if each not in left_out]
    assert theatre.log.names == [*joined, "AFTER_COMMIT", "after_commit hook"]


async def test_a_read_is_authorised_too(theatre: Theatre) -> None:
    for call in (
        Stage.query(theatre.scope(trusted=False)).all(),
        Stage.query(theatre.scope(trusted=False)).count(),
        Stage.get(theatre.scope(trusted=False), "00000000-0000-0000-0000-000000000000"),
    ):
        with pytest.raises(ActionForbidden):
            await cast("Awaitable[Any]", call)


def test_a_hook_of_one_row_on_a_grouped_action_is_refused_at_once() -> None:
    with pytest.raises(DefinitionErrors) as caught:
        Sorbus(domains=[Domain("belts", resources=[Belt])])
    (error,) = caught.value.errors
    assert isinstance(error, HookOfOneRow)
    assert "Belt.put" in error.message
    assert "after_write" in error.message


def test_a_hook_on_an_action_without_its_step_is_refused_at_once() -> None:
    with pytest.raises(DefinitionErrors) as caught:
        Sorbus(domains=[Domain("reports", resources=[Report])])
    (error,) = caught.value.errors
    assert isinstance(error, HookNeverRuns)
    assert "Report.build" in error.message
