"""The example of the README does what it says."""

from __future__ import annotations

from examples.studio import Studio
from examples.studio.tour import tour

from sorbus import Sorbus


async def test_the_walk_through_the_studio_tells_what_happens() -> None:
    async with Sorbus(domains=[Studio], storage="memory") as studio:
        assert await tour(studio) == [
            "Engines is a draft; others see 0 articles",
            "For Bob there is no such article: not-found",
            "Engines is published; others see 1 article",
            "Twice is once too often: wrong-state",
            "Engines by Ada",
            "Ada has published 1",
            "Bob has published 0",
        ]
