"""Web pages: runs as they get on, what they did, and what can be done about them."""

from sorbus.web.application import web_pages

__all__ = ["web_pages"]
