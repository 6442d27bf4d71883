"""The bodies of previews: whatever is longer than it may be is refused before it is read."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.types import Message

from app.core.errors import Rejected
from app.jobs import bodies
from app.jobs.containers.parts import HEAD_BYTES, MAX_CONTAINER_BYTES

MB = 1024 * 1024
FORM = b'--x\r\nContent-Disposition: form-data; name="head"; filename="a"\r\n\r\n'
WORKBOOK = b"PK\x03\x04"


class Sent:
    """A request with this body, in pieces of 64 KB, which counts what was asked of it."""

    def __init__(self, size: int, *, start: bytes, form: bool = False, length: bool = True) -> None:
        self.read = 0
        self._pieces = self._body(size, (FORM if form else b"") + start, b"\r\n--x--\r\n" if form else b"")
        headers = [(b"content-type", b"multipart/form-data; boundary=x" if form else b"application/octet-stream")]
        if length:
            headers.append((b"content-length", str(size).encode()))
        self.request = Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, self._receive)

    @staticmethod
    def _body(size: int, start: bytes, end: bytes) -> Iterator[bytes]:
        left = size - len(start) - len(end)
        yield start
        while left:
            piece = bytes(min(left, 65_536))
            left -= len(piece)
            yield piece
        yield end

    async def _receive(self) -> Message:
        piece = next(self._pieces, None)
        self.read += len(piece or b"")
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}


async def taken(sent: Sent, folder: Path) -> tuple[int, bool]:
    """How many bytes the file has, and whether it is all there."""
    async with bodies.asked_preview(sent.request, folder) as asked:
        return asked.size, asked.container is not None


@pytest.mark.parametrize("form", [False, True])
@pytest.mark.parametrize("length", [False, True])
async def test_too_much_of_any_other_file_is_refused_before_it_is_read(
    tmp_path: Path, form: bool, length: bool
) -> None:
    sent = Sent(40 * MB, start=b"Name,E-mail\r\n", form=form, length=length)
    with pytest.raises(Rejected) as refused:
        await taken(sent, tmp_path)
    assert refused.value.code == "too_large"
    assert "256 KB" in refused.value.detail
    most = 2 * 65_536 if length and not form else HEAD_BYTES + 3 * 65_536
    assert sent.read <= most


@pytest.mark.parametrize("form", [False, True])
async def test_a_container_is_taken_whole(tmp_path: Path, form: bool) -> None:
    sent = Sent(2 * MB, start=WORKBOOK, form=form)
    size, whole = await taken(sent, tmp_path)
    assert whole
    assert size == 2 * MB - (len(FORM) + len(b"\r\n--x--\r\n") if form else 0)
    assert not list(tmp_path.iterdir())  # noqa: ASYNC240 - an empty folder


@pytest.mark.parametrize("length", [False, True])
async def test_a_container_that_is_too_large_is_refused(tmp_path: Path, length: bool) -> None:
    sent = Sent(MAX_CONTAINER_BYTES + MB, start=WORKBOOK, length=length)
    with pytest.raises(Rejected) as refused:
        await taken(sent, tmp_path)
    assert refused.value.code == "too_large"
    assert "CSV" in refused.value.detail
    assert sent.read <= (0 if length else MAX_CONTAINER_BYTES + 65_536)


@pytest.mark.parametrize("form", [False, True])
async def test_a_head_of_any_file_is_taken_up_to_its_limit(tmp_path: Path, form: bool) -> None:
    around = len(FORM) + len(b"\r\n--x--\r\n") if form else 0
    size, whole = await taken(Sent(HEAD_BYTES + around, start=b"Name\r\n", form=form), tmp_path)
    assert (size, whole) == (HEAD_BYTES, False)
    with pytest.raises(Rejected, match="too_large"):
        await taken(Sent(HEAD_BYTES + around + 1, start=b"Name\r\n", form=form), tmp_path)
