"""`sorbus call`: every action that an interface section lists, from the command line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from functools import partial
from typing import Any, cast

import click

from sorbus.cli.callers import caller, caller_options
from sorbus.cli.exposed import exposed_calls
from sorbus.cli.loading import app_option, jobs_of, load_application
from sorbus.cli.values import json_of, read_text, value_of
from sorbus.errors.base import Forbidden, Invalid, SorbusError
from sorbus.errors.cli import NothingToCall, UnreadableValue
from sorbus.errors.inputs import InvalidAction, NotFound
from sorbus.resource.application import Sorbus
from sorbus.resource.calls import Call, Records, key_argument, list_arguments, run_call
from sorbus.resource.docstrings import docstring_of
from sorbus.schema.actions import InputSpec
from sorbus.scope import Scope
from sorbus.types.showing import to_json

REFUSED, FORBIDDEN, NOT_FOUND = 2, 3, 4
"""How the command ends: the call does not fit, it is not allowed, there is no such record; 1 for anything else."""

_LISTING: Mapping[str, dict[str, Any]] = {
    "filter": {"metavar": "JSON", "help": 'What the records must meet, as in `{"rank": {"eq": 1}}`.'},
    "sort": {"metavar": "NAMES", "help": "The order, as in `-rank,title`."},
    "limit": {"type": int, "metavar": "N", "help": "The most records."},
    "after": {"metavar": "CURSOR", "help": "`page.next` of an earlier answer."},
    "before": {"metavar": "CURSOR", "help": "`page.previous` of an earlier answer."},
    "offset": {"type": int, "metavar": "N", "help": "How many records to leave out at the front."},
    "count": {"is_flag": True, "default": None, "help": "Count all records, too."},
    "load": {"multiple": True, "metavar": "FIELD", "help": "A further field to show; may be repeated."},
}


class CallGroup(click.Group):
    """The calls of an application as commands, each with the options of its signature."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Everything that can be called."""
        return list(exposed_calls(_application(ctx)))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a label such as `Run.start`."""
        found = exposed_calls(_application(ctx)).get(cmd_name)
        return None if found is None else command_of(found)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the words name."""
        known = exposed_calls(_application(ctx))
        if args[0] not in known:
            raise shown(NothingToCall(args[0], allowed=known))
        return super().resolve_command(ctx, args)


class _Shown(click.ClickException):
    """An error of ours as a command shows it: its message and its page."""

    def __init__(self, error: SorbusError) -> None:
        singles = error.errors if isinstance(error, InvalidAction) else (error,)
        lines = [f"[{each.code}] {each} (See {each.page}.)" for each in singles]
        super().__init__("\n".join(lines))

    def show(self, file: Any = None) -> None:
        """Write it to standard error, a line for each cause."""
        for line in self.message.splitlines():
            click.echo(f"Error: {line}", file=file or sys.stderr)


class _Refused(_Shown):
    exit_code = REFUSED


class _NotAllowed(_Shown):
    exit_code = FORBIDDEN


class _NotThere(_Shown):
    exit_code = NOT_FOUND


def shown(error: SorbusError) -> click.ClickException:
    """An error as the command shows it, and ends with."""
    kinds: tuple[tuple[type[SorbusError], type[_Shown]], ...] = (
        (Forbidden, _NotAllowed),
        (NotFound, _NotThere),
        (Invalid, _Refused),
    )
    for kind, made in kinds:
        if isinstance(error, kind):
            return made(error)
    return _Shown(error)


@click.command(
    cls=CallGroup,
    invoke_without_command=True,
    subcommand_metavar="[RESOURCE.ACTION [OPTIONS]]",
    context_settings={"max_content_width": 110},
)
@app_option
@caller_options
@click.pass_context
def call(ctx: click.Context, /, **given: Any) -> None:
    """Call an action and print its answer as JSON; without one, show what can be called.

    Everything that an interface section of the application lists can be called, and policies hold as everywhere.
    A list is given by repeating its option; a structure as JSON; `@file` reads a file, `-` standard input.
    """
    del given
    if ctx.invoked_subcommand is None:
        known = exposed_calls(_application(ctx))
        width = max(map(len, known), default=0)
        for label, each in known.items():
            click.echo(f"{label:<{width}}  {_first_line(each)}".rstrip())


def _application(ctx: click.Context) -> Sorbus:
    """The application of the command, loaded once; its jobs stay with the processes that serve it."""
    if ctx.obj is None:
        try:
            ctx.obj = load_application(ctx.params.get("app_name"))
        except SorbusError as error:
            raise shown(error) from None
        jobs = jobs_of(ctx.obj)
        if jobs is not None:
            jobs.configure(run=False, grace=1.0)
    found: Sorbus = ctx.obj
    return found


