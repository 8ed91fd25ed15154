"""Changes that write related rows along with a row: managed relationships, the actor, cascades."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from sorbus.changeset.changeset import Changeset
from sorbus.changeset.items import Change
from sorbus.changeset.relationships import (
    Cascade,
    Managed,
    Management,
    OnLookup,
    OnMatch,
    OnMissing,
    OnNoMatch,
    Preset,
    management,
)
from sorbus.errors.declaration import WrongRelationship
from sorbus.errors.hints import did_you_mean, listed
from sorbus.errors.inputs import Required
from sorbus.resource.actions import Action
from sorbus.resource.relationships import Far, Relationship
from sorbus.schema.actions import ActionKind
from sorbus.schema.fields import Cardinality
from sorbus.scope import Scope

Pick = Action | Callable[[Any], Any]
"""An action, or `lambda tag: tag.coin` where its resource is declared later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedChange(Change):
    """A change that writes related rows; what it needs is checked when the application is put together.

    Attributes:
        relationship: the relationship, which has its name when the class is complete.
        how: how it is managed; None for a cascade.
        cascade: the action of a cascade and its kind, or None.
        from_input: the input whose value it follows, or None.
    """

    relationship: Relationship[Any]
    how: Management | None = None
    cascade: tuple[Any, ActionKind] | None = None
    from_input: str | None = None


class ManageOptions(TypedDict, total=False):
    """How the rows of a relationship follow a value; a preset's choices lie under those given.

    Attributes:
        preset: `append`, `append_and_remove`, `remove`, `direct_control` or `create`.
        on_match: what happens to a row that is related and named (default: nothing, as for the others).
        on_lookup: what happens to a named row that is there and not related.
        on_no_match: what happens to an item that names no row.
        on_missing: what happens to related rows that no item names.
        value_is_key: what a bare value is, when it is not the key: `"name"`.
        order_is_key: the attribute, of the row between in a many_to_many, that gets the position in the list.
        use_identities: the identities that tell rows apart besides the key (default: all without a condition).
        join_keys: names in an item that are values of the row between.
        authorize: False asks no policy of what is read and written along.
        create, update, destroy, relate, unrelate, join_create, join_update, join_destroy: the action to use, where
            a resource has several of a kind.
    """

    preset: Preset
    on_match: OnMatch
    on_lookup: OnLookup
    on_no_match: OnNoMatch
    on_missing: OnMissing
    value_is_key: Far
    order_is_key: Far
    use_identities: Sequence[str]
    join_keys: Sequence[str]
    authorize: bool
    create: Pick
    update: Pick
    destroy: Pick
    relate: Pick
    unrelate: Pick
    join_create: Pick
    join_update: Pick
    join_destroy: Pick


_ROLES = frozenset(
    {"create", "update", "destroy", "relate", "unrelate", "join_create", "join_update", "join_destroy"}
)


def manage_relationship(
    relationship: Relationship[Any], *, from_input: str | None = None, **options: Unpack[ManageOptions]
) -> Change:
    """Let the rows of a relationship follow an input: one insert, one update and one delete at most.

    Each item of the input is a key, a mapping with the attributes of a row, or a record. Where a related row has
    its key, `on_match` says what happens; else, where such a row is there, `on_lookup`; else `on_no_match`. Related
    rows that no item names are for `on_missing`. An input that is None changes nothing in a list; a to-one
    relationship then has no row.

    Args:
        from_input: the name of the input (default: that of the relationship).
        options: as `ManageOptions` explains them.
    """
    how = _management("manage_relationship", options)

    def apply(changeset: Changeset, scope: Scope) -> None:
        del scope
        name = from_input or relationship.name
        if name in changeset.inputs:
            record_managed(changeset, relationship.name, changeset.inputs[name], how, ("input", name))

    return RelatedChange(
        name="manage_relationship",
        apply=apply,
        relationship=relationship,
        how=how,
        from_input=from_input or "",
    )


