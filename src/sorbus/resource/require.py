"""`require`: a rule inside an action's body."""

from __future__ import annotations

from sorbus.errors.inputs import Rejected


def require(holds: bool, message: str, *, field: str = "") -> None:
    """Refuse the action unless a rule holds: `require(self.start < self.end, "the end comes first")`.

    Args:
        field: the input that the message is about, for forms.

    Raises:
        Rejected: it does not hold.
    """
    if not holds:
        raise Rejected(message, field=field)
