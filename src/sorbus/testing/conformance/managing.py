"""Behaviours of managed relationships, of cascades, and of relating the actor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from sorbus import join_of
from sorbus.errors.authorization import ActionForbidden
from sorbus.errors.base import SorbusError
from sorbus.errors.inputs import (
    InvalidAction,
    InvalidInput,
    RelatedMissing,
    Required,
)
from sorbus.query.statements import Select
from sorbus.testing.conformance.managing_world import (
    Book,
    Cover,
    Hint,
    Ingredient,
    Recipe,
    Remark,
    Step,
    Use,
)
from sorbus.testing.conformance.world import Behaviour, Tenant, only


async def whole(here: Tenant, recipe: Recipe) -> Recipe:
    """A recipe with all that belongs to it."""
    query = Recipe.query(here.scope).where(Recipe.id == recipe.id)
    steps = Step.query().load(Step.hints)
    targets = (Recipe.ingredients, Recipe.book, Recipe.cook, Recipe.cover)
    return await query.load_with(Recipe.steps, steps).load(*targets).one()


def texts(recipe: Recipe) -> list[str]:
    """The steps of a recipe."""
    return [step.text for step in recipe.steps]


def used(recipe: Recipe) -> list[str]:
    """The ingredients of a recipe."""
    return [each.name for each in recipe.ingredients]


async def grow(here: Tenant, *names: str) -> list[Ingredient]:
    """New ingredients."""
    return [await Ingredient.grow(here.scope, name=name) for name in names]


async def refused(call: Any) -> InvalidAction:
    """The refusal of a call."""
    with pytest.raises(InvalidAction) as caught:
        await call
    return caught.value


def ways(error: InvalidAction) -> dict[str, type[SorbusError]]:
    """The paths of the errors inside a refusal, after the input."""
    return {".".join(map(str, each.path[1:])): type(each) for each in error.errors}


@dataclass
class Statements:
    """Counts the statements that run on a data layer."""

    count: int = 0


class Counting(Behaviour):
    """What the groups below share."""

    @pytest.fixture
    def statements(self, here: Tenant, monkeypatch: pytest.MonkeyPatch) -> Statements:
        """A counter of statements."""
        counter = Statements()
        engine = here.app.engine
        spec = engine.spec_of(Recipe)
        compiled: Any = type(engine.layer_of(spec).compile(_any_statement(here)))
        fetch: Callable[..., Any] = compiled.fetch

        async def counted(self: Any, *args: Any) -> Any:
            counter.count += 1
            return await fetch(self, *args)

        monkeypatch.setattr(compiled, "fetch", counted)
        return counter


def _any_statement(here: Tenant) -> Any:
    return Select(resource=here.app.engine.spec_of(Recipe), outputs=())


class Presets(Counting):
    """What the presets do."""

    async def test_a_create_writes_everything_that_belongs_to_it(self, here: Tenant) -> None:
        (salt,) = await grow(here, "salt")
        recipe = await Recipe.write(
            here.scope,
            title="Soup",
            steps=[
                {"text": "boil", "minutes": 5, "hints": [{"text": "slowly"}, {"text": "covered"}]},
                {"text": "stir"},
            ],
            uses_of=[{"name": "water", "grams": 500}, {"name": "salt", "grams": 3}],
            in_book="Winter",
        )
        found = await whole(here, recipe)
        assert [(each.text, each.minutes, each.position) for each in found.steps] == [
            ("boil", 5, 0), ("stir", 1, 1),
        ]  # fmt: skip
        assert [each.text for each in found.steps[0].hints] == ["covered", "slowly"]
        assert [(each.name, join_of(each, Use).grams) for each in found.ingredients] == [
            ("water", 500), ("salt", 3),
        ]  # fmt: skip
        assert found.ingredients[1].id == salt.id
        assert found.book is not None
        assert (found.book.title, found.cook_id) == ("Winter", here.ada.id)
        # The row between was made by its own action.
        assert {join_of(each, Use).by_role for each in found.ingredients} == {str(here.ada.role)}

    async def test_direct_control_creates_updates_and_destroys(self, here: Tenant) -> None:
        recipe = await Recipe.write(
            here.scope, title="Soup", steps=[{"text": "boil"}, {"text": "stir"}, {"text": "eat"}]
        )
        boil, _, eat = (await whole(here, recipe)).steps
        await recipe.rewrite(
            here.scope, steps=[{"id": eat.id, "text": "serve"}, {"text": "taste"}, {"id": boil.id}]
        )
        found = await whole(here, recipe)
        assert texts(found) == ["serve", "taste", "boil"]
        assert [found.steps[0].id, found.steps[2].id] == [eat.id, boil.id]
        assert await Step.query(here.scope).count() == 3

    async def test_an_input_that_is_not_given_changes_nothing(self, here: Tenant) -> None:
        recipe = await Recipe.write(here.scope, title="Soup", steps=[{"text": "boil"}])
        await recipe.rewrite(here.scope, title="Stew")
        assert texts(await whole(here, recipe)) == ["boil"]
        await recipe.rewrite(here.scope, steps=[])
        assert texts(await whole(here, recipe)) == []

    async def test_append_adds_and_leaves_the_others(self, here: Tenant) -> None:
        salt, oil, rice = await grow(here, "salt", "oil", "rice")
        recipe = await Recipe.jot(here.scope, title="Soup")
        await recipe.use_too(here.scope, ingredients=[salt.id, oil.id])
        await recipe.use_too(here.scope, ingredients=[oil.id, rice.id, rice.id])
        assert sorted(used(await whole(here, recipe))) == ["oil", "rice", "salt"]
        assert await Use.query(here.scope).count() == 3

    async def test_append_and_remove_makes_it_exactly_these(self, here: Tenant) -> None:
        salt, oil, rice = await grow(here, "salt", "oil", "rice")
        recipe = await Recipe.jot(here.scope, title="Soup")
        await recipe.use_too(here.scope, ingredients=[salt.id, oil.id])
        kept = (await Use.query(here.scope).where(Use.ingredient_id == oil.id).one()).id
        await recipe.use_only(here.scope, ingredients=[rice.id, oil.id])
        assert sorted(used(await whole(here, recipe))) == ["oil", "rice"]
        assert (await Use.query(here.scope).where(Use.ingredient_id == oil.id).one()).id == kept
        assert await Ingredient.query(here.scope).count() == 3

    async def test_remove_takes_away_what_is_named(self, here: Tenant) -> None:
        salt, oil, rice = await grow(here, "salt", "oil", "rice")
        recipe = await Recipe.jot(here.scope, title="Soup")
        await recipe.use_too(here.scope, ingredients=[salt.id, oil.id])
        await recipe.leave_out(here.scope, ingredients=[salt.id])
        assert used(await whole(here, recipe)) == ["oil"]
        error = await refused(recipe.leave_out(here.scope, ingredients=[oil.id, rice.id]))
        assert ways(error) == {"ingredients.1": RelatedMissing}
        assert used(await whole(here, recipe)) == ["oil"]

    async def test_a_list_can_say_the_order(self, here: Tenant) -> None:
        await grow(here, "salt", "oil", "rice")
        recipe = await Recipe.jot(here.scope, title="Soup")
        await recipe.use_by_name(here.scope, ingredients=["salt", "oil", "rice"])
        assert used(await whole(here, recipe)) == ["salt", "oil", "rice"]
        await recipe.use_by_name(here.scope, ingredients=["rice", "salt"])
        assert used(await whole(here, recipe)) == ["rice", "salt"]

    async def test_rows_can_move_between_parents(self, here: Tenant) -> None:
        one = await Recipe.write(here.scope, title="One", steps=[{"text": "boil"}, {"text": "stir"}])
        two = await Recipe.write(here.scope, title="Two", steps=[{"text": "fry"}])
        boil = (await whole(here, one)).steps[0]
        await two.take_steps(here.scope, steps=[boil.id])
        assert (texts(await whole(here, one)), texts(await whole(here, two))) == (["stir"], ["boil"])
        assert await Step.query(here.scope).where(Step.recipe_id.is_null()).count() == 1

    async def test_to_one_of_many(self, here: Tenant) -> None:
        recipe = await Recipe.jot(here.scope, title="Soup")
        await recipe.dress(here.scope, cover={"url": "a.png"})
        first = (await whole(here, recipe)).cover
        assert first is not None
        await recipe.dress(here.scope, cover={"id": str(first.id), "url": "b.png"})
        second = (await whole(here, recipe)).cover
        assert second is not None
        assert (second.id, second.url) == (first.id, "b.png")
        await recipe.dress(here.scope, cover={"url": "c.png"})
        third = (await whole(here, recipe)).cover
        assert third is not None
        assert (third.id == first.id, third.url) == (False, "c.png")
        await recipe.dress(here.scope, cover=None)
        assert (await whole(here, recipe)).cover is None
        assert await Cover.query(here.scope).count() == 0

    async def test_the_row_that_a_row_belongs_to(self, here: Tenant) -> None:
        book = await Book.publish(here.scope, title="Winter")
        recipe = await Recipe.jot(here.scope, title="Soup")
        assert (await recipe.shelve(here.scope, book=book.id)).book_id == book.id
        assert (await Recipe.shelve.by_key(recipe.id, here.scope, book=None)).book_id is None
        assert await Book.query(here.scope).count() == 1
        recipe = await recipe.shelve(here.scope, book=book.id)
        assert (await recipe.burn_book(here.scope)).book_id is None
        assert await Book.query(here.scope).count() == 0

    async def test_what_is_left_out_can_be_an_error(self, here: Tenant) -> None:
        recipe = await Recipe.write(here.scope, title="Soup", steps=[{"text": "boil"}, {"text": "stir"}])
        boil, stir = (await whole(here, recipe)).steps
        await recipe.confirm(here.scope, steps=[stir.id, boil.id])
        error = await refused(recipe.confirm(here.scope, steps=[stir.id]))
        assert ways(error) == {"steps": InvalidInput}
        assert str(boil.id) in str(error)

    async def test_a_body_can_manage_too(self, here: Tenant) -> None:
        await grow(here, "salt", "oil")
        recipe = await Recipe.jot(here.scope, title="Soup")
        await recipe.season(here.scope, with_=["salt", "oil"])
        assert sorted(used(await whole(here, recipe))) == ["oil", "salt"]


class InSets(Counting):
    """However many rows there are, each kind of work is one statement."""

    async def test_a_thousand_children(self, here: Tenant, statements: Statements) -> None:
        statements.count = 0
        steps: Any = [
            {"text": f"step {number}", "hints": [{"text": f"hint {number}"}]} for number in range(1000)
        ]
        recipe = await Recipe.write(here.scope, title="Long", steps=steps)
        # The recipe, the steps, the hints: one insert each.
        assert statements.count == 3
        found = await whole(here, recipe)
        assert (len(found.steps), found.steps[999].hints[0].text) == (1000, "hint 999")

        statements.count = 0
        changed: Any = [{"id": step.id, "text": f"{step.text}!"} for step in found.steps[500:]]
        changed += [{"text": f"new {number}"} for number in range(500)]
        await recipe.rewrite(here.scope, steps=changed)
        # The recipe, what is there, hints of the steps that go: read and deleted, steps deleted, updated, inserted.
        assert statements.count <= 8
        found = await whole(here, recipe)
        assert len(found.steps) == 1000
        assert (found.steps[0].text, found.steps[999].text) == ("step 500!", "new 499")

    async def test_rows_that_are_looked_up_tell_whether_they_are_related(
        self, here: Tenant, statements: Statements
    ) -> None:
        one = await Recipe.write(here.scope, title="One", steps=[{"text": "boil"}, {"text": "stir"}])
        two = await Recipe.write(here.scope, title="Two", steps=[{"text": "fry"}])
        boil = (await whole(here, one)).steps[0]
        statements.count = 0
        await two.take_steps_too(here.scope, steps=[boil.id])
        # The recipe, what is looked up, and one update.
        assert statements.count == 3
        assert sorted(texts(await whole(here, two))) == ["boil", "fry"]
        statements.count = 0
        await two.take_steps_too(here.scope, steps=[boil.id])
        assert statements.count == 2
        statements.count = 0
        await two.use_too(here.scope, ingredients=[])
        assert statements.count == 1

    async def test_a_thousand_rows_between(self, here: Tenant, statements: Statements) -> None:
        rows = [{"name": f"herb {number}"} for number in range(1000)]
        grown = (await Ingredient.grow.bulk(here.scope, rows, returning=True)).records
        assert grown is not None
        recipe = await Recipe.jot(here.scope, title="Herbs")
        statements.count = 0
        await recipe.use_too(here.scope, ingredients=[each.id for each in grown])
        # The recipe, what is there, what is looked up, and one insert.
        assert statements.count == 4
        statements.count = 0
        await recipe.use_only(here.scope, ingredients=[each.id for each in grown[:10]])
        # The recipe, what is there, and one delete.
        assert statements.count == 3
        assert await Use.query(here.scope).count() == 10

    async def test_bulk_creates_write_their_children_in_sets(
        self, here: Tenant, statements: Statements
    ) -> None:
        rows: Any = [
            {"title": f"Soup {number}", "steps": [{"text": "boil"}, {"text": f"stir {number}"}]}
            for number in range(100)
        ]
        statements.count = 0
        result = await Recipe.write.bulk(here.scope, rows)
        assert (result.count, statements.count) == (100, 2)
        assert await Step.query(here.scope).count() == 200

    async def test_what_is_repeated_is_not_compiled_again(self, here: Tenant) -> None:
        recipe = await Recipe.jot(here.scope, title="Soup")
        await recipe.rewrite(here.scope, steps=[{"text": "boil"}])
        await recipe.rewrite(here.scope, steps=[{"text": "stir"}, {"text": "eat"}])
        before = here.app.engine.compiled
        await recipe.rewrite(here.scope, steps=[{"text": f"step {number}"} for number in range(5)])
        assert here.app.engine.compiled == before


class Cascades(Counting):
    """Actions that run on all related rows."""

    async def test_an_update_runs_on_every_related_row(self, here: Tenant, statements: Statements) -> None:
        steps: Any = [{"text": f"step {number}"} for number in range(200)]
        recipe = await Recipe.write(here.scope, title="Soup", steps=steps)
        statements.count = 0
        await recipe.archive(here.scope)
        # The recipe, its steps read, and one update.
        assert statements.count == 3
        assert {step.frozen for step in (await whole(here, recipe)).steps} == {"archived"}

    async def test_a_destroy_takes_its_rows_along_level_by_level(
        self, here: Tenant, statements: Statements
    ) -> None:
        steps: Any = [{"text": f"step {number}", "hints": [{"text": "why"}]} for number in range(50)]
        recipe = await Recipe.write(here.scope, title="Soup", steps=steps)
        other = await Recipe.write(here.scope, title="Stew", steps=steps[:2])
        statements.count = 0
        await recipe.forget(here.scope)
        # Remarks, steps and hints are read, steps and hints deleted, and the recipe.
        assert statements.count == 6
        assert await Step.query(here.scope).count() == await Hint.query(here.scope).count() == 2
        assert len((await whole(here, other)).steps) == 2

    async def test_a_row_that_may_not_go_keeps_everything(self, here: Tenant) -> None:
        recipe = await Recipe.write(here.scope, title="Soup", steps=[{"text": "boil"}])
        other = here.as_(await here.person("Ola"))
        await Remark.say(other, recipe_id=recipe.id)
        with pytest.raises(ActionForbidden):
            await recipe.forget(here.scope)
        assert texts(await whole(here, recipe)) == ["boil"]

    async def test_the_actor_is_related(self, here: Tenant) -> None:
        recipe = await Recipe.write(here.scope, title="Soup")
        assert recipe.cook_id == here.ada.id
        remark = await Remark.say(here.scope, recipe_id=recipe.id)
        assert remark.author_id == here.ada.id
        error = await refused(Remark.say(here.system, recipe_id=recipe.id))
        assert isinstance(only(error), Required)


class Managing(Presets, InSets, Cascades):
    """Everything that is written to related rows along with a row."""
