"""The conformance domain for managed relationships: recipes with ingredients, steps, a cook and a source."""

from __future__ import annotations

from typing import NotRequired, TypedDict
from uuid import UUID

from sorbus import (
    UNCHANGED,
    Arg,
    Attr,
    Domain,
    Identities,
    Many,
    One,
    Policies,
    Postgres,
    Scope,
    action,
    actor,
    actor_present,
    attribute,
    authorize_if,
    belongs_to,
    cascade_destroy,
    cascade_update,
    forbid_if,
    has_many,
    has_one,
    manage,
    manage_relationship,
    many_to_many,
    policy,
    relate_actor,
    require,
)
from sorbus.testing.conformance.of_org import OfOrg
from sorbus.testing.conformance.people import Person


class StepIn(TypedDict):
    """A step as a recipe takes it; with an id it is one that is there."""

    id: NotRequired[UUID]
    text: NotRequired[str]
    minutes: NotRequired[int]
    hints: NotRequired[list[dict[str, str]]]


class UseIn(TypedDict):
    """An ingredient by its name, and how much of it."""

    name: str
    grams: NotRequired[int]


class Recipe(OfOrg):
    """How to cook something."""

    title: Attr[str] = attribute()
    book_id: Attr[UUID | None] = attribute(default=None)
    cook_id: Attr[UUID | None] = attribute(default=None)
    archived: Attr[bool] = attribute(default=False)

    book: One[Book | None] = belongs_to(via=book_id)
    cook: One[Person | None] = belongs_to(via=cook_id)
    steps: Many[Step] = has_many(order_by=lambda step: step.position)
    cover: One[Cover | None] = has_one()
    uses: Many[Use] = has_many(order_by=lambda use: use.position)
    ingredients: Many[Ingredient] = many_to_many(
        "Use", order_by=lambda ingredient: Use.position, carries_join=True
    )
    notes: Many[Remark] = has_many(via="recipe_id")

    @action.create
    def jot(self, scope: Scope, title: str) -> None:
        """Write down a recipe's name."""

    @action.create(
        changes=[
            manage_relationship(
                steps, preset="direct_control", order_is_key="position", update=lambda step: step.revise
            ),
            manage_relationship(
                ingredients,
                from_input="uses_of",
                on_lookup="relate",
                on_no_match="create",
                use_identities=["name"],
                join_keys=["grams"],
                order_is_key="position",
                join_update=lambda use: use.weigh,
            ),
            manage_relationship(
                book, from_input="in_book", on_lookup="relate", on_no_match="create", value_is_key="title"
            ),
            relate_actor(cook),
        ]
    )
    def write(
        self,
        scope: Scope,
        title: str,
        steps: Arg[list[StepIn]] = [],  # noqa: B006
        uses_of: Arg[list[UseIn]] = [],  # noqa: B006
        in_book: Arg[str | None] = None,
    ) -> None:
        """Write a recipe with all that belongs to it."""

    @action.update(
        changes=[
            manage_relationship(
                steps, preset="direct_control", order_is_key="position", update=lambda step: step.revise
            )
        ]
    )
    def rewrite(self, scope: Scope, title: str = UNCHANGED, steps: Arg[list[StepIn]] = UNCHANGED) -> None:
        """Write the steps anew."""

    @action.update(
        changes=[
            manage_relationship(ingredients, preset="append_and_remove", join_update=lambda use: use.weigh)
        ]
    )
    def use_only(self, scope: Scope, ingredients: Arg[list[UUID]]) -> None:
        """Use exactly these ingredients."""

    @action.update(changes=[manage_relationship(ingredients, preset="append")])
    def use_too(self, scope: Scope, ingredients: Arg[list[UUID]]) -> None:
        """Use these ingredients besides."""

    @action.update(changes=[manage_relationship(ingredients, preset="remove")])
    def leave_out(self, scope: Scope, ingredients: Arg[list[UUID]]) -> None:
        """Do without these ingredients."""

    @action.update(
        changes=[
            manage_relationship(
                ingredients,
                preset="append_and_remove",
                value_is_key="name",
                order_is_key="position",
                join_update=lambda use: use.weigh,
            )
        ]
    )
    def use_by_name(self, scope: Scope, ingredients: Arg[list[str]]) -> None:
        """Use exactly these ingredients, in this order."""

    @action.update(changes=[manage_relationship(ingredients, preset="create", use_identities=[])])
    def collect(self, scope: Scope, ingredients: Arg[list[dict[str, object]]]) -> None:
        """Use new ingredients besides."""

    @action.update
    def season(self, scope: Scope, with_: Arg[list[object]]) -> None:
        """Use ingredients besides, whatever was given; from the body."""
        manage(self, Recipe.ingredients, with_, preset="append", value_is_key="name")

    @action.update(changes=[manage_relationship(steps, preset="append_and_remove", relate=lambda s: s.move)])
    def take_steps(self, scope: Scope, steps: Arg[list[UUID]]) -> None:
        """Take over steps of other recipes, and let go of all others."""

    @action.update(changes=[manage_relationship(steps, preset="append", relate=lambda s: s.move)])
    def take_steps_too(self, scope: Scope, steps: Arg[list[UUID]]) -> None:
        """Take over steps of other recipes."""

    @action.update(
        changes=[
            manage_relationship(
                cover, on_match="update", on_no_match="create", on_missing="destroy", on_lookup="ignore"
            )
        ]
    )
    def dress(self, scope: Scope, cover: Arg[dict[str, str] | None]) -> None:
        """Give it a cover, another one, or none."""

    @action.update(
        changes=[manage_relationship(book, on_lookup="relate", on_no_match="error", on_missing="unrelate")]
    )
    def shelve(self, scope: Scope, book: Arg[UUID | None]) -> None:
        """Put it into a book, or take it out."""

    @action.update(changes=[manage_relationship(book, on_match="destroy", on_missing="destroy")])
    def burn_book(self, scope: Scope, book: Arg[UUID | None] = None) -> None:
        """Do away with its book."""

    @action.update(changes=[manage_relationship(steps, on_missing="error", on_no_match="error")])
    def confirm(self, scope: Scope, steps: Arg[list[UUID]]) -> None:
        """Say which steps there are; none may be left out."""

    @action.update(changes=[cascade_update(steps, lambda step: step.freeze, inputs={"note": "archived"})])
    def archive(self, scope: Scope, archived: bool = True) -> None:
        """Archive it with its steps."""

    @action.destroy(changes=[cascade_destroy(notes), cascade_destroy(steps, lambda step: step.drop)])
    def forget(self, scope: Scope) -> None:
        """Destroy it with its steps and remarks."""

    storage = Postgres("suite_recipes")


