"""The model client: providers, checked answers, streams, prices, records, and the models that run here."""

from sorbus.llm.answers import Classified, ObjectAnswer, TextAnswer, ToolTurn
from sorbus.llm.client import ModelClient
from sorbus.llm.config import ModelConfig, ModelRef, Retries
from sorbus.llm.ledger import Origin
from sorbus.llm.messages import CallKind, Message, ModelRequest, Prompt, Tool, ToolCall
from sorbus.llm.prices import Price, PriceTable
from sorbus.llm.prompting import prompt, prompted
from sorbus.llm.records import CallRecord, CallSink, CallStatus, MemorySink, Usage
from sorbus.llm.store import ModelState, ModelStore, StoredModel

__all__ = [
    "CallKind",
    "CallRecord",
    "CallSink",
    "CallStatus",
    "Classified",
    "MemorySink",
    "Message",
    "ModelClient",
    "ModelConfig",
    "ModelRef",
    "ModelRequest",
    "ModelState",
    "ModelStore",
    "ObjectAnswer",
    "Origin",
    "Price",
    "PriceTable",
    "Prompt",
    "Retries",
    "StoredModel",
    "TextAnswer",
    "Tool",
    "ToolCall",
    "ToolTurn",
    "Usage",
    "prompt",
    "prompted",
]
