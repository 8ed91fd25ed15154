"""Web pages: runs as they get on, what they did, and what can be done about them."""

from sorbus.web.application import has_pages, web_pages

__all__ = ["has_pages", "web_pages"]
