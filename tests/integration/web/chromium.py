"""A real browser for the tests: the Chromium of this machine, without a window."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SECONDS = 30_000
"""Milliseconds that the browser may take to see something; a loaded machine is slow."""


def chromium() -> str:
    """Where the browser is; without one the test is skipped, and in CI it fails."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        why = f"no Chromium on this machine ({', '.join(NAMES)}); install one to run the tests of the pages in it"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return found


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """A browser."""
    path = chromium()
    async with async_playwright() as playwright:
        # Its own sandbox does not start as root, and /dev/shm is small in containers.
        opened = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        try:
            yield opened
        finally:
            await opened.close()


@asynccontextmanager
async def context(browser: Browser, **options: object) -> AsyncIterator[BrowserContext]:
    """A person's own part of the browser."""
    made = await browser.new_context(**options)  # type: ignore[arg-type]
    made.set_default_timeout(SECONDS)
    try:
        yield made
    finally:
        await made.close()


async def opened(tabs: BrowserContext, address: str) -> tuple[Page, list[str]]:
    """A page that is open, and what goes wrong in it: errors of scripts, and what the policy has blocked."""
    page = await tabs.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda message: wrong.append(message.text)
        if message.type == "error" and "Failed to load resource" not in message.text
        and "ERR_" not in message.text
        else None,
    )  # fmt: skip
    await page.goto(address)
    await page.bring_to_front()
    return page, wrong


async def are_sound(browser: Browser, base: str, paths: Iterable[str]) -> None:
    """No page breaks a rule of accessibility, is wider than its window, or does what the policy forbids."""
    for scheme, width in (("light", 1280), ("dark", 390)):
        async with context(browser, color_scheme=scheme, viewport={"width": width, "height": 900}) as tabs:
            for path in paths:
                page, wrong = await opened(tabs, base + path)
                await page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
                found = await Axe().run(page)
                broken = [
                    (each["id"], each["nodes"][0]["html"][:200]) for each in found.response["violations"]
                ]
                assert broken == [], (path, scheme)
                assert wrong == [], path
                over_wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
                assert not await page.evaluate(over_wide), (path, width)
                await page.close()
