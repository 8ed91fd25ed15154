"""Forms in bodies: what is wrong with one is told to whoever sent it, and to nobody else."""

from __future__ import annotations

import logging

import pytest

from sorbus.errors.http import MalformedForm
from sorbus.http.multipart import parts_of

TYPE = "multipart/form-data; boundary=x"


@pytest.mark.parametrize(
    "body",
    [
        b'--x\r\ncontent disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
        b"--x\r\n: form-data\r\n\r\n1\r\n--x--\r\n",
        b"no boundary at all",
    ],
)
def test_a_malformed_form_is_refused_and_leaves_no_trace_in_the_log(
    body: bytes, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As the HTTP server does with every logger that there is when it configures its own.
    monkeypatch.setattr(logging.getLogger("sorbus.http.multipart.parser"), "disabled", False)
    with pytest.raises(MalformedForm), caplog.at_level(logging.DEBUG):
        parts_of(body, TYPE)
    assert caplog.records == []
