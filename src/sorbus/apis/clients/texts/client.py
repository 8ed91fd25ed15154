# ---- values: from JSON to Python, and back ----

_NOTHING: Mapping[str, Any] = {}

_Reader = Callable[[Any], Any]
"""From a value in a document to one of Python.

Raises, when called:
    ValueError, TypeError: it is none of the type.
"""


_DURATION = re.compile(r"([+-]?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def _duration(text: str) -> _datetime.timedelta:
    """A duration of ISO 8601."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(text)
    sign, days, hours, minutes, seconds = found.groups()
    whole, _, part = (seconds or "0").partition(".")
    made = _datetime.timedelta(
        days=int(days or 0),
        hours=int(hours or 0),
        minutes=int(minutes or 0),
        seconds=int(whole),
        microseconds=int(part.ljust(6, "0")[:6]) if part else 0,
    )
    return -made if sign == "-" else made


def _duration_text(value: _datetime.timedelta) -> str:
    sign, value = ("-", -value) if value < _datetime.timedelta() else ("", value)
    return f"{sign}P{value.days}DT{value.seconds}.{value.microseconds:06}S"


def _exactly(*kinds: type) -> _Reader:
    def read(value: Any) -> Any:
        if type(value) not in kinds:
            raise ValueError(value)
        return value

    return read


def _from_text(make: Callable[[str], Any]) -> _Reader:
    def read(value: Any) -> Any:
        if type(value) is not str:
            raise ValueError(value)
        return make(value)

    return read


class _Read:
    """How values of each type are read."""

    text = _exactly(str)
    integer = _exactly(int)
    number = _exactly(int, float)
    truth = _exactly(bool)
    nothing = _exactly(type(None))
    uuid = _from_text(_uuid.UUID)
    date = _from_text(_datetime.date.fromisoformat)
    moment = _from_text(_datetime.datetime.fromisoformat)
    time = _from_text(_datetime.time.fromisoformat)
    duration = _from_text(_duration)
    decimal = _from_text(_decimal.Decimal)
    binary = _from_text(partial(base64.b64decode, validate=True))

    @staticmethod
    def json(value: Any) -> Any:
        return value

    @staticmethod
    def key(value: Any) -> Any:
        """A key that is a whole number, which documents have as a text."""
        return int(value)

    @staticmethod
    def literal(*values: Any) -> _Reader:
        def read(value: Any) -> Any:
            if not any(value == each and type(value) is type(each) for each in values):
                raise ValueError(value)
            return value

        return read

    @staticmethod
    def sequence(item: _Reader) -> _Reader:
        def read(value: Any) -> Any:
            return [item(each) for each in _exactly(list)(value)]

        return read

    @staticmethod
    def row(*items: _Reader) -> _Reader:
        def read(value: Any) -> Any:
            return tuple(item(each) for item, each in zip(items, value, strict=True))

        return read

    @staticmethod
    def mapping(inner: _Reader) -> _Reader:
        def read(value: Any) -> Any:
            return {name: inner(each) for name, each in _exactly(dict)(value).items()}

        return read

    @staticmethod
    def one_of(*options: _Reader) -> _Reader:
        def read(value: Any) -> Any:
            for option in options:
                try:
                    return option(value)
                except (LookupError, ValueError, TypeError, ArithmeticError):
                    continue
            raise ValueError(value)

        return read

    @staticmethod
    def named(name: str) -> _Reader:
        """A type that is described further down."""

        def read(value: Any) -> Any:
            return _NAMED[name](value)

        return read

    @staticmethod
    def document(kind: type[Any], members: Mapping[str, tuple[str, _Reader]]) -> _Reader:
        """A document as an instance of its class; members that it does not know are passed over."""

        def read(value: Any) -> Any:
            given = _exactly(dict)(value)
            known = ((wire, name, reader) for wire, (name, reader) in members.items() if wire in given)
            return kind(**{name: reader(given[wire]) for wire, name, reader in known})

        return read


class Document:
    """A value with members of its own, such as an embedded resource."""

    __slots__ = ()
    __wires__: ClassVar[Mapping[str, str]] = {}
    __loose__: ClassVar[frozenset[str]] = frozenset()
    """Members that may be missing."""


def _to_json(value: Any) -> Any:
    """A value as documents have it."""
    whole: Any = value
    match value:
        case Enum():
            return value.value
        case _datetime.timedelta():
            return _duration_text(value)
        case _datetime.date() | _datetime.time():
            return value.isoformat()
        case _uuid.UUID() | _decimal.Decimal():
            return str(value)
        case bytes():
            return base64.b64encode(value).decode()
        case Document():
            members = [(name, wire, getattr(value, name)) for name, wire in value.__wires__.items()]
            return {
                wire: _to_json(each)
                for name, wire, each in members
                if each is not None or name not in value.__loose__
            }
        case Mapping():
            return {name: _to_json(each) for name, each in whole.items()}
        case str() | None:
            return value
        case Sequence():
            return [_to_json(each) for each in whole]
        case _:
            return value


# ---- records ----


class NotChosen(AttributeError):
    """A field was read that the call did not ask for: name it in `fields`."""


class Record:
    """A record with the fields that were chosen; others raise `NotChosen`."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in self.__dataclass_fields__:
                raise NotChosen(f"`{name}` was not chosen: name it in `fields`.")
            raise AttributeError(f"{type(self).__name__} has no `{name}`.")

    def _chosen(self) -> dict[str, Any]:
        names: Iterable[str] = getattr(self, "__dataclass_fields__", {})
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record) or type(self) is not type(other):
            return NotImplemented
        return self._chosen() == other._chosen()

    def __hash__(self) -> int:
        return hash((type(self), getattr(self, "id", None)))

    def __repr__(self) -> str:
        names: Iterable[str] = getattr(self, "__dataclass_fields__", {})
        shown = ((name, getattr(self, name)) for name in names if hasattr(self, name))
        # What is related may lead back here.
        plain = (f"{name}={value!r}" for name, value in shown if not isinstance(value, (Record, Related)))
        return f"{type(self).__name__}({', '.join(plain)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedMeta:
    """What the server said about a list of related records.

    Attributes:
        truncated: whether there are more than it sends along.
        filtered: whether only those come that meet a filter.
        total: how many there are, when that was asked for.
        after, before: the cursors that lead on and back, where a page was asked for.
    """

    truncated: bool = False
    filtered: bool = False
    total: int | None = None
    after: str | None = None
    before: str | None = None


