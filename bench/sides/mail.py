"""What both sides of the pipelines suite share: the mail, and the model that answers at once."""

from __future__ import annotations

from typing import Any

from sorbus.llm.client import ModelClient
from sorbus.llm.config import ModelConfig
from sorbus.llm.records import CallSink
from sorbus.testing.scripted import ScriptedProvider

TITLE = "Order of last week"
METADATA: dict[str, Any] = {"from": "Jane Doe <jane.doe@example.org>", "to": ["sales@example.com"]}
TEXT = """\
Dear team,

John Smith of Example Corp asks whether the order arrived on Monday, and whether the second crate was
among it. Please send the invoice by Friday, and tell us when the missing crate can be expected.

Our storehouse is closed on 3 March. Could you confirm the new address with Example Logistics?

Kind regards
Jane Doe

> On Tuesday the sales team wrote:
> the order has left our storehouse and should reach you within five days.
"""


def scripted_client(sink: CallSink | None) -> ModelClient:
    """A client whose model takes no time.

    Args:
        sink: where its calls are recorded; None records none.
    """
    config = ModelConfig(model="scripted:any", embed_model="scripted:any")
    return ModelClient(config, sink=sink, providers={"scripted": ScriptedProvider()})
