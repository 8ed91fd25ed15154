"""Which conversation a message belongs to."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Sequence

_REPLY = re.compile(
    r"^\s*(?:(?:re|aw|sv|vs|antw|odp|ref|res|fwd?|wg|tr|rv)(?:\s*[\[(]\d+[\])])?\s*[:：]\s*)+", re.IGNORECASE
)
_LIST_TAG = re.compile(r"^\s*\[[^\]\n]{1,40}\]\s*")


def normalised_subject(subject: str) -> str:
    """The subject without `Re:`, `Fwd:` and list tags, in lower case with single spaces.

    >>> normalised_subject("RE: [ILUG] Re: Network  problems")
    'network problems'
    """
    before = ""
    while before != subject:
        before = subject
        subject = _LIST_TAG.sub("", _REPLY.sub("", subject))
    return " ".join(subject.lower().split())


def is_reply(subject: str) -> bool:
    """Whether the subject says that this answers or forwards another message."""
    return bool(_REPLY.match(_LIST_TAG.sub("", subject)))


class Threads:
    """Gives each message of one source the id of its thread, in constant memory.

    A message belongs with the messages that its References and In-Reply-To name; without those, a reply
    belongs with the message that has the same normalised subject. Ids depend on the root message only, so the
    same mails give the same ids again. Of the links seen, the latest `capacity` are remembered.
    """

    def __init__(self, *, capacity: int = 50_000) -> None:
        self._capacity = capacity
        self._roots: OrderedDict[str, str] = OrderedDict()

    def thread_id(self, message_id: str, *, ancestors: Sequence[str] = (), subject: str = "") -> str:
        """The thread of a message: 24 hexadecimal digits.

        Args:
            message_id: its own id.
            ancestors: the ids in its References, oldest first, then those in In-Reply-To.
            subject: its subject, for a reply that names no ancestor.
        """
        about = f"subject:{normalised_subject(subject)}"
        known = next((self._roots[each] for each in ancestors if each in self._roots), None)
        if known is None and ancestors:
            known = ancestors[0]
        elif known is None and is_reply(subject) and about != "subject:":
            known = self._roots.get(about, about)
        root = known or self._roots.get(message_id) or message_id
        for each in (message_id, *ancestors):
            self._remember(each, root)
        if about != "subject:":
            self._remember(about, root)
        return hashlib.sha256(root.encode("utf-8", "surrogatepass")).hexdigest()[:24]

    def _remember(self, key: str, root: str) -> None:
        self._roots[key] = root
        self._roots.move_to_end(key)
        while len(self._roots) > self._capacity:
            self._roots.popitem(last=False)
