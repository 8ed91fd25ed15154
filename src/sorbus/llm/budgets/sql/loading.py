"""Reads the statements of this folder."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def sql(name: str) -> str:
    """The text of `<name>.sql` in this folder, read once.

    Raises:
        FileNotFoundError: there is no such file.
    """
    return files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
