"""Policies and field policies: who may do what, and who may see what."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar

from sorbus.expressions.build import ActorField, Expr, InputValue
from sorbus.resource.actions import Action
from sorbus.resource.fields import Field
from sorbus.resource.relationships import Relationship
from sorbus.resource.sections import ActionType, Section
from sorbus.schema.policies import Access, Effect

T = TypeVar("T")

AccessName = Literal["filter", "strict", "runtime"]

Condition = Expr[bool] | Literal[True]
"""What a check asks. No plain `bool`: a comparison with a value of a wrong type would be one."""

Member = Field[Any] | Relationship[Any] | Literal["*"]
"""What a field policy may be for: a field, a relationship, or every field but the key."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a policy."""

    effect: Effect
    condition: Condition
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Checks, and the conditions under which they are asked, from the outermost group inwards."""

    checks: tuple[Check, ...]
    when: tuple[Condition, ...] = ()
    bypass: bool = False
    access: Access = Access.FILTER
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(Rule):
    """Checks for some actions; made by `policy` and `bypass`."""

    on: tuple[Action | ActionType, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldPolicy(Rule):
    """Checks for seeing some fields; made by `field_policy` and `field_bypass`."""

    fields: tuple[Member, ...]


P = TypeVar("P", Policy, FieldPolicy)


@dataclass(frozen=True, slots=True)
class Group(Generic[P]):
    """Policies that hold under one more condition; made by `group`."""

    policies: tuple[P, ...]


def authorize_if(condition: Condition, *, description: str = "") -> Check:
    """Allow where the condition is true.

    Args:
        description: what explanations say about it.
    """
    return Check(Effect.AUTHORIZE_IF, condition, description)


def forbid_if(condition: Condition, *, description: str = "") -> Check:
    """Forbid where the condition is true; where it is unknown, the next check decides."""
    return Check(Effect.FORBID_IF, condition, description)


def authorize_unless(condition: Condition, *, description: str = "") -> Check:
    """Allow where the condition is false; unknown allows nothing."""
    return Check(Effect.AUTHORIZE_UNLESS, condition, description)


def forbid_unless(condition: Condition, *, description: str = "") -> Check:
    """Forbid where the condition is false or unknown."""
    return Check(Effect.FORBID_UNLESS, condition, description)


def _when(condition: Condition | None) -> tuple[Condition, ...]:
    return () if condition is None else (condition,)


def policy(
    on: Action | ActionType | list[Action | ActionType],
    *checks: Check,
    when: Condition | None = None,
    access: AccessName = "filter",
    description: str = "",
) -> Policy:
    """Every listed action must be allowed by the first check that decides; none deciding means forbidden.

    Args:
        when: the condition under which the policy applies; where it is unknown, the checks must allow too.
        access: what happens when the answer depends on the row. `filter`: reads leave out the other rows, writes
            refuse them. `strict`: the action is refused. `runtime`: as `filter`, and `check(…)` functions look at
            each row that was read.
        description: what explanations say about it.
    """
    return Policy(
        on=tuple(on) if isinstance(on, list) else (on,),
        checks=checks,
        when=_when(when),
        access=Access(access),
        description=description,
    )


def bypass(
    on: Action | ActionType | list[Action | ActionType],
    *checks: Check,
    when: Condition | None = None,
    access: AccessName = "filter",
    description: str = "",
) -> Policy:
    """Where these checks allow, later policies are not asked. The arguments are those of `policy`."""
    made = policy(on, *checks, when=when, access=access, description=description)
    return replace(made, bypass=True)


def field_policy(
    fields: Member | list[Field[Any] | Relationship[Any]],
    *checks: Check,
    when: Condition | None = None,
    description: str = "",
) -> FieldPolicy:
    """Who may see some fields of a row; whoever may not gets `HIDDEN` instead of the value.

    Args:
        fields: a field or relationship, a list of them, or `"*"` for every field but the key.
        when: the condition under which the policy applies; where it is unknown, the checks must allow too.
        description: what explanations say about it.
    """
    return FieldPolicy(
        fields=tuple(fields) if isinstance(fields, list) else (fields,),
        checks=checks,
        when=_when(when),
        description=description,
    )


def field_bypass(
    fields: Member | list[Field[Any] | Relationship[Any]],
    *checks: Check,
    when: Condition | None = None,
    description: str = "",
) -> FieldPolicy:
    """Where these checks allow, later policies of the fields are not asked."""
    return replace(field_policy(fields, *checks, when=when, description=description), bypass=True)


def group(condition: Condition, *policies: P | Group[P]) -> Group[P]:
    """Policies that hold where one more condition is met; groups may hold groups."""
    return Group(tuple(_under(condition, each) for each in flat(policies)))


def _under(condition: Condition, rule: P) -> P:
    return replace(rule, when=(condition, *rule.when))


def flat(policies: tuple[P | Group[P], ...]) -> tuple[P, ...]:
    """The policies in written order, those of groups in their place."""
    found: list[P] = []
    for each in policies:
        found.extend(each.policies if isinstance(each, Group) else (each,))
    return tuple(found)


def actor(attribute: Expr[T]) -> Expr[T]:
    """A field of the actor, named on its class: `actor(User.org_id)`; null when nobody acts."""
    return ActorField(attribute)


def actor_present() -> Expr[bool]:
    """Whether anybody acts."""
    return ActorField("")


def input_value(name: str) -> Expr[Any]:
    """An input of the running action, by name; null when it was not given."""
    return InputValue(name)


class Policies(Section):
    """Who may do what. All policies that apply must allow; no section means that everything is forbidden."""

    section_name = "policies"

    def __init__(self, *policies: Policy | Group[Policy]) -> None:
        self.policies = flat(policies)


class FieldPolicies(Section):
    """Who may see which field. Every field but the key must be covered; all policies of a field must allow."""

    section_name = "field_policies"

    def __init__(self, *policies: FieldPolicy | Group[FieldPolicy]) -> None:
        self.policies = flat(policies)
