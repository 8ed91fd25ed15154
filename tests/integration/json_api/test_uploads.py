"""Files in forms: into the inputs that take them, and nothing else."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from tests.integration.json_api.client import MEDIA_TYPE, Answer, Client

pytestmark = pytest.mark.asyncio(loop_scope="session")

BOUNDARY = "b-o-u-n-d-a-r-y"


@pytest.fixture
def api(atlas_api: Client) -> Client:
    return atlas_api


def part(name: str, data: bytes, *, filename: str | None = None, kind: str = "") -> bytes:
    shown = "" if filename is None else f'; filename="{filename}"'
    head = f'Content-Disposition: form-data; name="{name}"{shown}\r\n'
    head += f"Content-Type: {kind}\r\n" if kind else ""
    return f"--{BOUNDARY}\r\n{head}\r\n".encode() + data + b"\r\n"


async def send(api: Client, path: str, *parts: bytes, end: bool = True, **headers: str) -> Answer:
    body = b"".join(parts) + (f"--{BOUNDARY}--\r\n".encode() if end else b"")
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return await api.ask("POST", f"/api{path}", data=body, headers={"content-type": kind, **headers})


def document(**attributes: Any) -> bytes:
    return part("data", json.dumps({"data": {"attributes": attributes}}).encode(), kind=MEDIA_TYPE)


async def test_a_file_goes_into_its_input(api: Client) -> None:
    file = part(
        "upload", b"\x00caf\xc3\xa9\r\n--x", filename="caf\u00e9.txt", kind="text/plain; charset=utf-8"
    )
    answer = await send(api, "/articles/measure", document(note="hello"), file)
    assert answer.status == 200, answer.text
    assert answer.json["meta"]["result"] == {
        "name": "caf\u00e9.txt", "type": "text/plain", "size": 11, "note": "hello",
    }  # fmt: skip
    alone = await send(api, "/articles/measure", file)
    assert alone.json["meta"]["result"]["note"] == ""


async def test_a_list_takes_several_parts(api: Client) -> None:
    files = [part("files", b"x" * size, filename=f"{size}.bin") for size in (3, 0, 5)]
    assert (await send(api, "/articles/count-files", *files)).json["meta"]["result"] == [3, 0, 5]


async def test_a_document_may_hold_a_file_too(api: Client) -> None:
    content = base64.b64encode(b"abc").decode()
    answer = await api.send(
        "POST", "/articles/measure", {"attributes": {"upload": {"name": "a.txt", "content": content}}}
    )
    assert answer.json["meta"]["result"]["size"] == 3


@pytest.mark.parametrize(
    ("parts", "status", "code"),
    [
        (
            [document(), part("upload", b"x" * 3000, filename="a.txt", kind="text/plain")],
            422,
            "invalid-input",
        ),
        (
            [document(), part("upload", b"x", filename="a.exe", kind="application/x-exe")],
            422,
            "invalid-input",
        ),
        ([document()], 422, "required"),
        ([document(), part("uplaod", b"x", filename="a.txt")], 400, "invalid-document"),
        ([document(), part("note", b"x", filename="a.txt")], 400, "invalid-document"),
        (
            [part("upload", b"x", filename="a.txt"), part("upload", b"y", filename="b.txt")],
            400,
            "invalid-document",
        ),
        ([document(), document(), part("upload", b"x", filename="a.txt")], 400, "invalid-document"),
        ([part("data", b"{nonsense")], 400, "malformed-body"),
        ([part("data", b'{"data": []}')], 400, "invalid-document"),
        ([part("", b"x", filename="a.txt")], 400, "malformed-form"),
        ([b"no form at all"], 400, "malformed-form"),
        ([part("files", b"", filename=str(number)) for number in range(100)], 400, "malformed-form"),
        (
            [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{"x" * 9000}"\r\n\r\n'.encode()],
            400,
            "malformed-form",
        ),
    ],
)
async def test_wrong_forms_are_refused(api: Client, parts: list[bytes], status: int, code: str) -> None:
    answer = await send(api, "/articles/measure", *parts)
    assert (answer.status, answer.errors[0]["code"]) == (status, code), answer.text


async def test_a_form_that_breaks_off_is_refused(api: Client) -> None:
    answer = await send(api, "/articles/measure", part("upload", b"x", filename="a.txt"), end=False)
    assert (answer.status, answer.error["code"]) == (400, "malformed-form")
    kind = {"content-type": "multipart/form-data"}
    answer = await api.ask("POST", "/api/articles/measure", data=b"x", headers=kind)
    assert (answer.status, answer.error["code"]) == (400, "malformed-form")


async def test_actions_without_files_take_no_form(api: Client) -> None:
    answer = await send(api, "/writers", document(name="x"))
    assert (answer.status, answer.error["code"]) == (415, "unsupported-media-type")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
    ],
)
async def test_a_page_from_elsewhere_cannot_send_a_form(
    api: Client, headers: dict[str, str], status: int
) -> None:
    answer = await send(api, "/articles/measure", part("upload", b"x", filename="a.txt"), **headers)
    assert answer.status == status


async def test_a_file_bears_a_name_and_no_path(api: Client) -> None:
    for given in ("../../etc/passwd", "C:\\\\x\\\\passwd", "/etc/passwd"):
        answer = await send(api, "/articles/measure", part("upload", b"x", filename=given, kind="text/plain"))
        assert answer.status in {200, 400}
        if answer.status == 200:
            assert answer.json["meta"]["result"]["name"] == "passwd"
