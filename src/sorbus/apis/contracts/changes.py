"""Changes of a contract: what is different, how bad it is, and for whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a change does to clients that were written for the earlier contract.

    `BREAKING` ones fail, `RISKY` ones fail where a client relies on more than was promised, such as that there are
    no further values of an enumeration.
    """

    BREAKING = "breaking"
    RISKY = "risky"
    COMPATIBLE = "compatible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change.

    Attributes:
        where: the operation or type, such as `POST /notes`.
        place: where in it, such as `data.attributes.title`; empty for the whole.
        what: a sentence without a full stop.
        whom: the clients that notice.
    """

    severity: Severity
    where: str
    what: str
    place: str = ""
    whom: str = ""

    @property
    def id(self) -> str:
        """The same for the same change, so that it can be accepted."""
        return f"{self.where} | {self.place} | {self.what}"

    def __str__(self) -> str:
        place = f" `{self.place}`" if self.place else ""
        whom = f" (for {self.whom})" if self.whom else ""
        return f"{self.severity.value}: {self.where}:{place} {self.what}{whom}"


def told(changes: Iterable[Change]) -> list[str]:
    """The changes a line each; what is the same in several places, such as a field in every answer, is one line."""
    groups: dict[tuple[str, ...], list[Change]] = {}
    for each in changes:
        # Those who send a field and those who read it are told apart.
        whom = each.whom.split()[:3]
        near = each.place.split(".")[-2:] if each.place else [each.where]
        groups.setdefault((each.severity.value, each.what, *whom, *near), []).append(each)
    return [
        f"{first}; the same in {len(others)} more places" if others else str(first)
        for first, *others in groups.values()
    ]
