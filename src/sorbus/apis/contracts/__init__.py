"""Contracts: what an interface promises its clients, compared with what it promised before."""

from sorbus.apis.contracts.changes import Change, Severity, told
from sorbus.apis.contracts.openapi import compare_openapi
from sorbus.apis.contracts.schemas import Direction, SchemaComparison
from sorbus.apis.contracts.sdl import compare_sdl
from sorbus.apis.contracts.tools import compare_tools

__all__ = [
    "Change",
    "Direction",
    "SchemaComparison",
    "Severity",
    "compare_openapi",
    "compare_sdl",
    "compare_tools",
    "told",
]
