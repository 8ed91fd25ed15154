"""Calls in Python: a class for each resource, with a method for each call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sorbus.apis.clients.model import Call, CallKind, ClientModel, Related, Resource
from sorbus.apis.clients.python.resources import ResourceWriter, page_type
from sorbus.apis.clients.python.spelling import (
    KEYWORDS,
    TYPES_OF_MEMBERS,
    docstring,
    literal,
    mapping,
    snake_name,
)
from sorbus.apis.clients.python.types import TypeWriter
from sorbus.apis.clients.writing import FreeNames, TypeNames
from sorbus.resource.spelling import upper_camel

_OPTIONS = ("fields", "filter", "sort", "page", "timeout", "headers", "self")
"""The names of the options of calls, which no input has."""

_INIT = "    def __init__(self, sender: _Sender) -> None:\n        self._sender = sender\n"


class CallWriter:
    """Writes the calls of all resources.

    Attributes:
        members: the names of resources in the client.
    """

    def __init__(
        self, model: ClientModel, names: TypeNames, types: TypeWriter, resources: ResourceWriter
    ) -> None:
        self.model = model
        self.names = names
        self.types = types
        self.resources = resources
        free = FreeNames({*TYPES_OF_MEMBERS, *KEYWORDS, "self", "aclose"})
        self.members = {
            each.name: free.of(name := snake_name(each.type), f"{name}_") for each in model.served
        }

    def definitions(self) -> Iterator[str]:
        """The classes of each resource's calls."""
        for resource in self.model.served:
            related = [(each, self._related_name(resource, each)) for each in resource.related]
            for each, name in related:
                yield self._related(resource, each, name)
            init = _INIT
            if related:
                holder = self.names.of(resource.name, "Related")
                yield self._holder(resource, holder, related)
                init += f"        self.related = {holder}(sender)\n"
            # An action may be called like the list of all; nothing here is annotated with it.
            free = FreeNames({*(TYPES_OF_MEMBERS - {"list"}), *KEYWORDS, "related"})
            methods = [
                self._method(resource, free.of(each.name, f"{each.name}_action"), each)
                for each in resource.calls
            ]
            about = docstring(f"What can be asked of {resource.type}.", 1)
            body = "\n".join([init, *methods])
            yield f"class {self.names.of(resource.name, 'Calls')}:\n{about}\n{body}"

    def _related_name(self, resource: Resource, related: Related) -> str:
        return self.names.of(resource.name, f"{upper_camel(related.way.name)}Calls")

    def _related(self, resource: Resource, related: Related, name: str) -> str:
        methods = [self._method(resource, each.name, each) for each in related.calls]
        about = docstring(related.way.description or f"What `{related.way.name}` leads to.", 1)
        return f"class {name}:\n{about}\n" + "\n".join([_INIT, *methods])

    def _holder(self, resource: Resource, holder: str, related: list[tuple[Related, str]]) -> str:
        names = self.resources.fields[resource.name]
        lines = "".join(f"        self.{names[each.way.name]} = {name}(sender)\n" for each, name in related)
        about = docstring(f"What the relationships of {resource.type} lead to.", 1)
        return f"class {holder}:\n{about}\n    def __init__(self, sender: _Sender) -> None:\n{lines}"

    def _method(self, resource: Resource, name: str, call: Call) -> str:
        about = self.model.resources[call.about]
        head, last = self._head(resource, call, about), self._last(resource, call)
        answer = self._answer(call, about)
        text = docstring(call.description or upper_camel(call.name), 2)
        if call.kind in {CallKind.CREATE, CallKind.UPDATE} and not _only_plain(about):
            answer = f"{answer} | None"
            return self._overloaded(about, name, head, last) + text + self._body(resource, call, answer)
        arguments = ", ".join([*head, *self._choices(call, about), *last])
        return f"    async def {name}({arguments}) -> {answer}:\n{text}{self._body(resource, call, answer)}"

    def _head(self, resource: Resource, call: Call, about: Resource) -> list[str]:
        """The arguments by position."""
        made = ["self"]
        if call.member:
            made.append(f"id: {self.types.type(resource.key.type)}")
        if call.kind is CallKind.LINK:
            key = self.types.type(about.key.type)
            one = f"key: {key} | None" if call.optional else f"key: {key}"
            made.append(f"keys: Sequence[{key}]" if call.many else one)
        return [*made, "/", "*"] if len(made) > 1 else [*made, "*"]

    def _choices(self, call: Call, about: Resource) -> list[str]:
        """The arguments that say what is shown."""
        made: list[str] = []
        if call.kind.shows:
            made.append(f"fields: {self.resources.selection(about)} | None = None")
        if call.kind.lists:
            made.append(f"filter: {self.resources.filter(about)} | None = None")
            if about.sorts:
                made.append(f"sort: Sequence[{self.resources.sort(about)}] = ()")
            made.append(f"page: {page_type(counted=call.counted)} | None = None")
        return made

    def _last(self, resource: Resource, call: Call) -> list[str]:
        made = ["timeout: float | None = None", "headers: Mapping[str, str] | None = None"]
        if call.given:
            made.append(f"**inputs: Unpack[{self._inputs(resource, call)}]")
        return made

    def _overloaded(self, about: Resource, name: str, head: list[str], last: list[str]) -> str:
        """A write answers with None when more is chosen than the record's own values and the caller may not read it."""
        record = self.names.records[about.name]
        plain, every = self.resources.plain_type(about), self.resources.selection(about)

        def signature(fields: str, answer: str) -> str:
            return f"    async def {name}({', '.join([*head, f'fields: {fields}', *last])}) -> {answer}:"

        return (
            f"    @overload\n{signature(f'Sequence[{plain}] | None = None', record)} ...\n"
            f"    @overload\n{signature(every, f'{record} | None')} ...\n"
            f"{signature('Sequence[Any] | None = None', f'{record} | None')}\n"
        )

    def _answer(self, call: Call, about: Resource) -> str:
        record, key = self.names.records[about.name], self.types.type(about.key.type)
        match call.kind:
            case CallKind.LIST | CallKind.RELATED_LIST:
                return f"Page[{record}]"
            case CallKind.GET | CallKind.CREATE | CallKind.UPDATE:
                return record
            case CallKind.RELATED:
                return f"{record} | None"
            case CallKind.IDENTIFIERS:
                return f"Page[{key}]"
            case CallKind.IDENTIFIER:
                return f"{key} | None"
            case CallKind.RUN if call.answer is not None:
                return self.types.type(call.answer)
            case _:
                return "None"

    def _body(self, resource: Resource, call: Call, answer: str) -> str:
        table = self._table(resource, call)
        sent = f"await self._sender.{self._sent(call)}"
        if call.kind in {CallKind.DESTROY, CallKind.LINK}:
            return f"        call = {table}\n        {sent}\n"
        typed = sent if answer == "Any" else f"cast({literal(answer)}, {sent})"
        return f"        call = {table}\n        return {typed}\n"

    def _sent(self, call: Call) -> str:
        """The call of the sender."""
        about = self.model.resources[call.about]
        said = ["fields=fields"] if call.kind.shows else []
        if call.kind.lists:
            said += ["filter=filter", "page=page", *(["sort=sort"] if about.sorts else [])]
        asked = f"_Asked({', '.join([*said, 'timeout=timeout', 'headers=headers'])})"
        key = "id" if call.member else "None"
        inputs = "inputs" if call.given else "{}"
        match call.kind:
            case CallKind.LIST | CallKind.RELATED_LIST:
                return f"pages(call, {key}, {inputs}, {asked})"
            case CallKind.GET | CallKind.CREATE | CallKind.UPDATE | CallKind.RELATED:
                return f"record(call, {key}, {inputs}, {asked})"
            case CallKind.IDENTIFIERS:
                return f"keys(call, {key}, {asked})"
            case CallKind.IDENTIFIER:
                return f"key(call, {key}, {asked})"
            case CallKind.RUN if call.answer is not None:
                return f"run(call, {inputs}, {asked}, {self.types.reader(call.answer)})"
            case CallKind.LINK:
                return f"link(call, {key}, {'keys' if call.many else 'key'}, {asked})"
            case _:
                return f"do(call, {key}, {inputs}, {asked})"

    def _table(self, resource: Resource, call: Call) -> str:
        names = _input_names(call)
        inputs = {names[each.name]: "id" if each is call.client_id else each.wire for each in call.given}
        files = [literal(names[each.name]) for each in call.inputs if each.file]
        about = self.model.resources[call.about].type
        parts = [literal(each) for each in (call.method, call.path, resource.type, about)]
        if inputs:
            parts.append(f"inputs={mapping(inputs)}")
        if files:
            parts.append(f"files=frozenset({{{', '.join(files)}}})")
        if call.client_id is not None:
            parts.append("client_id=True")
        return f"_Call({', '.join(parts)})"

    def _inputs(self, resource: Resource, call: Call) -> str:
        """Write the typed dictionary of the inputs of a call."""
        made = self.names.of(resource.name, f"{upper_camel(call.action)}Inputs")
        names = _input_names(call)
        self.types.typed_dict(
            made,
            {names[each.name]: self.types.type(each.type, given=True) for each in call.given},
            required=[names[each.name] for each in call.given if each.required],
        )
        return made


def _only_plain(resource: Resource) -> bool:
    """Whether nothing can be chosen but the record's own values."""
    return not resource.includes and all(each.unasked for each in resource.fields)


def _input_names(call: Call) -> Mapping[str, str]:
    free = FreeNames({*_OPTIONS, *KEYWORDS})
    return {
        each.name: free.of(name := "id" if each is call.client_id else each.name, f"{name}_")
        for each in call.given
    }
