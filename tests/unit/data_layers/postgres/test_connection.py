from __future__ import annotations

import pytest

from sorbus.data_layers.postgres.connection import checked_url, place
from sorbus.errors.database import BadDatabaseUrl


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("postgresql://u:p@h:5432/d", "postgresql://u:p@h:5432/d"),
        ("postgres://u@h/d", "postgresql://u@h/d"),
        ("postgresql+asyncpg://u@h/d", "postgresql://u@h/d"),
        (" postgresql:///d?host=/tmp/x \n", "postgresql:///d?host=/tmp/x"),
    ],
)
def test_the_usual_spellings_of_a_url_become_one(given: str, url: str) -> None:
    assert checked_url(given) == url


@pytest.mark.parametrize(
    "given", ["mysql://u:secret@h/d", "not a url", "h:5432/d", "postgresql://u:secret@h:port/d"]
)
def test_another_url_is_refused_without_showing_the_password(given: str) -> None:
    with pytest.raises(BadDatabaseUrl) as caught:
        checked_url(given)
    assert "postgresql://user:password@host:5432/name" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_place_shows_neither_user_nor_password() -> None:
    assert place("postgresql://u:secret@h:5432/d") == "h:5432/d"
    assert place("postgresql://u@/d?host=/run/x&sslmode=disable") == "/run/x/d"
