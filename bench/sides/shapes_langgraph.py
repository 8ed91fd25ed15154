"""The shapes on LangGraph, with its PostgreSQL checkpointer and every step written before the next begins.

The graphs run in the process that starts them; nobody takes over what a dead one leaves behind until it is invoked
again.
"""

from __future__ import annotations

import operator
from functools import partial
from typing import Annotated, Any, TypedDict

import shapes
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import END, START, StateGraph
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from rows import uuid7
from serving import Command, serve
from shapes import CHAIN, DIAMOND, SIDES, TEXT, Clock, shape_commands


class Chain(TypedDict, total=False):
    """The state of a chain."""

    text: str
    first: shapes.Part
    second: shapes.Part
    result: shapes.Part


class Diamond(TypedDict, total=False):
    """The state of a diamond."""

    text: str
    first: shapes.Part
    parts: Annotated[list[shapes.Part], operator.add]
    result: shapes.Part


def chain() -> StateGraph[Any]:
    """Three nodes."""

    async def first(state: Chain) -> Chain:
        return {"first": shapes.opening(state["text"])}

    async def second(state: Chain) -> Chain:
        return {"second": shapes.following(state["first"])}

    async def third(state: Chain) -> Chain:
        return {"result": shapes.following(state["second"])}

    graph: Any = StateGraph(Chain)
    return graph.add_sequence([("n1", first), ("n2", second), ("n3", third)]).add_edge(START, "n1")


def diamond() -> StateGraph[Any]:
    """One, six side by side, one."""

    async def first(state: Diamond) -> Diamond:
        return {"first": shapes.opening(state["text"])}

    async def side(state: Diamond) -> Diamond:
        return {"parts": [shapes.following(state["first"])]}

    async def join(state: Diamond) -> Diamond:
        return {"result": shapes.joining(state["parts"])}

    graph: Any = StateGraph(Diamond)
    graph.add_node("head", first).add_node("join", join)
    names = [f"s{number}" for number in range(SIDES)]
    for name in names:
        graph.add_node(name, side).add_edge("head", name)
    return graph.add_edge(START, "head").add_edge(names, "join").add_edge("join", END)


class LangGraphShapes:
    """LangGraph."""

    async def open(self, url: str) -> None:
        """Make the tables and compile the graphs."""
        options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
        self.pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            url, min_size=10, max_size=10, open=False, kwargs=options
        )
        await self.pool.open()
        self.unfinished = 0
        # A saver lets one coroutine at its pool at a time, so there is one for each connection.
        savers = [AsyncPostgresSaver(self.pool) for _ in range(SAVERS)]
        await savers[0].setup()
        makers = {CHAIN: chain, DIAMOND: diamond}
        self.graphs = {
            name: [maker().compile(checkpointer=each) for each in savers] for name, maker in makers.items()
        }

    async def close(self) -> None:
        """Close the pool."""
        await self.pool.close()

    def commands(self) -> dict[str, Command]:
        """Those of the shapes."""
        return shape_commands({name: partial(self.run, name) for name in self.graphs}, self.check)

    async def run(self, shape: str, number: int) -> float:
        """One run from its start to its completion, in seconds."""
        clock = Clock()
        await self.invoke(shape, number)
        return clock.seconds()

    async def invoke(self, shape: str, number: int) -> Any:
        """What one run gives."""
        graph = self.graphs[shape][number % SAVERS]
        thread: Any = {"configurable": {"thread_id": str(uuid7())}}
        self.unfinished += 1
        found = await graph.ainvoke({"text": TEXT}, thread, durability="sync")
        self.unfinished -= 1
        return found

    async def check(self) -> dict[str, Any]:
        """What a run of each shape finds, and how many were not brought to their end."""
        found = {name: (await self.invoke(name, 0))["result"] for name in self.graphs}
        return {**found, "unfinished": self.unfinished}


SAVERS = 10

if __name__ == "__main__":
    serve(LangGraphShapes())
