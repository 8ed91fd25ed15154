"""The model client: everything that calls a model goes through one of these."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from copy import copy
from dataclasses import replace
from typing import Any, Self, overload
from uuid import UUID

from sorbus.errors.base import FrameworkError
from sorbus.errors.llm import AnswerInvalid
from sorbus.llm.answers import Classified, ObjectAnswer, TextAnswer, ToolTurn
from sorbus.llm.classify import Labels, LabelVectors, choice_of, classification_prompt, dump, load
from sorbus.llm.config import ModelConfig, ModelRef, Retries
from sorbus.llm.ledger import NOBODY, Booking, Ledger, Origin, Outcome, failure
from sorbus.llm.messages import CallKind, Message, ModelRequest, Prompt, Tool, conversation
from sorbus.llm.prices import PriceTable
from sorbus.llm.providers.base import BoundsAnswers, Completion, Piece, Provider
from sorbus.llm.providers.registry import Providers
from sorbus.llm.questions import Question, heard, repaired, said, unfit
from sorbus.llm.records import CallSink, CallStatus
from sorbus.llm.retrying import Attempts, first_answer, retrying
from sorbus.llm.schemas import Returns, problems, returns_of
from sorbus.llm.store import ModelStore
from sorbus.llm.streaming import OpenStream


class ModelClient:
    """Asks models, and meters every call.

    Each call to a model becomes one `CallRecord` in the sink, also when it fails, is cancelled, or its stream
    is left; a repair and a fallback are records of their own. With `run=` a call is first looked up in the
    sink, so a stage that is tried again is answered from what it has already paid for.

    Use it as an async context manager, or call `close`.

    Args:
        models: a configuration, or a model's name (`local:default`, `openai:gpt-4o-mini`,
            `anthropic:claude-haiku-4-5`, `http://host:port/v1#model`).
        sink: where call records go; None keeps none.
        replay: False never answers from the sink.
        fallbacks: models asked, in order, when the first fails; overrides the configuration.
        timeout: seconds until an answer must be complete; overrides the configuration.
        retries: when to ask again; overrides the configuration.
        prices: the price table; by default the one shipped with Sorbus.
        providers: further providers by scheme, for models that Sorbus does not know.
        store: where packaged models lie.
    """

    def __init__(
        self,
        models: ModelConfig | str = "local:default",
        *,
        sink: CallSink | None = None,
        replay: bool = True,
        fallbacks: Sequence[str] | None = None,
        timeout: float | None = None,
        retries: Retries | None = None,
        prices: PriceTable | None = None,
        providers: Mapping[str, Provider] | None = None,
        store: ModelStore | None = None,
    ) -> None:
        config = ModelConfig.of(models)
        self.config = replace(
            config,
            fallbacks=config.fallbacks if fallbacks is None else tuple(fallbacks),
            timeout=config.timeout if timeout is None else timeout,
            retries=config.retries if retries is None else retries,
        )
        self._ledger = Ledger(
            sink,
            prices=prices or PriceTable.shipped(),
            replay=replay,
            keep_requests=self.config.keep_requests,
        )
        self._providers = Providers(self.config, store=store or ModelStore(), extra=providers or {})
        self._labels = LabelVectors()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def using(self, model: str) -> ModelClient:
        """The same client with another first model; it shares connections and loaded models."""
        other = copy(self)
        other.config = replace(self.config, model=model)
        return other

    async def close(self) -> None:
        """Close connections and unload models. A closed client opens again when it is used."""
        await self._providers.close()

    @property
    def small(self) -> bool:
        """True when the first usable model of the chain is a small one, whose answers need checks around them."""
        for name in self.config.chain:
            try:
                return self._providers.get(ModelRef.parse(name)).small
            except FrameworkError:
                continue  # no key, say: the call itself will tell, or fall back
        return False

    async def generate_text(
        self,
        prompt: Prompt,
        *,
        model: str | None = None,
        system: str | None = None,
        max_tokens: int | None = None,
        temperature: float = 0.0,
        stage: str | None = None,
        run: UUID | None = None,
    ) -> TextAnswer:
        """Free text.

        Args:
            prompt: one user message, or a whole conversation.
            model: another model than the configured one; the fallbacks still apply.
            system: instructions, put before the conversation.
            max_tokens: the longest answer; by default the provider's own limit (256 for local models).
            temperature: 0 for the most likely answer.
            stage, run: on whose behalf; with `run` the answer is replayed if this stage has it already.

        Raises:
            ModelError: a leaf of it when the model fails; `AllModelsFailed` when a whole chain does.
            BudgetExceeded: a budget of the run or the tenant has not enough left.
            Invalid: the request itself is refused.
            FrameworkError: a leaf of it for a wrong name, a missing key, a model that is not here.
        """
        question = Question(
            messages=conversation(prompt, system=system),
            kind=CallKind.TEXT,
            origin=Origin(stage=stage, run=run),
            max_tokens=max_tokens,
            temperature=temperature,
        )
        return await self._chain(model, lambda ref: self._text(ref, question))

    @overload
    async def generate_object[T](
        self,
        prompt: Prompt,
        *,
        returns: type[T],
        model: str | None = None,
        system: str | None = None,
        max_tokens: int | None = None,
        temperature: float = 0.0,
        stage: str | None = None,
        run: UUID | None = None,
    ) -> ObjectAnswer[T]: ...

    @overload
    async def generate_object(
        self,
        prompt: Prompt,
        *,
        returns: Any,
        model: str | None = None,
        system: str | None = None,
        max_tokens: int | None = None,
        temperature: float = 0.0,
        stage: str | None = None,
        run: UUID | None = None,
    ) -> ObjectAnswer[Any]: ...

    async def generate_object(
        self,
        prompt: Prompt,
        *,
        returns: Any,
        model: str | None = None,
        system: str | None = None,
        max_tokens: int | None = None,
        temperature: float = 0.0,
        stage: str | None = None,
        run: UUID | None = None,
    ) -> ObjectAnswer[Any]:
        """A value of a declared type, checked.

        The type's JSON Schema is sent for constrained decoding. An answer that does not fit is sent back
        once, with what is wrong with it; if the second does not fit either, the model has failed.

        Args:
            returns: a BaseModel, dataclass, TypedDict, list, Literal, enum, or whatever Pydantic can check.
            prompt, model, system, max_tokens, temperature, stage, run: as in `generate_text`.

        Raises:
            AnswerInvalid: neither the answer nor its repair fits. Otherwise as `generate_text`.
        """
        wanted = returns_of(returns)
        question = Question(
            messages=conversation(prompt, system=system),
            kind=CallKind.OBJECT,
            origin=Origin(stage=stage, run=run),
            max_tokens=max_tokens,
            temperature=temperature,
            schema=wanted.schema,
        )
        answer = await self._chain(model, lambda ref: self._object(ref, question, wanted))
        assert isinstance(answer, ObjectAnswer), "a model without tools calls none"
        return answer

    async def generate_turn(
        self,
        messages: Sequence[Message],
        *,
        returns: Returns[Any],
        tools: Sequence[Tool] = (),
        model: str | None = None,
        max_tokens: int | None = None,
        temperature: float = 0.0,
        origin: Origin = NOBODY,
    ) -> ToolTurn | ObjectAnswer[Any]:
        """One turn of a conversation with tools: what the model wants called, or a value of a declared type, checked.

        Nothing is called here.

        Args:
            messages: the whole conversation, with earlier calls and their results.
            returns: the declared type, as `returns_of` reads it.
            tools: what may be called in this turn; without any the model has to answer.
            origin: on whose behalf.
            model, max_tokens, temperature: as in `generate_text`.

        Raises:
            as `generate_object`.
        """
        question = Question(
            messages=tuple(messages),
            kind=CallKind.OBJECT,
            origin=origin,
            max_tokens=max_tokens,
            temperature=temperature,
            schema=returns.schema,
            tools=tuple(tools),
        )
        return await self._chain(model, lambda ref: self._object(ref, question, returns))

    async def stream_text(
        self,
        prompt: Prompt,
        *,
        model: str | None = None,
        system: str | None = None,
        max_tokens: int | None = None,
        temperature: float = 0.0,
        stage: str | None = None,
        run: UUID | None = None,
    ) -> AsyncGenerator[str]:
        """Free text, piece by piece.

        Retries and fallbacks happen before the first piece only. The call is recorded when the stream ends,
        is cut (`failed`, with what arrived), or is left by its consumer (`stopped`); leaving it closes the
        connection. To leave early, wrap it in `contextlib.aclosing`, so that this happens at once.

        Raises:
            StreamCut: the provider broke off. Otherwise as `generate_text`.
        """
        question = Question(
            messages=conversation(prompt, system=system),
            kind=CallKind.STREAM,
            origin=Origin(stage=stage, run=run),
            max_tokens=max_tokens,
            temperature=temperature,
        )
        opened = await self._chain(model, lambda ref: self._open(ref, question))
        async with aclosing(opened.pieces()) as pieces:
            async for piece in pieces:
                yield piece

    async def embed(
        self,
        texts: Sequence[str],
        *,
        model: str | None = None,
        stage: str | None = None,
        run: UUID | None = None,
    ) -> list[list[float]]:
        """One vector for each text (384 numbers of unit length from the embedded model).

        Args:
            texts: any number; the embedded model reads the first 256 tokens of each.
            model: another embedding model than the configured one.
            stage, run: on whose behalf. Vectors are not kept in the record, so they are never replayed.

        Raises:
            CannotEmbed: the provider has no embeddings. Otherwise as `generate_text`.
        """
        if not texts:
            return []
        ref = ModelRef.parse(model or self.config.embed_model)
        request = self._embed_request(ref, texts, kind=CallKind.EMBED)
        async with await self._ledger.book(request, Origin(stage=stage, run=run)) as booking:
            vectors, outcome = await self._embedded(booking, ref, texts)
            await booking.write(outcome)
        return vectors

    async def classify(
        self, text: str, labels: Labels, *, stage: str | None = None, run: UUID | None = None
    ) -> Classified:
        """The label that fits a text best. See `classify_all`."""
        return (await self.classify_all([text], labels, stage=stage, run=run))[0]

    async def classify_all(
        self, texts: Sequence[str], labels: Labels, *, stage: str | None = None, run: UUID | None = None
    ) -> list[Classified]:
        """The label that fits each text best.

        With a small (local) model by similarity of embeddings: for each label the mean of its three nearest
        sentences, in one call. With a hosted model by asking it for one of the labels, one call for each
        text.

        Args:
            texts: what to classify.
            labels: a description for each label, or a list of a description and examples.
            stage, run: as in `generate_text`.
        """
        origin = Origin(stage=stage, run=run)
        if not texts:
            return []
        if self.small:
            return await self._by_similarity(texts, labels, origin)
        return list(await asyncio.gather(*(self._by_choice(text, labels, origin) for text in texts)))

    async def _chain[R](self, model: str | None, ask: Callable[[ModelRef], Awaitable[R]]) -> R:
        names = [model or self.config.model]
        names += [name for name in self.config.fallbacks if name not in names]
        return await first_answer(names, lambda name: ask(ModelRef.parse(name)))

    async def _text(self, ref: ModelRef, question: Question) -> TextAnswer:
        provider = self._providers.get(ref)
        request = question.to(ref, provider)
        known = await self._ledger.recall(request, question.origin)
        if known is not None and known.status is CallStatus.OK:
            return TextAnswer(text=known.response or "", call=known, small=provider.small, replayed=True)
        async with await self._booked(provider, request, question.origin) as booking:
            completion, outcome = await self._ask(provider, booking)
            record = await booking.write(outcome)
        return TextAnswer(text=completion.text, call=record, small=provider.small)

    async def _object(
        self, ref: ModelRef, question: Question, wanted: Returns[Any]
    ) -> ObjectAnswer[Any] | ToolTurn:
        provider = self._providers.get(ref)
        request = question.to(ref, provider)
        if (known := await self._recalled(request, question.origin, wanted)) is not None:
            return known
        refused: AnswerInvalid | None = None
        for repair in (False, True):
            async with await self._booked(provider, request, question.origin) as booking:
                completion, outcome = await self._ask(provider, booking)
                if request.tools and completion.calls:
                    return ToolTurn(calls=completion.calls, call=await booking.write(outcome))
                try:
                    value = wanted.read(completion.text)
                except ValueError as error:
                    refused = unfit(request, wanted, completion, error)
                    await booking.write(replace(outcome, status=CallStatus.INVALID, error=refused))
                    # As its record will tell it: a later attempt must find the answer to this very question.
                    request = repaired(request, completion.text, problems(error))
                else:
                    record = await booking.write(outcome)
                    return ObjectAnswer(value=value, call=record, repaired=repair)
        assert refused is not None, "there is no second repair without a first answer"
        raise refused

    async def _recalled(
        self, request: ModelRequest, origin: Origin, wanted: Returns[Any]
    ) -> ObjectAnswer[Any] | ToolTurn | None:
        """The committed answer, by way of the committed repair when the first one did not fit."""
        for repair in (False, True):
            known = await self._ledger.recall(request, origin)
            if known is None or known.response is None:
                return None
            spoken = heard(request, known.response)
            if spoken.calls:
                return ToolTurn(calls=spoken.calls, call=known, replayed=True)
            try:
                value = wanted.read(spoken.text)
            except ValueError as error:
                request = repaired(request, spoken.text, problems(error))
            else:
                return ObjectAnswer(value=value, call=known, repaired=repair, replayed=True)
        return None

    async def _booked(self, provider: Provider, request: ModelRequest, origin: Origin) -> Booking:
        """A call about to be made, with what it may cost reserved where a budget holds."""
        longest = request.max_tokens
        if longest is None and isinstance(provider, BoundsAnswers):
            longest = provider.longest_answer(request)
        return await self._ledger.book(request, origin, answer=longest or self.config.answer_tokens)

    async def _ask(self, provider: Provider, booking: Booking) -> tuple[Completion, Outcome]:
        """The provider's answer and its outcome, which the caller records; a failure is recorded here."""
        attempts, began = Attempts(), time.monotonic()
        try:
            completion = await retrying(
                lambda: provider.complete(booking.asked, timeout=self.config.timeout),
                retries=self.config.retries,
                attempts=attempts,
            )
        except BaseException as error:
            await booking.write(failure(error, began=began, attempts=attempts.count))
            raise
        seconds = time.monotonic() - began if completion.seconds is None else completion.seconds
        return completion, Outcome(
            status=CallStatus.OK,
            seconds=seconds,
            attempts=attempts.count,
            usage=completion.usage,
            response=said(booking.request, completion),
        )

    async def _open(self, ref: ModelRef, question: Question) -> OpenStream:
        provider = self._providers.get(ref)
        request = question.to(ref, provider)
        known = await self._ledger.recall(request, question.origin)
        if known is not None and known.status is CallStatus.OK:
            return OpenStream(None, first=Piece(text=known.response or ""))
        booking = await self._booked(provider, request, question.origin)
        stream = OpenStream(booking)
        limit = self.config.chunk_timeout
        try:
            await retrying(
                lambda: stream.open(provider.stream(booking.asked, timeout=limit)),
                retries=self.config.retries,
                attempts=stream.attempts,
            )
        except BaseException as error:
            await booking.write(failure(error, began=stream.began, attempts=stream.attempts.count))
            raise
        return stream

    def _embed_request(self, ref: ModelRef, texts: Sequence[str], *, kind: CallKind) -> ModelRequest:
        model = self._providers.get(ref).canonical(ref.model)
        messages = tuple(Message("user", text) for text in texts)
        return ModelRequest(provider=ref.provider, model=model, messages=messages, kind=kind)

    async def _embedded(
        self, booking: Booking, ref: ModelRef, texts: Sequence[str]
    ) -> tuple[list[list[float]], Outcome]:
        provider = self._providers.get(ref)
        attempts, began = Attempts(), time.monotonic()
        try:
            found = await retrying(
                lambda: provider.embed(booking.request.model, texts, timeout=self.config.timeout),
                retries=self.config.retries,
                attempts=attempts,
            )
        except BaseException as error:
            await booking.write(failure(error, began=began, attempts=attempts.count))
            raise
        seconds = time.monotonic() - began if found.seconds is None else found.seconds
        return found.vectors, Outcome(
            status=CallStatus.OK, seconds=seconds, attempts=attempts.count, usage=found.usage
        )

    async def _by_similarity(self, texts: Sequence[str], labels: Labels, origin: Origin) -> list[Classified]:
        ref = ModelRef.parse(self.config.embed_model)
        request = replace(
            self._embed_request(ref, texts, kind=CallKind.CLASSIFY),
            schema={"labels": {label: list(LabelVectors.sentences(said)) for label, said in labels.items()}},
        )
        known = await self._ledger.recall(request, origin)
        if known is not None and known.response is not None:
            return load(known.response)
        missing = self._labels.missing(labels)
        every = [*texts, *missing]
        async with await self._ledger.book(request, origin, texts=every) as booking:
            vectors, outcome = await self._embedded(booking, ref, every)
            self._labels.learn(missing, vectors[len(texts) :])
            found = self._labels.nearest(vectors[: len(texts)], labels)
            await booking.write(replace(outcome, response=dump(found)))
        return found

    async def _by_choice(self, text: str, labels: Labels, origin: Origin) -> Classified:
        answer = await self.generate_object(
            classification_prompt(text, labels),
            returns=choice_of(labels),
            stage=origin.stage,
            run=origin.run,
        )
        return Classified(
            label=answer.value, scores={label: float(label == answer.value) for label in labels}
        )