def command_of(found: Call) -> click.Command:
    """The command of a call."""
    params: list[click.Parameter] = []
    key = key_argument(found)
    if key:
        params.append(_option(key, metavar="KEY", help=f"The key of the {found.spec.name}. [required]"))
    params += [_input_option(each) for each in found.inputs]
    listing = list_arguments(found)
    params += [_option(name, **_LISTING[name]) for name in listing]
    taken = {key, *listing, *(each.name for each in found.inputs)}
    if found.kind.lists and "all" not in taken:
        params.append(_option("all", is_flag=True, help="Every record, one a line, page by page."))
    if "inputs" not in taken:
        params.append(
            _option("inputs", metavar="JSON", help="The inputs as one JSON object; `@file` and `-` as well.")
        )
    for name, text in (("actor", "Who acts, as above."), ("tenant", "The tenant's key, as above.")):
        if name not in taken:
            params.append(_option(name, metavar=name.upper(), help=text))
    return click.Command(
        found.label,
        params=params,
        callback=partial(_run, found),
        help=_text(found) or None,
        short_help=_first_line(found),
    )


def _option(name: str, **options: Any) -> click.Option:
    return click.Option([f"--{name.replace('_', '-')}", f"option_{name}"], **options)


def _input_option(spec: InputSpec) -> click.Option:
    """The option of an input; whether its value fits is the action's to say."""
    kind, spelt = spec.type, spec.name.replace("_", "-")
    shape = kind.describe() + (f": {', '.join(map(str, kind.choices))}" if kind.choices else "")
    text = f"{spec.description} ({shape})".strip() + (" [required]" if spec.required else "")
    if kind.python is bool and not kind.nullable:
        return click.Option(
            [f"--{spelt}/--no-{spelt}", f"option_{spec.name}"], is_flag=True, default=None, help=text
        )
    return click.Option([f"--{spelt}", f"option_{spec.name}"], multiple=True, metavar="VALUE", help=text)


def _text(found: Call) -> str:
    """What the docstring of the action says before its sections."""
    said = "" if found.primary else docstring_of(getattr(found.declared, "function", None)).text
    return said or found.description


def _first_line(found: Call) -> str:
    return found.description.strip().split("\n", maxsplit=1)[0]


def _run(found: Call, **options: Any) -> None:
    ctx = click.get_current_context()
    app = _application(ctx)
    outer: Mapping[str, Any] = ctx.parent.params if ctx.parent is not None else {}
    given = {
        name.removeprefix("option_"): value for name, value in options.items() if value not in (None, ())
    }
    own = {each.name for each in found.inputs}
    who = {
        name: outer.get(name) if name in own else given.pop(name, outer.get(name))
        for name in ("actor", "tenant")
    }
    try:
        every = found.kind.lists and "all" not in own and given.pop("all", False)
        arguments = _arguments(found, given)
        asyncio.run(_call(app, found, arguments, who, every=bool(every)))
    except SorbusError as error:
        raise shown(error) from None
    except KeyboardInterrupt:
        sys.exit(130)


def _arguments(found: Call, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call from the options that were given."""
    inputs = {each.name: each for each in found.inputs}
    made: dict[str, Any] = {}
    whole = given.pop("inputs", None) if "inputs" not in inputs else None
    if whole is not None:
        data = json_of("inputs", read_text("inputs", whole))
        if not isinstance(data, dict):
            raise UnreadableValue("inputs", problem="it is no JSON object")
        made.update(cast("dict[str, Any]", data))
    for name, value in given.items():
        if name in inputs:
            made[name] = value if isinstance(value, bool) else value_of(name, inputs[name].type, value)
        elif name == "filter":
            made[name] = json_of(name, read_text(name, value))
        elif name == "load":
            made[name] = [each for text in value for each in text.split(",")]
        else:
            made[name] = value
    return made


async def _call(
    app: Sorbus, found: Call, arguments: Mapping[str, Any], who: Mapping[str, Any], *, every: bool
) -> None:
    """Run a call and print its answer."""
    records = Records(found.spec)
    async with app:
        scope = await caller(app, who["actor"] or "", who["tenant"] or "")
        if every:
            await _print_all(found, records, scope, dict(arguments))
        else:
            click.echo(to_json(await _answer(found, records, scope, arguments)))


async def _answer(
    found: Call, records: Records, scope: Scope, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """The answer of a call; what the action itself prints goes to standard error."""
    with redirect_stdout(sys.stderr):
        return await run_call(found, records, scope, arguments)


async def _print_all(found: Call, records: Records, scope: Scope, arguments: dict[str, Any]) -> None:
    """A line for each record, page by page, so that no list is too long."""
    while True:
        answer = await _answer(found, records, scope, arguments)
        for each in answer["items"]:
            click.echo(to_json(each))
        following = answer.get("page", {}).get("next")
        if following is None:
            return
        arguments["after"] = following
