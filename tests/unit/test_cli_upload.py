"""Uploads of the command line: whatever breaks, the server has the file once, in order, and is told the token alone."""

import asyncio
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addressbus_cli import upload
from addressbus_cli.credentials import Login
from addressbus_cli.server import Server
from addressbus_cli.sources import File, Pipe, Source
from addressbus_cli.trouble import Exit, Refused, Unreachable

URL = "https://elsewhere.example/api/v1/uploads/1"
DATA = bytes(range(256)) * 4096


class Tus:
    """A server that keeps what comes. `breaks`: after so many bytes of each request in turn the cable is pulled."""

    def __init__(self, *, breaks: tuple[int, ...] = (), size: int | None = None) -> None:
        self.kept = bytearray()
        self.size = size
        self.complete = False
        self.requests: list[httpx.Request] = []
        self.answers: list[httpx.Response] = []
        self._breaks = list(breaks)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.answers:
            return self.answers.pop(0)
        if request.method == "HEAD":
            return self._stand()
        if request.method == "PATCH" and int(request.headers["upload-offset"]) != len(self.kept):
            return httpx.Response(409, json={"code": "wrong_offset", "detail": "Elsewhere."}, headers=self._headers())
        passed = b""
        left = self._breaks.pop(0) if self._breaks else None
        assert isinstance(request.stream, httpx.AsyncByteStream)
        async for piece in request.stream:
            if left is not None and len(piece) > left:
                self._take(request, passed + piece[:left])
                raise httpx.WriteError("the cable was pulled")
            left = None if left is None else left - len(piece)
            passed += piece
        if request.method == "PUT" and not passed.startswith(bytes(self.kept)):
            return httpx.Response(409, json={"code": "different_file", "detail": "Another file."})
        self._take(request, passed)
        self.complete = True
        return httpx.Response(204, headers=self._headers())

    def _take(self, request: httpx.Request, passed: bytes) -> None:
        self.kept += passed[len(self.kept) :] if request.method == "PUT" else passed

    def _headers(self) -> dict[str, str]:
        return {"Upload-Offset": str(len(self.kept)), "Upload-Complete": "?1" if self.complete else "?0"}

    def _stand(self) -> httpx.Response:
        return httpx.Response(200, headers=self._headers())


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(upload, "LONGEST_WAIT", 0.1)


async def sent(tus: Tus, source: Source, *, verify: bool = False, patience: float = 60) -> list[int | None]:
    """Sends it; what was told on the way."""
    server = Server(Login("https://here.example", "secret"), httpx.MockTransport(tus))
    told: list[int | None] = []
    try:
        await upload.send(server, URL, source, told.append, verify=verify, patience=patience)
    finally:
        await server.close()
    return told


def file(tmp_path: Path, data: bytes = DATA) -> File:
    path = tmp_path / "people.csv"
    path.write_bytes(data)
    return File(path)


def pipe(data: bytes) -> Pipe:
    reading, writing = os.pipe()
    out = os.fdopen(writing, "wb")
    out.write(data)
    out.close()
    return Pipe(os.fdopen(reading, "rb"))


async def test_a_file_is_sent_once_with_what_tus_wants(tmp_path: Path) -> None:
    tus = Tus()
    told = await sent(tus, file(tmp_path))
    assert bytes(tus.kept) == DATA
    assert told[-1] == len(DATA)
    patch = tus.requests[-1]
    assert (patch.method, patch.headers["upload-offset"]) == ("PATCH", "0")
    assert patch.headers["content-type"] == "application/offset+octet-stream"
    assert patch.headers["content-length"] == str(len(DATA))
    assert patch.headers["tus-resumable"] == "1.0.0"


async def test_the_token_goes_to_no_other_host_whatever_the_address_of_the_upload_says(tmp_path: Path) -> None:
    tus = Tus()
    await sent(tus, file(tmp_path))
    assert {request.url.host for request in tus.requests} == {"here.example"}


