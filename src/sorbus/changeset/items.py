"""Changes and validations: what an action lists to be done after its body, as values that can be combined."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

from sorbus.changeset.changeset import Changeset
from sorbus.errors.access import NotLoaded
from sorbus.expressions.build import Built, Expr, if_
from sorbus.expressions.evaluate import Unevaluable
from sorbus.scope import Scope

Apply = Callable[[Changeset, Scope], None]
Holds = Callable[[Changeset, Scope], "bool | Expr[bool]"]

WRITES: tuple[Any, ...] = ("create", "update")
"""The kinds of actions that an item of a section is for, unless it says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What changes and validations share.

    Attributes:
        name: for explanations and the manifest.
        condition: when it runs; None means always.
        actions: the actions and kinds of actions that an item of a section is for.
        valid_only: whether it is left out once something else is wrong.
    """

    name: str
    condition: Condition | None = None
    actions: tuple[Any, ...] = WRITES
    valid_only: bool = False

    def where(self, condition: Condition) -> Self:
        """Run it only where a condition holds: an expression over the row as it will be, or a validation."""
        return replace(self, condition=condition)

    def on(self, *actions: Any) -> Self:
        """In a section, for these actions or kinds of actions (default: creates and updates)."""
        return replace(self, actions=actions)

    @property
    def kinds(self) -> frozenset[str]:
        """The names of the actions and kinds of actions that an item of a section is for."""
        return frozenset(each if isinstance(each, str) else each.name for each in self.actions)

    def only_when_valid(self) -> Self:
        """Leave it out once something else is wrong with the write."""
        return replace(self, valid_only=True)

    def run(self, changeset: Changeset, scope: Scope) -> None:
        """Do it.

        Raises:
            NotLoaded: it looks at the row, which has not been read.
        """
        if self.valid_only and changeset.errors:
            return
        verdict = True if self.condition is None else _verdict(self.condition, changeset, scope)
        if isinstance(verdict, Expr):
            self._run_where(verdict, changeset, scope)
        elif verdict:
            self._run(changeset, scope)

    def _run(self, changeset: Changeset, scope: Scope) -> None:
        raise NotImplementedError

    def _run_where(self, condition: Expr[bool], changeset: Changeset, scope: Scope) -> None:
        """Do it where a condition that only the statement can decide holds."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Item):
    """Something that sets attributes of the row, or asks for more to be done along with it."""

    apply: Apply

    def _run(self, changeset: Changeset, scope: Scope) -> None:
        self.apply(changeset, scope)

    def _run_where(self, condition: Expr[bool], changeset: Changeset, scope: Scope) -> None:
        before = dict(changeset.changes)
        counts = [len(each) for each in (changeset.filters, changeset.related)]
        self.apply(changeset, scope)
        if counts != [len(each) for each in (changeset.filters, changeset.related)]:
            # What is written elsewhere cannot depend on a row that nobody has seen.
            raise NotLoaded(changeset.resource.name, "the fields of a condition")
        for name, value in changeset.changes.items():
            if name not in before or before[name] is not value:
                old: Any = before.get(name, getattr(changeset.resource.python, name))
                changeset.set(name, if_(condition, value, old))


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation(Item):
    """A rule that the write must meet. It also serves as the condition of another item.

    Attributes:
        holds: decides it, or gives the expression that the statement decides.
        text: the message of the error, or what makes it: a field knows its name only after its class was read.
        field: the field or the name of the input that the error is about.
    """

    holds: Holds
    text: str | Callable[[], str]
    field: Any = ""

    @property
    def problem(self) -> str:
        """The message of the error."""
        return self.text if isinstance(self.text, str) else self.text()

    @property
    def about(self) -> str:
        """The name of the input that the error is about; empty when it is about none alone."""
        return self.field if isinstance(self.field, str) else self.field.name

    def message(self, text: str, *, field: Any = None) -> Self:
        """Another message, and the field or the name of the input that it is about."""
        return replace(self, text=text, field=self.field if field is None else field)

    def _run(self, changeset: Changeset, scope: Scope) -> None:
        verdict = _verdict(self, changeset, scope, trust=False)
        changeset.require(verdict, self.problem, field=self.about)

    def _run_where(self, condition: Expr[bool], changeset: Changeset, scope: Scope) -> None:
        verdict = _verdict(self, changeset, scope, trust=False)
        if isinstance(verdict, Expr):
            changeset.require(~_surely(condition) | verdict, self.problem, field=self.about)
        elif not verdict:
            changeset.require(~_surely(condition), self.problem, field=self.about)


Condition = Expr[bool] | Validation


def _verdict(
    condition: Condition, changeset: Changeset, scope: Scope, *, trust: bool = True
) -> bool | Expr[bool]:
    """Whether a condition holds, or the expression that is left for the statement.

    Args:
        trust: whether the row as it was read may decide; a rule must hold for the row as it is written.
    """
    found = condition.holds(changeset, scope) if isinstance(condition, Validation) else condition
    if not isinstance(found, Expr) or changeset.judge is None:
        return found
    try:
        return changeset.judge(changeset, found, trust) is True
    except Unevaluable:
        return found


def _surely(condition: Expr[bool]) -> Expr[bool]:
    """The condition, with unknown as false."""
    return Built("is_true", condition)


def run_items(items: Iterable[Item], changeset: Changeset, scope: Scope) -> None:
    """Run changes and validations in order; what is wrong gathers in the changeset."""
    for each in items:
        each.run(changeset, scope)
