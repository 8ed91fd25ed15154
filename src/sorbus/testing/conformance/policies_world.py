"""The conformance domain of policies: staff with hidden fields, and papers under every kind of policy."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from uuid import UUID

from sorbus import (
    UNCHANGED,
    Arg,
    Attr,
    Domain,
    FieldPolicies,
    Identities,
    Many,
    One,
    Policies,
    Postgres,
    Query,
    Resource,
    Scope,
    accessing_from,
    action,
    action_is,
    actor,
    actor_is_a,
    actor_present,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    bypass,
    calculate,
    changing,
    check,
    computed,
    context_equals,
    exists,
    field_bypass,
    field_policy,
    filtering_on,
    forbid_if,
    group,
    has_many,
    input_value,
    loading,
    matches,
    may_read,
    policy,
    relates_to_actor_via,
    relating_to_actor,
    selecting,
    uuid_primary_key,
)
from sorbus.testing.conformance.people import Person, Role, Visits


class Team(Resource):
    """People who work together; its lead sees their badges."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(public=True)
    lead_id: Attr[UUID | None] = attribute(default=None)
    shown: Attr[bool] = attribute(default=True)

    staff: Many[Employee] = has_many(order_by=lambda each: each.name)
    strict_staff: Many[Employee] = has_many(via="team_id", authorize_read_with="error")
    reviews_of_mine: Many[Review] = has_many(via="team_id")

    top_salary = agg.max(staff, lambda each: each.salary)
    pay = agg.sum(staff, lambda each: each.salary)
    size = agg.count(staff)

    @action.create
    def found(self, scope: Scope, name: str, lead_id: UUID | None = None, shown: bool = True) -> None:
        """Found a team."""

    storage = Postgres("suite_teams")
    policies = Policies(
        policy("any", authorize_if(actor_present())),
        policy("read", authorize_if(shown == True), authorize_if(lead_id == actor(Person.id))),  # noqa: E712
    )


class Employee(Resource):
    """Somebody who works in a team."""

    id: Attr[UUID] = uuid_primary_key()
    team_id: Attr[UUID] = attribute(public=True)
    person_id: Attr[UUID | None] = attribute(default=None)
    mentor_id: Attr[UUID | None] = attribute(default=None, public=True)
    name: Attr[str] = attribute(public=True)
    email: Attr[str | None] = attribute(default=None, public=True)
    salary: Attr[int] = attribute(default=0, public=True)
    badge: Attr[str | None] = attribute(default=None, public=True)
    gone: Attr[bool] = attribute(default=False)

    team: One[Team] = belongs_to(via=team_id)
    person: One[Person | None] = belongs_to(via=person_id, foreign_key=False)
    mentor: One[Employee | None] = belongs_to(via=mentor_id)
    reviews: Many[Review] = has_many()

    double = calculate(salary * 2)
    raised = calculate(salary + 1)
    review_count = agg.count(reviews)
    best = agg.max(reviews, lambda each: each.score)

    @computed(loads=[email, salary])
    def card(self) -> str:
        """Made in Python of what its reader may not see by itself."""
        return f"{self.email}/{self.salary}"

    @computed(loads=[salary])
    def grade(self) -> str:
        """What everybody may see of the salary."""
        return "high" if self.salary > 100 else "low"

    @action.create
    def hire(
        self,
        scope: Scope,
        team_id: UUID,
        name: str,
        person_id: UUID | None = None,
        mentor_id: UUID | None = None,
        email: str | None = None,
        salary: int = 0,
        badge: str | None = None,
        gone: bool = False,
    ) -> None:
        """Hire somebody."""

    @hire.after_write
    def _hire_after_write(self, scope: Scope) -> None:
        scope.get(Visits).add(f"hired for {self.salary}")

    @action.update
    def rename(self, scope: Scope, name: str) -> None:
        """Change the name."""

    @action.update
    def earn(self, scope: Scope, more: Arg[int]) -> None:
        """Earn more: the body needs a salary that the actor may not see."""
        self.salary = self.salary + more

    @action.update
    def write_from(self, scope: Scope, email: str | None) -> None:
        """Set an address that nobody else has."""

    @action.update
    def move(self, scope: Scope, team_id: UUID) -> None:
        """Move to another team, where nobody may have the same badge."""

    @action.destroy
    def leave(self, scope: Scope) -> None:
        """Leave."""

    storage = Postgres("suite_staff")
    identities = Identities(email=[email], badge=[team_id, badge])
    policies = Policies(
        policy(["create", "update", "destroy"], authorize_if(actor_present())),
        policy("read", authorize_if((gone == False) & actor_present())),  # noqa: E712
    )
    field_policies = FieldPolicies(
        field_bypass("*", authorize_if(context_equals("audit", True)), description="audits see everything"),
        field_policy(
            [email, card],
            authorize_if(actor(Person.role) == Role.ADMIN),
            authorize_if(person_id == actor(Person.id)),
            description="admins, and whoever it is",
        ),
        field_policy([salary, double], authorize_if(actor(Person.role) == Role.ADMIN)),
        field_policy(badge, authorize_if(exists(team, lambda each: each.lead_id == actor(Person.id)))),
        field_policy(mentor_id, authorize_if(actor(Person.role) == Role.ADMIN)),
        field_policy(reviews, authorize_if(actor(Person.banned) == False)),  # noqa: E712
        group(context_equals("blind", True), field_policy(name, authorize_if(person_id == actor(Person.id)))),
        field_policy("*", authorize_if(True)),
    )


