"""From errors to what a client may know of them: the status, and a text without the server's secrets."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from types import MappingProxyType
from uuid import uuid4

import structlog

from sorbus.errors.access import HiddenField
from sorbus.errors.authorization import ActionForbidden, TenantRequired
from sorbus.errors.base import Forbidden, Invalid, SorbusError
from sorbus.errors.database import (
    ConstraintViolation,
    DatabaseFault,
    ExclusionViolation,
    ForeignKeyViolation,
    NumericOutOfRange,
    TextNotStorable,
    TextTooLong,
    UniqueViolation,
    ValueNotStorable,
)
from sorbus.errors.flow import BacklogFull
from sorbus.errors.graphql import TooManyOperations, TooManyOwnStreams, TooManyStreams
from sorbus.errors.http import (
    BodyTooSlow,
    IdConflict,
    InvalidDocument,
    InvalidFields,
    InvalidInclude,
    InvalidParameter,
    MalformedBody,
    MalformedForm,
    MethodNotAllowed,
    NoSuchRoute,
    NotAcceptable,
    PayloadTooLarge,
    QueryTooLong,
    TypeConflict,
    Unauthenticated,
    UnknownAct,
    UnknownParameter,
    UnsupportedMediaType,
)
from sorbus.errors.inputs import (
    AlreadyTaken,
    InvalidAction,
    InvalidAnswer,
    InvalidCursor,
    InvalidFilter,
    InvalidPage,
    NotFound,
    RelatedMissing,
    TooManyRelated,
    WrongState,
)
from sorbus.errors.pipelines import IdempotencyKeyReused, UnknownPipelineVersion

log = structlog.get_logger(__name__)

MOST_ERRORS = 64
"""The most errors in one answer."""

STATUSES: Mapping[type[SorbusError], int] = MappingProxyType(
    {
        SorbusError: 500,
        Forbidden: 403,
        Unauthenticated: 401,
        Invalid: 422,
        InvalidAnswer: 500,
        NotFound: 404,
        WrongState: 409,
        UnknownPipelineVersion: 409,
        AlreadyTaken: 409,
        RelatedMissing: 404,
        IdempotencyKeyReused: 409,
        UniqueViolation: 409,
        ExclusionViolation: 409,
        ForeignKeyViolation: 409,
        InvalidCursor: 400,
        InvalidFilter: 400,
        InvalidPage: 400,
        TooManyRelated: 400,
        TenantRequired: 400,
        BacklogFull: 429,
        NoSuchRoute: 404,
        MethodNotAllowed: 405,
        NotAcceptable: 406,
        UnsupportedMediaType: 415,
        BodyTooSlow: 408,
        PayloadTooLarge: 413,
        QueryTooLong: 414,
        MalformedBody: 400,
        MalformedForm: 400,
        UnknownAct: 400,
        InvalidDocument: 400,
        TypeConflict: 409,
        IdConflict: 409,
        UnknownParameter: 400,
        InvalidParameter: 400,
        InvalidInclude: 400,
        InvalidFields: 400,
        TooManyStreams: 429,
        TooManyOwnStreams: 429,
        TooManyOperations: 429,
    }
)
"""The HTTP status of each error class; a class that is not listed has the one of its nearest base.

A request that cannot be understood is 400, values that a declared action refuses are 422, and what collides
with the state of the data is 409.
"""

_SAID_GENERALLY = (
    ConstraintViolation,
    NumericOutOfRange,
    TextNotStorable,
    TextTooLong,
    ValueNotStorable,
    HiddenField,
)
"""Errors whose messages name columns, constraints or hidden fields; clients get the sentence of the class."""

_PASSING = (BacklogFull, TooManyStreams, TooManyOwnStreams)
"""Errors that know when to try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An error as a client may see it.

    Attributes:
        id: what the server's log calls this occurrence; only of errors that are not the client's.
        path: where the fault lies, as `SorbusError.path` says it.
        retry_after: seconds after which the client may try again; 0 when that would not help.
    """

    status: int
    code: str
    title: str
    detail: str
    hint: str = ""
    id: str = ""
    path: tuple[str | int, ...] = ()
    retry_after: int = 0


def status_of(kind: type[SorbusError]) -> int:
    """The HTTP status of an error class."""
    return next(STATUSES[base] for base in kind.__mro__ if base in STATUSES)


def title_of(kind: type[SorbusError]) -> str:
    """One sentence about an error class; the same for each occurrence."""
    text = (kind.__doc__ or kind.code).strip()
    return text.split("\n", maxsplit=1)[0]


def causes_of(error: BaseException) -> Sequence[BaseException]:
    """What an answer tells of one by one: the mistakes in a refused action, no more than anybody reads."""
    return error.errors[:MOST_ERRORS] if isinstance(error, InvalidAction) else (error,)


def fault_of(error: BaseException, *, where: str) -> Fault:
    """What a client may know about an error; the rest goes to the log, under the id that the client gets.

    Args:
        where: method and path of the request, for the log.
    """
    if isinstance(error, DatabaseFault) and error.retryable:
        log.warning("database fault", code=error.code, message=error.message, where=where)
        return Fault(
            status=503,
            code="unavailable",
            title="The database cannot serve this now.",
            detail="The database cannot serve this now.",
            hint="Try again in a moment.",
            retry_after=1,
        )
    if not isinstance(error, SorbusError) or status_of(type(error)) >= 500:
        return unforeseen(error, where=where)
    kind = type(error)
    detail, hint = error.message, error.hint
    if isinstance(error, _SAID_GENERALLY):
        detail, hint = title_of(kind), ""
    elif isinstance(error, ActionForbidden):
        detail, hint = f"The actor may not {error.resource}.{error.action}.", ""
    elif isinstance(error, TenantRequired):
        detail, hint = "This needs a tenant, and the request has none.", ""
    return Fault(
        status=409 if isinstance(error, RelatedMissing) and error.still_used else status_of(kind),
        code=error.code,
        title=title_of(kind),
        detail=detail[:1000],
        hint=hint[:500],
        path=error.path,
        retry_after=ceil(error.retry_after) if isinstance(error, _PASSING) else 0,
    )


def unforeseen(error: BaseException, *, where: str) -> Fault:
    """The fault that says nothing but an id, under which the log has everything."""
    number = uuid4().hex
    # Formatted here: the renderer for consoles takes seconds to draw one, and shows the values of variables.
    trace = "".join(traceback.format_exception(error))
    log.error("request failed", error_id=number, where=where, exception=trace)
    return Fault(
        status=500,
        code="internal-error",
        title="The server failed.",
        detail=f"The server failed. Its log has the details under the id {number}.",
        id=number,
    )
