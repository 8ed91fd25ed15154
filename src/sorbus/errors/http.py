"""Errors of HTTP requests: what a client sent around an action, and what a server cannot be started with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sorbus.errors.base import Forbidden, FrameworkError, Invalid
from sorbus.errors.declaration import DeclarationError
from sorbus.errors.hints import did_you_mean, listed


class NoSuchRoute(Invalid):
    """Nothing is served under this path."""

    code = "no-such-route"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"Nothing is served under `{path[:200]}`.",
            hint="`/api/openapi.json` lists every path.",
        )


class MethodNotAllowed(Invalid):
    """The path exists, but not for this method.

    Attributes:
        allowed: the methods that it does take.
    """

    code = "method-not-allowed"

    def __init__(self, method: str, path: str, *, allowed: Iterable[str]) -> None:
        self.allowed = tuple(sorted(allowed))
        super().__init__(f"`{path[:200]}` does not take {method[:20]}. Methods: {listed(self.allowed)}.")


class ChangeNotServed(Forbidden):
    """A record or relationship can be read here and not changed.

    Attributes:
        allowed: the methods that the path takes.
    """

    code = "change-not-served"

    def __init__(self, method: str, path: str, *, what: str, allowed: Iterable[str]) -> None:
        self.allowed = tuple(sorted(allowed))
        super().__init__(
            f"The {what} `{path[:200]}` is not changed by {method[:20]}. Methods: {listed(self.allowed)}."
        )


class RelationshipNotTaken(Forbidden):
    """A document would change a relationship that the action behind the route does not take."""

    code = "relationship-not-taken"

    def __init__(self, action: str, name: str, *, at: tuple[str | int, ...], allowed: Iterable[str]) -> None:
        super().__init__(
            f"{action} does not change the relationship `{name}`. Relationships that it takes: "
            f"{listed(sorted(allowed))}.",
            path=("document", *at),
        )


class NotAcceptable(Invalid):
    """The client accepts no media type that the server can answer with."""

    code = "not-acceptable"

    def __init__(self, accept: str, *, offered: str) -> None:
        super().__init__(
            f"The server answers with {offered}, and the request accepts only `{accept[:200]}`.",
            hint="Send `Accept: */*`, or that media type without parameters.",
        )


class UnsupportedMediaType(Invalid):
    """The body of a request is of a media type that the server does not read."""

    code = "unsupported-media-type"

    def __init__(self, given: str, *, allowed: Sequence[str]) -> None:
        what = f"`{given[:200]}`" if given else "a body without a Content-Type"
        super().__init__(f"The request has {what}; allowed: {listed(allowed)}, without parameters.")


class PayloadTooLarge(Invalid):
    """The body of a request is larger than the server takes."""

    code = "payload-too-large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is larger than {limit} bytes, which is the most that the server takes.")


class BodyTooSlow(Invalid):
    """The body of a request comes too slowly."""

    code = "body-too-slow"

    def __init__(self, *, seconds: float, rate: int) -> None:
        super().__init__(
            f"The body comes too slowly: the server waits {seconds:g} seconds, and one more for each {rate} bytes.",
            hint="Send it again, in smaller requests where the connection is slow.",
        )


class QueryTooLong(Invalid):
    """The query string of a request is longer than the server takes."""

    code = "query-too-long"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The query string is longer than {limit} bytes, or has too many parameters.")


class MalformedBody(Invalid):
    """The body of a request is no JSON."""

    code = "malformed-body"

    def __init__(self, problem: str) -> None:
        super().__init__(f"The body is no JSON: {problem[:200]}.", path=("document",))


class InvalidDocument(Invalid):
    """The body of a request is JSON, but not a JSON:API document that this route takes."""

    code = "invalid-document"

    def __init__(self, problem: str, *, at: tuple[str | int, ...] = (), hint: str = "") -> None:
        super().__init__(f"The document is not one that is taken here: {problem}.", path=("document", *at))
        self.hint = hint


class TypeConflict(Invalid):
    """A resource object is of another type than the collection that it was sent to."""

    code = "type-conflict"

    def __init__(self, given: object, *, expected: str, at: tuple[str | int, ...] = ("data", "type")) -> None:
        shown = repr(given)[:100]
        super().__init__(
            f"The resource object is of type {shown}; expected: {expected}.", path=("document", *at)
        )


class IdConflict(Invalid):
    """A resource object bears another id than the one in the path."""

    code = "id-conflict"

    def __init__(self, given: object, *, expected: str) -> None:
        super().__init__(
            f"The resource object has the id {repr(given)[:100]}; the path says {expected[:100]}.",
            path=("document", "data", "id"),
        )


class ClientIdRefused(Forbidden):
    """A client wanted to choose the id of a new record, which the server does."""

    code = "client-id-refused"

    def __init__(self, resource: str) -> None:
        super().__init__(
            f"The id of a new {resource} is made by the server.",
            path=("document", "data", "id"),
            hint="Leave `data.id` out.",
        )


class UnknownParameter(Invalid):
    """A query parameter is not one that this route knows."""

    code = "unknown-parameter"

    def __init__(self, name: str, *, allowed: Iterable[str]) -> None:
        allowed = list(allowed)
        super().__init__(
            f"There is no query parameter `{name[:100]}` here. Parameters: {listed(allowed)}.",
            path=("query", name[:100]),
            hint=did_you_mean(name[:100], allowed),
        )


class InvalidParameter(Invalid):
    """A query parameter has a value that it cannot have."""

    code = "invalid-parameter"

    def __init__(self, name: str, *, problem: str) -> None:
        super().__init__(f"`{name[:100]}`: {problem}.", path=("query", name[:100]))


class InvalidInclude(Invalid):
    """An include path leads where it may not."""

    code = "invalid-include"

    def __init__(self, resource: str, path: str, *, allowed: Iterable[str]) -> None:
        allowed = list(allowed)
        super().__init__(
            f"{resource} cannot include `{path[:100]}`. Allowed: {listed(allowed)}.",
            path=("query", "include"),
            hint=did_you_mean(path[:100], allowed),
        )


class InvalidFields(Invalid):
    """A sparse fieldset names a type or field that is not public."""

    code = "invalid-fields"

    def __init__(self, kind: str, name: str, *, allowed: Iterable[str]) -> None:
        allowed = list(allowed)
        super().__init__(
            f"`{kind[:100]}` has no public field `{name[:100]}`. Allowed: {listed(allowed)}."
            if name
            else f"There is no type `{kind[:100]}`. Types: {listed(allowed)}.",
            path=("query", f"fields[{kind[:100]}]"),
            hint=did_you_mean((name or kind)[:100], allowed),
        )


class Unauthenticated(Forbidden):
    """A request does not say who calls, or says so by a key that nobody has."""

    code = "unauthenticated"

    def __init__(self, header: str, *, problem: str) -> None:
        self.header = header
        shown = "`Authorization: Bearer …`" if header.lower() == "authorization" else f"the header `{header}`"
        super().__init__(
            f"This server asks for an API key in {shown}: {problem}.",
            hint="Ask whoever runs the server for a key, and send it with each request.",
        )


class LocalOnly(Forbidden):
    """A server that acts for one person on this machine was called from elsewhere."""

    code = "local-only"

    def __init__(self) -> None:
        super().__init__(
            "This server acts for the person at this machine and answers local requests only.",
            hint="Serve with a `scope_from` that finds out who calls, or name the host by `sorbus serve --hosts`.",
        )


class BadHostName(FrameworkError):
    """What is given as a name of the server is none that a request can be compared with."""

    code = "bad-host-name"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"`{name}` is no name by which this server can be known.",
            hint="Write the name alone, without scheme, port and path: `books.example.com`.",
        )


class DuplicatePath(DeclarationError):
    """Two resources are to be served under one path or with one type."""

    code = "duplicate-path"

    def __init__(self, what: str, *, first: str, second: str) -> None:
        super().__init__(
            f"`{first}` and `{second}` would both be {what} in JSON:API.",
            path=(second, "json_api"),
            hint="Give one of them another path; its last part is the type.",
        )


class BadApiPath(DeclarationError):
    """The path of a `json_api` section is none."""

    code = "bad-api-path"

    def __init__(self, resource: str, path: str) -> None:
        super().__init__(
            f"`{resource}.json_api` has the path `{path}`; a path looks like `/runs` or `/studio/runs`, "
            "in lower case letters, digits, `-` and `_`.",
            path=(resource, "json_api"),
        )


class ReservedName(DeclarationError):
    """A public field or an input bears a name that JSON:API keeps for itself."""

    code = "reserved-name"

    def __init__(self, resource: str, name: str, *, reserved: Iterable[str]) -> None:
        super().__init__(
            f"`{resource}.{name}` cannot be served by JSON:API, which keeps {listed(reserved)} for itself.",
            path=(resource, name),
            hint="Rename it, or make it private.",
        )


class NotExposable(DeclarationError):
    """A `json_api` section lists something that it cannot serve."""

    code = "not-exposable"

    def __init__(self, resource: str, what: str, *, problem: str, allowed: Iterable[str] = ()) -> None:
        allowed = list(allowed)
        choice = f" Allowed: {listed(allowed)}." if allowed else ""
        super().__init__(
            f"`{resource}.json_api` lists `{what}`, {problem}.{choice}",
            path=(resource, "json_api"),
            hint=did_you_mean(what, allowed),
        )


class AddressInUse(FrameworkError):
    """The server cannot listen on an address, because it is taken or not this machine's."""

    code = "address-in-use"

    def __init__(self, host: str, port: int, *, problem: str) -> None:
        super().__init__(
            f"The server cannot listen on {host}:{port}: {problem}.",
            hint="Choose another port with `--port`, or stop the process that holds this one.",
        )


