"""What the tests of the atlas have in common: its server, and short ways to make records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.integration.json_api.atlas import Remark
from tests.integration.json_api.client import Client

from sorbus import Sorbus


@dataclass(frozen=True)
class Atlassed:
    """The application of the atlas, and the URL of its server."""

    app: Sorbus
    url: str


async def made(api: Client, path: str, **attributes: Any) -> dict[str, Any]:
    """A new record of a collection."""
    answer = await api.send("POST", path, {"type": path.strip("/"), "attributes": attributes})
    assert answer.status == 201, answer.text
    found: dict[str, Any] = answer.data
    return found


async def tag(api: Client, name: str) -> str:
    """The key of a new tag."""
    key = str(uuid4())
    answer = await api.send("POST", "/tags", {"type": "tags", "id": key, "attributes": {"name": name}})
    assert answer.status == 201, answer.text
    return key


async def remark(atlas: Atlassed, article: Any, text: str, place: int = 0) -> None:
    """A new remark on an article; nothing serves its creation."""
    await Remark.say(atlas.app.scope(), article_id=article, text=text, place=place)
