"""The module of a client in TypeScript, put together."""

from __future__ import annotations

import re

from sorbus.apis.clients.model import ClientModel
from sorbus.apis.clients.typescript.calls import CallWriter
from sorbus.apis.clients.typescript.resources import ResourceWriter
from sorbus.apis.clients.typescript.spelling import quoted
from sorbus.apis.clients.typescript.types import VALUES, TypeWriter
from sorbus.apis.clients.writing import TypeNames, codes_of, one_line, runtime_of

PARTS = tuple(
    f"{each}.ts" for each in ("selections", "options", "errors", "documents", "choosing", "pages", "sending")
)

_NO_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:[^"\\]|\\.)*"', re.DOTALL)
_WORD = re.compile(r"\w+")
_LANGUAGE = """
any as bigint boolean break case catch class const continue debugger default delete do else enum export extends false
finally for function if implements import in instanceof interface let never new null number object package private
protected public return static string super switch symbol this throw true try type typeof undefined unknown var void
while with yield
"""
"""Words of the language, which no type can be called."""


def typescript_client(model: ClientModel, *, command: str) -> str:
    """The module of a client; equal declarations give equal texts.

    Args:
        command: by which it is made, for its header.
    """
    runtime = runtime_of("typescript", PARTS)
    names = TypeNames(model, {*_words(_LANGUAGE), *_words(VALUES), *_words(runtime), "Client"})
    types = TypeWriter(model, names)
    resources, calls = ResourceWriter(model, names, types), CallWriter(model, names, types)
    head = (
        f"// A client of {one_line(model.title)}, made by `{command}` from its declarations.\n"
        "// Do not change it: run the command again.\n/* eslint-disable */\n"
    )
    parts = [
        head,
        VALUES,
        *types.definitions(),
        *resources.definitions(),
        _codes(model),
        *calls.definitions(),
        runtime,
        calls.tables(),
    ]
    return "\n".join(parts)


def _words(text: str) -> list[str]:
    """Everything that a text speaks of: what it declares, and what the language and the browser have."""
    return _WORD.findall(_NO_CODE.sub(" ", text))


def _codes(model: ClientModel) -> str:
    codes = "".join(f"\n  | {quoted(each)}" for each in codes_of(model))
    return (
        "/** The codes of errors that are known; an application may have further ones. */\n"
        f"export type ErrorCode ={codes}\n  | (string & {{}});\n"
    )
