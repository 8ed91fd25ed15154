"""Behaviours of managed relationships: what is wrong with an input, and what the actor may not do."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from sorbus.errors.authorization import ActionForbidden
from sorbus.errors.inputs import (
    AlreadyTaken,
    InvalidAction,
    InvalidInput,
    Rejected,
    RelatedMissing,
    Required,
)
from sorbus.testing.conformance.managing import Counting, grow, refused, texts, used, ways, whole
from sorbus.testing.conformance.managing_world import (
    Ingredient,
    Recipe,
    Step,
    Use,
)
from sorbus.testing.conformance.world import Tenant


class ManagedRefusals(Counting):
    """What is wrong with an input, and what the actor may not do."""

    async def test_errors_carry_the_way_to_them(self, here: Tenant) -> None:
        error = await refused(
            Recipe.write(
                here.scope,
                title="Soup",
                steps=[
                    {"text": "boil"},
                    {"text": "x", "minutes": -1},
                    {"minutes": 2},
                    {"text": "ok", "hints": [{"text": "fine"}, {"text": "x"}]},
                ],
            )
        )
        assert ways(error) == {
            "steps.1.text": InvalidInput, "steps.1.minutes": InvalidInput, "steps.2.text": Required,
        }  # fmt: skip
        assert await Recipe.query(here.scope).count() == 0
        steps: Any = [{"text": "ok", "hints": [{"text": "fine"}, {"text": "x"}]}]
        error = await refused(Recipe.write(here.scope, title="Soup", steps=steps))
        assert ways(error) == {"steps.0.hints.1.text": InvalidInput}
        assert await Recipe.query(here.scope).count() == 0
        error = await refused(Recipe.write(here.scope, title="Soup", in_book=" "))
        assert list(ways(error)) == ["in_book.title"]

    async def test_errors_deep_in_a_list_carry_the_way_through_every_item(self, here: Tenant) -> None:
        def steps(*hints: list[Any]) -> Any:
            return [{"text": f"step {place}", "hints": each} for place, each in enumerate(hints)]

        fine, short = {"text": "fine"}, {"text": "x"}
        for wrong, way in (
            (steps([fine], [fine, short], []), "steps.1.hints.1.text"),
            (steps([fine], [], [{"id": str(uuid4())}]), "steps.2.hints.0"),
            (steps([fine], [None], []), "steps.1.hints.0"),
            (steps([fine], [{**fine, "colour": "red"}], []), "steps.1.hints.0.colour"),
        ):
            error = await refused(Recipe.write(here.scope, title="Soup", steps=wrong))
            assert list(ways(error)) == [way]
        recipe = await Recipe.write(here.scope, title="Soup", steps=steps([fine], [fine], []))
        known = [{"id": each.id} for each in (await whole(here, recipe)).steps]
        changed: Any = [known[0], {**known[1], "hints": [short]}, {**known[2], "hints": [fine, short]}]
        error = await refused(recipe.rewrite(here.scope, steps=changed))
        assert list(ways(error)) == ["steps.1.hints.0.text", "steps.2.hints.1.text"]

    async def test_what_a_constraint_refuses_is_told_at_its_item(self, here: Tenant) -> None:
        rows: Any = [{"name": f"herb {number}"} for number in range(6)]
        recipe = await Recipe.jot(here.scope, title="Soup")
        await recipe.collect(here.scope, ingredients=[{"name": "salt"}])
        for wrong, place in (({"name": "salt"}, 3), ({"name": "herb 2"}, 4)):
            given: Any = [*rows[:place], wrong, *rows[place:]]
            error = await refused(recipe.collect(here.scope, ingredients=given))
            assert ways(error) == {f"ingredients.{place}.name": AlreadyTaken}
            assert used(await whole(here, recipe)) == ["salt"]

    async def test_what_a_constraint_refuses_deep_in_a_list_is_told_at_its_item(self, here: Tenant) -> None:
        def steps(*hints: list[str]) -> Any:
            return [
                {"text": f"step {place}", "hints": [{"text": text} for text in texts]}
                for place, texts in enumerate(hints)
            ]

        error = await refused(Recipe.write(here.scope, title="Soup", steps=steps(["aa", "bb"], ["aa", "aa"])))
        assert ways(error) == {"steps.1.hints.1.text": AlreadyTaken}
        recipe = await Recipe.write(here.scope, title="Soup", steps=steps(["aa", "bb"], ["aa", "bb", "cc"]))
        one, two = (await whole(here, recipe)).steps
        a, b, c = ({"id": str(each.id)} for each in two.hints)
        changed: Any = [
            {"id": one.id},
            {"id": two.id, "hints": [a, {**c, "text": "dd"}, {**b, "text": "aa"}]},
        ]
        error = await refused(recipe.rewrite(here.scope, steps=changed))
        assert ways(error) == {"steps.1.hints.2.text": AlreadyTaken}
        await recipe.archive(here.scope)
        changed = [{"id": one.id}, {"id": two.id, "text": "other"}]
        error = await refused(recipe.rewrite(here.scope, steps=changed))
        assert ways(error) == {"steps.1.text": Rejected}

    async def test_unknown_inputs_of_a_related_row_are_refused(self, here: Tenant) -> None:
        recipe = await Recipe.jot(here.scope, title="Soup")
        error = await refused(recipe.dress(here.scope, cover={"url": "a.png", "colour": "red"}))
        assert list(ways(error)) == ["cover.colour"]

    async def test_unknown_keys_are_refused_with_their_way(self, here: Tenant) -> None:
        (salt,) = await grow(here, "salt")
        recipe = await Recipe.jot(here.scope, title="Soup")
        for action in (recipe.use_only, recipe.use_too):
            error = await refused(action(here.scope, ingredients=[salt.id, uuid4()]))
            assert ways(error) == {"ingredients.1": RelatedMissing}
        error = await refused(recipe.rewrite(here.scope, steps=[{"id": uuid4(), "text": "ghost"}]))
        assert ways(error) == {"steps.0": RelatedMissing}
        assert await Step.query(here.scope).count() == 0

    async def test_rows_of_others_are_unknown(self, here: Tenant, there: Tenant) -> None:
        mine = await Recipe.write(here.scope, title="Mine", steps=[{"text": "boil"}])
        theirs = await Recipe.write(there.scope, title="Theirs", steps=[{"text": "fry"}])
        (step,) = (await whole(there, theirs)).steps
        (salt,) = await grow(there, "salt")
        for call in (
            mine.take_steps(here.scope, steps=[step.id]),
            mine.rewrite(here.scope, steps=[{"id": step.id, "text": "stolen"}]),
            mine.use_too(here.scope, ingredients=[salt.id]),
            mine.use_by_name(here.scope, ingredients=["salt"]),
        ):
            assert list(ways(await refused(call)).values()) == [RelatedMissing]
        assert texts(await whole(there, theirs)) == ["fry"]

    async def test_a_lookup_finds_what_the_actor_sees_only(self, here: Tenant) -> None:
        finder = await here.person("Finn")
        rare = await Ingredient.grow(here.scope, name="truffle", finder_id=finder.id)
        recipe = await Recipe.jot(here.scope, title="Soup")
        for call in (
            recipe.use_too(here.scope, ingredients=[rare.id]),
            recipe.use_by_name(here.scope, ingredients=["truffle"]),
        ):
            assert list(ways(await refused(call)).values()) == [RelatedMissing]
        await recipe.use_too(here.as_(finder), ingredients=[rare.id])
        # What one does not see, one does not take away either.
        await recipe.use_only(here.scope, ingredients=[])
        assert await Use.query(here.system).count() == 1

    @pytest.mark.parametrize(
        "value",
        [
            {"name": {"eq": "salt"}},
            {"name": ["salt", "oil"]},
            {"id": {"in": []}},
            {"id": [1]},
            ["salt"],
            {"name": {"contains": ""}},
            [{"or": [{"name": "salt"}]}],
            None,
            Ingredient.name == "salt",
            {"name": Ingredient.name},
        ],
    )
    async def test_a_lookup_is_never_a_condition(self, here: Tenant, value: object) -> None:
        await grow(here, "salt", "oil")
        recipe = await Recipe.jot(here.scope, title="Soup")
        error = await refused(recipe.season(here.scope, with_=[value]))
        assert set(ways(error).values()) <= {InvalidInput, RelatedMissing}
        assert next(iter(ways(error))).startswith("ingredients.0")
        assert await Use.query(here.system).count() == 0

    async def test_a_value_that_is_no_list_is_refused(self, here: Tenant) -> None:
        recipe = await Recipe.jot(here.scope, title="Soup")
        wrong: Any = {"name": "salt"}
        with pytest.raises(InvalidAction):
            await recipe.season(here.scope, with_=wrong)

    async def test_two_items_may_not_say_something_of_one_row(self, here: Tenant) -> None:
        recipe = await Recipe.write(here.scope, title="Soup", steps=[{"text": "boil"}])
        (step,) = (await whole(here, recipe)).steps
        error = await refused(
            recipe.rewrite(here.scope, steps=[{"id": step.id, "text": "aa"}, {"id": step.id, "text": "bb"}])
        )
        assert ways(error) == {"steps.1": InvalidInput}

    async def test_the_policies_of_what_is_written_along_hold(self, here: Tenant) -> None:
        banned = here.as_(await here.person("Bo", banned=True))
        (salt,) = await grow(here, "salt")
        recipe = await Recipe.jot(here.scope, title="Soup")
        for call in (
            Recipe.write(banned, title="Bad", steps=[{"text": "boil"}]),
            recipe.use_too(banned, ingredients=[salt.id]),
        ):
            with pytest.raises(ActionForbidden):
                await call
        assert await Recipe.query(here.scope).count() == 1
        assert await Use.query(here.system).count() == 0

    async def test_the_rules_of_what_is_written_along_hold(self, here: Tenant) -> None:
        recipe = await Recipe.write(here.scope, title="Soup", steps=[{"text": "boil"}])
        await recipe.archive(here.scope)
        (step,) = (await whole(here, recipe)).steps
        error = await refused(recipe.rewrite(here.scope, steps=[{"id": step.id, "text": "stir"}]))
        assert list(ways(error)) == ["steps.0.text"]
        assert texts(await whole(here, recipe)) == ["boil"]
