"""What the pages load is what it says it is, and nothing in them runs or styles in place."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest

from sorbus.web.rendering import Renderer, load_assets

WEB = Path(str(files("sorbus.web")))
TEMPLATES = sorted(WEB.joinpath("templates").glob("*.html"))


def test_vendored_files_have_the_hashes_that_are_written_down() -> None:
    listed = json.loads(WEB.joinpath("assets", "vendored.json").read_text())
    assert {each["file"] for each in listed} == {
        path.name for path in WEB.joinpath("assets").glob("*.min.js")
    }
    for each in listed:
        assert sha256(WEB.joinpath("assets", each["file"]).read_bytes()).hexdigest() == each["sha256"]
        assert each["version"] in each["file"]
        assert WEB.joinpath("assets", each["license"]).is_file()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_holds_what_the_policy_forbids(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|hx-on", text)
    assert "|safe" not in text.replace(" ", "")
    assert not re.search(r"https?://", text)


def test_the_addresses_of_files_hold_their_hashes() -> None:
    for name, asset in load_assets().items():
        assert asset.path == f"/assets/{sha256(asset.body).hexdigest()[:16]}/{name}"


def test_the_scripts_come_as_one_file_so_that_htmx_never_looks_at_a_page_without_its_extension() -> None:
    script = load_assets()["pages.js"].body
    places = [script.index(each) for each in (b"var htmx", b'registerExtension("sse"', b"[data-stream]")]
    assert places == sorted(places)
    layout = WEB.joinpath("templates", "layout.html").read_text()
    assert layout.count("<script") == 1


def test_every_template_can_be_read() -> None:
    renderer = Renderer("test")
    for path in TEMPLATES:
        renderer._environment.get_template(path.name)