class Related[T](tuple[T, ...]):
    """Related records, with what the server said about their list in `meta`."""

    meta: RelatedMeta = RelatedMeta()


@dataclass(frozen=True, slots=True)
class _Shape:
    """How the records of one type are made.

    Attributes:
        key: from the text of the key.
        fields: by name: as they are spelled in documents, and how they are read.
        ways: by name: as they are spelled, and the type that they lead to.
    """

    record: type[Any]
    key: _Reader
    fields: Mapping[str, tuple[str, _Reader]]
    unasked: Sequence[str]
    ways: Mapping[str, tuple[str, str]]


class _Choice:
    """A selection taken apart: the fields of one record, and the choices behind its relationships."""

    def __init__(self, kind: str, selection: Iterable[Any]) -> None:
        self.kind = kind
        self.fields: list[str] = []
        self.ways: dict[str, tuple[_Choice, Mapping[str, Any]]] = {}
        for part in selection:
            if isinstance(part, str):
                self.fields.append(part)
                continue
            members: Mapping[str, Any] = part
            for name, value in members.items():
                target = _SHAPES[kind].ways[name][1]
                options = cast("Mapping[str, Any]", value if isinstance(value, Mapping) else {"fields": value})
                self.ways[name] = (_Choice(target, options["fields"]), options)

    def parameters(self) -> Iterator[tuple[str, str]]:
        """The parameters that ask for it."""
        fields: dict[str, dict[str, None]] = {}
        paths: list[str] = []
        yield from self._gather(fields, paths, "")
        if paths:
            yield "include", ",".join(paths)
        # Fields are said for each type, whichever way leads to its records; what a way did not ask for is left out.
        for kind, names in fields.items():
            yield f"fields[{kind}]", ",".join(names)

    def _gather(
        self, fields: dict[str, dict[str, None]], paths: list[str], before: str
    ) -> Iterator[tuple[str, str]]:
        shape, known = _SHAPES[self.kind], fields.setdefault(self.kind, {})
        known.update((shape.fields[name][0], None) for name in self.fields if name != "id")
        for name, (choice, options) in self.ways.items():
            wire, target = shape.ways[name]
            known[wire] = None
            path = before + wire
            paths.append(path)
            yield from _list_parameters(target, options, ("filter_included", "sort_included", "page_included"), f"[{path}]")
            yield from choice._gather(fields, paths, f"{path}.")


