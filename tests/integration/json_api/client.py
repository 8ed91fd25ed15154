"""A client that speaks JSON:API and says what came back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from tests.integration.callers import Caller
from yarl import URL

MEDIA_TYPE = "application/vnd.api+json"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str
    json: Any = field(default=None)

    @property
    def data(self) -> Any:
        assert self.json is not None, self.text
        assert "data" in self.json, self.text
        return self.json["data"]

    @property
    def errors(self) -> list[dict[str, Any]]:
        errors: list[dict[str, Any]] = self.json["errors"]
        assert all(each["status"].isdigit() for each in errors)
        return errors

    @property
    def error(self) -> dict[str, Any]:
        assert len(self.errors) == 1, self.errors
        return self.errors[0]


class Client:
    def __init__(self, session: aiohttp.ClientSession, url: str, person: Caller | None) -> None:
        self.session = session
        self.url = url
        self.person = person

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        headers = {**(self.person.headers if self.person else {}), **options.pop("headers", {})}
        where = URL(self.url + path, encoded=True)
        async with self.session.request(method, where, headers=headers, **options) as reply:
            text = await reply.text()
            names = {name.lower(): value for name, value in reply.headers.items()}
            is_json = "json" in names.get("content-type", "") and text
            return Answer(reply.status, names, text, json.loads(text) if is_json else None)

    async def get(self, path: str, **parameters: Any) -> Answer:
        """GET; parameters such as `page={"limit": 2}` become `page[limit]=2`."""
        pairs: list[tuple[str, str]] = []
        for name, value in parameters.items():
            if isinstance(value, dict):
                pairs.extend((f"{name}{_brackets(key)}", str(each)) for key, each in value.items())
            else:
                pairs.append((name, str(value)))
        query = urlencode(pairs, quote_via=quote)
        return await self.ask("GET", f"/api{path}" + (f"?{query}" if query else ""))

    async def send(self, method: str, path: str, data: Any = None, **options: Any) -> Answer:
        body = None if data is None else json.dumps({"data": data})
        headers = {"content-type": MEDIA_TYPE} if body is not None else {}
        return await self.ask(method, f"/api{path}", data=body, headers=headers, **options)

    async def write(self, slug: str, title: str, **attributes: Any) -> dict[str, Any]:
        answer = await self.send(
            "POST", "/notes", {"type": "notes", "attributes": {"slug": slug, "title": title, **attributes}}
        )
        assert answer.status == 201, answer.text
        data: dict[str, Any] = answer.data
        return data


def _brackets(key: Any) -> str:
    parts = key if isinstance(key, tuple) else (key,)
    return "".join(f"[{part}]" for part in parts)
