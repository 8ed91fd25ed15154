"""Mistakes in declarations, noted with their place so that none of them hides the others."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from sorbus.errors.declaration import (
    BrokenExpression,
    DeclarationError,
    ForeignField,
    NoParentRow,
    NoSuchField,
    NoSuchResource,
    WrongOperand,
    WrongValueType,
)


@contextmanager
def noting(errors: list[DeclarationError], cls: type[Any], member: str) -> Generator[None]:
    """A mistake inside the block joins `errors`, with its place; what follows the block goes on."""
    where = f"{cls.__name__}.{member}"
    try:
        yield
    except NoSuchResource as error:
        # A missing target is reported once, where the annotation was read.
        if "`?`" not in error.message:
            errors.append(error)
    except (ForeignField, NoParentRow, WrongOperand, WrongValueType) as error:
        error.path = (cls.__name__, member)
        error.message = f"{where}: {error.message}"
        errors.append(error)
    except DeclarationError as error:
        errors.append(error)
    except AttributeError as error:
        errors.append(_misspelt(where, error))
    except TypeError as error:
        errors.append(BrokenExpression(where, str(error)))


def _misspelt(where: str, error: AttributeError) -> DeclarationError:
    """The typed error of `lambda row: row.stat`, a field that the destination does not have."""
    owner: Any = error.obj
    declared: Mapping[str, Any] | None = getattr(owner, "__declared__", None)
    if declared is None or not isinstance(owner, type):
        return BrokenExpression(where, str(error))
    return NoSuchField(owner.__name__, error.name or "?", allowed=declared, where=f"`{where}`")
