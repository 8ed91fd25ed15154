"""A small studio: articles that authors write and publish."""

from examples.studio.app import Article, Author, State, Studio, app

__all__ = ["Article", "Author", "State", "Studio", "app"]
