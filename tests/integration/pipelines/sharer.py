"""A worker process with a model that takes a moment: `sharer.py OPTIONS-AS-JSON`; it ends with its standard input."""

from __future__ import annotations

import asyncio
import json
import sys

from tests.integration.pipelines.helpers import application, scripted

from sorbus.testing.scripted import ScriptedProvider

LIFETIME = 90.0


async def main(url: str) -> None:
    models = scripted(ScriptedProvider(delay=0.05))
    async with asyncio.timeout(LIFETIME), application(url, models=models, concurrency=4, pool_size=4):
        print("READY", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])["url"]))
