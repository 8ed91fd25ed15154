"""Sorbus: declare your domain once; get the database, the APIs, the jobs and the pipelines from it."""

from sorbus.changeset.outcome import UpsertOutcome, outcome_of
from sorbus.engine.topics import topic
from sorbus.expressions import fn
from sorbus.expressions.build import (
    Expr,
    coalesce,
    concat,
    fragment,
    if_,
    incoming,
    lazy,
    now,
    parent,
    tenant,
)
from sorbus.expressions.type_functions import (
    cosine_distance,
    inner_product,
    l2_distance,
    negative_inner_product,
    tag_of,
)
from sorbus.query.page import Page
from sorbus.query.query import Query
from sorbus.resource import action, agg, change, validate
from sorbus.resource.actions import Arg, PrivateArg
from sorbus.resource.application import Sorbus
from sorbus.resource.calculations import calculate, calculation, computed, nested
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
from sorbus.resource.embedded import Embedded
from sorbus.resource.fields import Attr, attribute, integer_primary_key, timestamp, uuid_primary_key
from sorbus.resource.graphql import GraphQL
from sorbus.resource.managing import (
    cascade_destroy,
    cascade_update,
    manage,
    manage_relationship,
    relate_actor,
)
from sorbus.resource.mcp import Mcp
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
from sorbus.resource.sections import Identities, InMemory, JsonApi, Postgres, identity, linkage
from sorbus.resource.tenancy import ManageTenants, SchemaTenancy, Tenancy
from sorbus.schema.actions import UNCHANGED
from sorbus.schema.paging import Paging
from sorbus.scope import Scope
from sorbus.types.cistr import CiStr
from sorbus.types.files import File
from sorbus.types.hidden import HIDDEN, is_hidden
from sorbus.types.json import Json
from sorbus.types.limits import Limits
from sorbus.types.ranges import Range
from sorbus.types.rules import TypeRule
from sorbus.types.unions import Tagged
from sorbus.types.vector import Hnsw, Vector

__all__ = [
    "Arg",
    "Attr",
    "Changes",
    "CiStr",
    "Domain",
    "Embedded",
    "Expr",
    "FieldPolicies",
    "File",
    "GraphQL",
    "HIDDEN",
    "Hnsw",
    "Identities",
    "InMemory",
    "Json",
    "JsonApi",
    "Limits",
    "ManageTenants",
    "Many",
    "Mcp",
    "Notifications",
    "One",
    "Page",
    "Paging",
    "Policies",
    "Postgres",
    "PrivateArg",
    "Query",
    "Range",
    "Resource",
    "SchemaTenancy",
    "Scope",
    "Sorbus",
    "Tagged",
    "Tenancy",
    "TypeRule",
    "UNCHANGED",
    "UpsertOutcome",
    "Validations",
    "Vector",
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
    "calculation",
    "cascade_destroy",
    "cascade_update",
    "change",
    "changing",
    "check",
    "coalesce",
    "computed",
    "concat",
    "context_equals",
    "cosine_distance",
    "exists",
    "field_bypass",
    "field_policy",
    "filtering_on",
    "fn",
    "forbid_if",
    "forbid_unless",
    "fragment",
    "group",
    "has_many",
    "has_one",
    "identity",
    "if_",
    "incoming",
    "inner_product",
    "input_value",
    "integer_primary_key",
    "is_hidden",
    "join_of",
    "l2_distance",
    "lazy",
    "linkage",
    "loading",
    "manage",
    "manage_relationship",
    "manual",
    "manual_one",
    "many_to_many",
    "matches",
    "may_read",
    "negative_inner_product",
    "nested",
    "now",
    "outcome_of",
    "parent",
    "policy",
    "publish",
    "relate_actor",
    "related",
    "relates_to_actor_via",
    "relating_to_actor",
    "require",
    "selecting",
    "tag_of",
    "tenant",
    "through",
    "timestamp",
    "topic",
    "unrelated",
    "uuid_primary_key",
    "validate",
]
