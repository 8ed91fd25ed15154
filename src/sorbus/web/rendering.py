"""Templates and files: what pages are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from sorbus.types.hidden import is_hidden
from sorbus.web import formatting
from sorbus.web.regions import PARTS, Region
from sorbus.web.security import HEADERS

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_SCRIPTS = ("htmx-4.0.1.min.js", "hx-sse-4.0.1.min.js", "live.js")
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages load; its address holds its hash, so browsers keep it for good."""

    body: bytes
    path: str
    media_type: str


def load_assets() -> Mapping[str, Asset]:
    """The files by their names; the scripts are one file.

    htmx looks at the page as soon as it is there, which may be before the next file is: what it has no extension
    for by then, it never connects.
    """
    folder = files("sorbus.web").joinpath("assets")
    bodies = {name: folder.joinpath(name).read_bytes() for name in ("sorbus.css", "sorbus.svg")}
    bodies["pages.js"] = b"\n;\n".join(folder.joinpath(name).read_bytes() for name in _SCRIPTS)
    return {name: _asset(name, body) for name, body in bodies.items()}


def _asset(name: str, body: bytes) -> Asset:
    path = f"/assets/{sha256(body).hexdigest()[:16]}/{name}"
    return Asset(body, path, _TYPES[name.rpartition(".")[2]])


class Renderer:
    """Makes text of templates; every value is escaped.

    Args:
        name: what the application is called.
    """

    def __init__(self, name: str) -> None:
        self.assets = load_assets()
        self._by_path = {each.path: each for each in self.assets.values()}
        self._environment = Environment(
            loader=PackageLoader("sorbus.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        filters = (
            "moment",
            "iso",
            "lasting",
            "number",
            "money",
            "size",
            "pretty",
            "plain",
            "short",
            "seconds",
        )
        self._environment.filters.update({each: getattr(formatting, each) for each in filters})
        known: dict[str, Any] = {
            "application": name,
            "between": formatting.between,
            "is_hidden": is_hidden,
            "asset": self._path,
            "parts": Markup(PARTS),  # noqa: S704  # a constant
        }
        self._environment.globals.update(known)

    def _path(self, name: str) -> str:
        return self.assets[name].path

    def text(self, template: str, **values: Any) -> str:
        """A template with values."""
        return self._environment.get_template(template).render(values)

    def macro(self, template: str, name: str, *values: Any) -> str:
        """One macro of a template."""
        found: Any = getattr(self._environment.get_template(template).module, name)
        return str(found(*values))

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """A whole page."""
        return Response(self.text(template, **values), status, headers=HEADERS, media_type="text/html")

    async def asset(self, request: Request) -> Response:
        """A file, for the browser to keep."""
        found = self._by_path.get(request.url.path)
        if found is None:
            return Response(status_code=404, headers=HEADERS)
        headers = {**HEADERS, "cache-control": _FOREVER}
        return Response(found.body, headers=headers, media_type=found.media_type)


def shown(regions: Sequence[Region]) -> Mapping[str, Markup]:
    """The elements of regions by their ids, for the page that they are part of."""
    # Their values were escaped when they were rendered.
    return {each.id: Markup(each.whole()) for each in regions}  # noqa: S704