class Review(Resource):
    """What is said about an employee; of whom, only its author and admins may know."""

    id: Attr[UUID] = uuid_primary_key()
    employee_id: Attr[UUID] = attribute(public=True)
    team_id: Attr[UUID] = attribute()
    author_id: Attr[UUID] = attribute()
    score: Attr[int] = attribute(default=0, public=True)

    employee: One[Employee] = belongs_to(via=employee_id)

    @action.create
    def give(self, scope: Scope, employee_id: UUID, team_id: UUID, author_id: UUID, score: int = 0) -> None:
        """Review somebody."""

    storage = Postgres("suite_reviews")
    policies = Policies(policy("any", authorize_if(actor_present())))
    field_policies = FieldPolicies(
        field_policy(
            employee_id,
            authorize_if(actor(Person.role) == Role.ADMIN),
            authorize_if(author_id == actor(Person.id)),
        ),
        field_policy("*", authorize_if(True)),
    )


class Stage(StrEnum):
    """The life of a paper."""

    DRAFT = "draft"
    SIGNED = "signed"
    BURNT = "burnt"


def is_even(paper: Any, scope: Scope) -> bool:
    """What only Python knows about a paper."""
    scope.get(Visits).add(f"looked at {paper.level}")
    return bool(paper.level % 2 == 0)


async def is_small(paper: Any, scope: Scope) -> bool:
    """The same for one that has to wait for its answer."""
    del scope
    return bool(paper.level < 6)


def knows_word(actor: Any, scope: Scope, inputs: Mapping[str, Any]) -> bool | None:
    """A function that is asked once for each call."""
    del actor, inputs
    scope.get(Visits).add("asked")
    word: str | None = scope.context.get("word")
    return None if word is None else word == "please"


def is_not_over(actor: Any, scope: Scope, inputs: Mapping[str, Any]) -> bool:
    """Whether the scope's context leaves the runtime policies on."""
    del actor, inputs
    return not scope.context.get("over")


class Machine:
    """An actor that is no record."""

    def __init__(self, serial: str) -> None:
        self.serial = serial


def _is_seven(actor: Any, scope: Scope, inputs: Mapping[str, Any]) -> bool:
    del scope, inputs
    return bool(actor.serial == "7")


