"""The contract of a type of the user's own: how its values are cast, kept, stored, shown and compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeGuard, TypeVar, get_args, get_origin

from sorbus.errors.declaration import MissingPart
from sorbus.types.json_schemas import inlined
from sorbus.types.limits import Limits

T = TypeVar("T")

ON_CLASS = "type_rule"
"""The name under which a class carries its rule."""


class TypeRule(Generic[T]):
    """How values of one Python type are treated. Subclass it and put an instance where the type is:

        class Money:
            type_rule = MoneyRule()

    or `Annotated[Money, MoneyRule()]`, which wins over the class's own. Rules are shared and never changed.

    Only `cast` must be written; `dump` and `load` when the column holds something else than the value.

    Attributes:
        python: the class of the values.
        sql: the type of the column, of expressions and of parameters.
        extension: the extension of PostgreSQL that the column type needs; migrations create it.
        stands_for: further Python types that may stand for a value in an expression, as `str` for `CiStr`.
        limited: a plain type whose limits hold before the cast, as those of `str` for `CiStr`; by default they are
            for `constrain` to look at.
    """

    python: type = object
    sql: str = "jsonb"
    extension: str = ""
    stands_for: tuple[type, ...] = ()
    limited: type | None = None

    def __set_name__(self, owner: type[Any], name: str) -> None:
        """Tell Pydantic too, so that the class can stand inside lists, maps and models."""
        if name != ON_CLASS:
            raise MissingPart(
                f"{owner.__name__}.{name}", f"a class carries its rule under the name `{ON_CLASS}`."
            )
        if self.python is object:
            self.python = owner
        teach(owner)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return self.bound(source).core_schema(handler)

    def bound(self, annotation: Any) -> TypeRule[Any]:
        """The rule for what it stands beside in `Annotated`; most are the same beside anything."""
        del annotation
        return self

    def __eq__(self, other: object) -> bool:
        """Rules of one class with the same options are one: a type may be written out in two places."""
        return is_rule(other) and type(self) is type(other) and self._options() == other._options()

    def __hash__(self) -> int:
        return hash(type(self))

    def _options(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def cast(self, value: Any) -> T:
        """A value from outside as one of the type; its own values come back as they are.

        Raises:
            ValueError: it is none, with a message such as "it has no currency".
        """
        raise NotImplementedError

    def constrain(self, value: T, limits: Limits) -> T:
        """A value within limits.

        Raises:
            ValueError: it is not.
        """
        limits.check(value)
        return value

    def dump(self, value: T) -> Any:
        """What the column and parameters hold for a value: something that the driver knows, or a JSON document."""
        return value

    def load(self, stored: Any) -> T:
        """The inverse of `dump`: `load(dump(value))` equals the value."""
        return self.cast(stored)

    def to_json(self, value: T) -> Any:
        """What interfaces show; `cast` takes it back."""
        return self.dump(value)

    def json_schema(self, limits: Limits) -> dict[str, Any]:
        """The JSON Schema of what `to_json` gives for values within limits; empty where `core_schema` tells it."""
        del limits
        return {}

    def column(self, limits: Limits) -> str:
        """The column's type with its limits, as in `numeric(10,2)`; the plain one by default."""
        del limits
        return self.sql

    def atomic(self, expression: Any) -> Any:
        """What is written when a body assigns an expression, which is computed by the statement and never cast."""
        return expression

    def core_schema(self, handler: Any) -> Any:
        """The schema with which Pydantic checks and dumps values, also inside other types."""
        del handler
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            self._checked,
            serialization=core_schema.plain_serializer_function_ser_schema(self.to_json),
            metadata=self.metadata(),
        )

    def metadata(self) -> Any:
        """What lets Pydantic show the rule's own JSON Schema; for `core_schema`."""

        def show(schema: Any, handler: Any) -> Any:
            # Pydantic knows no definitions but its own.
            return inlined(self.json_schema(Limits())) or handler(schema)

        return {"pydantic_js_functions": [show]}

    def _checked(self, value: Any) -> T:
        try:
            return self.cast(value)
        except ValueError:
            raise
        except (TypeError, ArithmeticError, LookupError, AttributeError) as error:
            # A rule is written for sound values; what it stumbles over is none.
            shown = f"it is no {self.python.__name__}"
            raise ValueError(shown) from error


def is_rule(value: object) -> TypeGuard[TypeRule[Any]]:
    """Whether a value is the rule of a type."""
    return isinstance(value, TypeRule)


def teach(python: type[Any]) -> None:
    """Let Pydantic treat a class by the rule that its annotation has."""

    def core(cls: type[Any], source: Any, handler: Any) -> Any:
        rule = rule_of(source) or rule_of(cls)
        return handler(source) if rule is None else rule.core_schema(handler)

    setattr(python, "__get_pydantic_core_schema__", classmethod(core))  # noqa: B010


def rule_of(annotation: Any) -> TypeRule[Any] | None:
    """The rule of an annotation: the last in its `Annotated`, else that of its class."""
    if get_origin(annotation) is not None and hasattr(annotation, "__metadata__"):
        inner, *metadata = get_args(annotation)
        found = next(filter(is_rule, reversed(metadata)), None)
        return found.bound(inner) if found is not None else rule_of(inner)
    maker = getattr(get_origin(annotation) or annotation, "__rule_for__", None)
    if maker is not None:
        made: TypeRule[Any] = maker(annotation)
        return made
    return carried(annotation) if isinstance(annotation, type) else None


def carried(python: type) -> TypeRule[Any] | None:
    """The rule that a class carries."""
    found = getattr(python, ON_CLASS, None)
    return found if is_rule(found) else None


def own_method(rule: TypeRule[Any], name: str) -> Callable[[Any], Any] | None:
    """A method of a rule, or None where it only has the one of the contract, which does nothing."""
    return None if getattr(type(rule), name) is getattr(TypeRule, name) else getattr(rule, name)


def shown(value: Any) -> Any:
    """What interfaces show of a value whose class carries its rule; for the hooks of JSON encoders.

    Raises:
        NotImplementedError: the class carries none.
    """
    rule = carried(value.__class__)
    if rule is None:
        raise NotImplementedError(f"a `{type(value).__name__}` has no JSON form")
    return rule.to_json(value)


def stored_form(value: Any) -> Any:
    """The stored form of a value whose class carries its rule; anything else as it is."""
    rule = getattr(value.__class__, ON_CLASS, None)
    return rule.dump(value) if is_rule(rule) else value
