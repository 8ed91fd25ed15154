"""A process that spends until it is killed: `spend_worker.py URL MODEL jobs|calls`.

With `jobs` it works on runs; with `calls` it runs no jobs and asks the model one question of its own.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from tests.integration.pipelines.helpers import application
from tests.integration.pipelines.spender import ANSWER, SPENDER, spend

from sorbus.llm import ModelClient, ModelConfig, PriceTable, Retries

LIFETIME = 60.0


async def main(url: str, model: str, what: str) -> None:
    """Spend."""
    config = ModelConfig(model=model, retries=Retries(attempts=1), timeout=LIFETIME)
    prices = PriceTable.shipped().with_prices({model.replace("#", ":"): ("1000000", "1000000")})
    options: dict[str, Any] = {"domains": [SPENDER], "pipelines": [spend()], "run_jobs": what == "jobs"}
    app = application(url, models=lambda sink: ModelClient(config, sink=sink, prices=prices), **options)
    async with asyncio.timeout(LIFETIME), app:
        if what == "calls":
            client = app.service(ModelClient)
            assert client is not None
            await client.generate_text("aa", max_tokens=ANSWER)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
