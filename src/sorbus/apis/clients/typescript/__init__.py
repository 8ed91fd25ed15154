"""Clients in TypeScript: one module that needs nothing but `fetch`."""

from sorbus.apis.clients.typescript.module import typescript_client

__all__ = ["typescript_client"]
