"""Errors of prompted actions."""

from __future__ import annotations

from sorbus.errors.base import FrameworkError, UnknownError
from sorbus.errors.declaration import DeclarationError


class WrongPrompted(DeclarationError):
    """A prompted action cannot be what its declaration says."""

    code = "wrong-prompted"

    def __init__(self, action: str, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{action}: {problem}.", path=tuple(action.split(".")), hint=hint)


class NoPrompt(FrameworkError):
    """The body of a prompted action returned something else than a prompt."""

    code = "no-prompt"

    def __init__(self, action: str, *, found: str) -> None:
        super().__init__(
            f"The body of {action} returned a {found}; the model answers, and the body only says what it is asked.",
            path=tuple(action.split(".")),
            hint="Write `return prompt(…)`, or `return prompt()` to ask with the docstring and the inputs.",
        )


class PromptsTooDeep(FrameworkError):
    """A prompted action was called by a tool of another one, which was called so itself, and so on too often."""

    code = "prompts-too-deep"

    def __init__(self, action: str, *, most: int) -> None:
        super().__init__(
            f"{action} is called by a tool of a prompted action that lies {most} of them deep already.",
            path=tuple(action.split(".")),
            hint="Let the outer actions call plain ones: each level multiplies what one call may cost.",
        )


class PromptedTimeout(UnknownError):
    """A prompted action was not done in its time: its turns and its tools together took longer."""

    code = "prompted-timeout"

    def __init__(self, action: str, *, seconds: float) -> None:
        super().__init__(
            f"{action} was not done within {seconds:g} s.",
            path=tuple(action.split(".")),
            hint="Raise `timeout` of its `@prompted(…)`, allow fewer turns, or name a faster model.",
        )
