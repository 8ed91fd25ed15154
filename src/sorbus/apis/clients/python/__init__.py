"""Clients in Python: one module that needs nothing but httpx2."""

from sorbus.apis.clients.python.module import python_client

__all__ = ["python_client"]
