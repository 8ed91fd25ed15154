"""Why an action was allowed or refused, as data and as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sorbus.errors.authorization import ActionForbidden
from sorbus.expressions.describe import describe
from sorbus.expressions.evaluate import Environment, Unevaluable, evaluate
from sorbus.expressions.nodes import TRUE, Const, Node
from sorbus.policies.fields import FieldProgram
from sorbus.policies.fold import PolicyProgram, Variant, fold_checks, known_of
from sorbus.policies.nodes import has_runtime, substitute
from sorbus.policies.rows import DICT_ROW
from sorbus.schema.policies import RuleSpec
from sorbus.scope import Scope

Outcome = Literal["true", "false", "unknown", "depends on the row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutcome:
    """One check and what its condition came to."""

    effect: str
    condition: str
    outcome: Outcome
    description: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The outcome as plain data."""
        told = {"effect": self.effect, "condition": self.condition, "outcome": self.outcome}
        return {**told, "description": self.description} if self.description else told

    def __str__(self) -> str:
        what = f" [{self.description}]" if self.description else ""
        return f"{self.effect}({self.condition}): {self.outcome}{what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyOutcome:
    """One policy, whether it applies, its checks, and what they came to.

    Attributes:
        when: the condition under which it applies, with those of its groups; empty when it always does.
        applies: what that condition came to.
        fields: the fields that it is about, when it is a field policy.
    """

    bypass: bool
    checks: tuple[CheckOutcome, ...]
    outcome: Outcome
    when: str = ""
    applies: Outcome = "true"
    access: str = "filter"
    description: str = ""
    domain: bool = False
    fields: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The outcome as plain data."""
        told: dict[str, Any] = {
            "bypass": self.bypass,
            "outcome": self.outcome,
            "access": self.access,
            "domain": self.domain,
            "description": self.description,
            "when": self.when,
            "applies": self.applies,
            "checks": [each.to_dict() for each in self.checks],
        }
        return {**told, "fields": list(self.fields)} if self.fields else told

    def lines(self, number: int) -> Iterable[str]:
        """The outcome as text."""
        kind = "bypass" if self.bypass else "policy"
        origin = " of the domain" if self.domain else ""
        access = f" ({self.access})" if self.access != "filter" else ""
        about = f" for {', '.join(self.fields)}" if self.fields else ""
        what = f" [{self.description}]" if self.description else ""
        yield f"  {kind} {number}{origin}{about}{access}: {self.outcome}{what}"
        if self.when:
            yield f"    when {self.when}: {self.applies}"
        yield from (f"    {each}" for each in self.checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOutcome:
    """One field, and whether the actor may see it."""

    name: str
    outcome: Outcome
    condition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The decision about one action for one actor.

    Attributes:
        allowed: True, False, or None when it depends on the row.
        reason: one sentence.
        policies: every policy that is for the action, in written order, those of the domain first.
        fields: the fields that are not always visible, and whether this actor sees them.
        field_policies: the policies that decide about them.
    """

    resource: str
    action: str
    allowed: bool | None
    reason: str
    policies: tuple[PolicyOutcome, ...]
    fields: tuple[FieldOutcome, ...] = ()
    field_policies: tuple[PolicyOutcome, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The explanation as plain data."""
        return {
            "resource": self.resource,
            "action": self.action,
            "allowed": self.allowed,
            "reason": self.reason,
            "policies": [each.to_dict() for each in self.policies],
            "fields": [
                {"name": each.name, "outcome": each.outcome, "condition": each.condition}
                for each in self.fields
            ],
            "field_policies": [each.to_dict() for each in self.field_policies],
        }

    def __str__(self) -> str:
        lines = [f"{self.resource}.{self.action}: {self.reason}"]
        for number, each in enumerate(self.policies, 1):
            lines += each.lines(number)
        if self.fields:
            lines.append("  fields:")
            lines += (
                f"    {each.name}: {_SEEN[each.outcome]}" + (f" ({each.condition})" if each.condition else "")
                for each in self.fields
            )
            for number, rule in enumerate(self.field_policies, 1):
                lines += rule.lines(number)
        return "\n".join(lines)


_SEEN: Mapping[str, str] = {
    "true": "visible",
    "false": "hidden",
    "unknown": "hidden",
    "depends on the row": "depends on the row",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A row at hand: what is known of it decides more.

    Attributes:
        values: its attributes.
    """

    values: Mapping[str, Any]
    environment: Environment

    @classmethod
    def of(cls, values: Mapping[str, Any], scope: Scope, inputs: dict[str, Any] | None) -> Row:
        """The row of a record, or one that an action would write."""
        environment = Environment(rows=DICT_ROW, actor=scope.actor, tenant=scope.tenant, inputs=inputs)
        return cls(values, environment)

    def seen(self, node: Node) -> Node:
        """A condition with its value, where the row alone tells it."""
        if isinstance(node, Const) or has_runtime(node):
            return node
        try:
            return Const(evaluate(node, dict(self.values), self.environment))
        except Unevaluable:
            return node


def explain(
    program: PolicyProgram,
    scope: Scope,
    inputs: dict[str, Any] | None = None,
    *,
    fields: FieldProgram | None = None,
    variant: Variant | None = None,
    row: Mapping[str, Any] | None = None,
) -> Explanation:
    """The decision about a program's action for a scope's actor, check by check.

    Args:
        fields: the field policies of the resource.
        variant: what is known of the call already.
        row: the attributes of the row in question, if one is.
    """
    if variant is None:
        variant = program.variant(scope, inputs)
    known = known_of(program.atoms, variant)
    at_hand = Row.of(row, scope, inputs) if row is not None else None
    folded = program.fold(variant)
    if at_hand is not None:
        folded = at_hand.seen(folded)
    told = fields.variant(scope, inputs) if fields is not None else ()
    return Explanation(
        resource=program.resource.name,
        action=program.action,
        allowed=None if not isinstance(folded, Const) else folded == TRUE,
        reason=_reason(program, folded),
        policies=tuple(_policy(each, known, at_hand) for each in program.policies),
        fields=_fields(fields, told, at_hand),
        field_policies=tuple(
            _policy(each, known_of(fields.atoms, told), at_hand, fields=tuple(sorted(each.fields)))
            for each in fields.policies
        )
        if fields is not None
        else (),
    )


def _policy(
    rule: RuleSpec, known: Mapping[Node, bool | None], row: Row | None, *, fields: tuple[str, ...] = ()
) -> PolicyOutcome:
    return PolicyOutcome(
        bypass=rule.bypass,
        outcome=_outcome(fold_checks(rule.checks, known), row),
        checks=tuple(
            CheckOutcome(
                effect=check.effect.value,
                condition=describe(check.condition),
                outcome=_outcome(substitute(check.condition, known), row),
                description=check.description,
            )
            for check in rule.checks
        ),
        when="" if rule.when == TRUE else describe(rule.when),
        applies=_outcome(substitute(rule.when, known), row),
        access=rule.access.value,
        description=rule.description,
        domain=rule.domain,
        fields=fields,
    )


def _fields(program: FieldProgram | None, variant: Variant, row: Row | None) -> tuple[FieldOutcome, ...]:
    if program is None:
        return ()
    conditions = program.conditions(variant)
    found: list[FieldOutcome] = []
    for name in dict.fromkeys((*program.names, *conditions)):
        node = conditions.get(name, TRUE)
        outcome = _outcome(node, row)
        condition = describe(node) if outcome == "depends on the row" else ""
        found.append(FieldOutcome(name=name, outcome=outcome, condition=condition))
    return tuple(found)


def _reason(program: PolicyProgram, folded: Node) -> str:
    if program.resource.policies is None:
        return "the resource has no policies section, so everything is forbidden."
    if not program.policies:
        return "no policy applies to this action, so it is forbidden."
    if folded == TRUE:
        return "allowed."
    if isinstance(folded, Const):
        return "refused."
    return f"allowed for rows where {describe(folded)}."


def _outcome(node: Node, row: Row | None = None) -> Outcome:
    if row is not None:
        node = row.seen(node)
    if isinstance(node, Const):
        return "unknown" if node.value is None else "true" if node.value else "false"
    return "depends on the row"


def refusal(
    program: PolicyProgram,
    scope: Scope,
    inputs: dict[str, Any] | None = None,
    *,
    variant: Variant | None = None,
    row: Mapping[str, Any] | None = None,
) -> ActionForbidden:
    """The error of a refused action, with the explanation as its breakdown.

    Args:
        variant: what is known of the call already.
        row: the attributes of the row that was refused, if one was.
    """
    found = explain(program, scope, inputs, variant=variant, row=row)
    return ActionForbidden(program.resource.name, program.action, reason=found.reason, breakdown=found)