class CrossOrigin(Forbidden):
    """A page was to change something at the request of a page from elsewhere."""

    code = "cross-origin"

    def __init__(self, origin: str) -> None:
        came = f"from `{origin[:200]}`" if origin else "without saying where it comes from"
        super().__init__(
            f"The request comes {came}, and only the pages of this server may change anything.",
            hint="Use the form on the page. Programs use the API.",
        )


class MalformedForm(Invalid):
    """The body of a request is no form."""

    code = "malformed-form"

    def __init__(self, problem: str) -> None:
        super().__init__(f"The body is no form: {problem[:200]}.", path=("form",))


class UnknownAct(Invalid):
    """A form asks for something that cannot be done to a run."""

    code = "unknown-act"

    def __init__(self, name: str, *, allowed: Iterable[str]) -> None:
        allowed = list(allowed)
        super().__init__(
            f"`{name[:100]}` is nothing that can be done to a run. What can be: {listed(allowed)}.",
            path=("form", "act"),
            hint=did_you_mean(name[:100], allowed),
        )


class PagesWithoutPipelines(FrameworkError):
    """The pages were asked for in an application that has nothing for them to show."""

    code = "pages-without-pipelines"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The application `{name}` has no pipelines, which is what the pages show.",
            path=(name,),
            hint="Make it with `pipeline_application(…)`, or leave `web_pages` out.",
        )