class Book(OfOrg):
    """A book of recipes; a secret one is not seen."""

    title: Attr[str] = attribute()
    secret: Attr[bool] = attribute(default=False)

    @action.create
    def publish(self, scope: Scope, title: str, secret: bool = False) -> None:
        """Publish a book."""
        require(bool(title.strip()), "a book has a title", field="title")

    @action.destroy
    def pulp(self, scope: Scope) -> None:
        """Destroy it."""

    storage = Postgres("suite_books")
    identities = Identities(title=[title])
    policies = Policies(
        policy("read", authorize_if(secret == False)),  # noqa: E712
        policy(["create", "destroy"], authorize_if(actor_present())),
    )


class Step(OfOrg):
    """One step of a recipe."""

    recipe_id: Attr[UUID | None] = attribute(default=None)
    text: Attr[str] = attribute(min_length=2)
    minutes: Attr[int] = attribute(default=1, ge=0)
    position: Attr[int] = attribute(default=0)
    frozen: Attr[str] = attribute(default="")

    recipe: One[Recipe | None] = belongs_to(via=recipe_id)
    hints: Many[Hint] = has_many(order_by=lambda hint: hint.text)

    @action.create(changes=[manage_relationship(hints, preset="direct_control")])
    def add(
        self,
        scope: Scope,
        text: str,
        minutes: int = 1,
        hints: Arg[list[dict[str, str]]] = [],  # noqa: B006
    ) -> None:
        """Add a step."""

    @action.update(changes=[manage_relationship(hints, preset="direct_control")])
    def revise(
        self,
        scope: Scope,
        text: str = UNCHANGED,
        minutes: int = UNCHANGED,
        hints: Arg[list[dict[str, str]]] = UNCHANGED,
    ) -> None:
        """Change a step."""
        require(self.frozen == "", "A frozen step does not change.", field="text")

    @action.update
    def move(self, scope: Scope) -> None:
        """Belong to another recipe."""

    @action.update
    def freeze(self, scope: Scope, note: Arg[str]) -> None:
        """Change no more."""
        self.frozen = note

    @action.destroy(changes=[cascade_destroy(hints)])
    def drop(self, scope: Scope) -> None:
        """Drop it with its hints."""

    storage = Postgres("suite_steps")
    policies = Policies(
        policy("any", forbid_if(actor(Person.banned) == True), authorize_if(actor_present()))  # noqa: E712
    )


