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
from sorbus.query.page import Page
from sorbus.query.query import Query
from sorbus.resource import action, agg, change, validate
from sorbus.resource.actions import Arg, PrivateArg
from sorbus.resource.application import Sorbus
from sorbus.resource.calculations import calculate, calculation, computed, nested
from sorbus.resource.changes import Changes, Validations
from sorbus.resource.domain import Domain
from sorbus.resource.fields import Attr, attribute, timestamp, uuid_primary_key
from sorbus.resource.managing import (
    cascade_destroy,
    cascade_update,
    manage,
    manage_relationship,
    relate_actor,
)
from sorbus.resource.model import Resource
from sorbus.resource.notifications import Notifications, publish
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
from sorbus.resource.sections import (
    Identities,
    InMemory,
    JsonApi,
    Policies,
    Postgres,
    actor,
    actor_present,
    authorize_if,
    authorize_unless,
    bypass,
    forbid_if,
    forbid_unless,
    identity,
    input_value,
    policy,
)
from sorbus.resource.tenancy import ManageTenants, SchemaTenancy, Tenancy
from sorbus.schema.actions import UNCHANGED
from sorbus.schema.paging import Paging
from sorbus.scope import Scope
from sorbus.types.json import Json

__all__ = [
    "Arg",
    "Attr",
    "Changes",
    "Domain",
    "Expr",
    "Identities",
    "InMemory",
    "Json",
    "JsonApi",
    "ManageTenants",
    "Many",
    "Notifications",
    "One",
    "Page",
    "Paging",
    "Policies",
    "Postgres",
    "PrivateArg",
    "Query",
    "Resource",
    "SchemaTenancy",
    "Scope",
    "Sorbus",
    "Tenancy",
    "UNCHANGED",
    "UpsertOutcome",
    "Validations",
    "action",
    "actor",
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
    "coalesce",
    "computed",
    "concat",
    "exists",
    "fn",
    "forbid_if",
    "forbid_unless",
    "fragment",
    "has_many",
    "has_one",
    "identity",
    "if_",
    "incoming",
    "input_value",
    "join_of",
    "lazy",
    "manage",
    "manage_relationship",
    "manual",
    "manual_one",
    "many_to_many",
    "nested",
    "now",
    "outcome_of",
    "parent",
    "policy",
    "publish",
    "relate_actor",
    "related",
    "require",
    "tenant",
    "through",
    "timestamp",
    "topic",
    "unrelated",
    "uuid_primary_key",
    "validate",
]
