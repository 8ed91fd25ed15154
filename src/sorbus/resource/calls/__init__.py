"""Calls from outside by name: what an action takes and answers as plain data, whoever asks for it."""

from sorbus.resource.calls.arguments import key_argument, list_arguments
from sorbus.resource.calls.call import LIST_ARGUMENTS, Call, CallKind, calls_of
from sorbus.resource.calls.records import Records
from sorbus.resource.calls.running import run_call
from sorbus.resource.calls.schemas import input_schema, output_schema

__all__ = [
    "LIST_ARGUMENTS",
    "Call",
    "CallKind",
    "Records",
    "calls_of",
    "input_schema",
    "key_argument",
    "list_arguments",
    "output_schema",
    "run_call",
]
