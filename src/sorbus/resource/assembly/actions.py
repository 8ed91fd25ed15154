"""From decorated functions to action specs: the signature is the contract."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any, get_args, get_origin

from sorbus.changeset.items import Item
from sorbus.errors.declaration import DeclarationError, MissingPart, WrongInput
from sorbus.errors.hints import did_you_mean, listed
from sorbus.expressions.build import Expr
from sorbus.expressions.lowering import Lowerer
from sorbus.resource.actions import Action, ArgumentMarker, PrivateMarker, without_marks
from sorbus.resource.assembly.bodies import misspelt_assignments, wrong_forms
from sorbus.resource.assembly.catalog import ClassCatalog
from sorbus.resource.assembly.defaults import input_default
from sorbus.resource.assembly.mistakes import noting
from sorbus.resource.assembly.transitions import transition_spec
from sorbus.resource.docstrings import docstring_of
from sorbus.schema.actions import (
    ActionKind,
    ActionSpec,
    HookPoint,
    InputSpec,
    Missing,
    OnSkip,
    TransitionSpec,
    UpsertSpec,
)
from sorbus.schema.fields import AttributeSpec, IdentitySpec
from sorbus.schema.paging import PAGES
from sorbus.types.base import FieldType, field_type
from sorbus.types.purposes import Purpose


class ActionBuilder:
    """Builds the action specs of one class."""

    def __init__(
        self,
        cls: type[Any],
        catalog: ClassCatalog,
        attributes: Mapping[str, AttributeSpec],
        identities: Mapping[str, IdentitySpec],
        errors: list[DeclarationError],
    ) -> None:
        self.cls = cls
        self.errors = errors
        self.catalog = catalog
        self.attributes = attributes
        self.identities = identities

    def build(self, name: str, action: Action) -> ActionSpec:
        """The spec of an action; what does not fit the resource is noted."""
        label = f"{self.cls.__name__}.{name}"
        note = partial(noting, self.errors, self.cls, name)
        said = docstring_of(action.function)
        inputs: list[InputSpec] = []
        returns, transition, upsert = None, None, None
        for parameter in self._parameters(label, action):
            with note():
                inputs.append(self._input(label, action, parameter, said.parameters.get(parameter.name, "")))
        with note():
            returns = self._returns(label, action)
        with note():
            transition = self._transition(label, action)
        with note():
            upsert = self._upsert(label, action)
        self._check_bodies(label, action)
        return ActionSpec(
            name=name,
            kind=action.kind,
            resource=self.cls.__name__,
            description=said.summary,
            inputs=tuple(inputs),
            body=action.body,
            body_async=inspect.iscoroutinefunction(action.function),
            returns=returns,
            transition=transition,
            upsert=upsert,
            changes=self._items(label, action),
            soft=bool(action.options.get("soft", False)),
            atomic=bool(action.options.get("atomic", False)),
            grouped=bool(action.options.get("grouped", False)),
            bounds=((transition.attribute, transition.targets),) if transition is not None else (),
            transaction=bool(action.options.get("transaction", action.kind.writes)),
            page=action.options.get("page", PAGES),
            hooks=MappingProxyType(
                {point: tuple(functions) for point, functions in action.hooks.items() if functions}
            ),
        )

    def _check_bodies(self, label: str, action: Action) -> None:
        """Note a body that could not run, and what it and the hooks that get a draft assign to no field."""
        self.errors.extend(wrong_forms(action, label))
        if not action.kind.writes:
            return
        drafted = (HookPoint.BEFORE_TRANSACTION, HookPoint.BEFORE_WRITE)
        hooks = (function for point in drafted for function in action.hooks[point])
        for function in (action.function, *hooks):
            self.errors.extend(misspelt_assignments(function, self.cls.__name__, label, self.attributes))

    def _hint(self, label: str, action: Action, name: str) -> Any:
        annotation = action.function.__annotations__.get(name, Missing.MARK)
        if annotation is Missing.MARK:
            return annotation
        try:
            return self.catalog.namespace(self.cls).resolved(annotation)
        except NameError as error:
            message = f"the name `{error.name}` in its signature is unknown."
            hint = "Import it where it can be found at run time."
            raise WrongInput(label, name, message, hint=hint) from None

    def _returns(self, label: str, action: Action) -> FieldType | None:
        if action.kind is not ActionKind.GENERIC:
            return None
        annotation = self._hint(label, action, "return")
        if annotation is Missing.MARK:
            raise MissingPart(
                label, "a generic action says what it answers with.", hint="Annotate its return type."
            )
        return None if annotation is type(None) else field_type(annotation)

    def _parameters(self, label: str, action: Action) -> list[inspect.Parameter]:
        parameters = list(inspect.signature(action.function).parameters.values())
        if len(parameters) < 2 or parameters[1].name != "scope":
            self.errors.append(
                MissingPart(label, "the parameters start with `self` (or `cls`) and `scope: Scope`.")
            )
            return []
        return parameters[2:]

    def _input(self, label: str, action: Action, parameter: inspect.Parameter, text: str) -> InputSpec:
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY}:
            raise WrongInput(label, parameter.name, f"`{parameter}` is no named input.")
        hint = self._hint(label, action, parameter.name)
        if hint is Missing.MARK:
            raise WrongInput(label, parameter.name, f"the input `{parameter.name}` has no type.")
        name = parameter.name
        marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
        public = PrivateMarker not in marks
        argument = ArgumentMarker in marks or not public
        if argument:
            hint = without_marks(hint)
        kind = field_type(hint)
        default = input_default(label, parameter, kind)
        plain = InputSpec(
            name=name, type=kind, attribute=False, default=default, public=public, description=text
        )
        if not action.kind.writes:
            return plain
        purpose = Purpose.CREATED if action.kind is ActionKind.CREATE else Purpose.CHANGED
        attribute = self.attributes.get(name)
        if argument:
            if attribute is not None:
                raise WrongInput(
                    label,
                    name,
                    f"the argument `{name}` bears the name of an attribute.",
                    hint="Rename the argument.",
                )
            return replace(plain, purpose=purpose)
        if attribute is None:
            near = did_you_mean(name, self.attributes)
            raise WrongInput(
                label,
                name,
                f"the input `{name}` is no attribute of `{self.cls.__name__}`. "
                f"Attributes: {listed(self.attributes)}.",
                hint=near or f"For an argument that is not stored write `{name}: Arg[…]`.",
            )
        self._check_accepts(label, attribute, kind)
        limited = FieldType(
            annotation=kind.annotation,
            nullable=kind.nullable,
            constraints=attribute.type.constraints.with_(kind.constraints),
        )
        return InputSpec(
            name=name,
            type=limited,
            attribute=True,
            default=default,
            description=text or attribute.description,
            sensitive=attribute.sensitive,
            purpose=purpose,
        )

    def _check_accepts(self, label: str, attribute: AttributeSpec, kind: FieldType) -> None:
        if not attribute.writable:
            raise WrongInput(label, attribute.name, f"the attribute `{attribute.name}` is not writable.")
        same = kind.annotation == attribute.type.annotation
        if not same or (kind.nullable and not attribute.type.nullable):
            raise WrongInput(
                label,
                attribute.name,
                f"the input `{attribute.name}` is {kind.describe()}, "
                f"the attribute is {attribute.type.describe()}.",
                hint="Give the input the attribute's type.",
            )

    def _transition(self, label: str, action: Action) -> TransitionSpec | None:
        if "target" not in action.options:
            return None
        return transition_spec(
            label, self.cls.__name__, self.attributes, action.options["sources"], action.options["target"]
        )

    def _items(self, label: str, action: Action) -> tuple[Item, ...]:
        items: tuple[Any, ...] = tuple(action.options.get("changes", ()))
        for each in items:
            if not isinstance(each, Item):
                self.errors.append(
                    WrongInput(
                        label,
                        "changes",
                        f"{each!r} is neither a change nor a validation.",
                        hint="Make them with `change.…` and `validate.…`.",
                    )
                )
        return tuple(each for each in items if isinstance(each, Item))

    def _upsert(self, label: str, action: Action) -> UpsertSpec | None:
        name: str | None = action.options.get("upsert")
        if name is None:
            given = [key for key in ("upsert_fields", "upsert_where", "updates") if action.options.get(key)]
            if given:
                raise MissingPart(label, f"`{given[0]}` needs `upsert`, the name of an identity.")
            return None
        if name not in self.identities:
            raise MissingPart(
                label,
                f"upsert names the identity `{name}`. Identities: {listed(self.identities)}.",
                hint=did_you_mean(name, self.identities),
            )
        fields: Sequence[Any] | None = action.options.get("upsert_fields")
        where: Expr[bool] | None = action.options.get("upsert_where")
        updates: Action | None = action.options.get("updates")
        return UpsertSpec(
            identity=name,
            fields=None if fields is None else tuple(each.name for each in fields),
            where=None if where is None else where.lower(Lowerer(self.catalog, (self.cls,))),
            skipped=OnSkip(action.options.get("skipped", OnSkip.ERROR)),
            updates=None if updates is None else updates.name,
        )
