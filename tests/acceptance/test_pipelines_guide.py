"""The guide to pipelines runs as it stands."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.acceptance.test_documentation import ROOT, run


async def test_the_guide_to_pipelines_runs(
    pg18_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", pg18_url)
    monkeypatch.setenv("SORBUS_HOME", str(tmp_path))
    monkeypatch.setenv("SORBUS_AUTO_MIGRATE", "1")
    async with asyncio.timeout(60):
        await run(ROOT / "docs" / "guides" / "pipelines.md", monkeypatch)
