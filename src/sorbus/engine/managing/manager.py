"""Managing relationships: for all writes of a level at once, by one statement for each kind of work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sorbus.changeset.relationships import Managed, Management
from sorbus.engine.managing.matching import (
    Parent,
    There,
    holds_key,
    is_new,
    look_up,
    read_related,
    tells_itself,
)
from sorbus.engine.managing.plans import ManagedPlan, managed_plan
from sorbus.engine.managing.rows import RowWrite, write_all
from sorbus.engine.managing.wanted import Path, Wanted, primary, wanted
from sorbus.errors.base import Invalid
from sorbus.errors.inputs import InvalidAction, InvalidInput, RelatedMissing
from sorbus.schema.resource import ResourceSpec
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine
    from sorbus.engine.lifecycle import ActionCall

_LARGEST_CACHE = 500

Asked = tuple["ActionCall", Managed]


@dataclass(slots=True)
class Work:
    """What is to be written, by the role of the action that does it."""

    rows: dict[str, list[RowWrite]] = field(default_factory=dict[str, list[RowWrite]])
    after_create: list[tuple[Parent, Wanted]] = field(default_factory=list[tuple[Parent, Wanted]])

    def add(self, role: str, row: RowWrite) -> None:
        """One more row for a role."""
        self.rows.setdefault(role, []).append(row)


class Manager:
    """Manages the relationships of an application."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._plans: dict[Any, ManagedPlan] = {}

    def plan(self, spec: ResourceSpec, name: str, how: Management) -> ManagedPlan:
        """The plan of a management, made once."""
        key = (spec.name, name, how.likeness)
        found = self._plans.get(key)
        if found is None:
            if len(self._plans) >= _LARGEST_CACHE:
                self._plans.clear()
            found = self._plans[key] = managed_plan(self.engine, spec, name, how)
        return found

    async def manage(self, asked: Sequence[Asked]) -> None:
        """Do what several writes ask of one relationship in the same way.

        Raises:
            InvalidAction: with everything that is wrong with the inputs, each with its path.
            Forbidden: the policies do not allow what is asked.
        """
        first, item = asked[0]
        plan = self.plan(first.changeset.resource, item.relationship, item.how)
        await _Run(self.engine, plan, first).run(asked)


