"""The form of the bodies of actions, and what they assign: a misspelt `self.stat = …` looks right to type checkers."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sorbus.errors.declaration import NoSuchField, WrongBody
from sorbus.resource.actions import Action
from sorbus.schema.actions import ActionKind, MadeBody

_PLAIN, _ASYNC = "a plain `def`", "an `async def`"
_FORMS = {ActionKind.GENERIC: (_ASYNC,), ActionKind.READ: (_PLAIN,)}
_HINTS = {
    ActionKind.GENERIC: "Write `async def {name}(cls, scope: Scope, …)`; what blocks goes into a thread: "
    "`await asyncio.to_thread(…)`.",
    ActionKind.READ: "Write `def {name}(cls, scope: Scope, …)`: it says what is read, and its caller awaits the rows.",
}


def wrong_forms(action: Action, label: str) -> Iterator[WrongBody]:
    """What keeps an action from running its body: the wrong one of `def` and `async def`, or a `yield`."""
    allowed = _FORMS.get(action.kind, (_PLAIN, _ASYNC))
    found = _form(action.function)
    if found in allowed or isinstance(action.body, MadeBody):
        return
    hint = _HINTS.get(action.kind, "Write `def {name}(self, scope: Scope, …)` and no `yield` in it.")
    yield WrongBody(
        label,
        kind=action.kind.value,
        found=found,
        allowed=" or ".join(allowed),
        hint=hint.replace("{name}", action.function.__name__),
    )


def _form(function: Callable[..., Any]) -> str:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return "a generator"
    return _ASYNC if inspect.iscoroutinefunction(function) else _PLAIN


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
