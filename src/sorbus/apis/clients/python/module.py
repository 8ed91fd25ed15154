"""The module of a client in Python, put together."""

from __future__ import annotations

import re

from sorbus.apis.clients.model import ClientModel
from sorbus.apis.clients.python.calls import CallWriter
from sorbus.apis.clients.python.resources import ResourceWriter
from sorbus.apis.clients.python.spelling import BUILTINS, KEYWORDS, docstring, literal, literal_type, needed
from sorbus.apis.clients.python.types import TypeWriter
from sorbus.apis.clients.writing import TypeNames, codes_of, one_line, runtime_of

PARTS = tuple(f"{each}.py.txt" for each in ("values", "records", "pages", "errors", "sending"))

_DECLARED = re.compile(r"^(?:async )?(?:class|def) (\w+)|^(\w+) ?[:=]", re.MULTILINE)

_IMPORTS = """\
from __future__ import annotations

import asyncio
import base64
import datetime as _datetime
import decimal as _decimal
import json
import random
import re
import uuid as _uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Required, Self, TypedDict, Unpack, cast, overload
from urllib.parse import parse_qsl, quote

import httpx2 as httpx
"""

_OWN = frozenset({"Client", "ErrorCode", "_PREFIX", "_NAMED", "_SHAPES"})

_CLIENT = '''\
class Client:
{doc}

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = 30.0,
        retries: int = 2,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        """Ready to call; nothing is sent yet.

        Args:
            base_url: where the application is served, as in `https://shop.example`.
            headers: sent with every request.
            timeout: seconds for each attempt; None waits for ever.
            retries: how often a GET is tried again when no answer came or the server is busy (429, 503).
            http: sends the requests instead of a client of our own, and is not closed with this one.
        """
        self._owned = http is None
        self._http = http or httpx.AsyncClient()
        sender = _Sender(self._http, base_url, headers or {{}}, timeout, retries)
{members}
    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close its connections."""
        if self._owned:
            await self._http.aclose()
'''


def python_client(model: ClientModel, *, command: str) -> str:
    """The module of a client; equal declarations give equal texts.

    Args:
        command: by which it is made, for its header.
    """
    runtime = runtime_of("python", PARTS)
    declared = {name for pair in _DECLARED.findall(runtime) for name in pair if name}
    names = TypeNames(model, {*re.findall(r"\w+", _IMPORTS), *BUILTINS, *KEYWORDS, *declared, *_OWN})
    types = TypeWriter(model, names)
    resources = ResourceWriter(model, names, types)
    calls = CallWriter(model, names, types, resources)
    classes = list(calls.definitions())
    parts = [
        literal_type("ErrorCode", codes_of(model))
        + docstring("The codes of errors that are known; an application may have further ones."),
        f"_PREFIX = {literal(model.prefix)}\n",
        runtime,
        "# ---- what the application declares ----\n",
        *types.definitions(),
        *resources.definitions(),
        # What the classes of calls turned out to need.
        *types.written,
        *classes,
        _client(model, names, calls),
        types.readers(),
        resources.shapes(),
    ]
    body = "\n\n".join(part.strip("\n") + "\n" for part in parts)
    title = one_line(model.title)
    head = f"A client of {title}, made by `{command}` from its declarations; run that again to change it."
    return f"{docstring(head)}\n# ruff: noqa\n# fmt: off\n{needed(_IMPORTS, body)}\n{body}"


def _client(model: ClientModel, names: TypeNames, calls: CallWriter) -> str:
    lines = [
        f"        self.{calls.members[each.name]} = {names.of(each.name, 'Calls')}(sender)\n"
        for each in model.served
    ]
    title = one_line(model.title)
    return _CLIENT.format(
        doc=docstring(f"The application {title}; use it with `async with`.", 1).rstrip("\n"),
        members="".join(lines),
    )
