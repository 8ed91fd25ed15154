"""A domain whose names and texts would break out of generated code, if anything could."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Annotated, Literal, NotRequired, TypedDict
from uuid import UUID

from sorbus import (
    UNCHANGED,
    Arg,
    Attr,
    Domain,
    Json,
    JsonApi,
    Many,
    One,
    Policies,
    Postgres,
    Query,
    Resource,
    Scope,
    Tagged,
    action,
    attribute,
    authorize_if,
    belongs_to,
    has_many,
    policy,
    uuid_primary_key,
)

OPEN = Policies(policy("any", authorize_if(True)))

BREAKING_OUT = 'end */ """ \'\'\' ` ${process.exit(9)} {0} %s \\" \\\n\r\u2028\x07 raise SystemExit(9) // #'


class Quote(StrEnum):
    """Of these no sign is harmless: */ and \"\"\" and \\."""

    STAR = "*/"
    DOUBLE = '"'
    TRIPLE = '"""'
    BACK = "\\"
    LINE = "a\nb"
    EMPTY = ""
    NAME = "name"
    SAME = "a b"
    SAME_AGAIN = "a-b"
    TICK = "`${1}`"
    FAR = "😀\u2028"


class Mixed(Enum):
    ONE = 1
    WORD = "word"


Odd = TypedDict("Odd", {"a-b": int, "class": NotRequired[str], '*/"': str})


@dataclass(frozen=True)
class Promise:
    """Called like something that the language has."""

    str: int
    then: str = ""


@dataclass(frozen=True)
class Leaf:
    value: int


@dataclass(frozen=True)
class Branch:
    """Refers to itself."""

    left: Branch | None = None
    leaves: tuple[Leaf, ...] = ()


Tree = Annotated[Promise | Branch, Tagged("kind", promise=Promise, branch=Branch)]


class Client(Resource):
    """Called like the client itself."""

    id: Attr[UUID] = uuid_primary_key(writable=True)
    str: Attr[str] = attribute(default="", public=True, description=BREAKING_OUT)
    constructor: Attr[int] = attribute(default=0, public=True)
    then: Attr[bool] = attribute(default=False, public=True)
    timeout: Attr[int] = attribute(default=0, public=True)
    delete_at_once: Attr[int | None] = attribute(default=None, public=True)
    quote: Attr[Quote] = attribute(default=Quote.STAR, public=True)
    literal: Attr[Literal["*/", '"', "`", "\\"]] = attribute(default='"', public=True)
    odd: Attr[Odd | None] = attribute(default=None, public=True)
    tree: Attr[Tree | None] = attribute(default=None, public=True)
    pages: Many[Page] = has_many(public=True, via=lambda page: page.client_id)

    @action.create
    def open(
        self,
        scope: Scope,
        id: UUID = UNCHANGED,
        str: str = "",
        timeout: int = 0,
        delete_at_once: int | None = None,
        quote: Quote = Quote.STAR,
        odd: Odd | None = None,
        tree: Tree | None = None,
    ) -> None:
        """Open one; */ \"\"\" ` ${1}"""

    @action.update
    def constructor_of(self, scope: Scope, str: str = UNCHANGED) -> None:
        """Called like what every object has."""

    @action.update
    def merge(self, scope: Scope, key: Arg[UUID], filter: Arg[str] = "") -> None:
        """With inputs that are called like what a call has anyway."""
        self.str = f"{key} {filter}"

    @action.read
    @classmethod
    def list(cls, scope: Scope, quote: Quote) -> Query[Client]:
        """Called like the list of all."""
        return cls.query().where(cls.quote == quote)

    @action.generic
    @classmethod
    async def then_(cls, scope: Scope, mixed: Mixed = Mixed.ONE, fields: list[str] = []) -> Json:  # noqa: B006
        """Called nearly like what promises have."""
        return {"mixed": mixed.value, "fields": fields}

    storage = Postgres("strange_clients")
    policies = OPEN
    json_api = JsonApi(
        "/client-records", "get", "index", open, constructor_of, merge, list, then_, names="dash"
    )


class Page(Resource):
    """Called like a page of a list."""

    id: Attr[UUID] = uuid_primary_key()
    client_id: Attr[UUID] = attribute(public=True)
    client: One[Client] = belongs_to(via=client_id, public=True)

    @action.create
    def turn(self, scope: Scope, client_id: UUID) -> None:
        """Turn one."""

    storage = Postgres("strange_pages")
    policies = OPEN
    json_api = JsonApi("/2-then", "get", "index", turn, names="dash")


Strange = Domain("strange", resources=[Client, Page])
