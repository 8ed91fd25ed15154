"""Errors as GraphQL shows them: of a whole request, of one field, and of a refused action as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from graphql import GraphQLError

from sorbus.apis.graphql.documents import locations
from sorbus.apis.graphql.surface import Root
from sorbus.errors.graphql import GraphqlInvalid, GraphqlSyntax, PersistedQueryNotFound
from sorbus.errors.inputs import InvalidCursor
from sorbus.http.faults import MOST_ERRORS, Fault, causes_of, fault_of
from sorbus.http.seen import seen
from sorbus.resource.spelling import camel

ErrorObject = dict[str, Any]


class ServerFailed(Exception):
    """An error that is not the client's, as a client may see it; the log has the rest.

    Attributes:
        fault: what the client may know.
    """

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault.code)


def whole_request(error: BaseException, *, where: str) -> tuple[int, list[ErrorObject]]:
    """The status and error objects of a request of which nothing was done."""
    if isinstance(error, GraphQLError):
        # What graphql-core says of a variable that does not fit.
        error = GraphqlInvalid([(error.message, locations(error))])
    if isinstance(error, GraphqlInvalid):
        shown = [
            _object(text, "graphql-invalid", places=places) for text, places in error.problems[:MOST_ERRORS]
        ]
        return 400, shown
    fault = fault_of(error, where=where)
    if isinstance(error, GraphqlSyntax):
        return 400, [_object(fault.detail, fault.code, places=error.locations)]
    if isinstance(error, PersistedQueryNotFound):
        # Clients of automatic persisted queries look for exactly this, and then send the document.
        return 200, [_object(fault.detail, "PERSISTED_QUERY_NOT_FOUND", hint=fault.hint)]
    status = 400 if fault.status == 422 else fault.status
    return status, [_told(fault)]


def of_field(
    error: BaseException, root: Root | None, path: Sequence[str | int], *, where: str
) -> list[ErrorObject]:
    """The error objects of one field at the top, whose answer is null."""
    if isinstance(error, GraphQLError):
        places = locations(error)
        return [_object(error.message, "graphql-invalid", places=places, path=path)]
    if isinstance(error, ServerFailed):
        return [_told(error.fault, path=path)]
    faults = faults_of(error, root, where=where)
    return [_told(each, path=path) for each in faults]


def action_errors(error: BaseException, root: Root, *, where: str) -> list[dict[str, Any]]:
    """Why an action was refused, as data of its payload.

    Raises:
        ServerFailed: it was not refused; the server failed.
    """
    faults = faults_of(error, root, where=where)
    for each in faults:
        if each.status >= 500:
            raise ServerFailed(each) from error
    return [
        {
            "code": each.code,
            "message": each.detail,
            "title": each.title,
            "hint": each.hint or None,
            "path": [str(part) for part in _place(each)],
        }
        for each in faults
    ]


def faults_of(error: BaseException, root: Root | None, *, where: str) -> list[Fault]:
    """What a client may know of an error, cause by cause."""
    errors = causes_of(error)
    faults = [fault_of(each, where=where) for each in errors]
    if root is None:
        return faults
    spec, action = root.exposed.spec, root.action
    found = [seen(fault, each, spec, action) for fault, each in zip(faults, errors, strict=True)]
    if isinstance(error, InvalidCursor):
        found = [replace(each, path=("argument", "cursor")) for each in found]
    return found


def _place(fault: Fault) -> list[str | int]:
    """Where in the arguments a fault lies, in GraphQL's names."""
    match fault.path:
        case ("input", *rest):
            return ["input", *(camel(each) if isinstance(each, str) else each for each in rest)]
        case (("filter" | "sort" | "page" | "argument"), *_):
            return [camel(each) if isinstance(each, str) else each for each in fault.path]
        case _:
            return []


def _told(fault: Fault, *, path: Sequence[str | int] = ()) -> ErrorObject:
    made = _object(fault.detail, fault.code, path=path, hint=fault.hint)
    extensions = made["extensions"]
    extensions["title"] = fault.title
    if fault.id:
        extensions["id"] = fault.id
    if fault.retry_after:
        extensions["retryAfter"] = fault.retry_after
    place = _place(fault)
    if place:
        extensions["argument"] = place
    return made


def _object(
    message: str,
    code: str,
    *,
    places: Sequence[tuple[int, int]] = (),
    path: Sequence[str | int] = (),
    hint: str = "",
) -> ErrorObject:
    made: ErrorObject = {"message": message[:1000]}
    if places:
        made["locations"] = [{"line": line, "column": column} for line, column in places]
    if path:
        made["path"] = list(path)
    made["extensions"] = {"code": code, **({"hint": hint} if hint else {})}
    return made
