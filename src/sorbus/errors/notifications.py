"""Errors of notifications, topics and subscriptions."""

from __future__ import annotations

from collections.abc import Iterable

from sorbus.errors.base import Invalid
from sorbus.errors.declaration import DeclarationError
from sorbus.errors.hints import did_you_mean, listed


class BadTopic(DeclarationError):
    """The template of a topic cannot be read."""

    code = "bad-topic"

    def __init__(self, where: str, topic: str, *, problem: str) -> None:
        super().__init__(
            f"{where}: the topic `{topic}` cannot be read: {problem}.",
            path=tuple(where.split(".")),
            hint="Write text with the names of attributes in braces, such as `run:{id}`.",
        )


class NoSuchTopic(Invalid):
    """Somebody subscribed to a topic that nothing is ever published to."""

    code = "no-such-topic"

    def __init__(self, topic: str, *, allowed: Iterable[str]) -> None:
        allowed = list(allowed)
        topic = topic.encode(errors="backslashreplace").decode()
        super().__init__(
            f"Nothing is published to `{topic}`. Topics: {listed(allowed)}.",
            path=("topic",),
            hint=did_you_mean(topic, allowed),
        )


class TopicNeedsTenant(Invalid):
    """A topic belongs to a tenant, and the scope of the subscriber names none."""

    code = "topic-needs-tenant"

    def __init__(self, topic: str, resources: Iterable[str]) -> None:
        super().__init__(
            f"The topic `{topic}` is one of each tenant ({listed(resources)}), and the scope names none.",
            path=("topic",),
            hint="Subscribe with `app.scope(actor=…, tenant=…)`.",
        )


class NotResumable(Invalid):
    """A position was given for a topic that keeps none."""

    code = "not-resumable"

    def __init__(self, topic: str) -> None:
        super().__init__(
            f"The topic `{topic}` keeps no positions, so nobody can go on from one.",
            path=("after",),
            hint="Declare its section with `Notifications(…, durable=True)`, or leave `after` out.",
        )


class PositionGone(Invalid):
    """What was published after a position is not kept any more."""

    code = "position-gone"

    def __init__(self, position: int, *, oldest: int) -> None:
        self.oldest = oldest
        super().__init__(
            f"Notifications after the position {position} are not all kept any more; "
            f"those after {oldest} are.",
            path=("after",),
            hint=f"Read the data anew, then subscribe without `after`, or with `after={oldest}`.",
        )
