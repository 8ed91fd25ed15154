"""Sorbus: declare your domain once; get the database, the APIs, the jobs and the pipelines from it."""

from sorbus.changeset.outcome import UpsertOutcome, outcome_of
from sorbus.engine.topics import topic
from sorbus.expressions.build import Expr, coalesce, concat, if_, incoming, now, tenant
from sorbus.query.page import Page
from sorbus.query.query import Query
from sorbus.resource import action, agg, change, validate
from sorbus.resource.actions import Arg, PrivateArg
from sorbus.resource.application import Sorbus
from sorbus.resource.changes import Changes, Validations
from sorbus.resource.checks import (
    accessing_from,
    action_is,
    actor_is_a,
    changing,
    check,
    context_equals,
    filtering_on,
    loading,
    matches,
    may_read,
    relates_to_actor_via,
    relating_to_actor,
    selecting,
)
from sorbus.resource.domain import Domain
from sorbus.resource.fields import Attr, attribute, calculate, computed, timestamp, uuid_primary_key
from sorbus.resource.model import Resource
from sorbus.resource.notifications import Notifications, publish
from sorbus.resource.policies import (
    FieldPolicies,
    Policies,
    actor,
    actor_present,
    authorize_if,
    authorize_unless,
    bypass,
    field_bypass,
    field_policy,
    forbid_if,
    forbid_unless,
    group,
    input_value,
    policy,
)
from sorbus.resource.relationships import (
    Many,
    One,
    belongs_to,
    exists,
    has_many,
    has_one,
    join_of,
    manual,
    manual_one,
    many_to_many,
    related,
    through,
    unrelated,
)
from sorbus.resource.require import require
from sorbus.resource.sections import Identities, InMemory, JsonApi, Postgres, Tenancy
from sorbus.schema.actions import UNCHANGED
from sorbus.scope import Scope
from sorbus.types.hidden import HIDDEN, is_hidden
from sorbus.types.json import Json

__all__ = [
    "HIDDEN",
    "UNCHANGED",
    "Arg",
    "Attr",
    "Changes",
    "Domain",
    "Expr",
    "FieldPolicies",
    "Identities",
    "InMemory",
    "Json",
    "JsonApi",
    "Many",
    "Notifications",
    "One",
    "Page",
    "Policies",
    "Postgres",
    "PrivateArg",
    "Query",
    "Resource",
    "Scope",
    "Sorbus",
    "Tenancy",
    "UpsertOutcome",
    "Validations",
    "accessing_from",
    "action",
    "action_is",
    "actor",
    "actor_is_a",
    "actor_present",
    "agg",
    "attribute",
    "authorize_if",
    "authorize_unless",
    "belongs_to",
    "bypass",
    "calculate",
    "change",
    "changing",
    "check",
    "coalesce",
    "computed",
    "concat",
    "context_equals",
    "exists",
    "field_bypass",
    "field_policy",
    "filtering_on",
    "forbid_if",
    "forbid_unless",
    "group",
    "has_many",
    "has_one",
    "if_",
    "incoming",
    "input_value",
    "is_hidden",
    "join_of",
    "loading",
    "manual",
    "manual_one",
    "many_to_many",
    "matches",
    "may_read",
    "now",
    "outcome_of",
    "policy",
    "publish",
    "related",
    "relates_to_actor_via",
    "relating_to_actor",
    "require",
    "selecting",
    "tenant",
    "through",
    "timestamp",
    "topic",
    "unrelated",
    "uuid_primary_key",
    "validate",
]
