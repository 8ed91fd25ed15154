"""What a write asks for of related rows: recorded in its changeset, done along with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from sorbus.errors.declaration import WrongRelationship
from sorbus.errors.hints import did_you_mean, listed
from sorbus.schema.actions import ActionKind, ActionSpec
from sorbus.schema.fields import Cardinality, RelationshipSpec
from sorbus.schema.resource import ApplicationSpec, ResourceSpec

OnMatch = Literal["ignore", "update", "unrelate", "destroy", "error"]
OnLookup = Literal["ignore", "relate", "relate_and_update"]
OnNoMatch = Literal["ignore", "create", "error"]
OnMissing = Literal["ignore", "unrelate", "destroy", "error"]
Preset = Literal["append", "append_and_remove", "remove", "direct_control", "create"]

PRESETS: Mapping[str, Mapping[str, str]] = {
    "append": {"on_lookup": "relate", "on_no_match": "error"},
    "append_and_remove": {"on_lookup": "relate", "on_no_match": "error", "on_missing": "unrelate"},
    "remove": {"on_match": "unrelate", "on_no_match": "error"},
    "direct_control": {"on_match": "update", "on_no_match": "create", "on_missing": "destroy"},
    "create": {"on_no_match": "create"},
}
"""What each preset does where it does not ignore."""

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "on_match": get_args(OnMatch),
    "on_lookup": get_args(OnLookup),
    "on_no_match": get_args(OnNoMatch),
    "on_missing": get_args(OnMissing),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Management:
    """How the rows of a relationship follow an input.

    Attributes:
        on_match: what happens to a row that is related and named.
        on_lookup: what happens to a named row that is there and not related.
        on_no_match: what happens to an input that names no row.
        on_missing: what happens to related rows that no input names.
        actions: the actions to use, by role, where there is a choice; each is the action or a function that
            picks it from its resource.
        value_is_key: the attribute that a bare value is, when it is not the key.
        order_is_key: the attribute that gets the position in the list.
        use_identities: the identities that tell rows apart besides the key; None means all of them.
        join_keys: the names in an input that are values of the row between.
        authorize: whether the policies of what is read and written along are asked.
    """

    on_match: str = "ignore"
    on_lookup: str = "ignore"
    on_no_match: str = "ignore"
    on_missing: str = "ignore"
    actions: tuple[tuple[str, Any], ...] = ()
    value_is_key: Any = None
    order_is_key: Any = None
    use_identities: tuple[str, ...] | None = None
    join_keys: tuple[str, ...] = ()
    authorize: bool = True

    @property
    def likeness(self) -> Any:
        """What is equal for managements that do the same: a function in a body is a new one at every call."""
        said = tuple((role, _likeness(pick)) for role, pick in self.actions)
        keys = (_likeness(self.value_is_key), _likeness(self.order_is_key))
        choices = (self.on_match, self.on_lookup, self.on_no_match, self.on_missing, self.authorize)
        return (choices, said, keys, self.use_identities, self.join_keys)

    def action(self, *roles: str) -> Any:
        """What was said for the first of some roles that anything was said for, or None."""
        said = dict(self.actions)
        return next((said[role] for role in roles if role in said), None)


def _likeness(given: Any) -> Any:
    code = getattr(given, "__code__", None)
    if code is None:
        return given
    return (code, tuple(id(cell.cell_contents) for cell in given.__closure__ or ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """A relationship that is to follow a value, once the row is written, or before for a belongs_to.

    Attributes:
        path: where the value came from.
    """

    relationship: str
    value: Any
    how: Management
    path: tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cascade:
    """An action that is to run on all rows of a relationship along with the write.

    Attributes:
        action: the action, or a function that picks it from the resource.
        inputs: its inputs.
    """

    relationship: str
    action: Any
    kind: ActionKind
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    authorize: bool = True


def management(preset: str | None, where: str, **options: Any) -> Management:
    """The options with those of a preset under them.

    Raises:
        WrongRelationship: there is no such preset or choice.
    """
    if preset is not None and preset not in PRESETS:
        raise WrongRelationship(
            where,
            f"there is no preset `{preset}`. Presets: {listed(PRESETS)}.",
            hint=did_you_mean(preset, PRESETS),
        )
    chosen: dict[str, Any] = dict(PRESETS[preset]) if preset is not None else {}
    chosen |= {name: value for name, value in options.items() if value is not None}
    for name, allowed in _CHOICES.items():
        if name in chosen and chosen[name] not in allowed:
            raise WrongRelationship(
                where, f"`{name}` is {chosen[name]!r}; it takes {listed(allowed)}.",
                hint=did_you_mean(str(chosen[name]), allowed),
            )  # fmt: skip
    return Management(**chosen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One action that managing a relationship needs.

    Attributes:
        silent: whether it runs without inputs of its own, so that it must not need any.
        sets: the attributes that are set whatever its inputs are.
    """

    name: str
    resource: str
    kind: ActionKind
    said: Any
    silent: bool = False
    sets: tuple[str, ...] = ()


