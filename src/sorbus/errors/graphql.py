"""Errors of GraphQL: what a section cannot declare, and what a request cannot ask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sorbus.errors.base import Forbidden, Invalid
from sorbus.errors.declaration import DeclarationError
from sorbus.errors.hints import did_you_mean, listed


class NotInGraphql(DeclarationError):
    """A `graphql` section lists something that it cannot serve."""

    code = "not-in-graphql"

    def __init__(self, resource: str, what: str, *, problem: str, allowed: Iterable[str] = ()) -> None:
        allowed = list(allowed)
        choice = f" Allowed: {listed(allowed)}." if allowed else ""
        super().__init__(
            f"`{resource}.graphql` lists `{what}`, {problem}.{choice}",
            path=(resource, "graphql"),
            hint=did_you_mean(what, allowed),
        )


class BadGraphqlName(DeclarationError):
    """A name in the GraphQL schema is taken, or is none."""

    code = "bad-graphql-name"

    def __init__(self, resource: str, name: str, *, problem: str) -> None:
        super().__init__(
            f"`{resource}` would be served with the GraphQL name `{name}`, {problem}.",
            path=(resource, "graphql"),
            hint="Give the section another name for it: `GraphQL(…, type=…, plural=…, names={…})`.",
        )


class MalformedGraphqlRequest(Invalid):
    """A request is none that GraphQL over HTTP has: its parts are missing or of the wrong kind."""

    code = "malformed-graphql-request"

    def __init__(self, problem: str) -> None:
        super().__init__(f"The request is none of GraphQL: {problem}.")


class GraphqlSyntax(Invalid):
    """The text of a GraphQL document cannot be read.

    Attributes:
        locations: the lines and columns that the problem is at, from 1.
    """

    code = "graphql-syntax"

    def __init__(self, problem: str, *, locations: Sequence[tuple[int, int]] = ()) -> None:
        self.locations = tuple(locations)
        super().__init__(f"The document cannot be read: {problem[:500]}")


class GraphqlInvalid(Invalid):
    """A GraphQL document, or a variable of it, does not fit the schema.

    Attributes:
        problems: what is wrong, each with the lines and columns it is at.
    """

    code = "graphql-invalid"

    def __init__(self, problems: Sequence[tuple[str, Sequence[tuple[int, int]]]]) -> None:
        self.problems = tuple(problems)
        super().__init__("The document does not fit the schema: " + " ".join(text for text, _ in problems))


class QueryTooLarge(Invalid):
    """A GraphQL document asks for more than the server answers with at once."""

    code = "query-too-large"

    def __init__(self, what: str, *, limit: int, found: int | None = None) -> None:
        size = f" of {found}" if found is not None else ""
        super().__init__(
            f"The document has a {what}{size}; the server takes {limit} at most.",
            hint="Ask for fewer fields and shorter lists, or in several requests.",
        )


class BatchRefused(Invalid):
    """Several GraphQL requests came in one, and more than the server takes."""

    code = "batch-refused"

    def __init__(self, found: int, *, limit: int) -> None:
        allowed = f"takes {limit} at most" if limit else "takes one at a time"
        super().__init__(
            f"The body has a list of {found} requests, and the server {allowed}.",
            hint="Send them one by one, or as several fields of one document.",
        )


class PersistedQueryNotFound(Invalid):
    """The server does not know a document of this hash."""

    code = "persisted-query-not-found"

    def __init__(self) -> None:
        # The protocol of automatic persisted queries knows the case by this text.
        super().__init__("PersistedQueryNotFound", hint="Send the document along with its hash.")


class PersistedQueryMismatch(Invalid):
    """A document came with a hash that is not its own."""

    code = "persisted-query-mismatch"

    def __init__(self) -> None:
        super().__init__("The hash that came with the document is not its SHA-256.")


class QueryNotAllowed(Forbidden):
    """The server answers known documents only, and this is none of them."""

    code = "query-not-allowed"

    def __init__(self) -> None:
        super().__init__(
            "The server answers documents that it knows only, and this is none of them.",
            hint="Add the document to those that the server was started with.",
        )


class TooManyStreams(Invalid):
    """The server keeps as many streams of events open as it can.

    Attributes:
        retry_after: seconds after which it makes sense to try again.
    """

    code = "too-many-streams"
    retry_after = 5.0

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The server keeps {limit} streams open at most, and there is no room for another one.",
            hint="Try again in a moment.",
        )


class TooManyOwnStreams(Invalid):
    """A caller keeps as many streams of events open as one caller may.

    Attributes:
        retry_after: seconds after which it makes sense to try again.
    """

    code = "too-many-own-streams"
    retry_after = 5.0

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"One caller keeps {limit} streams open at most; a socket is one, and each operation on it another.",
            hint="End one that is not needed any more, then try again.",
        )


class TooManyOperations(Invalid):
    """A socket carries as many operations at once as it may."""

    code = "too-many-operations"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"A socket carries {limit} operations at once, and as many are under way.",
            hint="Complete one of them first, or open another socket.",
        )


class ForeignSocket(Forbidden):
    """A web page from elsewhere opens a socket, for which browsers do not ask the server first."""

    code = "foreign-socket"

    def __init__(self, origin: str, *, host: str) -> None:
        super().__init__(
            f"The socket is opened by a page of `{origin[:200]}`, and this server is `{host[:200]}`.",
            hint="Allow the page by `GraphqlInterface(origins=[…])`; behind a proxy, let `Host` through as it came.",
        )


class UploadMismatch(Invalid):
    """The files of a GraphQL request and its map do not fit each other."""

    code = "upload-mismatch"

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"The files do not fit the request: {problem[:300]}.",
            hint='`operations` has null where a file belongs, and `map` says which: {"0": ["variables.file"]}.',
        )


class PreflightMissing(Invalid):
    """A form for GraphQL came without a header that a page from elsewhere could not send unasked."""

    code = "preflight-missing"

    def __init__(self, headers: Iterable[str]) -> None:
        super().__init__(
            "A request with files needs a header that makes browsers ask before they send it across sites.",
            hint=f"Send one of {listed(headers)}, with any value.",
        )


class MalformedContract(Invalid):
    """A file that should hold an earlier GraphQL schema holds none."""

    code = "malformed-contract"

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"The file holds no GraphQL schema: {problem[:300]}",
            hint="Write one with `sorbus contracts accept`.",
        )
