"""`require`: a rule inside an action's body."""

from __future__ import annotations

from sorbus.changeset.collecting import running
from sorbus.errors.framework import RequireOutsideAction
from sorbus.errors.inputs import Rejected
from sorbus.expressions.build import Expr


def require(holds: bool | Expr[bool], message: str, *, field: str = "") -> None:
    """Refuse the action unless a rule holds: `require(self.start < self.end, "the end comes first")`.

    A plain truth value decides at once. An expression, as in `require(Article.stock > 0, "sold out")`, is checked by
    the statement that writes, for the row as it is at that moment, whoever else writes; unknown is not true.

    Args:
        field: the input that the message is about, for forms.

    Raises:
        Rejected: it does not hold.
        RequireOutsideAction: an expression was given outside the body of an action that writes.
    """
    if isinstance(holds, Expr):
        changeset = running()
        if changeset is None:
            raise RequireOutsideAction
        changeset.require(holds, message, field=field)
    elif not holds:
        raise Rejected(message, field=field)
