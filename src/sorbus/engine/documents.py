"""Embedded documents in a write: the actions of their own that make, change and remove them.

They run at step 4, before the owner's body sees them. All of them are cast and their policies asked before the first
body of theirs runs. An update works on the document of the record as it was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast, get_args, get_origin

from sorbus.changeset.changeset import Changeset
from sorbus.engine.casting import InputCaster, check_changes
from sorbus.engine.drafts import draft_class, make_draft
from sorbus.engine.hydrate import record
from sorbus.errors.access import NotLoaded
from sorbus.errors.base import Invalid
from sorbus.errors.inputs import InvalidAction, InvalidInput, Required
from sorbus.expressions.build import Expr
from sorbus.expressions.evaluate import Environment, Unevaluable, evaluate
from sorbus.expressions.nodes import FALSE, TRUE
from sorbus.policies.explain import refusal
from sorbus.policies.fold import PolicyProgram
from sorbus.policies.rows import DICT_ROW
from sorbus.schema.actions import ActionKind, ActionSpec
from sorbus.schema.fields import DefaultKind
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.scope import Scope
from sorbus.types import storing
from sorbus.types.names import bare, is_union, unalias, without_null
from sorbus.types.rules import rule_of
from sorbus.types.unions import TaggedUnion

if TYPE_CHECKING:
    from sorbus.engine.lifecycle import ActionCall

Path = tuple[str | int, ...]
Finish = Callable[[], Any]
"""Runs the bodies and gives the value that is stored."""

_GIVEN = "__given__"
_KEY_OF_NEW = "a new one gets its key when it is made; leave it out"
_NO_SUCH_KEY = "there is none with this key; leave it out to make a new one"
_UNSEEN: Any = object()
_WRONG: Any = object()


@dataclass(slots=True)
class DocumentPlan:
    """What running the actions of one embedded resource needs, made once."""

    spec: ResourceSpec
    actions: dict[ActionKind, ActionSpec]
    casters: dict[ActionKind, InputCaster]
    programs: dict[ActionKind, PolicyProgram]
    draft: type
    key: str | None


def plan_of(spec: ResourceSpec) -> DocumentPlan:
    """The plan of an embedded resource."""
    actions = {each.kind: each for each in spec.actions.values()}
    return DocumentPlan(
        spec=spec,
        actions=actions,
        casters={kind: InputCaster(each) for kind, each in actions.items()},
        programs={kind: PolicyProgram(spec, each.name) for kind, each in actions.items()},
        draft=draft_class(spec),
        key=next((each.name for each in spec.attributes.values() if each.primary_key), None),
    )


class Documents:
    """The embedded documents of one resource's writes."""

    def __init__(self, application: ApplicationSpec, spec: ResourceSpec) -> None:
        self.application = application
        self.kinds = {name: each.type for name, each in spec.attributes.items() if each.type.embeds}
        self.sensitive = frozenset(name for name, each in spec.attributes.items() if each.sensitive)
        self._plans: dict[type, DocumentPlan] = {}

    def plan(self, python: type) -> DocumentPlan:
        """The plan of a class of documents."""
        found = self._plans.get(python)
        if found is None:
            found = self._plans[python] = plan_of(self.application.embedded[python])
        return found

    def settle(self, call: ActionCall) -> None:
        """Run the actions of the documents that the changeset sets, and put what they make in its place.

        Raises:
            NotLoaded: the record has not been read, and an update of a document needs the old one.
        InvalidAction: inputs of theirs do not fit, or a rule of theirs does not hold.
            ActionForbidden: their policies do not allow it.
        """
        changeset = call.changeset
        run = _Run(self, call.scope)
        finishes: dict[str, Finish] = {}
        for name, kind in self.kinds.items():
            value = changeset.changes.get(name, _UNSEEN)
            if value is _UNSEEN or isinstance(value, Expr) or changeset.documents.get(name, _UNSEEN) is value:
                continue
            if changeset.record is None and changeset.action.kind is not ActionKind.CREATE:
                raise NotLoaded(changeset.resource.name, name)  # the caller reads the row and comes again
            old = None if changeset.record is None else getattr(changeset.record, name)
            finishes[name] = run.prepare(kind.annotation, value, old, (name,))
        run.stop(changeset.action.label)
        for name, finish in finishes.items():
            value = finish()
            run.hold(self.kinds[name].stored(value) if not run.errors else None, changeset.action.label, name)
            changeset.changes[name] = changeset.documents[name] = value
            if name in changeset.inputs:
                changeset.inputs[name] = value
        run.stop(changeset.action.label)