class _Run:
    """One management, for all writes of a level."""

    def __init__(self, engine: Engine, plan: ManagedPlan, first: ActionCall) -> None:
        self.engine = engine
        self.plan = plan
        self.how = plan.how
        self.label = first.plan.data.action.label
        self.scope: Scope = first.scope if plan.how.authorize else first.scope.as_system()
        self.errors: list[Invalid] = []
        self.work = Work()

    async def run(self, asked: Sequence[Asked]) -> None:
        parents = [
            Parent(call, self._key(call), self._wanted(call, item))
            for call, item in asked
            if item.value is not None or not self.plan.relationship.to_many
        ]
        self._stop_at_errors()
        old = [parent for parent in parents if not is_new(parent.call) and self._looks_at_related(parent)]
        told = tells_itself(self.plan)
        if old and not told:
            await read_related(self.engine, self.plan, old, self.scope)
        missing = {id(parent): parent.match(self.plan) for parent in parents}
        matched = {id(item) for parent in parents for item in parent.wanted if item.record is not None}
        if self.how.on_lookup != "ignore":
            open_ = [item for parent in parents for item in parent.wanted if item.record is None]
            await look_up(self.engine, self.plan, open_, self.scope)
        if told:
            matched = {id(item) for parent in old for item in parent.wanted if parent.has(self.plan, item)}
        paths = {id(call): item.path for call, item in asked}
        for parent in parents:
            for item in parent.wanted:
                self._decide(parent, item, matched=id(item) in matched)
            for there in missing[id(parent)]:
                self._leave(parent, there, self.how.on_missing, paths[id(parent.call)])
        self._stop_at_errors()
        await self._write()

    def _key(self, call: ActionCall) -> Any:
        """The value that related rows hold; a belongs_to holds that of the other row itself."""
        name = self.plan.relationship.source_attribute
        changeset = call.changeset
        source = call.result if call.result is not None else changeset.record
        if source is not None:
            return source.__dict__[name]
        if name == self.plan.spec.primary_key.name and changeset.key is not None:
            return changeset.key
        return changeset.changes.get(name)

    def _wanted(self, call: ActionCall, item: Managed) -> list[Wanted]:
        if item.value is None:
            return []
        errors: list[Invalid] = []
        found = wanted(self.plan, call, item.value, item.path, errors)
        call.faults += errors
        self.errors += errors
        return found

    def _looks_at_related(self, parent: Parent) -> bool:
        """Whether it matters which rows are related already."""
        how = self.how
        named = how.on_lookup != "ignore" or how.on_match != "ignore"
        return how.on_missing != "ignore" or (named and bool(parent.wanted))

    def _stop_at_errors(self) -> None:
        if self.errors:
            raise InvalidAction(self.label, self.errors)

    def _refuse(self, call: ActionCall, path: Path, problem: str) -> None:
        self._fail(call, path, InvalidInput(self.label, ".".join(map(str, path[1:])), problem=problem))

    def _unknown(self, item: Wanted) -> None:
        shown = ".".join(map(str, item.path[1:]))
        self._fail(item.call, item.path, RelatedMissing(self.label, shown, destination=self.plan.far.name))

    def _fail(self, call: ActionCall, path: Path, error: Invalid) -> None:
        error.path = path
        call.faults.append(error)
        self.errors.append(error)

    # what becomes of each item

    def _decide(self, parent: Parent, item: Wanted, *, matched: bool) -> None:
        if matched:
            self._matched(parent, item)
        elif item.record is not None:
            self._found(parent, item)
        elif self.how.on_no_match == "create":
            # A key that was given names a row; no other row is made in its place.
            if item.names is not None and item.names == self.plan.identities[0]:
                self._unknown(item)
            else:
                self.work.after_create.append((parent, item))
        elif self.how.on_no_match == "error":
            self._unknown(item)

    def _matched(self, parent: Parent, item: Wanted) -> None:
        """An item names a row that is related already."""
        match self.how.on_match:
            case "error":
                self._refuse(item.call, item.path, f"this {self.plan.far.name} is related already")
            case "unrelate" | "destroy":
                for there in parent.there:
                    if primary(self.plan.far, there.record) == primary(self.plan.far, item.record):
                        self._leave(parent, there, self.how.on_match, item.path)
            case "update":
                self._update(item, {})
            case _:
                self._place(item)

    def _update(self, item: Wanted, forced: dict[str, Any]) -> None:
        """Change the far row, and the row between, by what the item says."""
        order = self.plan.order_key
        extra = item.says(self.plan)
        if order is not None and self.plan.join is None and item.record.__dict__[order] != item.index:
            forced = {**forced, order: item.index}
        if extra or forced:
            self.work.add(
                "update",
                RowWrite(owner=item.call, path=item.path, subject=item.record, given=extra, forced=forced),
            )
        if self.plan.join is not None and item.between is not None:
            self._place_between(item, item.for_join(self.plan))

    def _place(self, item: Wanted) -> None:
        """Give a row that stays as it is its place in the list."""
        order = self.plan.order_key
        if order is None:
            return
        if self.plan.join is not None:
            self._place_between(item, {})
        elif item.record.__dict__[order] != item.index:
            forced = {order: item.index}
            self.work.add(
                "relate", RowWrite(owner=item.call, path=item.path, subject=item.record, forced=forced)
            )

    def _place_between(self, item: Wanted, given: dict[str, Any]) -> None:
        order = self.plan.order_key
        forced: dict[str, Any] = {}
        if order is not None and item.between.__dict__[order] != item.index:
            forced[order] = item.index
        changed = {name: value for name, value in given.items() if item.between.__dict__.get(name) != value}
        if changed or forced:
            row = RowWrite(
                owner=item.call, path=item.path, subject=item.between, given=changed, forced=forced
            )
            self.work.add("join_update", row)

    def _found(self, parent: Parent, item: Wanted) -> None:
        """An item names a row that is there and not related yet."""
        relationship, order = self.plan.relationship, self.plan.order_key
        updates = self.how.on_lookup == "relate_and_update"
        if holds_key(self.plan):
            self._hold(parent, item.record)
            if updates:
                self._update(item, {})
            return
        if self.plan.join is not None:
            self._relate_over(parent, item, item.record)
            if updates and item.says(self.plan):
                self._update(item, {})
            return
        forced = {relationship.destination_attribute: parent.key}
        if order is not None:
            forced[order] = item.index
        given = item.says(self.plan) if updates else {}
        role = "update" if updates else "relate"
        self.work.add(
            role, RowWrite(owner=item.call, path=item.path, subject=item.record, given=given, forced=forced)
        )

    def _relate_over(self, parent: Parent, item: Wanted, far: Any) -> None:
        """A new row between."""
        join, relationship = self.plan.relationship.join, self.plan.relationship
        if join is None:
            return
        forced = {
            join.source_attribute: parent.key,
            join.destination_attribute: far.__dict__[relationship.destination_attribute],
        }
        if self.plan.order_key is not None:
            forced[self.plan.order_key] = item.index
        row = RowWrite(owner=item.call, path=item.path, given=item.for_join(self.plan), forced=forced)
        self.work.add("join_create", row)

    def _hold(self, parent: Parent, far: Any) -> None:
        """Let the row itself refer to another one, or to none."""
        each = self.plan.relationship
        value = None if far is None else far.__dict__[each.destination_attribute]
        parent.call.changeset.set(each.source_attribute, value)

    def _leave(self, parent: Parent, there: There, choice: str, path: Path) -> None:
        """A related row that is to be related no longer."""
        record, between = there.record, there.between
        match choice:
            case "error":
                self._refuse(
                    parent.call, path, f"it leaves out {self.plan.far.name} {primary(self.plan.far, record)}"
                )
            case "unrelate" | "destroy" if self.plan.join is not None:
                self.work.add("join_destroy", RowWrite(owner=parent.call, path=path, subject=between))
                if choice == "destroy":
                    self.work.add("destroy", RowWrite(owner=parent.call, path=path, subject=record))
            case "unrelate" | "destroy" if holds_key(self.plan):
                if parent.call.changeset.changes.get(self.plan.relationship.source_attribute) is None:
                    self._hold(parent, None)
                if choice == "destroy":
                    # It can go once this row refers to it no longer.
                    parent.call.changeset.leaving.append(
                        (self, RowWrite(owner=parent.call, path=path, subject=record))
                    )
            case "unrelate":
                forced = {self.plan.relationship.destination_attribute: None}
                self.work.add(
                    "unrelate", RowWrite(owner=parent.call, path=path, subject=record, forced=forced)
                )
            case "destroy":
                self.work.add("destroy", RowWrite(owner=parent.call, path=path, subject=record))
            case _:
                pass

    # what is written, and in which order: what goes makes room for what comes

    async def _write(self) -> None:
        for role in ("join_destroy", "destroy", "unrelate", "update", "relate", "join_update"):
            await self._run_role(role, self.work.rows.get(role, []))
        for parent, item in self.work.after_create:
            self.work.add("create", self._new(parent, item))
        made = await self._run_role("create", self.work.rows.get("create", []))
        for (parent, item), record in zip(self.work.after_create, made, strict=True):
            if holds_key(self.plan):
                self._hold(parent, record)
            elif self.plan.join is not None:
                self._relate_over(parent, item, record)
        await self._run_role("join_create", self.work.rows.get("join_create", []))

    def _new(self, parent: Parent, item: Wanted) -> RowWrite:
        forced: dict[str, Any] = {}
        if self.plan.join is None and not holds_key(self.plan):
            forced[self.plan.relationship.destination_attribute] = parent.key
            if self.plan.order_key is not None:
                forced[self.plan.order_key] = item.index
        return RowWrite(owner=item.call, path=item.path, given=item.for_create(self.plan), forced=forced)

    async def _run_role(self, role: str, rows: list[RowWrite]) -> list[Any]:
        if not rows:
            return []
        return await write_all(self.engine, self.plan.actions[role], self.scope, rows, self.label)

    async def destroy(self, rows: list[RowWrite]) -> None:
        """Destroy rows that nothing refers to any more."""
        await self._run_role("destroy", rows)