def roles(relationship: RelationshipSpec, how: Management) -> Iterator[Role]:
    """The actions that a management needs, of the resources at the far end and between."""
    far, join = relationship.destination, relationship.join
    choices = {how.on_match, how.on_missing}
    if how.on_no_match == "create":
        yield Role(name="create", resource=far, kind=ActionKind.CREATE, said=how.action("create"))
    if how.on_match == "update" or how.on_lookup == "relate_and_update":
        yield Role(name="update", resource=far, kind=ActionKind.UPDATE, said=how.action("update"))
    if "destroy" in choices:
        yield Role(
            name="destroy", resource=far, kind=ActionKind.DESTROY, said=how.action("destroy"), silent=True
        )
    relates = how.on_lookup != "ignore"
    if join is not None:
        keys = (join.source_attribute, join.destination_attribute)
        if relates or how.on_no_match == "create":
            yield Role(
                name="join_create", resource=join.resource, kind=ActionKind.CREATE,
                said=how.action("join_create"), sets=keys,
            )  # fmt: skip
        if {"unrelate", "destroy"} & choices:
            yield Role(
                name="join_destroy", resource=join.resource, kind=ActionKind.DESTROY,
                said=how.action("join_destroy"), silent=True,
            )  # fmt: skip
        if how.order_is_key is not None or (how.join_keys and how.on_match == "update"):
            yield Role(
                name="join_update", resource=join.resource, kind=ActionKind.UPDATE,
                said=how.action("join_update"),
            )  # fmt: skip
    elif relationship.cardinality is not Cardinality.BELONGS_TO:
        sets = (relationship.destination_attribute,)
        if relates or how.order_is_key is not None:
            yield Role(
                name="relate", resource=far, kind=ActionKind.UPDATE,
                said=how.action("relate", "update"), silent=how.on_lookup != "relate_and_update", sets=sets,
            )  # fmt: skip
        if "unrelate" in choices:
            yield Role(
                name="unrelate", resource=far, kind=ActionKind.UPDATE,
                said=how.action("unrelate", "relate", "update"), silent=True, sets=sets,
            )  # fmt: skip


def chosen(application: ApplicationSpec, where: str, role: Role) -> ActionSpec:
    """The action of a role.

    Raises:
        WrongRelationship: there is none, there are several, or it cannot run here.
    """
    spec = application.resources[role.resource]
    hint = f"Say `{role.name}=lambda {spec.name.lower()}: {spec.name.lower()}.…`."
    if role.said is not None:
        found = role.said if hasattr(role.said, "options") else role.said(spec.python)
        action = spec.actions.get(str(getattr(found, "name", found)))
        if action is None or action.kind is not role.kind:
            raise WrongRelationship(
                where,
                f"`{role.name}` is no {role.kind.value} action of {spec.name}. "
                f"There are: {listed(_of_kind(spec, role.kind))}.",
            )  # fmt: skip
    else:
        names = _of_kind(spec, role.kind)
        if len(names) != 1:
            problem = f"has several ({listed(names)})" if names else (
                "has none"
            )  # fmt: skip
            raise WrongRelationship(
                where,
                f"it needs {_article(role.kind)} action of {spec.name} (`{role.name}`), which {problem}.",
                hint=hint
                if names
                else f"Declare one with `@action.{role.kind.value}`, or choose other options.",
            )
        action = spec.actions[names[0]]
    needed = [each.name for each in action.inputs if each.required and each.name not in role.sets]
    if role.silent and needed:
        raise WrongRelationship(
            where, f"`{role.name}` runs without inputs; {action.label} needs {listed(needed)}.", hint=hint
        )
    return action


