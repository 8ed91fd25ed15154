"""Errors in declarations: found at import, or all together when the application is put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sorbus.errors.base import FrameworkError
from sorbus.errors.hints import did_you_mean, listed


class DeclarationError(FrameworkError):
    """A declaration cannot mean what it says."""

    code = "declaration"


class ExpressionTruth(DeclarationError):
    """An expression was used where Python wants a truth value."""

    code = "expression-truth"

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"An expression ({kind}) has no truth value: it is decided for each row when it runs.",
            hint="Combine conditions with `&`, `|` and `~`, each in parentheses, not `and`, `or` and `not`.",
        )


class UnknownMember(DeclarationError):
    """A public name in a resource's body is nothing that a resource can have."""

    code = "unknown-member"

    def __init__(self, resource: str, name: str, *, found: str, allowed: Iterable[str]) -> None:
        allowed = list(allowed)
        article = "an" if found[:1].lower() in "aeiou" else "a"
        super().__init__(
            f"`{resource}.{name}` is {article} {found}; the body of a resource holds fields, relationships, "
            f"calculations, aggregates, actions and sections. Sections: {listed(allowed)}.",
            path=(resource, name),
            hint=did_you_mean(name, allowed) or "Start the name of a helper with an underscore.",
        )


class NoSuchField(DeclarationError):
    """A declaration names a field that its resource does not have."""

    code = "no-such-field"

    def __init__(self, resource: str, name: str, *, allowed: Iterable[str], where: str = "") -> None:
        allowed = list(allowed)
        place = f" in {where}" if where else ""
        super().__init__(
            f"`{resource}` has no field `{name}`{place}. Fields: {listed(allowed)}.",
            path=(resource, name),
            hint=did_you_mean(name, allowed),
        )


class ForeignField(DeclarationError):
    """An expression over one resource uses a field of another without a relationship between them."""

    code = "foreign-field"

    def __init__(self, field: str, *, of: str, seen_from: str) -> None:
        super().__init__(
            f"`{of}.{field}` is not a field of `{seen_from}`.",
            hint="Reach another resource's fields through a relationship: "
            "`exists(rel, lambda row: row.field == …)` or `related(rel, lambda row: row.field)`.",
        )


class WrongValueType(DeclarationError):
    """A value in an expression has a type that the field beside it can never have."""

    code = "wrong-value-type"

    def __init__(self, value: object, *, field: str, expected: str) -> None:
        super().__init__(
            f"`{field}` holds {expected}; it is compared with {value!r}, a {type(value).__name__}.",
            hint="Compare with a value of the field's own type.",
        )


class NoSuchResource(DeclarationError):
    """A relationship or a domain names a resource that is in no domain of the application."""

    code = "no-such-resource"

    def __init__(self, name: str, *, wanted_by: str, allowed: Iterable[str]) -> None:
        allowed = list(allowed)
        super().__init__(
            f"{wanted_by} needs the resource `{name}`, which is in no domain of this application. "
            f"Resources: {listed(allowed)}.",
            path=tuple(wanted_by.split(".")),
            hint=did_you_mean(name, allowed) or "List it in a `Domain(…, resources=[…])` of the application.",
        )


class DuplicateName(DeclarationError):
    """Two things in one application bear the same name."""

    code = "duplicate-name"

    def __init__(self, what: str, name: str, *, first: str, second: str) -> None:
        super().__init__(
            f"Two {what} bear the name `{name}`: {first} and {second}.",
            path=(name,),
            hint="Rename one of them.",
        )


class WrongInput(DeclarationError):
    """A parameter of an action does not fit the resource's attributes."""

    code = "wrong-input"

    def __init__(self, action: str, name: str, message: str, *, hint: str = "") -> None:
        super().__init__(f"{action}: {message}", path=(*action.split("."), name), hint=hint)


class WrongBody(DeclarationError):
    """The body of an action is not the form of function that its kind can run."""

    code = "wrong-body"

    def __init__(self, action: str, *, kind: str, found: str, allowed: str, hint: str = "") -> None:
        super().__init__(
            f"{action}: the body is {found}; that of a {kind} action is {allowed}.",
            path=tuple(action.split(".")),
            hint=hint,
        )


class MissingPart(DeclarationError):
    """Something that a declaration cannot do without is missing."""

    code = "missing-part"

    def __init__(self, where: str, message: str, *, hint: str = "") -> None:
        super().__init__(f"{where}: {message}", path=tuple(where.split(".")), hint=hint)


class WrongSection(DeclarationError):
    """A section says something that does not fit its resource."""

    code = "wrong-section"

    def __init__(self, where: str, message: str, *, hint: str = "") -> None:
        super().__init__(f"{where}: {message}", path=tuple(where.split(".")), hint=hint)


class WrongRelationship(DeclarationError):
    """A relationship's options or path do not fit the resources that it joins."""

    code = "wrong-relationship"

    def __init__(self, where: str, message: str, *, hint: str = "") -> None:
        super().__init__(f"{where}: {message}", path=tuple(where.split(".")), hint=hint)


class HidesMember(DeclarationError):
    """A name in a resource's body would hide what every resource has."""

    code = "hides-member"

    def __init__(self, resource: str, name: str) -> None:
        super().__init__(
            f"`{resource}.{name}` would hide `Resource.{name}`, which every resource has.",
            path=(resource, name),
            hint="Give it another name; for a stored field `attribute(column=…)` keeps the column's name.",
        )


