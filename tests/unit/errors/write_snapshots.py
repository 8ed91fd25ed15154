"""Writes the snapshot of every error's message: `python -m tests.unit.errors.write_snapshots`."""

from __future__ import annotations

from pathlib import Path

from tests.unit.errors.examples import NoExample, example, leaves, rendered

SNAPSHOTS = Path(__file__).parent / "snapshots"


def main() -> None:
    """Write what changed, remove what is left over, and say so."""
    SNAPSHOTS.mkdir(exist_ok=True)
    wanted: dict[str, str] = {}
    for cls in leaves():
        try:
            wanted[cls.code] = rendered(example(cls))
        except NoExample as missing:
            print(missing)
    for code, text in wanted.items():
        path = SNAPSHOTS / f"{code}.txt"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"wrote {path.name}")
    for path in SNAPSHOTS.glob("*.txt"):
        if path.stem not in wanted:
            path.unlink()
            print(f"removed {path.name}")


if __name__ == "__main__":
    main()
