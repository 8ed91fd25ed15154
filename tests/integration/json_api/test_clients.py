"""Client libraries that know nothing of Sorbus: one from PyPI, one from npm."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.integration.json_api.atlas_server import Atlassed

pytestmark = pytest.mark.asyncio(loop_scope="session")

NPM = Path(__file__).parent / "npm_client"

MODELS: dict[str, Any] = {
    "articles": {
        "properties": {
            "title": {"type": "string"},
            "rating": {"type": ["integer", "null"]},
            "author_id": {"type": ["string", "null"]},
            "published_at": {"type": ["string", "null"]},
            "author": {"relation": "to-one", "resource": ["writers"]},
            "tags": {"relation": "to-many", "resource": ["tags"]},
        }
    },
    "writers": {"properties": {"name": {"type": "string"}}},
    "tags": {"properties": {"name": {"type": "string"}}},
}


def walk_with_jsonapi_client(url: str) -> None:
    from jsonapi_client import Filter, Inclusion, Modifier, Session
    from jsonapi_client.exceptions import DocumentError

    mark = uuid4().hex
    with Session(f"{url}/api", schema=MODELS) as session:
        writer = session.create_and_commit("writers", name="Bob")
        article = session.create("articles", title=mark, author=writer)
        article.commit()
        assert (article.title, article.author.name, article.rating) == (mark, "Bob", None)
        article.rating = 5
        article.commit()
        found = session.get("articles", Inclusion("author") + Filter(title=mark))
        assert [(each.title, each.rating) for each in found.resources] == [(mark, 5)]
        assert found.resources[0].author.name == "Bob"
        for _ in range(4):
            session.create_and_commit("articles", title=mark)
        pages = session.iterate("articles", Modifier(f"page[limit]=2&sort=title&filter[title]={mark}"))
        assert len(list(pages)) == 5, "it goes on by the links of the pages"
        article.delete()
        with suppress(ValueError):
            # This library reads a body even where 204 says that there is none.
            article.commit()
        with pytest.raises(DocumentError, match="404"):
            session.get("articles", article.id)


async def test_jsonapi_client_from_pypi(atlas: Atlassed) -> None:
    logging.getLogger("jsonapi_client").setLevel(logging.ERROR)
    await asyncio.to_thread(walk_with_jsonapi_client, atlas.url)


@pytest.mark.skipif(shutil.which("npm") is None, reason="node is not here")
async def test_kitsu_from_npm(atlas: Atlassed, tmp_path: Path) -> None:
    for name in ("package.json", "package-lock.json", "walk.js"):
        shutil.copy(NPM / name, tmp_path)

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    await asyncio.to_thread(run, "npm", "ci", "--no-audit", "--no-fund")
    seen = json.loads(await asyncio.to_thread(run, "node", "walk.js", f"{atlas.url}/api"))
    assert seen == {
        "writer": {"type": "writers", "name": "Ada"},
        "created": {"title": "Notes", "rating": 3},
        "read": {
            "title": "Notes",
            "author": "Ada",
            "tags": ["engines", "maths"],
            "rating": "not asked for",
        },
        "updated": 5,
        "list": {"titles": ["Notes"], "total": 1, "next": None},
        "either": 1,
        "related": ["engines", "maths"],
        "linkage": True,
        "refused": ["/data/attributes", "/data/attributes/titel"],
        "gone": "404",
    }
