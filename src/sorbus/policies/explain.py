"""Why an action was allowed or refused, as data and as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sorbus.errors.authorization import ActionForbidden
from sorbus.expressions.describe import describe
from sorbus.expressions.nodes import FALSE, TRUE, Const, Node
from sorbus.policies.fold import PolicyProgram, fold_checks, substitute
from sorbus.scope import Scope

Outcome = Literal["true", "false", "unknown", "depends on the row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutcome:
    """One check and what its condition came to."""

    effect: str
    condition: str
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyOutcome:
    """One policy, its checks, and what they came to."""

    bypass: bool
    checks: tuple[CheckOutcome, ...]
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The decision about one action for one actor.

    Attributes:
        allowed: True, False, or None when it depends on the row.
        reason: one sentence.
        policies: every policy that applies, in written order.
    """

    resource: str
    action: str
    allowed: bool | None
    reason: str
    policies: tuple[PolicyOutcome, ...]

    def to_dict(self) -> dict[str, Any]:
        """The explanation as plain data."""
        return {
            "resource": self.resource,
            "action": self.action,
            "allowed": self.allowed,
            "reason": self.reason,
            "policies": [
                {
                    "bypass": each.bypass,
                    "outcome": each.outcome,
                    "checks": [
                        {"effect": check.effect, "condition": check.condition, "outcome": check.outcome}
                        for check in each.checks
                    ],
                }
                for each in self.policies
            ],
        }

    def __str__(self) -> str:
        lines = [f"{self.resource}.{self.action}: {self.reason}"]
        for number, each in enumerate(self.policies, 1):
            lines.append(f"  {'bypass' if each.bypass else 'policy'} {number}: {each.outcome}")
            lines.extend(f"    {check.effect}({check.condition}): {check.outcome}" for check in each.checks)
        return "\n".join(lines)


def explain(program: PolicyProgram, scope: Scope, inputs: dict[str, Any] | None = None) -> Explanation:
    """The decision about a program's action for a scope's actor, check by check."""
    variant = program.variant(scope, inputs)
    known = dict(zip(program.atoms, variant, strict=True))
    folded = program.fold(variant)
    return Explanation(
        resource=program.resource.name,
        action=program.action,
        allowed=True if folded == TRUE else False if folded == FALSE else None,
        reason=_reason(program, folded),
        policies=tuple(
            PolicyOutcome(
                bypass=each.bypass,
                outcome=_outcome(fold_checks(each.checks, known)),
                checks=tuple(
                    CheckOutcome(
                        effect=check.effect.value,
                        condition=describe(check.condition),
                        outcome=_outcome(substitute(check.condition, known)),
                    )
                    for check in each.checks
                ),
            )
            for each in program.policies
        ),
    )


def _reason(program: PolicyProgram, folded: Node) -> str:
    if program.resource.policies is None:
        return "the resource has no policies section, so everything is forbidden."
    if not program.policies:
        return "no policy applies to this action, so it is forbidden."
    if folded == TRUE:
        return "allowed."
    return "refused." if folded == FALSE else f"allowed for rows where {describe(folded)}."


def _outcome(node: Node) -> Outcome:
    if isinstance(node, Const):
        return "unknown" if node.value is None else "true" if node.value else "false"
    return "depends on the row"


def refusal(program: PolicyProgram, scope: Scope, inputs: dict[str, Any] | None = None) -> ActionForbidden:
    """The error of a refused action, with the explanation as its breakdown."""
    found = explain(program, scope, inputs)
    return ActionForbidden(program.resource.name, program.action, reason=found.reason, breakdown=found)