def manage(draft: Any, relationship: Relationship[Any], value: Any, **options: Unpack[ManageOptions]) -> None:
    """The same from the body of an action: `manage(self, Article.tags, tags, preset="append")`.

    Raises (when the action runs):
        WrongRelationship: the relationship cannot be managed so.
    """
    changeset: Changeset = draft.__dict__["__changeset__"]
    how = _management("manage", options)
    record_managed(changeset, relationship.name, value, how, ("input", relationship.name))


def _management(where: str, options: Mapping[str, Any]) -> Management:
    known = set(ManageOptions.__annotations__)
    for name in options:
        if name not in known:
            raise WrongRelationship(
                where,
                f"there is no option `{name}`. Options: {listed(sorted(known))}.",
                hint=did_you_mean(name, known),
            )
    chosen = {name: value for name, value in options.items() if name not in _ROLES}
    for name in ("use_identities", "join_keys"):
        if name in chosen:
            chosen[name] = tuple(chosen[name])
    actions = sorted((name, value) for name, value in options.items() if name in _ROLES)
    return management(chosen.pop("preset", None), where, **chosen, actions=tuple(actions))


def record_managed(
    changeset: Changeset, name: str, value: Any, how: Management, path: tuple[str | int, ...]
) -> None:
    """Ask for a relationship to follow a value along with the write.

    Raises:
        NotLoaded: it looks at the row, which has not been read.
    """
    each = changeset.resource.relationships[name]
    if each.cardinality is Cardinality.BELONGS_TO:
        if changeset.key is not None:
            changeset.value(each.source_attribute)
        changeset.pending.add(each.source_attribute)
    changeset.related.append(Managed(relationship=name, value=value, how=how, path=path))


def relate_actor(relationship: Relationship[Any], *, allow_none: bool = False) -> Change:
    """Relate the row to whoever acts: `relate_actor(author)` sets `author_id`; a list gets the actor besides.

    Args:
        allow_none: whether the action may run without an actor; nothing is related then.
    """
    how = _management("relate_actor", {"preset": "append", "authorize": False})

    def apply(changeset: Changeset, scope: Scope) -> None:
        each = changeset.resource.relationships[relationship.name]
        if scope.actor is None:
            if not allow_none:
                changeset.errors.append(
                    Required(changeset.action.label, relationship.name, expected="an actor")
                )
            return
        if each.cardinality is Cardinality.BELONGS_TO:
            changeset.set(each.source_attribute, getattr(scope.actor, each.destination_attribute))
            return
        record_managed(changeset, each.name, [scope.actor], how, ("input", each.name))

    return RelatedChange(name="relate_actor", apply=apply, relationship=relationship, how=how)


def cascade_update(
    relationship: Relationship[Any],
    action: Pick,
    *,
    inputs: Mapping[str, Any] | Callable[[Any], Mapping[str, Any]] | None = None,
    authorize: bool = True,
) -> Change:
    """Run an update action on all related rows that the actor sees, after the row is written.

    Args:
        action: `lambda comment: comment.archive`.
        inputs: its inputs, or a function that makes them from the draft of this row.
    """

    def apply(changeset: Changeset, scope: Scope) -> None:
        del scope
        given = inputs(changeset.draft) if callable(inputs) else inputs or {}
        changeset.related.append(
            Cascade(
                relationship=relationship.name,
                action=action,
                kind=ActionKind.UPDATE,
                inputs=dict(given),
                authorize=authorize,
            )
        )

    cascade = (action, ActionKind.UPDATE)
    return RelatedChange(name="cascade_update", apply=apply, relationship=relationship, cascade=cascade)


def cascade_destroy(
    relationship: Relationship[Any], action: Pick | None = None, *, authorize: bool = True
) -> Change:
    """Run a destroy action on all related rows that the actor sees, before the row goes.

    Args:
        action: the destroy action, where the related resource has several.
    """

    def apply(changeset: Changeset, scope: Scope) -> None:
        del scope
        changeset.related.append(
            Cascade(
                relationship=relationship.name, action=action, kind=ActionKind.DESTROY, authorize=authorize
            )
        )

    cascade = (action, ActionKind.DESTROY)
    return RelatedChange(name="cascade_destroy", apply=apply, relationship=relationship, cascade=cascade)
