"""The guide says what is so: its declaration is executed, its table of routes compared."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

from sorbus import Domain, Resource, Sorbus
from sorbus.apis.json_api import routes_of, surface_of
from sorbus.query.input_fields import OPERATORS

GUIDE = (Path(__file__).parents[4] / "docs" / "guides" / "json-api.md").read_text()


def test_the_table_of_routes_is_what_the_declaration_gives() -> None:
    module = ModuleType("guide_json_api")
    sys.modules[module.__name__] = module
    declaration = GUIDE.partition("<!-- executed by the tests -->\n```python\n")[2].partition("```")[0]
    exec(declaration, module.__dict__)
    classes = [
        each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Resource)
    ]
    resources = [each for each in classes if each is not Resource]
    surface = surface_of(Sorbus(domains=[Domain("library", resources=resources)]).spec)
    derived = {f"{each.method} {each.path}" for each in routes_of(surface) if each.exposed.type == "books"}
    written = set(re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", GUIDE, re.MULTILINE))
    assert written == derived


def test_every_operator_is_named() -> None:
    assert all(f"`{name}`" in GUIDE for name in OPERATORS)