class WrongTransition(DeclarationError):
    """A transition's states fit no attribute of its resource, or do not fit each other."""

    code = "wrong-transition"

    def __init__(self, action: str, message: str, *, hint: str = "") -> None:
        super().__init__(f"{action}: {message}", path=tuple(action.split(".")), hint=hint)


class BadPaging(DeclarationError):
    """A read action's pages have a default size that they may not have."""

    code = "bad-paging"

    def __init__(self, *, default: int, largest: int) -> None:
        super().__init__(
            f"Pages of {default} rows by default and {largest} at most cannot be.",
            hint="Give `Paging` a `default` from 1 up to `largest`.",
        )


class NotNumeric(DeclarationError):
    """A sum or a mean is taken over values that cannot be added."""

    code = "not-numeric"

    def __init__(self, where: str, *, kind: str, found: str) -> None:
        super().__init__(
            f"{where}: {kind} needs numbers or durations, not {found}.",
            path=tuple(where.split(".")),
            hint="`agg.count`, `agg.min`, `agg.max` and `agg.first` take every type.",
        )


class CircularCalculation(DeclarationError):
    """Calculations or aggregates need each other in a circle."""

    code = "circular-calculation"

    def __init__(self, resource: str, ring: Sequence[str]) -> None:
        super().__init__(
            f"{resource}: these calculations need themselves: {' → '.join(ring)}.",
            path=(resource, *ring[:1]),
            hint="Store one of them as an attribute, or compute it without the others.",
        )


class NameTooLong(DeclarationError):
    """A name is longer than the database can keep."""

    code = "name-too-long"

    def __init__(self, where: str, *, longest: int) -> None:
        super().__init__(
            f"{where}: the column's name is longer than PostgreSQL's {longest} bytes.",
            path=tuple(where.split(".")),
            hint="Give it a short one: `attribute(column=…)`.",
        )


class BrokenExpression(DeclarationError):
    """An expression in a declaration does something that Python refuses."""

    code = "broken-expression"

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(
            f"{where}: the expression cannot be built: {problem}.",
            path=tuple(where.split(".")),
            hint="Expressions are made of fields, values, operators and the functions of `sorbus`.",
        )


class BrokenFragment(DeclarationError):
    """A piece of SQL does not fit its arguments."""

    code = "broken-fragment"

    def __init__(self, where: str, sql: str, problem: str) -> None:
        super().__init__(
            f"{where}: {problem}: `{sql}`.",
            hint="Write `{0}`, `{1}`… for the arguments, each at least once, and `{{` or `}}` for a brace.",
        )


class NoParentRow(DeclarationError):
    """`parent(…)` was used where no row encloses the row in question."""

    code = "no-parent-row"

    def __init__(self) -> None:
        super().__init__(
            "`parent(…)` steps out of the lambda of a relationship, and here is none.",
            hint="Name the field itself; inside `exists(rel, lambda row: …)` write `parent(Thing.field)`.",
        )


class WrongOperand(DeclarationError):
    """A function or operator is given what it surely cannot take."""

    code = "wrong-operand"

    def __init__(self, function: str, *, found: str, takes: str, place: int | None = None) -> None:
        which = "" if place is None else f" as its {_ORDINALS[min(place, len(_ORDINALS) - 1)]} argument"
        super().__init__(
            f"`{function}` takes {takes}{which}, not {found}.",
            hint="Cast it with `fn.cast(…)`, or use a function of its type.",
        )


_ORDINALS = ("first", "second", "third", "next")


class WrongCalculation(DeclarationError):
    """A calculation's function does not have the form that its kind needs."""

    code = "wrong-calculation"

    def __init__(self, calculation: str, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{calculation}: {problem}.", path=tuple(calculation.split(".")), hint=hint)


class UnusableAlias(DeclarationError):
    """A calculation is loaded under a name that it cannot have."""

    code = "unusable-alias"

    def __init__(self, calculation: str, alias: str, problem: str) -> None:
        super().__init__(
            f"{calculation} cannot be loaded as `{alias}`: {problem}.",
            path=tuple(calculation.split(".")),
            hint='Give it a name of its own: `.as_("sale")`.',
        )


class HookNeverRuns(DeclarationError):
    """A hook hangs on an action that has no step at which it could run."""

    code = "hook-never-runs"

    def __init__(self, action: str, *, kind: str, point: str) -> None:
        super().__init__(
            f"{action}: a {kind} action has no step `{point}`, so the hook would never run.",
            path=tuple(action.split(".")),
            hint="Do it in the action's body, or hang the hook on a create, update or destroy.",
        )


class HookOfOneRow(DeclarationError):
    """A grouped action has a hook that runs inside the transaction for one row."""

    code = "hook-of-one-row"

    def __init__(self, action: str, *, point: str) -> None:
        super().__init__(
            f"{action}: its calls share transactions, and its `{point}` hook is for one row.",
            path=tuple(action.split(".")),
            hint="Make it an `after_writes` hook, which takes all rows written together, or leave out `grouped=True`.",
        )


class DefinitionErrors(FrameworkError):
    """Every mistake in the declarations of an application, found in one pass.

    Attributes:
        errors: the single errors, in the order of the declarations.
    """

    code = "definition-errors"

    def __init__(self, errors: Sequence[DeclarationError]) -> None:
        self.errors = tuple(errors)
        lines = "\n".join(
            f"  {number}. [{error.code}] {error}" for number, error in enumerate(self.errors, 1)
        )
        count = len(self.errors)
        super().__init__(f"The declarations have {count} mistake{'s' if count != 1 else ''}:\n{lines}")
