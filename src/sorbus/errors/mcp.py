"""Errors of the MCP server and of its sections."""

from __future__ import annotations

from collections.abc import Iterable

from sorbus.errors.base import Forbidden
from sorbus.errors.declaration import DeclarationError
from sorbus.errors.hints import did_you_mean, listed


class NotInMcp(DeclarationError):
    """An `mcp` section lists something that cannot be a tool."""

    code = "not-in-mcp"

    def __init__(self, resource: str, what: str, *, problem: str, allowed: Iterable[str] = ()) -> None:
        allowed = list(allowed)
        choice = f" Allowed: {listed(allowed)}." if allowed else ""
        super().__init__(
            f"`{resource}.mcp` lists `{what}`, {problem}.{choice}",
            path=(resource, "mcp"),
            hint=did_you_mean(what, allowed),
        )


class BadToolName(DeclarationError):
    """The name of a tool is none that models can call."""

    code = "bad-tool-name"

    def __init__(self, resource: str, name: str, *, longest: int) -> None:
        super().__init__(
            f"`{resource}.mcp` makes a tool `{name}`; a tool's name has lower-case letters, digits and `_`, begins "
            f"with a letter, and is at most {longest} characters long.",
            path=(resource, "mcp"),
            hint='Give the section a shorter name: `Mcp(…, name="run")`.',
        )


class DuplicateTool(DeclarationError):
    """Two resources are to be known to models by one name."""

    code = "duplicate-tool"

    def __init__(self, name: str, *, first: str, second: str) -> None:
        super().__init__(
            f"`{first}` and `{second}` would both be `{name}` in MCP.",
            path=(second, "mcp"),
            hint='Give one of them another name: `Mcp(…, name="…")`.',
        )


class HostRefused(Forbidden):
    """A request names a host by which this server is not known, as a page does that rebinds its own name."""

    code = "host-refused"

    def __init__(self, host: str, *, allowed: Iterable[str]) -> None:
        super().__init__(
            f"The request is for the host `{host[:200]}`. This server is: {listed(allowed)}.",
            hint="Its names are given by `sorbus serve --hosts`, SORBUS_HOSTS or `http_app(hosts=[…])`.",
        )


class OriginRefused(Forbidden):
    """A request comes from a web page of somebody else."""

    code = "origin-refused"

    def __init__(self, origin: str) -> None:
        super().__init__(
            f"The request comes from a page of `{origin[:200]}`, which may not call tools here.",
            hint="The pages that may are given by `McpInterface(origins=[…])`. Programs send no Origin.",
        )
