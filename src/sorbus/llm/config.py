"""Which models to use, and how patiently."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from sorbus.llm.asked import KEPT

DEFAULT_MODEL = "local:default"
DEFAULT_VARIABLE = "SORBUS_MODEL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often, and after which wait, a provider is asked again.

    Attributes:
        attempts: requests in all, the first included.
        base: seconds before the second attempt; doubled for each further one, with jitter between half and
            whole.
        cap: the longest wait of our own choice, in seconds.
        max_wait: the longest wait that a provider may demand (Retry-After), in seconds; beyond it the call
            fails at once with `RateLimited`, which carries the demanded wait.
    """

    attempts: int = 4
    base: float = 0.5
    cap: float = 20.0
    max_wait: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """Everything a model client has to know.

    Attributes:
        model: `provider:model` or `http://host:port/v1#model`. `local:default` is the environment variable
            SORBUS_MODEL when that is set, else the embedded model.
        fallbacks: asked in this order when a model fails.
        embed_model: used by `embed` and, for local models, by `classify`.
        timeout: seconds until an answer must be complete; waiting in the queue of a local model does not
            count.
        chunk_timeout: seconds between two pieces of a stream.
        retries: when to ask again.
        api_keys: keys by provider (`{"openai": "…"}`); without one OPENAI_API_KEY or ANTHROPIC_API_KEY is
            read.
        base_urls: other addresses of the known providers, by provider (proxies, tests).
        concurrency: connections kept open at most to one provider.
        keep_requests: the most bytes of a question (messages, parameters, schema) that the record of its call keeps;
            the longest messages of a larger one are cut in their middle. 0 keeps none.
        answer_tokens: under a budget, the longest answer of a call that names no `max_tokens` to a provider
            without a limit of its own.
    """

    model: str = DEFAULT_MODEL
    fallbacks: tuple[str, ...] = ()
    embed_model: str = "local:minilm"
    timeout: float = 120.0
    chunk_timeout: float = 30.0
    retries: Retries = field(default_factory=Retries)
    api_keys: Mapping[str, str] = field(default_factory=dict[str, str])
    base_urls: Mapping[str, str] = field(default_factory=dict[str, str])
    concurrency: int = 100
    keep_requests: int = KEPT
    answer_tokens: int = 4096

    @classmethod
    def of(cls, models: Self | str) -> Self:
        """A configuration from itself or from the name of a model, with `local:default` looked up in
        SORBUS_MODEL.
        """
        config = cls(model=models) if isinstance(models, str) else models
        if config.model == DEFAULT_MODEL:
            config = replace(config, model=os.environ.get(DEFAULT_VARIABLE, "").strip() or DEFAULT_MODEL)
        return config

    @property
    def chain(self) -> tuple[str, ...]:
        """The models in the order in which they are asked."""
        return (self.model, *self.fallbacks)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """A model's name, taken apart.

    Attributes:
        provider: the scheme, or the base URL of an OpenAI-compatible server.
        model: the name at the provider.
        url: the base URL when the name gave one.
    """

    provider: str
    model: str
    url: str | None = None

    @classmethod
    def parse(cls, name: str) -> Self:
        """Take `openai:gpt-4o-mini`, `local:default` or `http://host:port/v1#model` apart."""
        text = name.strip().removeprefix("openai-compatible:")
        if text.startswith(("http://", "https://")):
            url, _, model = text.partition("#")
            return cls(provider=url.rstrip("/"), model=model or "default", url=url.rstrip("/"))
        provider, _, model = text.partition(":")
        return cls(provider=provider, model=model)

    def __str__(self) -> str:
        return f"{self.url}#{self.model}" if self.url else f"{self.provider}:{self.model}"
