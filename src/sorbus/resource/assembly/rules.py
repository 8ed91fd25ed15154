"""From sections to specs of policies, tenancy and identities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sorbus.errors.declaration import DeclarationError, NoSuchField, WrongSection
from sorbus.errors.hints import did_you_mean, listed
from sorbus.expressions.build import Expr
from sorbus.expressions.lowering import Lowerer
from sorbus.expressions.nodes import Const, Node
from sorbus.resource.actions import Action
from sorbus.resource.assembly.catalog import ClassCatalog
from sorbus.resource.assembly.mistakes import noting
from sorbus.resource.sections import ACTION_TYPES, Identities, Identity, Policies, Policy
from sorbus.schema.actions import ActionSpec
from sorbus.schema.fields import AttributeSpec, IdentitySpec
from sorbus.schema.policies import CheckSpec, PolicySpec


def identity_specs(
    cls: type[Any],
    section: Identities | None,
    attributes: Mapping[str, AttributeSpec],
    errors: list[DeclarationError],
    *,
    tenant: str | None = None,
) -> dict[str, IdentitySpec]:
    """The identities of a class, their keys checked.

    Args:
        tenant: the tenant's attribute, which comes first in the keys unless the identity says `all_tenants`.
    """
    found: dict[str, IdentitySpec] = {}
    for name, given in (section.identities if section else {}).items():
        with noting(errors, cls, "identities"):
            each = given if isinstance(given, Identity) else Identity(tuple(given))
            names = tuple(key.name for key in each.keys)
            for key in names:
                if key not in attributes:
                    raise NoSuchField(cls.__name__, key, allowed=attributes, where=f"the identity `{name}`")
            own = tenant is not None and tenant not in names and not each.all_tenants
            keys = (tenant, *names) if own and tenant is not None else names
            shown = tuple(key for key in names if key != tenant) or names
            found[name] = IdentitySpec(name=name, keys=keys, names=shown)
    return found


class PolicyBuilder:
    """Builds the policy specs of one class."""

    def __init__(
        self,
        cls: type[Any],
        catalog: ClassCatalog,
        actions: Mapping[str, ActionSpec],
        errors: list[DeclarationError],
    ) -> None:
        self.cls = cls
        self.errors = errors
        self.actions = actions
        self.lowerer = Lowerer(catalog, (cls,))

    def build(self, section: Policies | None) -> tuple[PolicySpec, ...] | None:
        """The policies in written order, or None without a section."""
        if section is None:
            return None
        specs: list[PolicySpec] = []
        for each in section.policies:
            with noting(self.errors, self.cls, "policies"):
                specs.append(self._policy(each))
        return tuple(specs)

    def _policy(self, policy: Policy) -> PolicySpec:
        names: set[str] = set()
        for on in policy.on:
            names.update(self._actions(on))
        if not policy.checks:
            raise WrongSection(
                f"{self.cls.__name__}.policies",
                f"the policy for {listed(names)} has no checks and would forbid everything.",
                hint="Add `authorize_if(…)`, or `forbid_if(True)` to say so.",
            )
        checks = tuple(
            CheckSpec(effect=each.effect, condition=self._node(each.condition)) for each in policy.checks
        )
        return PolicySpec(actions=frozenset(names), checks=checks, bypass=policy.bypass)

    def _node(self, condition: Expr[bool] | bool) -> Node:
        return condition.lower(self.lowerer) if isinstance(condition, Expr) else Const(bool(condition))

    def _actions(self, on: Action | str) -> set[str]:
        if isinstance(on, Action):
            if not issubclass(self.cls, on.owner):
                raise WrongSection(
                    f"{self.cls.__name__}.policies",
                    f"`{on.owner.__name__}.{on.name}` is an action of another resource.",
                )
            return {on.name}
        if on not in ACTION_TYPES:
            allowed = (*ACTION_TYPES, *self.actions)
            raise WrongSection(
                f"{self.cls.__name__}.policies",
                f"`{on}` is no type of action. Types: {listed(ACTION_TYPES)}.",
                hint=did_you_mean(on, allowed) or "Name a single action by the action itself.",
            )
        return {name for name, spec in self.actions.items() if on in ("any", spec.kind.value)}
