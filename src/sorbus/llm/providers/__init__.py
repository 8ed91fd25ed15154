"""Providers: what stands behind the scheme of a model's name."""

from sorbus.llm.providers.base import Completion, Embedding, Piece, Provider

__all__ = ["Completion", "Embedding", "Piece", "Provider"]
