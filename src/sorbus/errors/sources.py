"""Errors in what a source holds: one per item that cannot be read, never a reason to stop the others."""

from __future__ import annotations

from sorbus.errors.base import Invalid


def megabytes(size: int) -> str:
    """A size for people: `21.0 MB (22,020,096 bytes)`; small sizes in bytes only."""
    exact = f"{size:,} byte{'' if size == 1 else 's'}"
    return exact if size < 1_000_000 else f"{size / 1_048_576:.1f} MB ({exact})"


class SourceNotFound(Invalid):
    """There is no file or folder at this path."""

    code = "source-not-found"

    def __init__(self, where: str) -> None:
        super().__init__(
            f"There is nothing at `{where}`.",
            hint="Give the path of an mbox, an .eml file, a document, a text file, or a folder of these.",
        )


class SourceUnreadable(Invalid):
    """The operating system does not let this file be read, or it is no regular file."""

    code = "source-unreadable"

    def __init__(self, where: str, *, reason: str) -> None:
        super().__init__(
            f"`{where}` cannot be read: {reason}.",
            hint="Check that it is a regular file and that this user may read it.",
        )


class SourceEmpty(Invalid):
    """The file has no bytes, or none but white space."""

    code = "source-empty"

    def __init__(self, where: str) -> None:
        super().__init__(f"`{where}` is empty.", hint="Remove it from the source, or export it again.")


class SourceTooLarge(Invalid):
    """One item is larger than the limit for one item."""

    code = "source-too-large"

    def __init__(self, where: str, *, size: int, limit: int) -> None:
        super().__init__(
            f"`{where}` has {megabytes(size)}, and one item may have {megabytes(limit)} at most.",
            hint="Split it, or raise the limit with `max_bytes`.",
        )


class SourceWithoutItems(Invalid):
    """A folder or an mbox in which there is nothing to read."""

    code = "source-without-items"

    def __init__(self, where: str) -> None:
        super().__init__(
            f"`{where}` holds no messages and no documents.",
            hint="It takes .eml, .mbox, .txt, .md, .html, .csv and .json files; hidden files are not read.",
        )


class UnknownContent(Invalid):
    """The file is neither mail nor text."""

    code = "source-unknown-content"

    def __init__(self, where: str, *, looks_like: str) -> None:
        super().__init__(
            f"`{where}` is {looks_like}, and Sorbus reads mail and text.",
            hint="Convert it to text, or leave it out.",
        )


class MalformedMail(Invalid):
    """A file or mbox entry that should be a message has none of a message's headers."""

    code = "mail-malformed"

    def __init__(self, where: str, *, problem: str) -> None:
        super().__init__(
            f"`{where}` is not an e-mail message: {problem}.",
            hint="A message begins with headers such as From, Date and Subject, then an empty line.",
        )


class MailTooComplex(Invalid):
    """A message with so many or so deeply nested parts that reading it could go on for ever."""

    code = "mail-too-complex"

    def __init__(self, where: str, *, problem: str) -> None:
        super().__init__(
            f"`{where}` has {problem}; no mail program writes such a message.",
            hint="Leave it out: it is broken or made to do harm.",
        )


class MalformedDocument(Invalid):
    """A document does not follow the format that its name promises."""

    code = "document-malformed"

    def __init__(self, where: str, *, media_type: str, problem: str) -> None:
        super().__init__(
            f"`{where}` is not valid {media_type}: {problem}.",
            hint="Mend the file, or give it the ending .txt to read it as plain text.",
        )
