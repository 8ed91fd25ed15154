"""What an extension does with a write that has been done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from sorbus.scope import Scope


class Write(Protocol):
    """A write that has been done, as an effect sees it.

    Attributes:
        scope: who acts.
        result: the record as it was written, or as it was before it was removed.
        previous: the old values that the effect asked for in its `previous`, where an update changed them.
    """

    scope: Scope
    result: Any
    previous: dict[str, Any]


Work = Callable[[Any], Awaitable[None]]
"""Work for one `Write`. One that has an attribute `previous`, names of attributes, is given their old values."""
