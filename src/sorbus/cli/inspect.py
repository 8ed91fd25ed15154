"""`sorbus inspect`: the declarations as Sorbus understood them."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.table import Table

from sorbus.cli.loading import app_option, load_application
from sorbus.cli.main import reported
from sorbus.cli.screens import console, plain
from sorbus.errors.cli import NoSuchResourceName
from sorbus.expressions.describe import describe
from sorbus.expressions.nodes import TRUE
from sorbus.resource.application import Sorbus
from sorbus.resource.notifications import templates_of
from sorbus.schema.fields import CalculationSpec
from sorbus.schema.manifest import manifest, resource_manifest
from sorbus.schema.resource import ResourceSpec


@click.command()
@click.argument("resource", required=False)
@click.option("--json", "as_json", is_flag=True, help="The manifest as JSON.")
@click.option(
    "--chart",
    type=click.Choice(["mermaid", "dot", "svg"]),
    is_flag=False,
    flag_value="mermaid",
    help="The states and transitions of RESOURCE as a chart (default: mermaid).",
)
@app_option
@reported
def inspect(*, resource: str | None, as_json: bool, chart: str | None, app_name: str | None) -> None:
    """Show the application's resources, or one RESOURCE with its fields, actions and policies."""
    if chart is not None and resource is None:
        raise click.UsageError("--chart needs a RESOURCE, as in `sorbus inspect Run --chart`.")
    app = load_application(app_name)
    if resource is not None and resource not in app.spec.resources:
        raise NoSuchResourceName(resource, allowed=app.spec.resources)
    if chart is not None and resource is not None:
        click.echo(_chart(app.spec.resources[resource], chart), nl=False)
    elif as_json:
        data = manifest(app.spec) if resource is None else resource_manifest(app.spec.resources[resource])
        click.echo(json.dumps(data, indent=2))
    elif resource is None:
        _show_all(app)
    else:
        _show_one(app.spec.resources[resource])


def _chart(spec: ResourceSpec, kind: str) -> str:
    from sorbus.extensions.state_machine import StateMachine, dot, graph_of, mermaid, svg

    machines: list[StateMachine[Any]] = [
        each for each in spec.sections.values() if isinstance(each, StateMachine)
    ]
    graph = machines[0].graph(spec) if machines else graph_of(spec)
    return {"mermaid": mermaid, "dot": dot, "svg": svg}[kind](graph)


def _show_all(app: Sorbus) -> None:
    table = Table(header_style="bold", pad_edge=False, box=None)
    for heading in ("domain", "resource", "table", "fields", "actions", "what it is"):
        table.add_column(heading)
    for spec in app.spec.resources.values():
        actions = ", ".join(spec.actions)
        cells = (spec.domain, spec.name, spec.table or "–", len(spec.fields), actions, spec.description)
        table.add_row(*map(plain, cells))
    console().print(table)


def _show_one(spec: ResourceSpec) -> None:
    out = console()
    out.print(f"[bold]{spec.name}[/] in {plain(f'{spec.domain}: {spec.description}')}")
    where = f"table {spec.table}" if spec.table else "no rows of its own"
    tenancy = f", one tenant's rows by {spec.tenancy.attribute}" if spec.tenancy else ""
    out.print(f"Storage: {where}{tenancy}", markup=False)
    _fields(spec)
    _relationships(spec)
    _actions(spec)
    _policies(spec)
    _topics(spec)
    _extensions(spec)


def _topics(spec: ResourceSpec) -> None:
    topics = templates_of(spec)
    if topics:
        console().print(f"Topics: {', '.join(each.text for each in topics)}", markup=False)


def _extensions(spec: ResourceSpec) -> None:
    if not spec.additions:
        return
    table = _section("Extensions", "section", "extension", "added or changed", "what")
    for each in spec.additions:
        table.add_row(*map(plain, (each.section, each.extension, each.kind, each.name)))
    console().print(table)


def _section(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold", pad_edge=False, box=None)
    for heading in headings:
        table.add_column(heading)
    return table


def _fields(spec: ResourceSpec) -> None:
    table = _section("Fields", "name", "type", "kind", "public", "what it is")
    for name, each in spec.fields.items():
        if name in spec.attributes:
            kind = "key" if spec.attributes[name].primary_key else "attribute"
        elif name in spec.calculations:
            kind = _calculation(spec.calculations[name])
        else:
            kind = f"aggregate {describe(spec.aggregates[name].node)}"
        public = "yes" if each.public else ""
        table.add_row(*map(plain, (name, each.type.describe(), kind, public, each.description)))
    console().print(table)


def _calculation(spec: CalculationSpec) -> str:
    """What a calculation is made of, with its arguments."""
    arguments = ", ".join(f"{each.name}: {each.type.describe()}" for each in spec.arguments)
    shown = f"({arguments})" if arguments else ""
    if spec.function is not None:
        return f"computed in Python{shown}"
    return f"calculation{shown}" + (f" {describe(spec.node)}" if spec.node is not None else "")


def _relationships(spec: ResourceSpec) -> None:
    if not spec.relationships:
        return
    table = _section("Relationships", "name", "kind", "to", "over", "public")
    for each in spec.relationships.values():
        over = f"{each.source_attribute} = {each.destination}.{each.destination_attribute}"
        if each.join is not None:
            over = f"{each.join.resource}.{each.join.source_attribute}, {each.join.destination_attribute}"
        table.add_row(each.name, each.cardinality.value, each.destination, over, "yes" if each.public else "")
    console().print(table)


def _actions(spec: ResourceSpec) -> None:
    table = _section("Actions", "name", "kind", "inputs", "what it does")
    for each in spec.actions.values():
        inputs = ", ".join(f"{item.name}: {item.type.describe()}" for item in each.inputs)
        table.add_row(*map(plain, (each.name, each.kind.value, inputs, each.description)))
    console().print(table)


def _policies(spec: ResourceSpec) -> None:
    if spec.policies is None:
        console().print("Policies: none, so everything is forbidden.")
        return
    _rules("Policies", [(each, each.actions) for each in spec.policies])
    if spec.field_policies is not None:
        _rules("Field policies", [(each, each.fields) for each in spec.field_policies])


def _rules(title: str, rules: list[tuple[Any, frozenset[str]]]) -> None:
    table = _section(title, "for", "checks", "what it is")
    for each, names in rules:
        lines = [f"{check.effect.value} {describe(check.condition)}" for check in each.checks]
        if each.when != TRUE:
            lines.insert(0, f"when {describe(each.when)}")
        kind = "bypass " if each.bypass else "" if each.access == "filter" else f"{each.access} "
        table.add_row(*map(plain, (kind + ", ".join(sorted(names)), "\n".join(lines), each.description)))
    console().print(table)