def _list_parameters(
    kind: str, options: Mapping[str, Any], names: tuple[str, str, str], suffix: str = ""
) -> Iterator[tuple[str, str]]:
    """The parameters that say which records of a list come, in what order, and how many."""
    if options.get("filter"):
        yield names[0] + suffix, json.dumps(_condition(kind, options["filter"]))
    if options.get("sort"):
        yield names[1] + suffix, ",".join(_term(kind, each) for each in options["sort"])
    page: Mapping[str, Any] = options.get("page") or _NOTHING
    for member, value in page.items():
        if value is not None:
            yield f"{names[2]}{suffix}[{member}]", _url_text(value)


def _condition(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A condition with the names of documents."""
    shape = _SHAPES[kind]
    made: dict[str, Any] = {}
    for name, value in given.items():
        if name in shape.fields:
            made[shape.fields[name][0]] = _to_json(value)
        elif name in shape.ways:
            wire, target = shape.ways[name]
            made[wire] = _condition(target, value)
        elif name in {"and", "or"}:
            made[name] = [_condition(kind, each) for each in value]
        else:
            made[name] = _condition(kind, value)
    return made


def _term(kind: str, term: str) -> str:
    """A term of a sort with the names of documents."""
    name = term.lstrip("+-")
    signs, made = term.removesuffix(name), list[str]()
    *ways, last = name.split(".")
    for way in ways:
        wire, kind = _SHAPES[kind].ways[way]
        made.append(wire)
    return signs + ".".join((*made, _SHAPES[kind].fields[last][0]))


class _Joiner:
    """The records of one document, joined: a record that is met twice by equal ways is one object."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        data: Any = answer.get("data") or []
        objects: list[Any] = [*answer.get("included", ())]
        objects += data if isinstance(data, list) else [data]
        self._known: dict[tuple[str, str], Any] = {(each["type"], each["id"]): each for each in objects}
        self._made: dict[tuple[_Choice | None, str, str], Any] = {}

    def record(self, identifier: Mapping[str, Any], choice: _Choice | None) -> Any:
        kind, key = identifier["type"], identifier["id"]
        found = self._made.get((choice, kind, key))
        if found is not None:
            return found
        source, shape = self._known[kind, key], _SHAPES[kind]
        record = self._made[choice, kind, key] = object.__new__(shape.record)
        for name in shape.unasked if choice is None else choice.fields:
            wire, read = shape.fields[name]
            value = shape.key(key) if name == "id" else read(source["attributes"][wire])
            object.__setattr__(record, name, value)
        for name, (inner, _) in choice.ways.items() if choice is not None else ():
            linkage = source.get("relationships", {}).get(shape.ways[name][0], {})
            object.__setattr__(record, name, self._related(linkage, inner))
        return record

    def _related(self, linkage: Mapping[str, Any], choice: _Choice) -> Any:
        data = linkage.get("data")
        if not isinstance(data, list):
            return None if data is None else self.record(cast("Mapping[str, Any]", data), choice)
        made = Related([self.record(each, choice) for each in cast("Sequence[Mapping[str, Any]]", data)])
        meta: Mapping[str, Any] = linkage.get("meta", {})
        page: Mapping[str, Any] = meta.get("page", {})
        if meta:
            made.meta = RelatedMeta(
                truncated=meta.get("truncated", False),
                filtered=meta.get("filtered", False),
                total=page.get("total"),
                after=page.get("after"),
                before=page.get("before"),
            )
        return made


# ---- pages ----


class PageOptions(TypedDict, total=False):
    """Where a list begins and how much of it comes; cursors are those of a page."""

    limit: int
    after: str
    before: str
    offset: int
    count: bool


class UncountedPageOptions(TypedDict, total=False):
    """The same, where the records may not be counted."""

    limit: int
    after: str
    before: str
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page[T]:
    """One page of a list. `async for each in page` goes over its items and those of all pages after it.

    Attributes:
        count: the number of all records, when it was asked for.
        after, before: the cursors that lead on and back; None at the end, and where pages go by position.
    """

    items: Sequence[T]
    count: int | None
    after: str | None
    before: str | None
    _onward: Callable[[], Awaitable[Page[T]]] | None
    _back: Callable[[], Awaitable[Page[T]]] | None

    @property
    def has_next(self) -> bool:
        """Whether there is a page after this one."""
        return self._onward is not None

    @property
    def has_previous(self) -> bool:
        """Whether there is a page before this one."""
        return self._back is not None

    async def next(self) -> Page[T] | None:
        """The page after this one, or None."""
        return None if self._onward is None else await self._onward()

    async def previous(self) -> Page[T] | None:
        """The page before this one, or None."""
        return None if self._back is None else await self._back()

    async def __aiter__(self) -> AsyncIterator[T]:
        page: Page[T] | None = self
        while page is not None:
            for each in page.items:
                yield each
            page = await page.next()


# ---- errors ----


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorObject:
    """One of the mistakes that an answer tells of.

    Attributes:
        pointer: where in the document it lies, as in `/data/attributes/title`.
        parameter: the parameter that it is about, as in `filter[title]`.
        hint: what to do about it.
        id: what the server's log calls it, when the server failed.
    """

    status: int
    code: ErrorCode | str
    title: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None
    hint: str | None = None
    id: str | None = None


class SorbusError(Exception):
    """A call that was refused or failed: the first mistake's code, and all of them in `errors`.

    `no-answer`, `timed-out` and `unreadable-answer` are the client's own codes, with the status 0 where no answer came.
    """

    def __init__(self, status: int, errors: Sequence[ErrorObject]) -> None:
        first = errors[0] if errors else None
        super().__init__(first.detail if first else f"The server answered with {status}.")
        self.status = status
        self.errors = tuple(errors)
        self.code: ErrorCode | str = first.code if first else "unreadable-answer"
        self.pointer = first.pointer if first else None
        self.parameter = first.parameter if first else None
        self.hint = first.hint if first else None


def _failed(status: int, code: ErrorCode, detail: str) -> SorbusError:
    return SorbusError(status, [ErrorObject(status=status, code=code, title=detail, detail=detail)])


def _error_object(given: Mapping[str, Any], status: int) -> ErrorObject:
    source: Mapping[str, str] = given.get("source", {})
    return ErrorObject(
        status=int(given.get("status", status)),
        code=given.get("code", "unreadable-answer"),
        title=given.get("title", ""),
        detail=given.get("detail", ""),
        pointer=source.get("pointer"),
        parameter=source.get("parameter"),
        hint=given.get("meta", {}).get("hint"),
        id=given.get("id"),
    )


# ---- sending ----

_MEDIA_TYPE = "application/vnd.api+json"
_TRIED_AGAIN = frozenset({429, 503})
_LONGEST_PAUSE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file to send."""

    data: bytes
    name: str
    content_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class _Call:
    """One call: its request, and how its inputs are spelled.

    Attributes:
        kind: the type of the path's own resource.
        about: the type of the records that it shows.
    """

    method: str
    path: str
    kind: str
    about: str
    inputs: Mapping[str, str] = field(default_factory=dict[str, str])
    files: frozenset[str] = frozenset()
    client_id: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What a caller says besides the inputs."""

    fields: Sequence[Any] | None = None
    filter: Any = None
    sort: Sequence[str] = ()
    page: Any = None
    timeout: float | None = None
    headers: Mapping[str, str] | None = None


class _Sender:
    """Sends calls and reads their answers."""

    def __init__(
        self, http: httpx.AsyncClient, base_url: str, headers: Mapping[str, str], timeout: float | None, retries: int
    ) -> None:
        self.http = http
        self._headers = headers
        self._base = base_url.rstrip("/") + _PREFIX
        self._timeout = timeout
        self._retries = retries

    async def record(self, call: _Call, key: Any, inputs: Mapping[str, Any], asked: _Asked) -> Any:
        """The record of an answer, or None."""
        choice = None if asked.fields is None else _Choice(call.about, asked.fields)
        parameters = list(choice.parameters()) if choice is not None else []
        answer = await self._ask(call, key, parameters, inputs, asked)
        data = answer.get("data")
        return None if data is None else _read(lambda: _Joiner(answer).record(data, choice))

    async def pages(self, call: _Call, key: Any, inputs: Mapping[str, Any], asked: _Asked) -> Page[Any]:
        """The page of an answer."""
        choice = None if asked.fields is None else _Choice(call.about, asked.fields)
        parameters = list(choice.parameters()) if choice is not None else []
        parameters += _list_parameters(call.about, _options_of(asked), ("filter", "sort", "page"))
        parameters += _input_parameters(call, inputs)
        return await self._page(call, key, _query(parameters), asked, lambda joiner, each: joiner.record(each, choice))

    async def keys(self, call: _Call, key: Any, asked: _Asked) -> Page[Any]:
        """A page of the keys of related records."""
        parameters = list(_list_parameters(call.about, _options_of(asked), ("filter", "sort", "page")))
        read = _SHAPES[call.about].key
        return await self._page(call, key, _query(parameters), asked, lambda _, each: read(each["id"]))

    async def key(self, call: _Call, key: Any, asked: _Asked) -> Any:
        """The key of a related record, or None."""
        data = (await self._ask(call, key, (), {}, asked)).get("data")
        return None if data is None else _read(lambda: _SHAPES[call.about].key(data["id"]))

    async def run(self, call: _Call, inputs: Mapping[str, Any], asked: _Asked, read: _Reader) -> Any:
        """What a generic action answers with."""
        answer = await self._ask(call, None, (), inputs, asked)
        return _read(lambda: read(answer["meta"]["result"]))

    async def do(self, call: _Call, key: Any, inputs: Mapping[str, Any], asked: _Asked) -> None:
        """A call without an answer."""
        await self._ask(call, key, (), inputs, asked)

    async def link(self, call: _Call, key: Any, keys: Any, asked: _Asked) -> None:
        """Change a relationship."""
        several = isinstance(keys, Sequence) and not isinstance(keys, str)
        one: Callable[[Any], Any] = lambda each: {"type": call.about, "id": _url_text(each)}  # noqa: E731
        data = [one(each) for each in cast("Sequence[Any]", keys)] if several else None if keys is None else one(keys)
        await self._send(call, self._url(call, key, ""), {"json": {"data": data}}, asked)

    async def _page(
        self, call: _Call, key: Any, query: str, asked: _Asked, read: Callable[[_Joiner, Any], Any]
    ) -> Page[Any]:
        answer = await self._send(call, self._url(call, key, query), {}, asked)

        def to(link: str | None) -> Callable[[], Awaitable[Page[Any]]] | None:
            return partial(self._page, call, key, _query_of(link), asked, read) if link else None

        def made() -> Page[Any]:
            joiner = _Joiner(answer)
            links, page = answer.get("links", {}), answer.get("meta", {}).get("page", {})
            following, preceding = links.get("next"), links.get("prev")
            return Page(
                items=[read(joiner, each) for each in answer["data"]],
                count=page.get("total"),
                after=_cursor_in(following, "page[after]"),
                before=_cursor_in(preceding, "page[before]"),
                _onward=to(following),
                _back=to(preceding),
            )

        return cast("Page[Any]", _read(made))

    async def _ask(
        self, call: _Call, key: Any, parameters: Iterable[tuple[str, str]], inputs: Mapping[str, Any], asked: _Asked
    ) -> Mapping[str, Any]:
        body = _body(call, inputs) if inputs else _NOTHING
        return await self._send(call, self._url(call, key, _query(parameters)), body, asked)

    def _url(self, call: _Call, key: Any, query: str) -> str:
        path = call.path.replace("{id}", _segment(key)) if "{id}" in call.path else call.path
        return self._base + path + (f"?{query}" if query else "")

    async def _send(self, call: _Call, url: str, body: Mapping[str, Any], asked: _Asked) -> Mapping[str, Any]:
        most = self._retries if call.method == "GET" else 0
        attempt = 0
        while True:
            pause = 0.1 * 2**attempt * (0.5 + random.random())  # noqa: S311
            try:
                response = await self._once(call.method, url, body, asked)
            except httpx.TimeoutException as error:
                raise _failed(0, "timed-out", f"No answer to {call.method} {call.path} came in time.") from error
            except httpx.HTTPError as error:
                if attempt >= most:
                    raise _failed(0, "no-answer", f"{call.method} {call.path} got no answer.") from error
            else:
                if attempt >= most or response.status_code not in _TRIED_AGAIN:
                    return _answer_of(response)
                wanted = response.headers.get("retry-after", "")
                pause = max(pause, float(wanted) if wanted.isdigit() else 0.0)
            await asyncio.sleep(min(pause, _LONGEST_PAUSE))
            attempt += 1

    async def _once(self, method: str, url: str, body: Mapping[str, Any], asked: _Asked) -> httpx.Response:
        headers = {"accept": _MEDIA_TYPE, **self._headers, **(asked.headers or {})}
        content: dict[str, Any] = {}
        if "json" in body:
            headers.setdefault("content-type", _MEDIA_TYPE)
            content = {"content": json.dumps(body["json"]).encode()}
        elif body:
            content = {"files": body["files"]}
        timeout = self._timeout if asked.timeout is None else asked.timeout
        return await self.http.request(method, url, headers=headers, timeout=timeout, **content)


def _read(make: Callable[[], Any]) -> Any:
    """What an answer holds.

    Raises:
        SorbusError: the answer is another than the declarations say.
    """
    try:
        return make()
    except (LookupError, ValueError, TypeError, ArithmeticError, AttributeError) as error:
        problem = "The answer is another than this client knows; make the client again."
        raise _failed(200, "unreadable-answer", f"{problem} ({error!r})"[:500]) from error


def _options_of(asked: _Asked) -> Mapping[str, Any]:
    return {"filter": asked.filter, "sort": asked.sort, "page": asked.page}


def _query(parameters: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters)


def _query_of(link: str) -> str:
    """The query of a link: the rest of it is known, and the client may see another address than the server."""
    return link.partition("?")[2]


def _cursor_in(link: str | None, name: str) -> str | None:
    return dict(parse_qsl(_query_of(link))).get(name) if link else None


def _input_parameters(call: _Call, inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The inputs of a read: a list is a parameter for each item."""
    for name, value in inputs.items():
        several = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
        items = cast("Sequence[Any]", value if several else [value])
        for each in items:
            yield call.inputs[name], _url_text(each)


def _url_text(value: Any) -> str:
    """A value as a text in an address."""
    found = _to_json(value)
    if found is None:
        return ""
    return found if isinstance(found, str) else json.dumps(found)


def _segment(key: Any) -> str:
    """A key as a part of a path; one that would be taken for a way through folders cannot be sent."""
    text = _url_text(key)
    if text in {"", ".", ".."}:
        raise ValueError(f"`{text}` cannot be a key in a path.")
    return quote(text, safe="")


def _body(call: _Call, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The inputs as a document, or as a form where there are files."""
    data: dict[str, Any] = {"type": call.kind}
    if call.client_id and "id" in inputs:
        data["id"] = _url_text(inputs["id"])
        inputs = {name: value for name, value in inputs.items() if name != "id"}
    files = {name: value for name, value in inputs.items() if name in call.files and value is not None}
    data["attributes"] = {
        call.inputs[name]: _to_json(value) for name, value in inputs.items() if name not in files
    }
    if not files:
        return {"json": {"data": data}}
    parts: list[tuple[str, tuple[str | None, bytes, str]]] = [
        ("data", (None, json.dumps({"data": data}).encode(), _MEDIA_TYPE))
    ]
    for name, value in files.items():
        several: Sequence[File] = [value] if isinstance(value, File) else value
        parts += [(call.inputs[name], (each.name, each.data, each.content_type)) for each in several]
    return {"files": parts}


def _answer_of(response: httpx.Response) -> Mapping[str, Any]:
    status = response.status_code
    if status == 204:
        return {}
    try:
        document = json.loads(response.content)
    except ValueError as error:
        raise _failed(status, "unreadable-answer", f"The answer with the status {status} is no JSON.") from error
    if response.is_success and isinstance(document, dict):
        return cast("Mapping[str, Any]", document)
    given: Any = cast("Mapping[str, Any]", document).get("errors", ()) if isinstance(document, dict) else ()
    raise SorbusError(status, [_error_object(each, status) for each in given])
