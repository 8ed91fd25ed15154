"""The protocol: JSON-RPC messages, the revisions of MCP, and what a request must say in each of them.

The revisions up to 2025-11-25 begin with a handshake; since 2026-07-28 each request says for itself which revision it
speaks. Nothing here is kept between requests in either: a handshake is answered, and forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

import msgspec

HANDSHAKE_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""The revisions that begin with `initialize`, from the oldest to the newest."""

MODERN_VERSIONS = ("2026-07-28",)
"""The revisions in which each request stands for itself."""

VERSIONS = (*HANDSHAKE_VERSIONS, *MODERN_VERSIONS)

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
RESOURCE_NOT_FOUND = -32002
HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022

VERSION_META = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_META = "io.modelcontextprotocol/clientCapabilities"
SERVER_META = "io.modelcontextprotocol/serverInfo"

_LONGEST = 200

Message = dict[str, Any]
Id = str | int | None


class RpcError(Exception):
    """A request that is answered with an error of the protocol.

    Attributes:
        code: JSON-RPC's or MCP's number.
        data: further facts for programs.
    """

    def __init__(self, code: int, message: str, data: Mapping[str, Any] | None = None) -> None:
        self.code = code
        self.message = message
        self.data = data
        super().__init__(message)

    def response(self, request: Id) -> Message:
        """The message that answers a request with this error."""
        error: Message = {"code": self.code, "message": self.message}
        if self.data is not None:
            error["data"] = dict(self.data)
        return {"jsonrpc": "2.0", "id": request, "error": error}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One message of a client.

    Attributes:
        id: None for a notification, which is never answered.
        version: the revision that the message itself names; empty where it names none.
    """

    method: str
    params: Mapping[str, Any]
    id: Id = None
    notification: bool = False
    version: str = ""

    @property
    def modern(self) -> bool:
        """Whether it stands for itself, without a handshake before it."""
        return bool(self.version)


NO_PARAMS: Mapping[str, Any] = MappingProxyType({})


def decoded(body: bytes) -> Any:
    """A message as plain data.

    Raises:
        RpcError: it is no JSON.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RpcError(PARSE_ERROR, "Parse error: the message is no JSON.") from None


def request_of(message: Any) -> Request | None:
    """A message of a client; None when it is the answer to a question, which this server never asks.

    Raises:
        RpcError: it is no single message of JSON-RPC 2.0.
    """
    if not isinstance(message, dict):
        raise RpcError(INVALID_REQUEST, "Invalid request: one JSON-RPC message is expected, as an object.")
    given = cast("Message", message)
    if given.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, 'Invalid request: `jsonrpc` must be "2.0".')
    if "method" not in given and ("result" in given or "error" in given):
        return None
    method, params = given.get("method"), given.get("params", NO_PARAMS)
    if not isinstance(method, str):
        raise RpcError(INVALID_REQUEST, "Invalid request: `method` must be a text.")
    if not isinstance(params, Mapping):
        raise RpcError(INVALID_REQUEST, "Invalid request: `params` must be an object.")
    members = cast("Mapping[str, Any]", params)
    if "id" not in given:
        return Request(method=method, params=members, notification=True, version=_version(members))
    number = given["id"]
    if not isinstance(number, str) and type(number) is not int:
        raise RpcError(INVALID_REQUEST, "Invalid request: `id` must be a text or a whole number.")
    return Request(method=method, params=members, id=number, version=_version(members))


def id_of(message: Any) -> Id:
    """The id of a message that may be malformed; None when it has none."""
    found = cast("Message", message).get("id") if isinstance(message, dict) else None
    return found if isinstance(found, str) or type(found) is int else None


def _version(params: Mapping[str, Any]) -> str:
    """The revision in a message's own envelope; something that no revision is called when it is none."""
    meta = params.get("_meta")
    if not isinstance(meta, Mapping) or VERSION_META not in meta:
        return ""
    found: Any = cast("Mapping[str, Any]", meta)[VERSION_META]
    return found if isinstance(found, str) and found else "(none)"


def check_version(version: str) -> None:
    """Nothing, when a revision is spoken here.

    Raises:
        RpcError: it is not; the error names those that are.
    """
    if version not in VERSIONS:
        raise RpcError(
            UNSUPPORTED_VERSION,
            "Unsupported protocol version",
            {"supported": list(VERSIONS), "requested": version[:_LONGEST]},
        )


def check_envelope(request: Request) -> None:
    """Nothing, when a message that stands for itself says all that it must.

    Raises:
        RpcError: it does not, or in a revision that is not spoken so.
    """
    meta: Any = request.params.get("_meta")
    if not isinstance(meta, Mapping) or CAPABILITIES_META not in meta:
        raise RpcError(INVALID_PARAMS, f"`params._meta` needs `{VERSION_META}` and `{CAPABILITIES_META}`.")
    if request.version not in MODERN_VERSIONS:
        raise RpcError(
            UNSUPPORTED_VERSION,
            "Unsupported protocol version",
            {"supported": list(MODERN_VERSIONS), "requested": request.version[:_LONGEST]},
        )


def text(params: Mapping[str, Any], name: str) -> str:
    """A parameter that must be a text.

    Raises:
        RpcError: it is none.
    """
    found = params.get(name)
    if not isinstance(found, str):
        raise RpcError(INVALID_PARAMS, f"Invalid params: `{name}` must be a text.")
    return found
