"""OpenAPI descriptions compared, operation by operation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sorbus.apis.contracts.changes import Change, Severity
from sorbus.apis.contracts.schemas import Difference, Direction, SchemaComparison, referred

Document = Mapping[str, Any]

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def compare_openapi(old: Document, new: Document) -> list[Change]:
    """What is different between two descriptions, the worst first.

    Args:
        old: what clients were written for.
        new: what is served.
    """
    found = list(_Comparison(old, new).changes())
    order = list(Severity)
    distinct = dict.fromkeys(found)
    return sorted(distinct, key=lambda each: order.index(each.severity))


class _Comparison:
    def __init__(self, old: Document, new: Document) -> None:
        self.old = old
        self.new = new
        self.schemas = SchemaComparison(old, new)

    def changes(self) -> Iterator[Change]:
        """Every change."""
        before, after = _operations(self.old), _operations(self.new)
        servers = [
            [each.get("url") for each in document.get("servers", ())] for document in (self.old, self.new)
        ]
        if servers[0] != servers[1]:
            what = f"are at {', '.join(servers[1])} and were at {', '.join(servers[0])}"
            yield Change(severity=Severity.BREAKING, where="all operations", what=what, whom="every client")
        for where, operation in before.items():
            if where in after:
                yield from self._operation(where, operation, after[where])
            else:
                whom = f"clients that call {where}"
                yield Change(severity=Severity.BREAKING, where=where, what="is removed", whom=whom)
        for where in after:
            if where not in before:
                yield Change(severity=Severity.COMPATIBLE, where=where, what="is new")

    def _operation(self, where: str, old: Document, new: Document) -> Iterator[Change]:
        if old.get("operationId") != new.get("operationId"):
            yield Change(
                severity=Severity.BREAKING,
                where=where,
                what=f"is called {new.get('operationId')} and was called {old.get('operationId')}",
                whom="clients that are generated from the description",
            )
        yield from self._parameters(where, old, new)
        yield from self._request(where, old.get("requestBody"), new.get("requestBody"))
        yield from self._responses(where, old.get("responses", {}), new.get("responses", {}))

    def _parameters(self, where: str, old: Document, new: Document) -> Iterator[Change]:
        before, after = _parameters(self.old, old), _parameters(self.new, new)
        for name, parameter in before.items():
            senders = f"clients that call {where} with `{name}`"
            if name not in after:
                yield Change(
                    severity=Severity.BREAKING, where=where, place=name, what="is removed", whom=senders
                )
                continue
            other = after[name]
            if other.get("required") and not parameter.get("required"):
                yield Change(
                    severity=Severity.BREAKING, where=where, place=name, what="is required now",
                    whom=f"clients that call {where} without `{name}`",
                )  # fmt: skip
            if _style(parameter) != _style(other):
                yield Change(
                    severity=Severity.BREAKING, where=where, place=name, what="is written in another way",
                    whom=senders,
                )  # fmt: skip
            compared = self.schemas.compare(_schema(parameter), _schema(other), Direction.SENT)
            yield from (_change(where, each, senders, start=name) for each in compared)
        for name, parameter in after.items():
            if name not in before:
                needed = bool(parameter.get("required"))
                yield Change(
                    severity=Severity.BREAKING if needed else Severity.COMPATIBLE, where=where, place=name,
                    what="is new and required" if needed else "is new",
                    whom=f"clients that call {where}" if needed else "",
                )  # fmt: skip

    def _request(self, where: str, old: Document | None, new: Document | None) -> Iterator[Change]:
        senders = f"clients that call {where}"
        if old is None or new is None:
            if old is not None:
                yield Change(
                    severity=Severity.BREAKING, where=where, what="takes no body any more", whom=senders
                )
            if new is not None:
                needed = bool(new.get("required"))
                yield Change(
                    severity=Severity.BREAKING if needed else Severity.COMPATIBLE, where=where,
                    what="needs a body now" if needed else "may have a body now", whom=senders if needed else "",
                )  # fmt: skip
            return
        if new.get("required") and not old.get("required"):
            yield Change(
                severity=Severity.BREAKING, where=where, what="needs a body now",
                whom=f"{senders} without one",
            )  # fmt: skip
        yield from self._contents(where, old, new, Direction.SENT, whom=senders)
        for kind in new.get("content", {}).keys() - old.get("content", {}).keys():
            yield Change(severity=Severity.COMPATIBLE, where=where, what=f"takes {kind} too")

    def _contents(
        self, where: str, old: Document, new: Document, direction: Direction, *, whom: str
    ) -> Iterator[Change]:
        """What has become of the media types of a body."""
        for kind, content in old.get("content", {}).items():
            other = new.get("content", {}).get(kind)
            if other is None:
                sent = direction is Direction.SENT
                what = f"takes no {kind} any more" if sent else f"answers no more with {kind}"
                yield Change(severity=Severity.BREAKING, where=where, what=what, whom=whom)
                continue
            compared = self.schemas.compare(content.get("schema", {}), other.get("schema", {}), direction)
            yield from (_change(where, each, whom) for each in compared)

    def _responses(self, where: str, old: Document, new: Document) -> Iterator[Change]:
        readers = f"clients that read the answers of {where}"
        for status, response in old.items():
            if not status.startswith("2"):
                continue
            other = _at(self.new, new.get(status))
            if other is None:
                what = f"answers no more with {status}"
                yield Change(severity=Severity.BREAKING, where=where, what=what, whom=readers)
                continue
            yield from self._contents(where, _at(self.old, response), other, Direction.SHOWN, whom=readers)
        for status in new.keys() - old.keys():
            severity = Severity.RISKY if status.startswith("2") else Severity.COMPATIBLE
            yield Change(severity=severity, where=where, what=f"may answer with {status}")


def _change(where: str, found: Difference, whom: str, *, start: str = "") -> Change:
    severity, place, what = found
    joint = "." if start and place and not place.startswith("[") else ""
    shown = f"{start}{joint}{place}"
    return Change(
        severity=severity,
        where=where,
        place=shown,
        what=what,
        whom="" if severity is Severity.COMPATIBLE else whom,
    )


def _operations(document: Document) -> dict[str, Any]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in document.get("paths", {}).items()
        for method, operation in item.items()
        if method in _METHODS
    }


def _parameters(document: Document, operation: Document) -> dict[str, Any]:
    found = [_at(document, each) for each in operation.get("parameters", ())]
    return {each["name"]: each for each in found}


def _schema(parameter: Document) -> Any:
    for content in parameter.get("content", {}).values():
        return content.get("schema", {})
    return parameter.get("schema", {})


def _style(parameter: Document) -> tuple[Any, ...]:
    return (
        parameter.get("in"), parameter.get("style"), parameter.get("explode"), tuple(parameter.get("content", ())),
    )  # fmt: skip


def _at(document: Document, part_of: Any) -> Any:
    """A parameter or response, or the component that it refers to."""
    if part_of is None or "$ref" not in part_of:
        return part_of
    return referred(document, str(part_of["$ref"]))
