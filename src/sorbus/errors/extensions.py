"""Errors of extensions; each says which one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sorbus.errors.declaration import DeclarationError
from sorbus.errors.hints import did_you_mean, listed


class ExtensionFailed(DeclarationError):
    """An extension raised something that is no declaration error."""

    code = "extension-failed"

    def __init__(self, resource: str, section: str, extension: str, *, step: str, problem: str) -> None:
        super().__init__(
            f"{resource}.{section}: the extension {extension} failed in `{step}`: {problem}.",
            path=(resource, section),
            hint="This is a fault of the extension, or it was given what it does not expect.",
        )


class ExtensionOrder(DeclarationError):
    """Extensions want to run before each other in a circle."""

    code = "extension-order"

    def __init__(self, resource: str, ring: Sequence[str]) -> None:
        super().__init__(
            f"{resource}: these extensions each want to run before the next: {' → '.join(ring)}.",
            path=(resource,),
            hint="Take one name out of a `before` or `after`.",
        )


class MemberTaken(DeclarationError):
    """An extension adds a member whose name the resource has already."""

    code = "member-taken"

    def __init__(self, resource: str, name: str, *, extension: str) -> None:
        super().__init__(
            f"`{resource}.{name}` is declared, and the extension {extension} adds a member of that name.",
            path=(resource, name),
            hint="Rename yours, or see whether the extension takes another name.",
        )


class NoSuchPart(DeclarationError):
    """An extension asked for a part that its resource does not have."""

    code = "no-such-part"

    def __init__(self, resource: str, what: str, name: str, *, allowed: Iterable[str]) -> None:
        allowed = list(allowed)
        super().__init__(
            f"`{resource}` has no {what} `{name}`. There are: {listed(allowed)}.",
            path=(resource, name),
            hint=did_you_mean(name, allowed),
        )
