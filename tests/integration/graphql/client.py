"""A client that speaks GraphQL over HTTP and says what came back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from tests.integration.callers import Caller
from yarl import URL


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str
    json: Any = field(default=None)

    @property
    def data(self) -> Any:
        assert "errors" not in self.json, self.text
        return self.json["data"]

    @property
    def errors(self) -> list[dict[str, Any]]:
        assert "errors" in self.json, self.text
        errors: list[dict[str, Any]] = self.json["errors"]
        assert all(each["message"] and each["extensions"]["code"] for each in errors)
        return errors

    @property
    def code(self) -> str:
        assert len(self.errors) == 1, self.errors
        return str(self.errors[0]["extensions"]["code"])


class Client:
    def __init__(self, session: aiohttp.ClientSession, url: str, person: Caller | None) -> None:
        self.session = session
        self.url = url
        self.person = person

    async def send(self, method: str = "POST", path: str = "/graphql", **options: Any) -> Answer:
        headers = {**(self.person.headers if self.person else {}), **options.pop("headers", {})}
        where = URL(self.url + path, encoded=True)
        async with self.session.request(method, where, headers=headers, **options) as reply:
            text = await reply.text()
            names = {name.lower(): value for name, value in reply.headers.items()}
            is_json = "json" in names.get("content-type", "") and text
            return Answer(reply.status, names, text, json.loads(text) if is_json else None)

    async def ask(self, query: str, variables: Any = None, **more: Any) -> Answer:
        """POST a document."""
        headers = {"content-type": "application/json", **more.pop("headers", {})}
        body: dict[str, Any] = {"query": query, **more}
        if variables is not None:
            body["variables"] = variables
        return await self.send(data=json.dumps(body), headers=headers)

    async def data(self, query: str, **variables: Any) -> Any:
        """The data of a document that must be answered."""
        answer = await self.ask(query, variables)
        assert answer.status == 200, answer.text
        return answer.data

    async def write(self, slug: str, title: str, **inputs: Any) -> dict[str, Any]:
        data = await self.data(
            "mutation ($input: CreateNoteInput!) {"
            " createNote(input: $input) { result { id slug title } errors { message } } }",
            input={"slug": slug, "title": title, **inputs},
        )
        assert data["createNote"]["errors"] == []
        found: dict[str, Any] = data["createNote"]["result"]
        return found
