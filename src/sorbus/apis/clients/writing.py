"""What the writers of all languages have in common: names that are free, and texts that stay texts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from sorbus.apis.clients.model import ClientModel, Filter, Resource
from sorbus.resource.spelling import upper_camel

OWN_CODES = ("no-answer", "timed-out", "unreadable-answer")
"""The codes of errors that clients raise by themselves."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class FreeNames:
    """Gives each thing a name that nothing else has.

    Args:
        taken: names that nothing may have.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def of(self, wanted: str, *others: str) -> str:
        """The name; where it is taken one of the others, and else the last of them with a number."""
        number, base = 1, (wanted, *others)[-1]
        candidates = [wanted, *others]
        while candidates[0] in self._taken:
            candidates.pop(0)
            if not candidates:
                number += 1
                candidates = [f"{base}{number}"]
        self._taken.add(candidates[0])
        return candidates[0]


class TypeNames:
    """The names of types in a module.

    Args:
        taken: names that the language, and the part of the module that is always the same, have.

    Attributes:
        free: for further ones.
        records: by the names of resources.
        named: by the names of the model's types.
    """

    def __init__(self, model: ClientModel, taken: Iterable[str]) -> None:
        self.free = FreeNames(taken)
        self.records = {name: self.free.of(name, f"{name}Record") for name in model.resources}
        self.named = {name: self.free.of(name, f"{name}Value") for name in model.named}
        self._owned: dict[tuple[str, str], str] = {}

    def of(self, resource: str, suffix: str) -> str:
        """The name of something that belongs to a resource; the same each time."""
        key = (resource, suffix)
        if key not in self._owned:
            self._owned[key] = self.free.of(self.records[resource] + suffix)
        return self._owned[key]


def operators_name(resource: Resource, field: Filter, operand: str) -> str:
    """What the type of what a field can be asked is called: by the type of the operand, where that has a name."""
    if field.operators == ("is_nil",):
        return "NullOperators"
    base = operand.partition(" ")[0].rpartition(".")[2]
    own = resource.name + upper_camel(field.name)
    return f"{upper_camel(base) if base.isidentifier() else own}Operators"


def one_line(text: str) -> str:
    """A text without line breaks and other signs that a compiler may see something in."""
    return " ".join(_CONTROL.sub(" ", text).split())


def codes_of(model: ClientModel) -> list[str]:
    """Every code that an error of a client may have, as far as it is known."""
    return sorted({*model.codes, *OWN_CODES})


@cache
def runtime_of(language: str, parts: tuple[str, ...]) -> str:
    """The part of a client that is the same for every application."""
    folder = files("sorbus.apis.clients").joinpath(language, "texts")
    return (
        "\n\n".join(folder.joinpath(each).read_text(encoding="utf-8").rstrip("\n") for each in parts) + "\n"
    )
