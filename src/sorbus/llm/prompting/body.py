"""`prompted`: from a decorated function to the body of an action that asks a model."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from sorbus.errors.declaration import DeclarationError
from sorbus.errors.prompting import NoPrompt, WrongPrompted
from sorbus.llm.messages import Prompt, conversation
from sorbus.llm.prompting.checking import mistakes
from sorbus.llm.prompting.conversation import Conversation
from sorbus.llm.prompting.plans import Options, PromptedPlan, plan_of
from sorbus.llm.prompting.tools import Listed
from sorbus.resource.actions import Action
from sorbus.schema.actions import ActionSpec
from sorbus.schema.resource import ApplicationSpec
from sorbus.scope import Scope

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a body says that the model is asked: what it leaves out is made of the docstring and the inputs."""

    prompt: Prompt | None = None
    system: str | None = None


def prompt[T](text: Prompt | None = None, *, system: str | None = None) -> T:  # type: ignore[type-var]
    """What the model is asked, as the body of a prompted action returns it: `return prompt(f"The letter: {text}")`.

    The model's answer takes its place, so that it may stand wherever the declared answer may.

    Args:
        text: one user message, or a whole conversation; by default the inputs as JSON.
        system: instructions; by default the docstring.
    """
    return cast("T", Asked(prompt=text, system=system))


def prompted(
    *,
    tools: Sequence[Listed] = (),
    max_turns: int = 8,
    max_calls: int = 32,
    result_bytes: int = 8192,
    timeout: float | None = 300.0,
    model: str | None = None,
    max_tokens: int | None = None,
    temperature: float = 0.0,
) -> Callable[[F], F]:
    """Let a model answer in place of a generic action's body, which only says what it is asked.

        @action.generic
        @prompted(tools=[search, Order.find], max_turns=4)
        @classmethod
        async def triage(cls, scope: Scope, text: str) -> Triage:
            '''Decide what to do with a letter.'''
            return prompt()

    The annotation of the answer is the form that the model must keep to. The tools run under the scope of the call,
    with its actor, tenant and policies; what the actor cannot call is not offered.

    Args:
        tools: actions that the model may call. A resource stands for its two primary reads; what is declared further
            below is given by a lambda: `lambda: Order.find`.
        max_turns: how often the model may call tools; after that it is asked once more, and has to answer.
        max_calls: how many calls of tools there may be, those of prompted actions among the tools included; after
            that it has to answer, too.
        result_bytes: the most that it reads of one result; more is cut off.
        timeout: seconds for all of it; None for no limit.
        model: another model than the client's.
        max_tokens: the longest turn.
        temperature: 0 for the most likely answer.

    Raises:
        DeclarationError: it stands above the decorator of the action; every other mistake is reported when the
            application is put together.
    """
    options = Options(
        tools=tuple(tools),
        max_turns=max_turns,
        max_calls=max_calls,
        result_bytes=result_bytes,
        timeout=timeout,
        model=model,
        max_tokens=max_tokens,
        temperature=temperature,
    )

    def decorate(function: F) -> F:
        if isinstance(function, Action):
            raise WrongPrompted(
                function.function.__qualname__,
                "`@prompted(…)` stands above the action's decorator",
                hint="Write `@action.generic` first, and `@prompted(…)` below it.",
            )
        return cast("F", PromptedBody(getattr(function, "__func__", function), options))

    return decorate


class PromptedBody:
    """The body of a prompted action: asks the model what the user's function says.

    Args:
        function: the user's.
    """

    def __init__(self, function: Callable[..., Any], options: Options) -> None:
        self.__wrapped__ = function
        self.options = options
        # One application may hold the class beside another, and a class may take the action over from its base.
        self._plans: WeakKeyDictionary[Any, dict[type[Any], PromptedPlan]] = WeakKeyDictionary()

    def mistakes(self, application: ApplicationSpec, action: ActionSpec) -> Iterator[DeclarationError]:
        """What is wrong with it in a finished application."""
        return mistakes(application, action, self.options)

    async def __call__(self, cls: type[Any], scope: Scope, /, **inputs: Any) -> Any:
        """The model's answer."""
        plan = self._plan(cls, scope)
        asked = self.__wrapped__(cls, scope, **inputs)
        if inspect.isawaitable(asked):
            asked = await asked
        if asked is None:
            asked = Asked()
        if not isinstance(asked, Asked):
            raise NoPrompt(plan.action.label, found=type(asked).__name__)
        system = plan.system if asked.system is None else asked.system
        said = plan.shown(inputs) if asked.prompt is None else asked.prompt
        return await Conversation(plan, scope, conversation(said, system=system)).answer()

    def _plan(self, cls: type[Any], scope: Scope) -> PromptedPlan:
        engine = scope.need_runtime()
        plans = self._plans.setdefault(engine, {})
        found = plans.get(cls)
        if found is None:
            spec = engine.spec_of(cls)
            action = next(each for each in spec.actions.values() if each.body is self)
            found = plans[cls] = plan_of(engine.application, action, cls, self.options)
        return found
