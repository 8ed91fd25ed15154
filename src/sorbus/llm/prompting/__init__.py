"""Prompted actions: generic actions whose body is a typed question to a model, which may call other actions."""

from sorbus.llm.prompting.body import prompt, prompted

__all__ = ["prompt", "prompted"]
