"""What the bodies of actions assign: a misspelt `self.stat = …` looks right to every type checker."""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sorbus.errors.declaration import NoSuchField


def misspelt_assignments(
    function: Callable[..., Any], resource: str, label: str, allowed: Iterable[str]
) -> Iterator[NoSuchField]:
    """The assignments to fields of the draft, a function's first parameter, that there are not."""
    allowed = frozenset(allowed)
    for name in sorted(set(assigned_names(function)) - allowed):
        yield NoSuchField(resource, name, allowed=allowed, where=f"the body of `{label}`, which sets it")


def assigned_names(function: Callable[..., Any]) -> Iterator[str]:
    """The attributes of its first parameter that a function assigns to by name."""
    code = getattr(function, "__code__", None)
    if code is None or code.co_argcount == 0:
        return
    first = code.co_varnames[0]
    loaded: object = None
    for step in dis.get_instructions(code):
        if step.opname == "EXTENDED_ARG":
            continue
        if step.opname == "STORE_ATTR" and loaded == first:
            yield str(step.argval)
        # Later Pythons load two variables in one step; the last of them lies on top.
        argument: Any = step.argval
        last: object = argument[-1] if step.opname.startswith("LOAD_FAST_LOAD") else argument
        loaded = last if step.opname.startswith("LOAD_") else None
