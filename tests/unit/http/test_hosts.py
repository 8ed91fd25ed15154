"""The names by which a server is known."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from sorbus import Sorbus
from sorbus.apis.mcp import McpInterface
from sorbus.cli.main import main
from sorbus.errors.http import BadHostName
from sorbus.http import http_app, local_only
from sorbus.http.hosts import Hosts


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "127.8.9.1", "[::1]:1", "LOCALHOST:1"])
def test_this_machine_is_always_known(host: str) -> None:
    assert Hosts().know(host)
    assert Hosts(["books.example.com"]).know(host)


@pytest.mark.parametrize(
    "host", ["books.example.com", "BOOKS.Example.com:8443", "10.0.0.7:80", "[2001:DB8::7]:1"]
)
def test_names_that_are_given_are_known_with_any_port(host: str) -> None:
    known = Hosts(["Books.example.com", "10.0.0.7", "[2001:db8:0::7]"])
    assert known.know(host)
    assert not Hosts().know(host)
    assert (Hosts() | known).know(host)


@pytest.mark.parametrize(
    "host",
    [
        "", ":80", "evil.com", "books.example.com.evil.com", "xbooks.example.com", "evil.com,books.example.com",
        "books.example.com@evil.com", "evil.com/books.example.com", "[::1", "books.example.com:x:y", "0.0.0.0",
        "[::1].evil.com", "[::1]evil.com:80", "127.0.0.1#.evil.com", "localhost?.evil.com", "localhost\\.evil.com",
        "localhost evil.com", "[[::1]]", "localhost%00.evil.com",
    ],
)  # fmt: skip
def test_no_other_is(host: str) -> None:
    assert not Hosts(["books.example.com"]).know(host)


def test_any_name_behind_a_proxy_that_checks_them() -> None:
    assert Hosts(["*"]).know("whatever.example.com")


@pytest.mark.parametrize(
    "name",
    [
        "", " ", "https://books.example.com", "books.example.com:80", "books.example.com/", "*.example.com",
        "a b", ".", "ü.de",
    ],
)  # fmt: skip
def test_what_no_request_could_name_is_refused(name: str) -> None:
    app = Sorbus(domains=[], name="empty")
    with pytest.raises(BadHostName):
        http_app(app, interfaces=[], hosts=[name])
    with pytest.raises(BadHostName):
        McpInterface(hosts=[name])


def test_who_acts_for_one_person_does_not_take_any_name() -> None:
    app = Sorbus(domains=[], name="empty")
    with pytest.raises(BadHostName):
        local_only(app.scope, hosts=["*"])
    for name in ("*", "https://books.example.com"):
        done = CliRunner().invoke(
            main, ["serve", "--app", "tests.acceptance.test_without_rows:app", "--hosts", name]
        )
        assert done.exit_code == 1
        assert "docs/errors/bad-host-name.md" in done.stderr