def documents_for(
    application: ApplicationSpec, spec: ResourceSpec, action: ActionSpec, *, runs: bool
) -> Documents | None:
    """The documents that an action can write; None where it cannot write any.

    Args:
        runs: whether code of the user's runs in it, which may set them.
    """
    if action.kind is ActionKind.DESTROY or not any(each.type.embeds for each in spec.attributes.values()):
        return None
    accepts = any(each.type.embeds for each in action.inputs)
    return Documents(application, spec) if accepts or runs or action.kind is ActionKind.CREATE else None


@dataclass(slots=True)
class _Run:
    """One pass over the documents of a write."""

    documents: Documents
    scope: Scope
    errors: list[Invalid] = field(default_factory=list[Invalid])

    def stop(self, label: str) -> None:
        if self.errors:
            raise InvalidAction(label, self.errors)

    def hold(self, document: Any, label: str, name: str) -> None:
        try:
            storing.document(document)
        except ValueError as error:
            self.errors.append(InvalidInput(label, name, problem=str(error)))

    # what to do with each place of a value

    def prepare(self, annotation: Any, value: Any, old: Any, at: Path) -> Finish:
        """Cast and authorise everything under a value; the answer runs the bodies."""
        annotation = without_null(unalias(annotation))[0]
        plain = bare(annotation)
        rule = rule_of(annotation)
        if isinstance(rule, TaggedUnion) or is_union(plain):
            same = value is not None and old is not None and type(value) is type(old)
            if same:
                return self.prepare(type(value), value, old, at)
            return _both(self.removed(old, at), self.prepare(type(value), value, None, at))
        if get_origin(plain) is list:
            return self._list(value, old or [], at)
        if get_origin(plain) is dict:
            return self._map(get_args(plain)[1], value or {}, old or {}, at, value is None)
        if plain not in self.documents.application.embedded:
            return lambda: value
        if value is None:
            return self.removed(old, at)
        return self._one(value, old, at)

    def _map(
        self, item: Any, value: Mapping[str, Any], old: Mapping[str, Any], at: Path, gone: bool
    ) -> Finish:
        parts = {name: self.prepare(item, each, old.get(name), (*at, name)) for name, each in value.items()}
        removals = [self.removed(each, (*at, name)) for name, each in old.items() if name not in value]

        def finish() -> Any:
            for each in removals:
                each()
            found = {name: each() for name, each in parts.items()}
            return None if gone else found

        return finish

    def _list(self, value: Any, old: list[Any], at: Path) -> Finish:
        """Documents with a key are matched by it; of the others, what is no longer there goes and the rest is made."""
        known: dict[tuple[type, Any], Any] = {}
        for each in old:
            if each is not None and (key := self._key_of(each)) is not None:
                known[(type(each), key)] = each
        kept: list[Any] = []
        finishes: list[Finish] = []
        for number, each in enumerate(value or ()):
            there = self._match(each, known, kept, old, (*at, number))
            if there is _WRONG:
                continue
            if there is not None:
                kept.append(there)
            finishes.append(self._item(each, there, (*at, number)))
        left = [each for each in old if each is not None and not any(each is one for one in kept)]
        removals = [self.removed(each, at) for each in left]

        def finish() -> Any:
            for each in removals:
                each()
            found = [each() for each in finishes]
            return None if value is None else found

        return finish

    def _item(self, value: Any, old: Any, at: Path) -> Finish:
        if type(value) not in self.documents.application.embedded:
            return lambda: value
        return self._one(value, old, at)

    def _key_of(self, document: Any) -> Any:
        if type(document) not in self.documents.application.embedded:
            return None
        key = self.documents.plan(document.__class__).key
        return None if key is None else document.__dict__.get(key)

    def _match(
        self, value: Any, known: dict[tuple[type, Any], Any], kept: list[Any], old: list[Any], at: Path
    ) -> Any:
        """The document of the record that an item of a list stands for."""
        if type(value) not in self.documents.application.embedded:
            return None
        plan = self.documents.plan(value.__class__)
        if plan.key is None:
            # Without a key only what was read and handed back untouched is still the same.
            same = (each for each in old if each == value and not any(each is one for one in kept))
            return next(same, None) if _GIVEN not in value.__dict__ else None
        given = value.__dict__.get(plan.key)
        if given is None:
            return None
        kind = plan.spec.attributes[plan.key].type
        try:
            key = kind.adapter.validate_python(given)
        except ValueError:
            return self._wrong_key(plan, at, f"{given!r} is no key")
        there = known.get((value.__class__, key))
        if (
            there is None
            and plan.actions[ActionKind.CREATE].input(plan.key) is None
            and _GIVEN in value.__dict__
        ):
            return self._wrong_key(plan, at, _NO_SUCH_KEY if known else _KEY_OF_NEW)
        if there is not None and any(there is each for each in kept):
            return self._wrong_key(plan, at, "its key is there twice")
        return there

    def _wrong_key(self, plan: DocumentPlan, at: Path, problem: str) -> Any:
        error = InvalidInput(plan.spec.name, plan.key or "", problem=problem)
        error.path = ("input", *at, plan.key or "")
        self.errors.append(error)
        return _WRONG

    # one document

    def _one(self, value: Any, old: Any, at: Path) -> Finish:
        plan = self.documents.plan(value.__class__)
        kind = ActionKind.CREATE if old is None else ActionKind.UPDATE
        if _GIVEN not in value.__dict__:
            if value == old:
                return lambda: old
            # Made by an action before, for this record or another: the policies look at it, and it is what it is.
            self._authorise(plan, kind, value.__dict__ if old is None else old.__dict__, {})
            return lambda: value
        given = {name: each for name, each in value.__dict__.items() if name != _GIVEN}
        if old is not None and plan.key is not None:
            given.pop(plan.key, None)
        elif plan.key is not None and plan.key in given and plan.actions[kind].input(plan.key) is None:
            self._wrong_key(plan, at, _KEY_OF_NEW)
            return lambda: value
        inputs, errors = plan.casters[kind].cast(given)
        if errors:
            self._place(errors, at)
            return lambda: value
        action = plan.actions[kind]
        changes = {
            each.name: inputs[each.name] for each in action.inputs if each.attribute and each.name in inputs
        }
        if kind is ActionKind.CREATE:
            _fill(plan, changes)
        nested = {
            name: self.prepare(each.type.annotation, changes[name], _before(old, name), (*at, name))
            for name, each in plan.spec.attributes.items()
            if each.type.embeds and name in changes
        }
        if not self.errors:
            self._authorise(plan, kind, changes if old is None else old.__dict__, inputs)
        changeset = Changeset(resource=plan.spec, action=action, record=old, inputs=inputs, changes=changes)
        return lambda: self._write(plan, changeset, nested, at)

    def removed(self, old: Any, at: Path) -> Finish:
        """The end of a document, or of what lies in a union that was none."""
        if type(old) not in self.documents.application.embedded:
            return lambda: None
        plan = self.documents.plan(old.__class__)
        action = plan.actions[ActionKind.DESTROY]
        self._authorise(plan, ActionKind.DESTROY, old.__dict__, {})
        changeset = Changeset(resource=plan.spec, action=action, record=old)

        def finish() -> None:
            self._body(plan, changeset, at)

        return finish

    def _write(self, plan: DocumentPlan, changeset: Changeset, nested: Mapping[str, Finish], at: Path) -> Any:
        for name, finish in nested.items():
            changeset.changes[name] = changeset.documents[name] = finish()
        changeset.inputs.update(
            {name: changeset.changes[name] for name in nested if name in changeset.inputs}
        )
        self._body(plan, changeset, at)
        self._after_body(plan, changeset, at)
        old, changes = changeset.record, changeset.changes
        if old is not None:
            if all(old.__dict__.get(name, _UNSEEN) == value for name, value in changes.items()):
                return old
            _touch(plan, changes)
        missing = [
            Required(changeset.action.label, each.name, expected=each.type.describe())
            for each in plan.spec.attributes.values()
            if (old is None or each.name in changes)
            and changes.get(each.name) is None
            and not each.type.nullable
        ]
        self._place(missing, at)
        return record(plan.spec.python, {**({} if old is None else old.__dict__), **changes})

    def _body(self, plan: DocumentPlan, changeset: Changeset, at: Path) -> None:
        body = changeset.action.body
        if body is None:
            return
        before = dict(changeset.changes)
        try:
            body(make_draft(plan.draft, changeset), self.scope, **changeset.inputs)
        except Invalid as error:
            self._place([error], at)
            return
        check_changes(changeset, before)
        for name, value in changeset.changes.items():
            if isinstance(value, Expr):
                problem = "an expression is computed by the database, which does not see into documents"
                changeset.errors.append(InvalidInput(changeset.action.label, name, problem=problem))
        self._place(changeset.errors, at)

    def _after_body(self, plan: DocumentPlan, changeset: Changeset, at: Path) -> None:
        """What a body has set may hold documents too, and decide what the policies of a create say."""
        if changeset.action.body is None or self.errors:
            return
        for name, each in plan.spec.attributes.items():
            value = changeset.changes.get(name, _UNSEEN)
            if (
                each.type.embeds
                and value is not _UNSEEN
                and changeset.documents.get(name, _UNSEEN) is not value
            ):
                finish = self.prepare(
                    each.type.annotation, value, _before(changeset.record, name), (*at, name)
                )
                if not self.errors:
                    changeset.changes[name] = finish()
        if changeset.record is None and not self.errors:
            self._authorise(plan, ActionKind.CREATE, changeset.changes, changeset.inputs)

    def _place(self, errors: list[Any], at: Path) -> None:
        """Errors of a document's action as errors of its owner's: their way begins at the owner's input."""
        for error in _single(errors):
            error.path = ("input", *at, *error.path[1:])
            self.errors.append(error)

    def _authorise(
        self, plan: DocumentPlan, kind: ActionKind, values: Mapping[str, Any], inputs: Any
    ) -> None:
        """Without policies of its own a document may be written by whoever may write its owner.

        Raises:
            ActionForbidden: they do not allow it.
        """
        program = plan.programs[kind]
        if not self.scope.authorize or plan.spec.policies is None:
            return
        folded = program.fold(program.variant(self.scope, inputs))
        if folded == TRUE:
            return
        if folded == FALSE or not self._holds(plan, folded, values, inputs):
            raise refusal(program, self.scope, inputs)

    def _holds(self, plan: DocumentPlan, node: Any, values: Mapping[str, Any], inputs: Any) -> bool:
        row = {
            name: each.type.stored(values[name])
            for name, each in plan.spec.attributes.items()
            if name in values and not each.type.embeds
        }
        environment = Environment(
            rows=DICT_ROW, actor=self.scope.actor, tenant=self.scope.tenant, inputs=inputs
        )
        try:
            return evaluate(node, row, environment) is True
        except Unevaluable:
            return False


def _single(errors: list[Any]) -> Iterator[Invalid]:
    for error in errors:
        if isinstance(error, InvalidAction):
            yield from _single(list(error.errors))
        else:
            yield cast("Invalid", error)


def _before(old: Any, name: str) -> Any:
    return None if old is None else old.__dict__.get(name)


def _both(first: Finish, second: Finish) -> Finish:
    def finish() -> Any:
        first()
        return second()

    return finish


def _fill(plan: DocumentPlan, changes: dict[str, Any]) -> None:
    made: dict[Any, Any] = {}
    for name, each in plan.spec.attributes.items():
        if name not in changes and each.has_default:
            changes[name] = each.make_default(made)


def _touch(plan: DocumentPlan, changes: dict[str, Any]) -> None:
    made: dict[Any, Any] = {}
    for name, each in plan.spec.attributes.items():
        if each.touch:
            changes[name] = each.make_default(made)
        elif each.update_default_kind is not DefaultKind.NONE and name not in changes:
            changes[name] = each.make_update_default(made)
