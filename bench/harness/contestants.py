"""Contestants: the processes that are measured, and rounds in which they take turns."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import Any, Self

from harness.places import SIDES


class ContestantEnded(RuntimeError):
    """A side could not be opened, or ended before it answered."""


class Contestant:
    """One side in a process of its own.

    Args:
        name: as in the names of the ratios.
        script: its file in `bench/sides`.
        python: the interpreter of its environment.
        url: the database.
        patience: seconds that it may take to open, or to answer; then it is ended.

    Raises:
        ContestantEnded: it could not be opened; also of `ask`.
    """

    def __init__(
        self, name: str, script: str, *, python: Path | str, url: str, patience: float = 300.0
    ) -> None:
        self.name = name
        self._patience = patience
        self._process = subprocess.Popen(
            [str(python), str(SIDES / script), url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._answer()

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        if self._process.stdin is None:
            raise ContestantEnded(f"{self.name} has no input")
        try:
            self._process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise ContestantEnded(f"the side {self.name} has ended; see above") from error
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        watch = Timer(self._patience, self._process.kill)
        watch.start()
        try:
            line = self._process.stdout.readline() if self._process.stdout is not None else ""
        finally:
            watch.cancel()
        if not line:
            raise ContestantEnded(f"the side {self.name} ended with status {self._process.wait()}; see above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass(slots=True)
class Samples:
    """What each side measured in each round, by the name of the measure."""

    rounds: list[dict[str, dict[str, float]]] = field(default_factory=list[dict[str, dict[str, float]]])

    def measured(self, side: str) -> bool:
        """Whether it took part in a round."""
        return any(side in each for each in self.rounds)

    def median(self, side: str, measure: str) -> float:
        """The median of one side's rounds; it need not have taken part in all of them."""
        return statistics.median(each[side][measure] for each in self.rounds if side in each)

    def ratio(self, ours: str, theirs: str, measure: str, *, more_is_better: bool) -> float:
        """How many times better ours is: the median of the ratios within each round."""
        both = [each for each in self.rounds if ours in each and theirs in each]
        pairs = [(each[ours][measure], each[theirs][measure]) for each in both]
        return statistics.median(a / b if more_is_better else b / a for a, b in pairs)


def take_turns(sides: Sequence[str], measure: Callable[[str], dict[str, float]], *, rounds: int) -> Samples:
    """Let the sides take turns, so that what else the machine does falls on all of them: A B, B A, A B, …"""
    samples = Samples()
    for number in range(rounds):
        order: Iterable[str] = sides if number % 2 == 0 else reversed(sides)
        samples.rounds.append({name: measure(name) for name in order})
    return samples


def must_agree(answers: dict[str, dict[str, Any]]) -> None:
    """Every side must have done the same work: a bench of unequal answers means nothing."""
    (first, expected), *others = answers.items()
    for name, answer in others:
        for key, value in expected.items():
            if answer[key] != value:
                raise SystemExit(
                    f"{name} and {first} do not answer alike to `{key}`:\n{answer[key]}\n{value}"
                )