class Paper(Resource):
    """A paper whose policies the scope's context chooses."""

    id: Attr[UUID] = uuid_primary_key()
    owner_id: Attr[UUID] = attribute()
    team_id: Attr[UUID | None] = attribute(default=None)
    level: Attr[int] = attribute(default=0)
    title: Attr[str] = attribute(default="untitled", public=True)
    stage: Attr[Stage] = attribute(default=Stage.DRAFT)

    owner: One[Person] = belongs_to(via=owner_id)
    team: One[Team | None] = belongs_to(via=team_id)
    pages: Many[Sheet] = has_many()

    page_count = agg.count(pages)

    @action.create
    def write(
        self,
        scope: Scope,
        owner_id: UUID,
        level: int = 0,
        team_id: UUID | None = None,
        title: str = "untitled",
        stage: Stage = Stage.DRAFT,
    ) -> None:
        """Write a paper."""

    @action.create
    async def write_slowly(
        self, scope: Scope, owner_id: UUID, team_id: UUID | None = None, level: int = 0
    ) -> None:
        """Write a paper with hooks that must not run when it is refused."""
        scope.get(Visits).add("write_slowly.body")

    @write_slowly.before_transaction
    async def _write_slowly_before_transaction(self, scope: Scope) -> None:
        scope.get(Visits).add("write_slowly.before_transaction")

    @write_slowly.before_write
    def _write_slowly_before_write(self, scope: Scope) -> None:
        scope.get(Visits).add("write_slowly.before_write")

    @action.update
    def edit(self, scope: Scope, title: str) -> None:
        """Change the title."""

    @action.update
    async def edit_slowly(self, scope: Scope, title: str) -> None:
        """Change the title with a hook that must not run when it is refused."""
        scope.get(Visits).add("edit_slowly.body")

    @action.update
    def change(
        self, scope: Scope, owner_id: UUID = UNCHANGED, stage: Stage = UNCHANGED, sneak: Arg[bool] = False
    ) -> None:
        """Change the owner or the stage, the stage also from the body."""
        if sneak:
            self.stage = Stage.SIGNED

    @action.update
    async def change_late(self, scope: Scope) -> None:
        """Its body sets what a policy forbids, after the policies were asked."""
        self.stage = Stage.BURNT

    @action.update
    def nothing(self, scope: Scope) -> None:
        """Change nothing."""

    @action.destroy
    def burn(self, scope: Scope) -> None:
        """Burn it."""

    @action.read
    @classmethod
    def titled(cls, scope: Scope, title: str) -> Query[Paper]:
        """The papers with a title."""
        return cls.query().where(cls.title == title)

    @action.read
    @classmethod
    def either(cls, scope: Scope, title: str, other: str) -> Query[Paper]:
        """The papers with one of two titles, as a combination."""
        return cls.query().where(cls.title == title).union(cls.query().where(cls.title == other))

    @action.generic
    @classmethod
    async def ask(cls, scope: Scope) -> str:
        """Ask something."""
        return "well"

    storage = Postgres("suite_papers")
    policies = Policies(
        bypass("any", authorize_if(context_equals("mode", "root")), description="root"),
        policy("any", authorize_if(actor_present()), description="somebody acts"),
        group(
            context_equals("mode", "strict"),
            policy(
                "any",
                authorize_if(actor(Person.role) == Role.ADMIN),
                authorize_if(level < 3),
                access="strict",
            ),
        ),
        policy(
            ["create", "read", "update", "destroy"],
            authorize_if(level < 3),
            when=context_equals("mode", "filter"),
        ),
        group(
            context_equals("mode", "runtime"),
            group(
                matches("not over", is_not_over),
                policy(
                    ["create", "read", "update", "destroy"],
                    forbid_if(level > 8),
                    authorize_if(check("the level is even", is_even) & check("small", is_small)),
                    authorize_if(owner_id == actor(Person.id)),
                    access="runtime",
                ),
            ),
        ),
        group(
            context_equals("mode", "word"),
            policy("any", authorize_if(matches("knows the word", knows_word))),
        ),
        group(
            context_equals("mode", "kinds"),
            policy("any", authorize_if(matches("machine 7", _is_seven)), when=actor_is_a(Machine)),
            policy("any", authorize_if(actor(Person.role) == Role.ADMIN), when=actor_is_a(Person)),
        ),
        group(
            context_equals("mode", "reads"),
            policy("read", forbid_if(loading(team)), authorize_if(True)),
            policy("read", forbid_if(selecting(page_count)), authorize_if(True)),
            policy("read", forbid_if(filtering_on(level)), authorize_if(True)),
            policy("read", forbid_if(filtering_on(owner_id) & (title == "secret")), authorize_if(True)),
            policy("read", forbid_if(action_is(titled)), authorize_if(True)),
            policy(
                either, forbid_if(input_value("title") == "x"), authorize_if(title != input_value("other"))
            ),
        ),
        group(
            context_equals("mode", "reads rows"),
            policy("read", forbid_if(loading(team) & (level > 5)), authorize_if(True)),
            policy("read", forbid_if(filtering_on(level) & (level > 5)), authorize_if(True)),
        ),
        group(
            context_equals("mode", "related"),
            policy("create", authorize_if(relating_to_actor(owner))),
            policy(["read", "update"], authorize_if(relates_to_actor_via(owner))),
            policy(
                "destroy",
                authorize_if(relates_to_actor_via(team, lambda each: each.staff, lambda each: each.person)),
            ),
        ),
        group(
            context_equals("mode", "changes"),
            policy(["create", "update"], forbid_if(changing(owner_id)), authorize_if(True)),
            policy("update", forbid_if(changing(stage, to=Stage.BURNT)), authorize_if(True)),
            policy("update", forbid_if(changing(stage, from_=Stage.SIGNED)), authorize_if(True)),
        ),
        group(
            context_equals("mode", "seen"),
            policy(["create", "read"], authorize_if(may_read(team))),
        ),
        policy(
            "read", forbid_if(~context_equals("mode", "root") & (stage == Stage.BURNT)), authorize_if(True)
        ),
        policy(["create", "update", "destroy", "generic"], authorize_if(True)),
    )