@settings(max_examples=15)
@given(breaks=st.lists(st.integers(0, 70), max_size=3), piped=st.booleans())
def test_the_server_has_every_byte_once_whatever_breaks_when(
    breaks: list[int], piped: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = os.urandom(100)
    source: Source = pipe(data) if piped else file(tmp_path_factory.mktemp("sent"), data)
    tus = Tus(breaks=tuple(breaks))
    told = asyncio.run(sent(tus, source))
    source.close()
    assert bytes(tus.kept) == data
    assert tus.complete
    assert told.count(None) <= len(breaks)


async def test_what_an_earlier_run_sent_is_not_sent_again(tmp_path: Path) -> None:
    tus = Tus()
    tus.kept += DATA[:300_000]
    told = await sent(tus, file(tmp_path))
    assert bytes(tus.kept) == DATA
    assert told[0] == 300_000
    assert tus.requests[-1].headers["content-length"] == str(len(DATA) - 300_000)


async def test_an_upload_that_is_complete_already_is_left_alone(tmp_path: Path) -> None:
    tus = Tus()
    tus.complete = True
    await sent(tus, file(tmp_path))
    assert [request.method for request in tus.requests] == ["HEAD"]


async def test_a_touched_file_is_sent_whole_so_that_the_server_compares(tmp_path: Path) -> None:
    tus = Tus()
    tus.kept += DATA[:1000]
    await sent(tus, file(tmp_path), verify=True)
    assert (tus.requests[-1].method, bytes(tus.kept)) == ("PUT", DATA)
    tus = Tus()
    tus.kept += b"something else"
    with pytest.raises(upload.DifferentFile):
        await sent(tus, file(tmp_path), verify=True)


@pytest.mark.parametrize(
    ("status", "code", "exit_"),
    [
        (401, "bad_token", Exit.TROUBLE),
        (409, "overtaken", Exit.TROUBLE),
        (410, "cancelled", Exit.NOT_DONE),
        (413, "too_large", Exit.NOT_DONE),
        (422, "nothing_recognised", Exit.NOT_DONE),
    ],
)
async def test_a_refusal_is_not_tried_again(tmp_path: Path, status: int, code: str, exit_: Exit) -> None:
    tus = Tus()
    tus.answers = [httpx.Response(200, headers={"Upload-Offset": "0"})]
    tus.answers.append(httpx.Response(status, json={"code": code, "detail": "No."}))
    with pytest.raises(Refused) as refused:
        await sent(tus, file(tmp_path))
    assert (refused.value.code, refused.value.status) == (code, exit_)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
async def test_a_server_in_trouble_is_waited_for(tmp_path: Path, status: int) -> None:
    tus = Tus()
    tus.answers = [httpx.Response(status, headers={"Retry-After": "0"})]
    await sent(tus, file(tmp_path))
    assert bytes(tus.kept) == DATA


async def test_without_any_server_the_person_is_told_at_last(tmp_path: Path) -> None:
    async def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    server = Server(Login("https://here.example", "secret"), httpx.MockTransport(away))
    told: list[int | None] = []
    with pytest.raises(Unreachable, match="cannot be reached"):
        await upload.send(server, URL, file(tmp_path), told.append, patience=0.2)
    assert None in told
    await server.close()


async def test_a_file_that_shrinks_while_it_is_sent_is_told(tmp_path: Path) -> None:
    source = file(tmp_path)
    (tmp_path / "people.csv").write_bytes(DATA[:10])
    with pytest.raises(Exception, match="became shorter"):
        await sent(Tus(), source)


async def test_what_comes_through_a_pipe_can_be_read_again() -> None:
    source = pipe(DATA[:50_000])

    async def all_of(pieces: AsyncIterator[bytes]) -> bytes:
        found = io.BytesIO()
        async for piece in pieces:
            found.write(piece)
        return found.getvalue()

    assert await all_of(source.pieces(0)) == DATA[:50_000]
    assert await all_of(source.pieces(1000)) == DATA[1000:50_000]
    source.close()
