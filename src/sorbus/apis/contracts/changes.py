"""Changes of a contract: what is different, how bad it is, and for whom."""

from __future__ import annotations

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
