"""The suite's assertions live in the package; let pytest explain them as those of the tests."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("sorbus.testing.conformance")
