"""`sorbus contracts`: what the interfaces promise, kept in the repository and compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from sorbus.apis.contracts import Change, Severity, compare_openapi, compare_sdl, compare_tools, told
from sorbus.cli.loading import app_option, load_application
from sorbus.cli.main import reported
from sorbus.errors.base import SorbusError
from sorbus.errors.cli import ContractBroken, ContractDrift, NoContract
from sorbus.resource.application import Sorbus

FOLDER = Path("contracts")
ACCEPTED = "accepted.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What one interface promises: how it is derived, and how two versions of it are compared.

    Attributes:
        file: its name in the folder.
        derive: from the application to the bytes of the file; None when the application does not serve it.
        compare: the changes between the bytes of an older version and of a newer one.
    """

    file: str
    derive: Callable[[Sorbus], bytes | None]
    compare: Callable[[bytes, bytes], Sequence[Change]]


def _openapi(app: Sorbus) -> bytes | None:
    from sorbus.apis.json_api import PREFIX, openapi_bytes, routes_of, surface_of

    surface = surface_of(app.spec)
    routes = routes_of(surface)
    return openapi_bytes(surface, routes, title=app.name, prefix=PREFIX) + b"\n" if routes else None


def _compare_openapi(old: bytes, new: bytes) -> Sequence[Change]:
    return compare_openapi(json.loads(old), json.loads(new))


def _sdl(app: Sorbus) -> bytes | None:
    from sorbus.apis.graphql import has_graphql, sdl

    return sdl(app).encode() if has_graphql(app) else None


def _compare_sdl(old: bytes, new: bytes) -> Sequence[Change]:
    return compare_sdl(old.decode(), new.decode())


def _tools(app: Sorbus) -> bytes | None:
    from sorbus.apis.mcp import has_mcp, tools_of

    if not has_mcp(app):
        return None
    found = tools_of(app.spec).tools.values()
    listed = [json.loads(bytes(each.listed)) for each in sorted(found, key=lambda each: each.name)]
    return json.dumps(listed, indent=1, ensure_ascii=False).encode() + b"\n"


def _compare_tools(old: bytes, new: bytes) -> Sequence[Change]:
    return compare_tools(json.loads(old), json.loads(new))


CONTRACTS: tuple[Contract, ...] = (
    Contract(file="openapi.json", derive=_openapi, compare=_compare_openapi),
    Contract(file="schema.graphql", derive=_sdl, compare=_compare_sdl),
    Contract(file="mcp.json", derive=_tools, compare=_compare_tools),
)
"""Every interface with a contract."""


