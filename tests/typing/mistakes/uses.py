"""Mistakes in the use of a correct declaration. Both type checkers refuse each marked line."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from tests.typing.ok import Content, Run, RunState, Step, User

from sorbus import Query, Scope, actor, agg, authorize_if, exists, policy, related


async def calls(scope: Scope, run: Run, content_id: UUID) -> None:
    """Calls of actions."""
    await Run.submit(scope, content_id=content_id)  # error: mypy, pyright (a missing input)
    await Run.submit(scope, content_id=content_id, promt="x")  # error: mypy, pyright (a misspelt input)
    await Run.submit(scope, content_id="1", prompt="x")  # error: mypy, pyright (an input of the wrong type)
    await Run.submit(scope, content_id=content_id, prompt="x", notify="yes")  # error: mypy, pyright
    await Run.sumbit(scope, content_id=content_id, prompt="x")  # error: mypy, pyright (a misspelt action)
    await run.procces(scope)  # error: mypy, pyright (a misspelt action of a record)
    await run.process(scope, force=True)  # error: mypy, pyright (an input that there is not)
    await run.finish(scope, output=3)  # error: mypy, pyright (an input of the wrong type)
    await run.edit(prompt="x")  # error: mypy, pyright (no scope)
    await Run.process.by_key(run.id, scope, 1)  # error: mypy, pyright (one input too many)
    await Run.estimate(scope, prompt=1)  # error: mypy, pyright (an argument of the wrong type)
    Run.for_content(scope, content="1")  # error: mypy, pyright (a misspelt argument of a read)
    Run(id=content_id)  # error: mypy, pyright (the constructor)


async def answers(scope: Scope, run: Run, content_id: UUID) -> None:
    """What actions and queries answer with."""
    text: str = await Run.estimate(scope, prompt="x")  # error: mypy, pyright (the answer has another type)
    other: Content = await run.process(scope)  # error: mypy, pyright (an action answers with its resource)
    rows: list[Step] = await Run.for_content(scope, content_id=content_id).all()  # error: mypy, pyright
    query: Query[Step] = Run.query(scope)  # error: mypy, pyright (a query of another resource)
    print(text, other, rows, query, run.promt)  # error: mypy, pyright (a misspelt field of a record)
    print(run.content.titel, run.steps.cents)  # error: mypy, pyright (fields behind relationships)
    number: int = run.prompt  # error: mypy, pyright (a value of another type)
    born: date = run.due_on  # error: mypy, pyright (a value that may be null)
    print(number, born)


def expressions() -> None:
    """Expressions over fields."""
    print(Run.query().where(Run.stat == RunState.DONE))  # error: mypy, pyright (a misspelt field)
    print(Run.query().where(Run.state == RunState.DNOE))  # error: mypy, pyright (a misspelt member)
    print(Run.query().where(Run.tries == "3"))  # error: mypy, pyright (a comparison with another type)
    print(Run.query().where(Run.state != "done"))  # error: mypy, pyright (a comparison with another type)
    print(Run.query().where(Run.tries > "3"))  # error: mypy, pyright (a comparison with another type)
    print(Run.query().where(Run.state.is_in(["done"])))  # error: mypy, pyright (values of another type)
    print(Run.query().where(Run.tries))  # error: mypy, pyright (a number is no condition)
    print(Run.query().where(Run.tries.contains("x")))  # error: mypy, pyright (a number has no parts)
    print(Run.prompt * 2)  # error: mypy, pyright (arithmetic with text)
    print(-Run.prompt)  # error: mypy, pyright (arithmetic with text)
    print(Run.tries + Decimal(1))  # error: mypy, pyright (two kinds of numbers)
    print(Run.prompt - 1)  # error: mypy, pyright (arithmetic with text)
    print(Run.finished_at + Run.started_at)  # error: mypy, pyright (the sum of two times)
    print(Run.tries & (Run.tries > 1))  # error: mypy, pyright (a number is no condition)
    print(exists(Run.content, lambda row: row.titel == "x"))  # error: mypy, pyright (misspelt in a lambda)
    print(exists(Run.content, lambda row: row.title == 3))  # error: mypy, pyright (another type in a lambda)
    print(related(Run.content, lambda row: row.titel))  # error: mypy, pyright (misspelt in a lambda)
    print(agg.sum(Run.steps, lambda step: step.cent))  # error: mypy, pyright (misspelt in an aggregate)
    print(agg.sum(Run.steps, lambda step: step.name))  # error: mypy, pyright (the sum of texts)
    print(agg.avg(Run.steps, lambda step: step.name))  # error: mypy, pyright (the mean of texts)
    print(agg.count(Run.content))  # error: mypy, pyright (an aggregate over a single row)
    print(policy("reed", authorize_if(True)))  # error: mypy, pyright (a misspelt type of action)
    print(policy("read", authorize_if(Run.tries == actor(User.email))))  # error: mypy, pyright
    print(policy("read", authorize_if(Run.org_id == actor(User.orgid))))  # error: mypy, pyright
    print(policy("read", authorize_if(Run.content)))  # error: mypy, pyright (a relationship is no condition)


def conditions() -> None:
    """Python's own words on conditions."""
    print(not Run.output.is_null())  # error: pyright (the truth value of an expression)
    if Run.tries > 1:  # error: pyright (the truth value of an expression)
        print()
