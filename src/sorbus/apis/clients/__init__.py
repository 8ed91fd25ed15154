"""Typed clients of an application, generated from what its JSON:API shows."""

from sorbus.apis.clients.model import ClientModel
from sorbus.apis.clients.python import python_client
from sorbus.apis.clients.reading import client_model
from sorbus.apis.clients.typescript import typescript_client

__all__ = ["ClientModel", "client_model", "python_client", "typescript_client"]
