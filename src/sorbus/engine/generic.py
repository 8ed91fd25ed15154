"""Generic actions: cast, authorise, run, check the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from sorbus.engine.casting import InputCaster
from sorbus.engine.lifecycle import Step
from sorbus.engine.tenants import need_tenant
from sorbus.engine.transaction import transaction
from sorbus.errors.framework import RowPolicyOnGeneric
from sorbus.errors.inputs import InvalidAnswer
from sorbus.expressions.nodes import FALSE, TRUE
from sorbus.policies.explain import refusal
from sorbus.policies.fold import PolicyProgram
from sorbus.schema.actions import ActionKind, ActionSpec
from sorbus.schema.policies import Asked
from sorbus.schema.resource import ResourceSpec
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine


@dataclass(slots=True)
class GenericPlan:
    """What running a generic action needs, made once."""

    spec: ResourceSpec
    action: ActionSpec
    caster: InputCaster
    program: PolicyProgram
    answer: TypeAdapter[Any] | None


def generic_plan(engine: Engine, spec: ResourceSpec, action: ActionSpec) -> GenericPlan:
    """The plan of a generic action."""
    answer = action.returns.adapter if action.returns is not None else None
    return GenericPlan(spec, action, InputCaster(action), engine.program(spec, action.name), answer)


def authorise_generic(plan: GenericPlan, scope: Scope, inputs: dict[str, Any]) -> None:
    """Step 5: yes or no, since there is no row that it could depend on.

    Raises:
        ActionForbidden: no policy allows it.
        RowPolicyOnGeneric: a policy that decides looks at a row.
    """
    program = plan.program
    asked = Asked(scope, plan.action.name, inputs, ActionKind.GENERIC) if program.about_call else None
    variant = program.variant(scope, inputs, asked)
    folded = program.fold(variant)
    if folded == FALSE:
        raise refusal(program, scope, inputs, variant=variant)
    if folded != TRUE:
        raise RowPolicyOnGeneric(plan.action.label)


def _untraced(step: Step) -> None:
    del step


async def run_generic(
    engine: Engine, plan: GenericPlan, scope: Scope, given: dict[str, Any], positional: tuple[Any, ...]
) -> Any:
    """Steps 1, 2, 3, 5, the body, and the check of its answer.

    Raises:
        InvalidAction: the inputs do not fit.
        ActionForbidden: no policy allows it.
        InvalidAnswer: the body returned what the action does not declare.
    """
    trace = engine.trace or _untraced
    trace(Step.SCOPE)
    need_tenant(plan.spec, plan.action.name, scope)
    trace(Step.CAST)
    inputs = plan.caster.cast_or_raise(given, positional)
    trace(Step.AUTHORISE)
    if scope.authorize:
        authorise_generic(plan, scope, inputs)
    body: Any = plan.action.body
    if plan.action.transaction:
        async with transaction(engine.layers, by=f"`{plan.action.label}`"):
            trace(Step.BEGIN)
            answer = await body(plan.spec.python, scope, **inputs)
            trace(Step.COMMIT)
    else:
        answer = await body(plan.spec.python, scope, **inputs)
    if plan.answer is None:
        return answer
    try:
        return plan.answer.validate_python(answer)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        returns = plan.action.returns
        raise InvalidAnswer(
            plan.action.label,
            problem=str(first["msg"]),
            expected=returns.describe() if returns else "nothing",
        ) from error