class Sheet(Resource):
    """A sheet of a paper, that is read with its paper only."""

    id: Attr[UUID] = uuid_primary_key()
    paper_id: Attr[UUID] = attribute()
    number: Attr[int] = attribute(default=0)

    paper: One[Paper] = belongs_to(via=paper_id, on_delete="cascade")

    @action.create
    def add(self, scope: Scope, paper_id: UUID, number: int = 0) -> None:
        """Add a sheet."""

    storage = Postgres("suite_sheets")
    policies = Policies(
        policy("create", authorize_if(True)),
        policy(
            "read", authorize_if(accessing_from(Paper.pages)), authorize_if(context_equals("mode", "root"))
        ),
    )


def _guard(actor: Any, scope: Scope, inputs: Mapping[str, Any]) -> bool:
    del actor, inputs
    return not scope.context.get("closed")


class Cabinet(Resource):
    """A resource that has only the policies of its domain."""

    id: Attr[UUID] = uuid_primary_key()
    label: Attr[str] = attribute(default="")

    @action.create
    def build(self, scope: Scope, label: str = "") -> None:
        """Build a cabinet."""

    storage = Postgres("suite_cabinets")


Staff = Domain("suite_staff", resources=[Team, Employee, Review, Paper, Sheet])

Furniture = Domain(
    "suite_furniture",
    resources=[Cabinet],
    policies=[
        policy("any", forbid_if(~matches("open", _guard)), authorize_if(actor_present()), description="open"),
        policy(Paper.edit, forbid_if(True)),
    ],
)

POLICY_DOMAINS = (Staff, Furniture)
"""What the suite needs besides people."""
