"""Providers by the scheme of a model's name, each made when it is first asked."""

from __future__ import annotations

import os
from collections.abc import Mapping

from sorbus.errors.llm import MissingApiKey, NoSuchProvider
from sorbus.llm.config import ModelConfig, ModelRef
from sorbus.llm.providers.base import Provider
from sorbus.llm.store import ModelStore

SCHEMES = ("anthropic", "http", "https", "local", "openai")


class Providers:
    """Makes providers, keeps one for each scheme or address, and closes them together.

    Args:
        config: keys, addresses, limits.
        store: where packaged models lie.
        extra: providers of the user's own, by scheme.
    """

    def __init__(self, config: ModelConfig, *, store: ModelStore, extra: Mapping[str, Provider]) -> None:
        self._config = config
        self._store = store
        self._extra = dict(extra)
        self._made: dict[str, Provider] = {}

    def get(self, ref: ModelRef) -> Provider:
        """The provider of a model.

        Raises:
            NoSuchProvider: nobody knows the scheme.
            MissingApiKey: it needs a key and there is none.
        """
        if (own := self._extra.get(ref.provider)) is not None:
            return own
        if ref.provider not in self._made:
            self._made[ref.provider] = self._make(ref)
        return self._made[ref.provider]

    async def close(self) -> None:
        """Close every provider that was made, and the user's own."""
        made, self._made = list(self._made.values()), {}
        for provider in [*made, *self._extra.values()]:
            await provider.close()

    def _make(self, ref: ModelRef) -> Provider:
        from sorbus.llm.providers.anthropic import ANTHROPIC_URL, ANTHROPIC_VERSION, AnthropicProvider
        from sorbus.llm.providers.http import HttpTransport
        from sorbus.llm.providers.openai import OPENAI_URL, OpenAiProvider

        limit = self._config.concurrency
        if ref.url is not None:
            key = self._key("openai-compatible")
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            transport = HttpTransport(ref.url, headers=headers, concurrency=limit)
            return OpenAiProvider(transport, provider=ref.provider, hosted=False)
        match ref.provider:
            case "local":
                from sorbus.llm.providers.local import LocalProvider

                return LocalProvider(self._store)
            case "openai":
                headers = {"Authorization": f"Bearer {self._need_key(ref)}"}
                url = self._url("openai", OPENAI_URL)
                return OpenAiProvider(HttpTransport(url, headers=headers, concurrency=limit))
            case "anthropic":
                headers = {"x-api-key": self._need_key(ref), "anthropic-version": ANTHROPIC_VERSION}
                url = self._url("anthropic", ANTHROPIC_URL)
                return AnthropicProvider(HttpTransport(url, headers=headers, concurrency=limit))
            case _:
                raise NoSuchProvider(str(ref), [*SCHEMES, *self._extra])

    def _url(self, provider: str, default: str) -> str:
        return (
            self._config.base_urls.get(provider) or os.environ.get(_variable(provider, "BASE_URL")) or default
        )

    def _key(self, provider: str) -> str:
        return (
            self._config.api_keys.get(provider) or os.environ.get(_variable(provider, "API_KEY"), "")
        ).strip()

    def _need_key(self, ref: ModelRef) -> str:
        key = self._key(ref.provider)
        if not key:
            raise MissingApiKey(str(ref), variable=_variable(ref.provider, "API_KEY"))
        return key


def _variable(provider: str, what: str) -> str:
    return f"{provider.upper().replace('-', '_')}_{what}"
