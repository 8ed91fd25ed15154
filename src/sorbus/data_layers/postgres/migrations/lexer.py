"""Reading SQL text: tokens, statements with their places, and the names that an expression mentions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<comment>--[^\n]*)
  | (?P<block>/\*)
  | (?P<escape>[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z))
  | (?P<string>(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|\Z))
  | (?P<quoted>(?:[uU]&)?"(?:[^"]|"")*(?:"|\Z))
  | (?P<dollar>\$(?P<tag>(?:[^\W\d]\w*)?)\$)
  | (?P<word>[^\W\d][\w$]*)
  | (?P<number>\d[\w.]*)
  | (?P<semicolon>;)
  | (?P<cast>::)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_BLANK = frozenset({"space", "comment", "block"})


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `start` counts characters from the beginning of the text."""

    kind: str
    text: str
    start: int

    @property
    def name(self) -> str | None:
        """The identifier that this token spells, folded as PostgreSQL folds it, or None for other tokens."""
        if self.kind == "word":
            return self.text.lower()
        if self.kind == "quoted":
            return self.text[1:-1].replace('""', '"')
        return None


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement without its semicolon; `start` counts characters from the beginning of the file."""

    text: str
    start: int
    first_word: str


def tokens(sql: str) -> Iterator[Token]:
    """The tokens of the text, blanks and comments included: joined they give the text again."""
    at = 0
    while at < len(sql):
        match = _TOKEN.match(sql, at)
        if match is None:  # cannot happen: the last branch takes any character
            return
        kind, end = match.lastgroup or "other", match.end()
        if kind == "block":
            end = _block_end(sql, at)
        elif match["dollar"] is not None:
            kind = "string"
            close = sql.find(match["dollar"], end)
            end = len(sql) if close < 0 else close + len(match["dollar"])
        yield Token(kind, sql[at:end], at)
        at = end


def _block_end(sql: str, start: int) -> int:
    depth, at = 0, start
    for match in re.compile(r"/\*|\*/").finditer(sql, start):
        depth += 1 if match[0] == "/*" else -1
        at = match.end()
        if depth == 0:
            return at
    return len(sql)


def meaningful(sql: str) -> list[Token]:
    """The tokens without blanks and comments."""
    return [each for each in tokens(sql) if each.kind not in _BLANK]


def statements(sql: str) -> list[Statement]:
    """The statements of a script, each with its place.

    Strings, dollar quotes, nested comments, rules' parentheses and `BEGIN ATOMIC … END` bodies are
    understood.
    """
    found: list[Statement] = []
    current: list[Token] = []
    body = _Body()
    for token in tokens(sql):
        if token.kind in _BLANK and not current:
            continue
        if token.kind == "semicolon" and body.closed:
            _close(sql, current, found)
            current, body = [], _Body()
            continue
        current.append(token)
        body.see(token)
    _close(sql, current, found)
    return found


def _close(sql: str, current: list[Token], found: list[Statement]) -> None:
    while current and current[-1].kind in _BLANK:
        current.pop()
    if current:
        first, last = current[0], current[-1]
        text = sql[first.start : last.start + len(last.text)]
        found.append(Statement(text, first.start, first.text.upper()))


class _Body:
    """Whether a semicolon ends the statement: not within parentheses or an SQL function's `BEGIN ATOMIC`."""

    def __init__(self) -> None:
        self._parentheses = 0
        self._depth = 0
        self._words: list[str] = []

    @property
    def closed(self) -> bool:
        return self._parentheses == 0 and self._depth == 0

    def see(self, token: Token) -> None:
        if token.text in {"(", ")"}:
            self._parentheses = max(self._parentheses + (1 if token.text == "(" else -1), 0)
        if token.kind != "word":
            return
        word = token.text.upper()
        previous = self._words[-1] if self._words else ""
        self._words.append(word)
        if self._words[0] != "CREATE":
            return
        if (word == "ATOMIC" and previous == "BEGIN") or (self._depth and word == "CASE"):
            self._depth += 1
        elif self._depth and word == "END":
            self._depth -= 1


def mentions(sql: str | None, name: str) -> bool:
    """Whether the expression contains an identifier of that name. May err towards yes."""
    return sql is not None and any(each.name == name for each in meaningful(sql))


def renamed(sql: str, old: str, new: str) -> str:
    """The expression with one column renamed, as PostgreSQL itself does it in what it has stored."""
    parts = list(tokens(sql))
    solid = [place for place, each in enumerate(parts) if each.kind not in _BLANK]
    result = [each.text for each in parts]
    for order, place in enumerate(solid):
        token = parts[place]
        before = parts[solid[order - 1]].kind if order else ""
        after = parts[solid[order + 1]].text if order + 1 < len(solid) else ""
        if token.name == old and before != "cast" and after != "(":
            result[place] = plain_or_quoted(new)
    return "".join(result)


def without_word(sql: str, word: str) -> str:
    """The script without a keyword, wherever it stands outside strings, quotes and comments."""
    return "".join(
        "" if each.kind == "word" and each.text.lower() == word else each.text for each in tokens(sql)
    )


_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")

# What `pg_get_keywords()` of PostgreSQL 18 calls other than unreserved: bare, `user` is who logs in.
_KEYWORDS = """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit
    boolean both case cast char character check coalesce collate collation column concurrently
    constraint create cross current_catalog current_date current_role current_schema current_time
    current_timestamp current_user dec decimal default deferrable desc distinct do else end except
    exists extract false fetch float for foreign freeze from full grant greatest group grouping
    having ilike in initially inner inout int integer intersect interval into is isnull join json
    json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar
    json_serialize json_table json_value lateral leading least left like limit localtime
    localtimestamp merge_action national natural nchar none normalize not notnull null nullif
    numeric offset on only or order out outer overlaps overlay placing position precision primary
    real references returning right row select session_user setof similar smallint some substring
    symmetric system_user table tablesample then time timestamp to trailing treat trim true union
    unique user using values varchar variadic verbose when where window with xmlattributes xmlconcat
    xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
_RESERVED = frozenset(_KEYWORDS.split())


def plain_or_quoted(name: str) -> str:
    """The name bare when that is safe in an expression's comparison, else in double quotes."""
    return name if _PLAIN.match(name) and name not in _RESERVED else '"' + name.replace('"', '""') + '"'


_VALUE_WORDS = frozenset(
    {
        "user",
        "current_user",
        "session_user",
        "current_role",
        "current_date",
        "current_time",
        "current_timestamp",
    }
    | {
        "localtime",
        "localtimestamp",
        "null",
        "true",
        "false",
        "default",
        "all",
        "any",
        "and",
        "or",
        "not",
        "is",
    }
    | {"case", "when", "then", "else", "end", "in", "like"}
)


def same_sql(one: str | None, other: str | None) -> bool:
    """Whether two expressions are equal up to blanks, comments, case and quotes without meaning."""
    if one is None or other is None:
        return one is other
    return one == other or [_spelled(each) for each in meaningful(one)] == [
        _spelled(each) for each in meaningful(other)
    ]


def _spelled(token: Token) -> str:
    name = token.name
    return token.text if name is None or (token.kind == "quoted" and name in _VALUE_WORDS) else name