class Hint(OfOrg):
    """A hint about a step."""

    step_id: Attr[UUID] = attribute()
    text: Attr[str] = attribute(min_length=2)

    step: One[Step] = belongs_to(via=step_id)

    @action.create
    def give(self, scope: Scope, step_id: UUID, text: str) -> None:
        """Give a hint."""

    @action.update
    def change(self, scope: Scope, text: str = UNCHANGED) -> None:
        """Change it."""

    @action.destroy
    def take_back(self, scope: Scope) -> None:
        """Take it back."""

    storage = Postgres("suite_hints")
    identities = Identities(text=[text, step_id])


class Cover(OfOrg):
    """The picture of a recipe."""

    recipe_id: Attr[UUID] = attribute()
    url: Attr[str] = attribute()

    @action.create
    def draw(self, scope: Scope, url: str) -> None:
        """Draw it."""

    @action.update
    def redraw(self, scope: Scope, url: str) -> None:
        """Draw it anew."""

    @action.destroy
    def tear_off(self, scope: Scope) -> None:
        """Tear it off."""

    storage = Postgres("suite_covers")
    identities = Identities(recipe=[recipe_id])


class Ingredient(OfOrg):
    """Something to cook with; a rare one is seen by its finder alone."""

    name: Attr[str] = attribute(min_length=2)
    finder_id: Attr[UUID | None] = attribute(default=None)

    @action.create
    def grow(self, scope: Scope, name: str, finder_id: UUID | None = None) -> None:
        """Grow it."""

    storage = Postgres("suite_ingredients")
    identities = Identities(name=[name])
    policies = Policies(
        policy("read", authorize_if(finder_id.is_null()), authorize_if(actor(Person.id) == finder_id)),
        policy("create", authorize_if(actor_present())),
    )


class Use(OfOrg):
    """That a recipe uses an ingredient, and how much of it."""

    recipe_id: Attr[UUID] = attribute()
    ingredient_id: Attr[UUID] = attribute()
    grams: Attr[int] = attribute(default=0, ge=0)
    position: Attr[int] = attribute(default=0)
    by_role: Attr[str] = attribute(default="")

    recipe: One[Recipe] = belongs_to(via=recipe_id, on_delete="cascade")
    ingredient: One[Ingredient] = belongs_to(via=ingredient_id)

    @action.create
    def begin(self, scope: Scope, recipe_id: UUID, ingredient_id: UUID, grams: int = 0) -> None:
        """Use it."""
        self.by_role = str(getattr(scope.actor, "role", "system"))

    @action.update
    def weigh(self, scope: Scope, grams: int = UNCHANGED) -> None:
        """Use more or less."""

    @action.destroy
    def end(self, scope: Scope) -> None:
        """Use it no longer."""

    storage = Postgres("suite_uses")
    identities = Identities(pair=[recipe_id, ingredient_id])
    policies = Policies(
        policy("any", forbid_if(actor(Person.banned) == True), authorize_if(actor_present()))  # noqa: E712
    )


class Remark(OfOrg):
    """What somebody said about a recipe; its author alone may take it back."""

    recipe_id: Attr[UUID] = attribute()
    author_id: Attr[UUID | None] = attribute(default=None)

    recipe: One[Recipe] = belongs_to(via=recipe_id)
    author: One[Person | None] = belongs_to(via=author_id)

    @action.create(changes=[relate_actor(author)])
    def say(self, scope: Scope, recipe_id: UUID) -> None:
        """Say something."""

    @action.destroy
    def unsay(self, scope: Scope) -> None:
        """Take it back."""

    storage = Postgres("suite_remarks")
    policies = Policies(
        policy(["read", "create"], authorize_if(actor_present())),
        policy("destroy", authorize_if(actor(Person.id) == author_id)),
    )


Kitchen = Domain("suite_kitchen", resources=[Recipe, Book, Step, Hint, Cover, Ingredient, Use, Remark])