class Folder:
    """The files of the contracts: as they are, as they were at the last release, and what was accepted since."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.released = root / "released"

    def committed(self, contract: Contract) -> bytes | None:
        """The contract as it was last accepted."""
        return _read(self.root / contract.file)

    def frozen(self, contract: Contract) -> bytes | None:
        """The contract of the last release; None when there was none."""
        return _read(self.released / contract.file)

    def accepted(self, contract: Contract) -> dict[str, str]:
        """The breaking changes that were accepted since the last release, with the reasons."""
        return self._all_accepted().get(contract.file, {})

    def accept(self, contract: Contract, changes: Sequence[Change], why: str) -> None:
        """Keep the reason for breaking changes."""
        known = self._all_accepted()
        kept = known.setdefault(contract.file, {})
        kept.update({each.id: why for each in changes if each.id not in kept})
        self._write(self.root / ACCEPTED, (json.dumps(known, indent=2, sort_keys=True) + "\n").encode())

    def commit(self, contract: Contract, data: bytes | None) -> None:
        """Write the contract as it is now; remove that of what is not served any more."""
        self._write(self.root / contract.file, data)

    def freeze(self, contract: Contract, data: bytes | None) -> None:
        """Write the contract of a release; what was accepted before is the past."""
        self._write(self.released / contract.file, data)
        known = {name: each for name, each in self._all_accepted().items() if name != contract.file}
        if known:
            self._write(self.root / ACCEPTED, (json.dumps(known, indent=2, sort_keys=True) + "\n").encode())
        else:
            (self.root / ACCEPTED).unlink(missing_ok=True)

    def _all_accepted(self) -> dict[str, dict[str, str]]:
        found = _read(self.root / ACCEPTED)
        return json.loads(found) if found else {}

    def _write(self, path: Path, data: bytes | None) -> None:
        if data is None:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _derived(app: Sorbus, place: Folder) -> list[tuple[Contract, bytes | None]]:
    """What the application serves, and None for what it only did once."""
    found = [(each, each.derive(app)) for each in CONTRACTS]
    return [
        (contract, data)
        for contract, data in found
        if data is not None or place.committed(contract) is not None or place.frozen(contract) is not None
    ]


def _changes(contract: Contract, before: bytes, after: bytes | None) -> Sequence[Change]:
    if after is not None:
        return contract.compare(before, after)
    what = "is not served any more"
    return [Change(severity=Severity.BREAKING, where=contract.file, what=what, whom="everybody who uses it")]


def breaking(folder: Folder, contract: Contract, data: bytes | None) -> list[Change]:
    """The breaking changes since the last release that nobody has accepted."""
    frozen = folder.frozen(contract)
    if frozen is None:
        return []
    accepted = folder.accepted(contract)
    changes = _changes(contract, frozen, data)
    return [each for each in changes if each.severity is Severity.BREAKING and each.id not in accepted]


def folder_option[F: Callable[..., Any]](command: F) -> F:
    """`--folder`, where the contracts are kept."""
    return click.option(
        "--folder",
        type=click.Path(file_okay=False, path_type=Path),
        default=FOLDER,
        show_default=True,
        help="Where the contracts are kept.",
    )(command)


@click.group()
def contracts() -> None:
    """Keep what the interfaces promise in the repository, and see what changes."""


@contracts.command()
@folder_option
@click.option("--json", "as_json", is_flag=True, help="Every change since the last release as JSON.")
@app_option
@reported
def check(*, folder: Path, as_json: bool, app_name: str | None) -> None:
    """Fail where the code no longer derives the committed contracts, or breaks those of the last release."""
    place = Folder(folder)
    derived = _derived(load_application(app_name), place)
    shown = [line for contract, data in derived for line in _since_release(place, contract, data)]
    if as_json:
        click.echo(json.dumps(shown, indent=2))
    for line in () if as_json else shown:
        if line["severity"] == Severity.RISKY:
            click.echo(f"risky: {line['where']}: {line['place']} {line['what']}", err=True)
    _raise_all([error for contract, data in derived if (error := _held(place, contract, data)) is not None])
    if not as_json:
        click.echo("The contracts are what the code derives, and break nothing of the last release.")


def _since_release(place: Folder, contract: Contract, data: bytes | None) -> list[Mapping[str, str]]:
    frozen = place.frozen(contract)
    return [_as_data(contract, each) for each in _changes(contract, frozen, data)] if frozen else []


def _held(place: Folder, contract: Contract, data: bytes | None) -> SorbusError | None:
    """What is wrong with a contract: it breaks the last release, none is committed, or another one is."""
    broken = breaking(place, contract, data)
    if broken:
        return ContractBroken(contract.file, told(broken))
    return _drift(place, contract, data)


def _drift(place: Folder, contract: Contract, data: bytes | None) -> SorbusError | None:
    committed, file = place.committed(contract), str(place.root / contract.file)
    if committed == data:
        return None
    if committed is None:
        return NoContract(file)
    return ContractDrift(file, told(_changes(contract, committed, data)))


def _raise_all(errors: Sequence[SorbusError]) -> None:
    """Show every error but the last, which is raised."""
    for each in errors[:-1]:
        click.echo(f"Error: {each}\n(See {each.page}.)", err=True)
    for each in errors[-1:]:
        raise each


def _as_data(contract: Contract, change: Change) -> Mapping[str, str]:
    return {
        "contract": contract.file,
        "severity": change.severity.value,
        "where": change.where,
        "place": change.place,
        "what": change.what,
        "whom": change.whom,
    }


@contracts.command()
@folder_option
@click.option("--breaking", "why", metavar="WHY", help="Accept breaking changes too, for this reason.")
@app_option
@reported
def accept(*, folder: Path, why: str | None, app_name: str | None) -> None:
    """Write the contracts as the code derives them now; breaking changes need a reason."""
    place = Folder(folder)
    derived = [
        (each, data, breaking(place, each, data))
        for each, data in _derived(load_application(app_name), place)
    ]
    if not why:
        _raise_all([ContractBroken(each.file, told(broken)) for each, _, broken in derived if broken])
    for contract, data, broken in derived:
        if broken and why:
            place.accept(contract, broken, why)
        before = place.committed(contract)
        place.commit(contract, data)
        for line in told(_changes(contract, before, data)) if before is not None else ():
            click.echo(line)
        click.echo(f"{'Removed' if data is None else 'Wrote'} {folder / contract.file}.")


@contracts.command()
@folder_option
@app_option
@reported
def freeze(*, folder: Path, app_name: str | None) -> None:
    """Make the committed contracts those of a release, which later ones must not break."""
    place = Folder(folder)
    derived = _derived(load_application(app_name), place)
    _raise_all([error for contract, data in derived if (error := _drift(place, contract, data)) is not None])
    for contract, data in derived:
        place.freeze(contract, data)
        click.echo(f"{'Removed' if data is None else 'Wrote'} {folder / 'released' / contract.file}.")