def _article(kind: ActionKind) -> str:
    return f"an {kind.value}" if kind is ActionKind.UPDATE else f"a {kind.value}"


def _of_kind(spec: ResourceSpec, kind: ActionKind) -> list[str]:
    return [each.name for each in spec.actions_of(kind) if each.transition is None]


def attribute_name(spec: ResourceSpec, given: Any, where: str) -> str | None:
    """The name of an attribute given by name or by a function over the resource.

    Raises:
        WrongRelationship: there is none of that name.
    """
    if given is None:
        return None
    found: Any = given(spec.python) if callable(given) else given
    name = str(getattr(found, "name", found))
    if name not in spec.attributes:
        raise WrongRelationship(
            where,
            f"`{name}` is no attribute of {spec.name}. Attributes: {listed(spec.attributes)}.",
            hint=did_you_mean(name, spec.attributes),
        )
    return name


def verify_management(
    application: ApplicationSpec, spec: ResourceSpec, name: str, how: Management, where: str
) -> None:
    """A relationship can be managed so.

    Raises:
        WrongRelationship: it is read-only, or needs an action or attribute that is not there.
    """
    each = spec.relationships.get(name)
    if each is None:
        raise WrongRelationship(
            where,
            f"`{name}` is no relationship of {spec.name}. Relationships: {listed(spec.relationships)}.",
            hint=did_you_mean(name, spec.relationships),
        )
    if not each.writable:
        writable = [one.name for one in spec.relationships.values() if one.writable]
        reason = "it has a limit" if each.limited else f"it is {each.cardinality.value}"
        raise WrongRelationship(
            where,
            f"nothing is written through `{spec.name}.{name}`: {reason}. "
            f"Relationships that can be managed: {listed(writable)}.",
        )
    for role in roles(each, how):
        chosen(application, where, role)
    far = application.destination(each)
    attribute_name(far, how.value_is_key, where)
    ordered = application.join(each) or far
    attribute_name(ordered, how.order_is_key, where)
    unknown = [one for one in how.use_identities or () if one not in far.identities]
    if unknown:
        raise WrongRelationship(
            where,
            f"`{unknown[0]}` is no identity of {far.name}. Identities: {listed(far.identities)}.",
            hint=did_you_mean(unknown[0], far.identities),
        )
    partial = [one for one in how.use_identities or () if far.identities[one].where is not None]
    if partial:
        raise WrongRelationship(
            where,
            f"`{partial[0]}` tells only some rows of {far.name} apart, so an item cannot name its row by it.",
            hint="Leave it out of `use_identities`, or name an identity without `where`.",
        )
    _verify_join_keys(application, each, how, where)
    if "unrelate" in {how.on_match, how.on_missing} and each.join is None:
        holder, key = (
            (spec, each.source_attribute) if not _points_here(each) else (far, each.destination_attribute)
        )
        if not holder.attributes[key].type.nullable:
            raise WrongRelationship(
                where,
                f"to unrelate is to set `{holder.name}.{key}` to null, which it cannot be.",
                hint='Say "destroy", or give it the type `… | None`.',
            )


def _points_here(each: RelationshipSpec) -> bool:
    return each.cardinality is not Cardinality.BELONGS_TO


def _verify_join_keys(
    application: ApplicationSpec, each: RelationshipSpec, how: Management, where: str
) -> None:
    join = application.join(each)
    if not how.join_keys:
        return
    if join is None:
        raise WrongRelationship(where, "`join_keys` are for a many_to_many; no rows lie between here.")
    for name in how.join_keys:
        attribute_name(join, name, where)
