"""MCP: the listed actions as tools for language models, over HTTP and over standard input and output."""

from sorbus.apis.mcp.application import PATH, McpInterface, has_mcp, mcp_api
from sorbus.apis.mcp.protocol import HANDSHAKE_VERSIONS, MODERN_VERSIONS
from sorbus.apis.mcp.server import McpServer, server_of
from sorbus.apis.mcp.stdio import serve_stdio
from sorbus.apis.mcp.tools import Tool, Tools, tools_of

__all__ = [
    "HANDSHAKE_VERSIONS",
    "MODERN_VERSIONS",
    "PATH",
    "McpInterface",
    "McpServer",
    "Tool",
    "Tools",
    "has_mcp",
    "mcp_api",
    "server_of",
    "serve_stdio",
    "tools_of",
]
