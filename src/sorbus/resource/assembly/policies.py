"""From sections to specs of policies and field policies."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sorbus.errors.declaration import DeclarationError, NoSuchField, WrongSection
from sorbus.errors.hints import did_you_mean, listed
from sorbus.errors.warnings import NothingAllowed
from sorbus.expressions.build import Expr
from sorbus.expressions.lowering import Lowerer
from sorbus.expressions.nodes import TRUE, Call, Const, Node, children, walk
from sorbus.policies.nodes import LOGIC, has_runtime
from sorbus.resource.actions import Action
from sorbus.resource.assembly.catalog import ClassCatalog
from sorbus.resource.assembly.mistakes import noting
from sorbus.resource.fields import Field, is_attribute
from sorbus.resource.policies import (
    Condition,
    FieldPolicies,
    FieldPolicy,
    Policies,
    Policy,
    Rule,
)
from sorbus.resource.relationships import Relationship
from sorbus.resource.sections import ACTION_TYPES
from sorbus.schema.actions import ActionKind, ActionSpec
from sorbus.schema.policies import Access, CheckSpec, FieldPolicySpec, PolicySpec, RuntimeCheck
from sorbus.schema.resource import ResourceSpec


def is_field(member: object) -> bool:
    """Whether a member of a declaration has a value on each record."""
    return isinstance(member, Field)


class RuleBuilder:
    """What the builders of policies and of field policies share.

    Args:
        place: the section, for messages.
    """

    def __init__(
        self, cls: type[Any], catalog: ClassCatalog, errors: list[DeclarationError], *, place: str
    ) -> None:
        self.cls = cls
        self.errors = errors
        self.place = f"{cls.__name__}.{place}"
        self.lowerer = Lowerer(catalog, (cls,))

    def checks(self, rule: Rule, what: str) -> tuple[CheckSpec, ...]:
        """The checks of a policy.

        Raises:
            WrongSection: there are none, or one of them cannot be asked here.
        """
        if not rule.checks:
            raise WrongSection(
                self.place,
                f"the policy for {what} has no checks and would forbid everything.",
                hint="Add `authorize_if(…)`, or `forbid_if(True)` to say so.",
            )
        found = tuple(
            CheckSpec(effect=each.effect, condition=self.node(each.condition), description=each.description)
            for each in rule.checks
        )
        for each in found:
            if rule.access is not Access.RUNTIME:
                self._refuse_runtime(each.condition, f'the policy for {what} has no `access="runtime"`')
            elif any(map(has_runtime, inner_parts(each.condition))):
                self._refuse_runtime(each.condition, "it can only be combined with `&`, `|` and `~`")
        return found

    def when(self, rule: Rule) -> Node:
        """The condition under which a policy applies: its own and those of its groups."""
        nodes = tuple(self.node(each) for each in rule.when)
        for each in nodes:
            self._refuse_runtime(each, "whether a policy applies is known before a row is read")
        return TRUE if not nodes else nodes[0] if len(nodes) == 1 else Call("and", nodes)

    def node(self, condition: Condition) -> Node:
        """The node of a condition."""
        return condition.lower(self.lowerer) if isinstance(condition, Expr) else Const(bool(condition))

    def _refuse_runtime(self, node: Node, why: str) -> None:
        found = next((each for each in walk(node) if isinstance(each, RuntimeCheck)), None)
        if found is not None:
            raise WrongSection(
                self.place,
                f"`check({found.text!r}, …)` looks at single rows in Python, and {why}.",
                hint='Write `policy(…, access="runtime")`, or `matches(…)` for a function that needs no row.',
            )


def inner_parts(node: Node) -> Iterator[Node]:
    """What lies inside the parts that `&`, `|` and `~` combine."""
    if isinstance(node, Call) and node.operator in LOGIC:
        for arg in node.args:
            yield from inner_parts(arg)
    else:
        yield from children(node)


class PolicyBuilder(RuleBuilder):
    """Builds the policy specs of one class."""

    def __init__(
        self,
        cls: type[Any],
        catalog: ClassCatalog,
        actions: Mapping[str, ActionSpec],
        errors: list[DeclarationError],
    ) -> None:
        super().__init__(cls, catalog, errors, place="policies")
        self.actions = actions

    def build(
        self, section: Policies | None, of_domain: Iterable[Policy] = ()
    ) -> tuple[PolicySpec, ...] | None:
        """The policies in written order, those of the domain first; None without a section and domain policies."""
        specs: list[PolicySpec] = []
        for each in of_domain:
            with noting(self.errors, self.cls, "policies"):
                specs.append(self._policy(each, domain=True))
        for each in section.policies if section is not None else ():
            with noting(self.errors, self.cls, "policies"):
                specs.append(self._policy(each))
        return tuple(specs) if section is not None or specs else None

    def _policy(self, policy: Policy, *, domain: bool = False) -> PolicySpec:
        names: set[str] = set()
        for on in policy.on:
            names.update(self._actions(on, domain=domain))
        if policy.access is Access.RUNTIME:
            self._check_rows(policy)
        return PolicySpec(
            actions=frozenset(names),
            checks=self.checks(policy, listed(names)),
            when=self.when(policy),
            bypass=policy.bypass,
            access=policy.access,
            description=policy.description,
            domain=domain,
        )

    def _check_rows(self, policy: Policy) -> None:
        """A policy that looks at rows is for actions that have one."""
        for on in policy.on:
            if on == "generic" or (isinstance(on, Action) and on.kind is ActionKind.GENERIC):
                raise WrongSection(
                    self.place,
                    "a generic action has no row, so a policy for it cannot look at one.",
                    hint='Leave out `access="runtime"` and use `matches(…)`.',
                )

    def _actions(self, on: Action | str, *, domain: bool) -> set[str]:
        if isinstance(on, Action):
            if issubclass(self.cls, on.owner):
                return {on.name}
            if domain:
                return set()  # it speaks of another resource of the domain
            raise WrongSection(
                self.place, f"`{on.owner.__name__}.{on.name}` is an action of another resource."
            )
        if on not in ACTION_TYPES:
            allowed = (*ACTION_TYPES, *self.actions)
            raise WrongSection(
                self.place,
                f"`{on}` is no type of action. Types: {listed(ACTION_TYPES)}.",
                hint=did_you_mean(on, allowed) or "Name a single action by the action itself.",
            )
        return {name for name, spec in self.actions.items() if on in ("any", spec.kind.value)}


class FieldPolicyBuilder(RuleBuilder):
    """Builds the field policy specs of one class."""

    def __init__(self, cls: type[Any], catalog: ClassCatalog, errors: list[DeclarationError]) -> None:
        super().__init__(cls, catalog, errors, place="field_policies")
        members: Mapping[str, Any] = cls.__declared__
        self.fields = [
            name
            for name, each in members.items()
            if is_field(each) and not (is_attribute(each) and each.options.primary_key)
        ]
        self.relationships = {name for name, each in members.items() if isinstance(each, Relationship)}

    def build(self, section: FieldPolicies | None) -> tuple[FieldPolicySpec, ...] | None:
        """The field policies in written order, or None without a section."""
        if section is None:
            return None
        specs: list[FieldPolicySpec] = []
        for each in section.policies:
            with noting(self.errors, self.cls, "field_policies"):
                specs.append(self._policy(each))
        if len(specs) == len(section.policies):  # else one mistake would be told twice
            with noting(self.errors, self.cls, "field_policies"):
                self._check_cover(specs)
        return tuple(specs)

    def _policy(self, policy: FieldPolicy) -> FieldPolicySpec:
        names: set[str] = set()
        for each in policy.fields:
            names.update(self.fields if isinstance(each, str) else (self._name(each),))
        return FieldPolicySpec(
            fields=frozenset(names),
            checks=self.checks(policy, listed(sorted(names))),
            when=self.when(policy),
            bypass=policy.bypass,
            description=policy.description,
        )

    def _name(self, member: Field[Any] | Relationship[Any]) -> str:
        name = member.name
        if not issubclass(self.cls, member.owner):
            raise WrongSection(
                self.place, f"`{member.owner.__name__}.{name}` is a field of another resource."
            )
        if name in self.fields or name in self.relationships:
            return name
        if name in self.cls.__declared__:
            raise WrongSection(
                self.place,
                f"`{name}` is the key, which is never hidden: without it a row could not be told from others.",
                hint="Hide the row itself with a policy.",
            )
        raise NoSuchField(
            self.cls.__name__, name, allowed=[*self.fields, *self.relationships], where="its field policies"
        )

    def _check_cover(self, specs: list[FieldPolicySpec]) -> None:
        covered = {name for each in specs if not each.bypass for name in each.fields}
        missing = [name for name in self.fields if name not in covered]
        if missing:
            raise WrongSection(
                self.place,
                f"once there are field policies, every field but the key has one; these have none: {listed(missing)}.",
                hint='Add `field_policy("*", authorize_if(True))` for fields that everybody may see who sees the row.',
            )


def warn_about_silence(specs: Iterable[ResourceSpec]) -> None:
    """Warn of resources that an interface exposes and that have no policies, so that every call is refused."""
    for spec in specs:
        exposing = [name for name, each in spec.sections.items() if each.exposes]
        if spec.policies is None and exposing:
            warnings.warn(NothingAllowed(spec.name, exposing), stacklevel=4)
