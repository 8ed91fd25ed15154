"""Behaviours of policies: what they may ask, and what becomes of what depends on the row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from sorbus import HIDDEN, Scope
from sorbus.errors.authorization import (
    ActionForbidden,
    ActorFieldHidden,
    ActorFieldNotLoaded,
    PolicyUndecided,
    WrongActor,
)
from sorbus.errors.inputs import InvalidAction, NotFound
from sorbus.testing.conformance.people import Note, Person, Role
from sorbus.testing.conformance.policies_world import Cabinet, Employee, Machine, Paper, Sheet, Stage, Team
from sorbus.testing.conformance.world import Behaviour, Tenant


def mode(here: Tenant, name: str, actor: Any = None, **context: Any) -> Scope:
    """The scope of somebody, `ada` if nobody is named, with a context that chooses policies."""
    found = here.ada if actor is None else actor
    return here.app.scope(actor=found, tenant=here.org.id, context={"mode": name, **context})


async def papers(here: Tenant, *levels: int, **inputs: Any) -> list[Paper]:
    """Papers of `ada` with these levels."""
    inputs = {"owner_id": here.ada.id, **inputs}
    return [await Paper.write(here.system, level=level, **inputs) for level in levels]


class Access(Behaviour):
    """Policies that filter, that refuse, and that let Python look."""

    async def test_filter_leaves_rows_out_and_refuses_writes(self, here: Tenant) -> None:
        low, high = await papers(here, 1, 5)
        scope = mode(here, "filter")
        assert await Paper.query(scope).all() == [low]
        assert await Paper.query(scope).count() == 1
        assert (await low.edit(scope, title="a")).title == "a"
        for refused in (
            high.edit(scope, title="a"),
            high.burn(scope),
            Paper.edit.by_key(high.id, scope, title="a"),
        ):
            with pytest.raises((ActionForbidden, NotFound)):
                await refused
        with pytest.raises(ActionForbidden):
            await Paper.write(scope, owner_id=here.ada.id, level=5)

    async def test_strict_refuses_whatever_depends_on_the_row(self, here: Tenant) -> None:
        (low,) = await papers(here, 1)
        scope = mode(here, "strict")
        calls: list[Any] = [
            Paper.query(scope).all(),
            Paper.query(scope).count(),
            Paper.get(scope, low.id),
            low.edit(scope, title="a"),
            low.burn(scope),
            Paper.write(scope, owner_id=here.ada.id, level=1),
            Paper.ask(scope),
        ]
        for each in calls:
            with pytest.raises(ActionForbidden):
                await each
        boss = mode(here, "strict", await here.person("Boss", role=Role.ADMIN))
        assert await Paper.query(boss).all() == [low]
        assert (await low.edit(boss, title="a")).title == "a"
        assert await Paper.ask(boss) == "well"

    async def test_rows_that_only_python_knows_count_as_hidden_inside_conditions(self, here: Tenant) -> None:
        bob = await here.person("Bob")
        (mine,) = await papers(here, 3, owner_id=bob.id)
        (even,) = await papers(here, 2)
        for paper in (mine, even):
            await Sheet.add(here.system, paper_id=paper.id)
        scope = mode(here, "runtime", bob)
        from sorbus import exists

        found = (
            await Sheet.query(here.app.system_scope(tenant=here.org.id)).where(exists(Sheet.paper)).count()
        )
        assert found == 2
        root = replace(scope, context={"mode": "root"})
        assert await Sheet.query(root).where(exists(Sheet.paper)).count() == 2

    async def test_a_policy_over_rows_on_a_generic_action_is_a_mistake(self, here: Tenant) -> None:
        assert await Paper.ask(mode(here, "filter")) == "well"
        with pytest.raises(ActionForbidden):
            await Paper.ask(mode(here, "strict"))


class Conditions(Behaviour):
    """When policies apply."""

    async def test_a_group_narrows_the_policies_inside_it(self, here: Tenant) -> None:
        await papers(here, 3)
        bob = await here.person("Bob")
        assert await Paper.query(mode(here, "runtime", bob)).count() == 0
        assert await Paper.query(mode(here, "runtime", bob, over=True)).count() == 1
        assert await Paper.query(mode(here, "none", bob)).count() == 1

    async def test_a_bypass_of_a_context_opens_everything(self, here: Tenant) -> None:
        await papers(here, 3, stage=Stage.BURNT)
        assert await Paper.query(mode(here, "none")).count() == 0
        assert await Paper.query(mode(here, "root")).count() == 1

    async def test_a_domain_has_policies_for_all_of_its_resources(self, here: Tenant) -> None:
        made = await Cabinet.build(here.scope, label="a")
        assert await Cabinet.get(here.scope, made.id) == made
        for scope in (here.as_(None), mode(here, "", closed=True)):
            with pytest.raises(ActionForbidden):
                await Cabinet.build(scope)
            with pytest.raises(ActionForbidden):
                await Cabinet.query(scope).all()

    async def test_a_function_is_asked_once_for_each_call(self, here: Tenant) -> None:
        (paper,) = await papers(here, 1)
        scope = mode(here, "word", word="please")
        calls: dict[str, Any] = {
            "all": lambda: Paper.query(scope).all(),
            "page": lambda: Paper.query(scope).page(),
            "get": lambda: Paper.get(scope, paper.id),
            "edit": lambda: paper.edit(scope, title="a"),
            "write": lambda: Paper.write(scope, owner_id=here.ada.id),
            "ask": lambda: Paper.ask(scope),
        }
        for name, each in calls.items():
            here.visits.names.clear()
            await each()
            assert here.visits.names == ["asked"], name
        for word in (None, "now"):
            with pytest.raises(ActionForbidden):
                await Paper.query(mode(here, "word", word=word)).all()

    async def test_each_kind_of_actor_has_policies_of_its_own(self, here: Tenant) -> None:
        await papers(here, 1)
        root = await here.person("Root", role=Role.ADMIN)
        assert await Paper.query(mode(here, "kinds", root)).count() == 1
        assert await Paper.query(mode(here, "kinds", Machine("7"))).count() == 1
        for actor in (Machine("8"), here.ada):
            with pytest.raises(ActionForbidden):
                await Paper.query(mode(here, "kinds", actor)).all()


class Reads(Behaviour):
    """Policies over what a read asks for."""

    async def test_what_is_loaded_selected_and_filtered(self, here: Tenant) -> None:
        await papers(here, 1)
        scope = mode(here, "reads")
        assert len(await Paper.query(scope).where(Paper.title == "untitled").all()) == 1
        for query in (
            Paper.query(scope).load(Paper.team),
            Paper.query(scope).load(Paper.page_count),
            Paper.query(scope).where(Paper.level == 1),
            Paper.titled(scope, title="untitled"),
        ):
            with pytest.raises(ActionForbidden):
                await query.all()
            with pytest.raises(ActionForbidden):
                await query.page()

    async def test_what_a_stream_asks_for_decides_about_its_rows_too(self, here: Tenant) -> None:
        for title in ("plain", "secret"):
            await Paper.write(here.system, owner_id=here.ada.id, title=title)
        asked = Paper.query(mode(here, "reads")).where(Paper.owner_id == here.ada.id).order_by(Paper.title)
        assert [each.title for each in await asked.all()] == ["plain"]
        assert [each.title for each in await asked.page()] == ["plain"]
        assert [each.title async for each in asked.stream()] == ["plain"]
        assert [each.title async for each in asked.limit(5).offset(0).stream()] == ["plain"]
        assert await asked.count() == 1

    async def test_the_policies_of_a_read_action_hold_for_what_it_combines(self, here: Tenant) -> None:
        for title in ("a", "b"):
            await Paper.write(here.system, owner_id=here.ada.id, title=title)
        scope = mode(here, "reads")
        with pytest.raises(ActionForbidden, match="either"):
            await Paper.either(scope, title="x", other="a").all()
        for query in (Paper.either(scope, title="a", other="b"), Paper.titled(here.system, title="a")):
            assert [each.title for each in await query.all()] == ["a"]
        assert await Paper.either(scope, title="a", other="b").count() == 1

    async def test_what_is_asked_for_decides_over_rows_however_they_are_read(self, here: Tenant) -> None:
        low, high = await papers(here, 1, 7)
        scope = mode(here, "reads rows")
        assert await Paper.query(scope).order_by(Paper.level).all() == [low, high]
        for query in (Paper.query(scope).load(Paper.team), Paper.query(scope).where(Paper.level > 0)):
            found = [await query.all(), [each async for each in query.stream()]]
            found += [list(await query.page()), list(await query.offset_page())]
            assert [[each.id for each in several] for several in found] == [[low.id]] * 4
        over = Paper.query(scope).where(Paper.level > 0)
        assert (await Paper.edit.bulk(scope, over, {"title": "new"})).count == 1
        assert (await Paper.get(here.system, high.id)).title == "untitled"

    async def test_rows_that_are_read_with_others_only(self, here: Tenant) -> None:
        (paper,) = await papers(here, 1)
        sheet = await Sheet.add(here.system, paper_id=paper.id)
        with pytest.raises(ActionForbidden):
            await Sheet.query(here.scope).all()
        (found,) = await Paper.query(here.scope).load(Paper.pages).all()
        assert found.pages == [sheet]
        (found,) = await Paper.query(here.scope).load_page(Paper.pages, limit=3, count=True).all()
        page = Paper.pages.page_of(found)
        assert (list(page), page.count) == ([sheet], 1)
        plain = Paper.query(here.scope)
        for query in (
            plain.load_page(Paper.pages, count=True),
            plain.load_page(Paper.pages, count=True, offset=0),
        ):
            shown = Paper.pages.page_of(await query.one())
            assert (list(shown), shown.count) == ([sheet], 1)

    async def test_a_relationship_to_what_may_not_be_read_at_all_is_hidden(self, here: Tenant) -> None:
        (paper,) = await papers(here, 1)
        await Sheet.add(here.system, paper_id=paper.id)
        (found,) = (
            await Paper.query(here.scope).load_with(Paper.pages, Sheet.query().where(Sheet.number == 0)).all()
        )
        assert len(found.pages) == 1
        nobody = await Note.query(here.scope).all()
        assert nobody == []

    async def test_a_load_can_refuse_instead_of_leaving_rows_out(self, here: Tenant) -> None:
        team = await Team.found(here.system, name="a")
        here_ = await Employee.hire(here.system, team_id=team.id, name="Here")
        seen = await Team.query(here.scope).load(Team.strict_staff).all()
        assert [each.id for each in seen[0].strict_staff] == [here_.id]
        await Employee.hire(here.system, team_id=team.id, name="Gone", gone=True)
        (found,) = await Team.query(here.scope).load(Team.staff).all()
        assert [each.name for each in found.staff] == ["Here"]
        with pytest.raises(ActionForbidden, match="Employee"):
            await Team.query(here.scope).load(Team.strict_staff).all()


class Writes(Behaviour):
    """Policies over what an action writes."""

    async def test_changes_are_seen_whoever_makes_them(self, here: Tenant) -> None:
        draft, signed = (await papers(here, 1))[0], (await papers(here, 1, stage=Stage.SIGNED))[0]
        bob = await here.person("Bob")
        scope = mode(here, "changes")
        assert (await draft.edit(scope, title="a")).title == "a"
        assert (await draft.change(scope, stage=Stage.SIGNED)).stage is Stage.SIGNED
        fresh = (await papers(here, 1))[0]
        assert (await fresh.change(scope, sneak=True)).stage is Stage.SIGNED
        for refused in (
            draft.change(scope, owner_id=bob.id),
            fresh.change(scope, stage=Stage.BURNT),
            signed.change(scope, stage=Stage.DRAFT),
            signed.change(scope, sneak=True),
            (await papers(here, 1))[0].change_late(scope),
            Paper.write(scope, owner_id=bob.id),
        ):
            with pytest.raises(ActionForbidden):
                await refused

    async def test_a_new_value_that_only_the_statement_knows_cannot_be_compared(self, here: Tenant) -> None:
        del here
        from sorbus import changing
        from sorbus.expressions.build import now
        from sorbus.schema.actions import ActionKind
        from sorbus.schema.policies import Asked, Fact

        condition: Any = changing(Paper.stage, to=Stage.BURNT)
        fact = condition.make(None)
        assert isinstance(fact, Fact)
        with pytest.raises(PolicyUndecided, match="stage"):
            fact.decide(Asked(Scope(), "change", {}, ActionKind.UPDATE, {"stage": now()}))

    async def test_rows_of_the_actor(self, here: Tenant) -> None:
        bob = await here.person("Bob")
        (mine,) = await papers(here, 1)
        (other,) = await papers(here, 1, owner_id=bob.id)
        scope = mode(here, "related")
        assert (await Paper.write(scope, owner_id=here.ada.id)).owner_id == here.ada.id
        assert mine in await Paper.query(scope).all()
        assert other not in await Paper.query(scope).all()
        assert (await mine.edit(scope, title="a")).title == "a"
        for refused in (Paper.write(scope, owner_id=bob.id), other.edit(scope, title="a")):
            with pytest.raises((ActionForbidden, NotFound)):
                await refused

    async def test_rows_of_the_actor_over_several_relationships(self, here: Tenant) -> None:
        team = await Team.found(here.system, name="a")
        (paper,) = await papers(here, 1, team_id=team.id)
        scope = mode(here, "related")
        with pytest.raises(ActionForbidden):
            await paper.burn(scope)
        await Employee.hire(here.system, team_id=team.id, name="Ada", person_id=here.ada.id)
        await paper.burn(scope)

    async def test_a_row_that_may_not_be_seen_cannot_be_referred_to(self, here: Tenant) -> None:
        shown = await Team.found(here.system, name="a")
        secret = await Team.found(here.system, name="b", shown=False)
        scope = mode(here, "seen")
        made = await Paper.write(scope, owner_id=here.ada.id, team_id=shown.id)
        assert await Paper.query(scope).all() == [made]
        told: list[str] = []
        for key in (secret.id, uuid4()):
            with pytest.raises(ActionForbidden) as caught:
                await Paper.write(scope, owner_id=here.ada.id, team_id=key)
            told.append(str(caught.value))
        assert told[0] == told[1], "a row that is hidden and one that is not there are the same"
        await papers(here, 1, team_id=secret.id)
        assert await Paper.query(scope).all() == [made]

    async def test_no_hook_runs_before_the_policies_of_related_rows_have_spoken(self, here: Tenant) -> None:
        secret = await Team.found(here.system, name="b", shown=False)
        with pytest.raises(ActionForbidden):
            await Paper.write_slowly(mode(here, "seen"), owner_id=here.ada.id, team_id=secret.id)
        assert here.visits.names == []
        shown = await Team.found(here.system, name="a")
        await Paper.write_slowly(mode(here, "seen"), owner_id=here.ada.id, team_id=shown.id)
        assert here.visits.names == [
            "write_slowly.before_transaction",
            "write_slowly.body",
            "write_slowly.before_write",
        ]

    async def test_an_update_that_changes_nothing_asks_every_kind_of_policy(self, here: Tenant) -> None:
        (paper,) = await papers(here, 5)
        bob = await here.person("Bob")
        for scope in (mode(here, "strict"), mode(here, "filter"), mode(here, "runtime", bob), here.as_(None)):
            with pytest.raises((ActionForbidden, NotFound)):
                await paper.nothing(scope)
        assert await paper.nothing(mode(here, "runtime")) == paper


class Actors(Behaviour):
    """What policies read of the actor."""

    async def test_a_field_that_is_not_loaded_is_an_error_that_names_it(self, here: Tenant) -> None:
        partial = object.__new__(Person)
        partial.__dict__.update({"id": here.ada.id, "banned": False})
        with pytest.raises(ActorFieldNotLoaded, match=r"`role`.*Person\.role"):
            await Note.query(here.as_(partial)).all()
        # What is not reached is not asked.
        assert await Paper.query(mode(here, "none", partial)).all() == []

    async def test_a_field_that_is_hidden_is_an_error_too(self, here: Tenant) -> None:
        masked = object.__new__(Person)
        masked.__dict__.update({**here.ada.__dict__, "role": HIDDEN})
        with pytest.raises(ActorFieldHidden, match="role"):
            await Note.query(here.as_(masked)).all()

    async def test_an_actor_of_another_class_is_an_error(self, here: Tenant) -> None:
        with pytest.raises(WrongActor, match=r"`Person\.role`.*Org"):
            await Note.query(here.as_(here.org)).all()
        with pytest.raises(WrongActor, match="serial"):
            await Note.query(here.as_(Machine("7"))).all()

    async def test_the_value_in_a_statement_is_checked_as_well(self, here: Tenant) -> None:
        partial = object.__new__(Person)
        partial.__dict__.update({"role": Role.READER, "banned": False})
        await Note.write(here.scope, owner_id=here.ada.id, text="own")
        with pytest.raises(ActorFieldNotLoaded, match="id"):
            await Note.query(here.as_(partial)).all()


class Asking(Behaviour):
    """Asking without acting."""

    async def test_can_is_exact_for_a_record_or_key(self, here: Tenant) -> None:
        app = here.app
        low, high = await papers(here, 1, 5)
        scope = mode(here, "filter")
        assert await app.can(Paper, scope)
        for action in (Paper, Paper.edit, Paper.burn):
            inputs: dict[str, Any] = {"title": "a"} if action is Paper.edit else {}
            assert await app.can(action, scope, low, **inputs) is True
            assert await app.can(action, scope, high.id, **inputs) is False
            assert await app.can(action, scope, uuid4(), **inputs) is False
        assert await Paper.get(here.system, low.id) == low, "asking writes nothing"

    async def test_can_judges_the_row_that_a_create_would_write(self, here: Tenant) -> None:
        app, scope = here.app, mode(here, "seen")
        shown = await Team.found(here.system, name="a")
        secret = await Team.found(here.system, name="b", shown=False)
        assert await app.can(Paper.write, scope, owner_id=here.ada.id, team_id=shown.id) is True
        assert await app.can(Paper.write, scope, owner_id=here.ada.id, team_id=secret.id) is False
        assert await app.can(Paper.write, mode(here, "filter"), owner_id=here.ada.id, level=2) is True
        assert await app.can(Paper.write, mode(here, "filter"), owner_id=here.ada.id, level=3) is False
        assert await Paper.query(here.system).count() == 0
        with pytest.raises(InvalidAction):
            await app.can(Paper.write, scope, owner="ada")

    async def test_can_looks_at_rows_in_python_where_policies_do(self, here: Tenant) -> None:
        scope = mode(here, "runtime", await here.person("Bob"))
        even, odd = await papers(here, 2, 3)
        assert await here.app.can(Paper.nothing, scope, even) is True
        assert await here.app.can(Paper.nothing, scope, odd) is False
        assert await here.app.can(Paper, scope, odd) is False
        assert await here.app.can(Paper.write, scope, owner_id=uuid4(), level=4) is True
        assert await here.app.can(Paper.write, scope, owner_id=uuid4(), level=5) is False

    async def test_can_without_a_subject_asks_whether_there_could_be_one(self, here: Tenant) -> None:
        assert await here.app.can(Paper.edit, mode(here, "filter"), title="a") is True
        assert await here.app.can(Paper.edit, mode(here, "strict"), title="a") is False
        assert await here.app.can(Paper.ask, mode(here, "filter")) is True
        assert await here.app.can(Paper.ask, here.as_(None)) is False
        assert await here.app.can(Paper.titled, here.as_(None), title="a") is False

    async def test_an_explanation_shows_conditions_groups_and_fields(self, here: Tenant) -> None:
        told = here.app.explain(Paper.edit, mode(here, "filter"), title="a")
        assert told.allowed is None
        by_when = {each.when: each for each in told.policies}
        assert by_when["context.mode == 'filter'"].applies == "true"
        assert by_when["context.mode == 'strict'"].applies == "false"
        assert by_when["context.mode == 'filter'"].checks[0].outcome == "depends on the row"
        text = str(told)
        assert "when context.mode == 'filter': true" in text
        assert "[somebody acts]" in text
        low, high = await papers(here, 1, 5)
        assert here.app.explain(Paper.edit, mode(here, "filter"), low, title="a").allowed is True
        assert here.app.explain(Paper.edit, mode(here, "filter"), high, title="a").allowed is False
        runtime = here.app.explain(Paper, mode(here, "runtime", await here.person("Bob")))
        assert runtime.allowed is None
        assert "the level is even" in str(runtime)

    async def test_an_explanation_shows_what_is_hidden(self, here: Tenant) -> None:
        told = here.app.explain(Employee, here.scope)
        fields = {each.name: each.outcome for each in told.fields}
        assert fields["salary"] == "false"
        assert fields["email"] == "depends on the row"
        assert fields["name"] == "true"
        assert "salary: hidden" in str(told)
        data = told.to_dict()
        assert data["field_policies"][1]["description"] == "admins, and whoever it is"
        assert data["field_policies"][0]["bypass"] is True

    async def test_a_refusal_carries_its_explanation(self, here: Tenant) -> None:
        with pytest.raises(ActionForbidden) as caught:
            await Paper.write(mode(here, "filter"), owner_id=here.ada.id, level=5)
        told = caught.value.breakdown
        assert told.action == "write"
        assert any(
            each.applies == "true" and "level < 3" in each.checks[0].condition for each in told.policies
        )


class Kinds(Access, Conditions, Reads, Writes, Actors, Asking):
    """Everything that a policy may ask."""
