"""The manifest: the specs as versioned JSON, for tools, generators and coding assistants."""

from __future__ import annotations

from typing import Any

from sorbus.expressions.describe import describe
from sorbus.expressions.nodes import TRUE
from sorbus.schema.actions import ActionSpec, InputSpec
from sorbus.schema.fields import DefaultKind
from sorbus.schema.policies import PolicySpec, RuleSpec
from sorbus.schema.resource import ApplicationSpec, FieldSpec, ResourceSpec

MANIFEST_VERSION = 1


def manifest(application: ApplicationSpec) -> dict[str, Any]:
    """The whole application as plain data."""
    return {
        "manifest": MANIFEST_VERSION,
        "application": application.name,
        "resources": [resource_manifest(spec) for spec in application.resources.values()],
    }


def resource_manifest(spec: ResourceSpec) -> dict[str, Any]:
    """One resource as plain data."""
    return {
        "name": spec.name,
        "domain": spec.domain,
        "description": spec.description,
        "layer": spec.layer,
        "table": spec.table,
        "tenancy": spec.tenancy.attribute if spec.tenancy else None,
        "fields": [_field(spec, name, each) for name, each in spec.fields.items()],
        "relationships": [
            {
                "name": each.name,
                "kind": each.cardinality.value,
                "destination": each.destination,
                "source_attribute": each.source_attribute,
                "destination_attribute": each.destination_attribute,
                "through": each.join.resource if each.join else None,
                "public": each.public,
                "description": each.description,
            }
            for each in spec.relationships.values()
        ],
        "identities": [
            {
                "name": each.name,
                "keys": list(each.keys),
                "where": None if each.where is None else describe(each.where),
                "nulls_distinct": each.nulls_distinct,
            }
            for each in spec.identities.values()
        ],
        "actions": [_action(each) for each in spec.actions.values()],
        "extensions": [
            {"section": each.section, "extension": each.extension, "kind": each.kind, "name": each.name}
            for each in spec.additions
        ],
        "policies": None if spec.policies is None else [_policy(each) for each in spec.policies],
        "field_policies": None
        if spec.field_policies is None
        else [{"fields": sorted(each.fields), **_rule(each)} for each in spec.field_policies],
    }


def _field(spec: ResourceSpec, name: str, each: FieldSpec) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": name,
        "type": each.type.describe(),
        "schema": each.type.json_schema(),
        "nullable": each.type.nullable,
        "public": each.public,
        "description": each.description,
    }
    attribute = spec.attributes.get(name)
    if attribute is not None:
        data |= {
            "kind": "attribute",
            "column": attribute.column,
            "primary_key": attribute.primary_key,
            "writable": attribute.writable,
            "sensitive": attribute.sensitive,
            "has_default": attribute.default_kind is not DefaultKind.NONE,
            "generated": attribute.generated,
            "filterable": attribute.filterable,
            "sortable": attribute.sortable,
            "select_by_default": attribute.select_by_default,
        }
        return data
    calculation = spec.calculations.get(name)
    if calculation is not None:
        expression = describe(calculation.node) if calculation.node is not None else None
        return data | {
            "kind": "calculation",
            "expression": expression,
            "runs_in": "python" if calculation.function is not None else "data layer",
            "batch": calculation.batch,
            "arguments": [_input(each) for each in calculation.arguments],
            "loads": list(calculation.loads),
        }
    node = spec.aggregates[name].node
    return data | {
        "kind": "aggregate",
        "expression": describe(node),
        "over": node.relationship,
        "authorize": node.authorize,
    }


def _action(action: ActionSpec) -> dict[str, Any]:
    transition = action.transition
    return {
        "name": action.name,
        "kind": action.kind.value,
        "description": action.description,
        "inputs": [_input(each) for each in action.inputs],
        "returns": action.returns.describe() if action.returns else None,
        "upsert": action.upsert.identity if action.upsert else None,
        "soft": action.soft,
        "changes": [each.name for each in action.changes],
        "transition": None
        if transition is None
        else {
            "attribute": transition.attribute,
            "from": [str(getattr(each, "value", each)) for each in transition.sources],
            "to": [str(getattr(each, "value", each)) for each in transition.targets],
        },
    }


def _input(each: InputSpec) -> dict[str, Any]:
    return {
        "name": each.name,
        "type": each.type.describe(),
        "required": each.required,
        "attribute": each.attribute,
        "public": each.public,
        "description": each.description,
    }


def _policy(policy: PolicySpec) -> dict[str, Any]:
    return {"actions": sorted(policy.actions), "domain": policy.domain, **_rule(policy)}


def _rule(rule: RuleSpec) -> dict[str, Any]:
    return {
        "bypass": rule.bypass,
        "access": rule.access.value,
        "when": None if rule.when == TRUE else describe(rule.when),
        "description": rule.description,
        "checks": [
            {
                "effect": each.effect.value,
                "condition": describe(each.condition),
                "description": each.description,
            }
            for each in rule.checks
        ],
    }
