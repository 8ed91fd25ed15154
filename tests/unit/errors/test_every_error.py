"""Every error: a code of its own, a page that explains it, and a message that is looked at before it changes.

After a change of a message run `python -m tests.unit.errors.write_snapshots` and read the difference.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.errors.examples import NoExample, example, leaves, rendered

from sorbus.errors.base import Kind, SorbusError

ROOT = Path(__file__).parents[3]
SNAPSHOTS = Path(__file__).parent / "snapshots"
LEAVES = leaves()


def test_codes_are_unique_and_in_kebab_case() -> None:
    codes = Counter(each.code for each in LEAVES)
    assert [code for code, count in codes.items() if count > 1] == []
    assert [code for code in codes if not code.replace("-", "a").isalnum() or code != code.lower()] == []


@pytest.mark.parametrize("cls", LEAVES, ids=lambda cls: cls.code)
class TestEveryError:
    def test_has_a_page(self, cls: type[SorbusError]) -> None:
        page = ROOT / "docs" / "errors" / f"{cls.code}.md"
        assert page.exists(), f"Write docs/errors/{cls.code}.md: what happened, why, what to do, an example."
        text = page.read_text()
        assert text.startswith("# "), f"{page.name} begins with a heading."
        assert f"`{cls.code}`" in text or cls.code in text.splitlines()[0], f"{page.name} names its code."

    def test_has_a_docstring_of_its_own(self, cls: type[SorbusError]) -> None:
        assert cls.__doc__, f"{cls.__name__} says in a docstring what happened."
        assert cls.kind in Kind

    def test_says_what_its_snapshot_shows(self, cls: type[SorbusError]) -> None:
        try:
            text = rendered(example(cls))
        except NoExample as missing:
            pytest.fail(str(missing))
        snapshot = SNAPSHOTS / f"{cls.code}.txt"
        assert snapshot.exists(), (
            f"Run `python -m tests.unit.errors.write_snapshots` and read {snapshot.name}."
        )
        assert text == snapshot.read_text()

    def test_travels_as_plain_data(self, cls: type[SorbusError]) -> None:
        error = example(cls)
        data = error.to_dict()
        assert (data["code"], data["kind"], data["message"]) == (cls.code, cls.kind.value, error.message)
        assert str(error).startswith(error.message)


def test_no_snapshot_is_left_over() -> None:
    assert {each.stem for each in SNAPSHOTS.glob("*.txt")} - {each.code for each in LEAVES} == set()


def test_no_page_is_left_over() -> None:
    codes = {each.code for each in everything_below(SorbusError)}
    assert {each.stem for each in (ROOT / "docs" / "errors").glob("*.md")} - codes == set()


def test_errors_stand_where_these_tests_look_for_them() -> None:
    for module in pkgutil.walk_packages([str(ROOT / "src" / "sorbus")], "sorbus."):
        if module.name.split(".")[1] not in {"cli", "testing", "errors"}:
            importlib.import_module(module.name)
    found = {each.__module__ for each in everything_below(SorbusError)}
    assert [
        each for each in found if each.startswith("sorbus.") and not each.startswith("sorbus.errors.")
    ] == []


def everything_below(cls: type[SorbusError]) -> Iterator[type[SorbusError]]:
    for each in cls.__subclasses__():
        yield each
        yield from everything_below(each)
