"""One upload of a campaign as a patient client makes it: asks, sends bit by bit, and goes on after every loss."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, TypeVar

import httpx

from bench.client import TERMINAL, Client
from tests.faults.course import Course
from tests.faults.expected import Upload

T = TypeVar("T")
TUS = {"Tus-Resumable": "1.0.0"}
PATIENCE_SECONDS = 20
"""One request may take so long; then it is asked again."""
LEAST_PIECE, GREATEST_PIECE = 8 * 1024, 256 * 1024


class Gone(Exception):
    """The server refuses what we ask for, and will always do so."""


class Sender:
    """Sends one upload to `client`'s workspace, within about `spread` seconds where nothing comes between."""

    def __init__(self, upload: Upload, client: Client, channel: str, course: Course, *, spread: float) -> None:
        self.upload = upload
        self.id = ""
        self.trouble = "nothing was tried"
        """Why it does not come on."""
        self._http = client.http
        self._channel = channel
        self._course = course
        self._spread = spread
        self._random = Random(f"sender {upload.key}")

    async def run(self) -> None:
        """Asks for the import, sends all bytes and, where that is wanted, cancels in the middle. Raises Gone."""
        made = await self._ask()
        while self._random.random() < 0.3:
            await self._ask()  # a client that lost the answer asks again
        self.id = made["id"]
        url = httpx.URL(made["upload"]["url"]).path
        cancel_at = self._random.random() * len(self.upload.data) if self.upload.cancelled else float("inf")
        try:
            await self._send(url, cancel_at)
        except Gone:
            if not self.upload.cancelled:
                raise

    async def ended(self) -> dict[str, Any]:
        """The state of the import once it is at its end and, if it finished, to be seen. Raises Gone."""

        async def look() -> dict[str, Any] | None:
            answer = await self._exchange("GET", f"/api/v1/imports/{self.id}")
            state: dict[str, Any] = answer.json()
            done = state["status"] in TERMINAL and (state["visible"] or state["status"] != "finished")
            return state if done else None

        return await self._until_done(look)

    async def _ask(self) -> dict[str, Any]:
        upload = self.upload
        body = {
            "source": "file",
            "name": upload.name,
            "size": len(upload.data),
            "plan": dict(upload.plan),
            "channel": self._channel,
        }

        async def ask() -> dict[str, Any]:
            answer = await self._exchange("POST", "/api/v1/imports", json=body, headers={"Idempotency-Key": upload.key})
            made: dict[str, Any] = answer.json()
            self._course.answered(upload.number, made["id"])
            return made

        return await self._until_done(ask)

    async def _send(self, url: str, cancel_at: float) -> None:
        data = self.upload.data

        async def go_on() -> bool:
            nonlocal cancel_at
            stands = await self._exchange("HEAD", url, headers=TUS)
            offset = int(stands.headers["Upload-Offset"])
            while offset < len(data) or stands.headers["Upload-Complete"] != "?1":
                if offset >= cancel_at:
                    await self._exchange("POST", f"/api/v1/imports/{self.id}/cancel")
                    cancel_at = float("inf")
                size = self._random.randint(LEAST_PIECE, GREATEST_PIECE)
                headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
                stands = await self._exchange("PATCH", url, content=data[offset : offset + size], headers=headers)
                offset = int(stands.headers["Upload-Offset"])
                await asyncio.sleep(self._spread * size / max(len(data), size))
            return True

        await self._until_done(go_on)

    async def _exchange(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Raises HTTPError where another attempt makes sense, else Gone."""
        answer = await self._http.request(method, path, timeout=PATIENCE_SECONDS, **more)
        if answer.status_code >= 500 or answer.status_code in (408, 409, 429):
            answer.raise_for_status()
        if not answer.is_success:
            raise Gone(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    async def _until_done(self, attempt: Callable[[], Awaitable[T | None]]) -> T:
        """The first answer of `attempt`; whatever the network does, it is tried again, for ever."""
        while True:
            try:
                if (done := await attempt()) is not None:
                    return done
                self.trouble = "it has not ended"
            except httpx.HTTPError as error:
                self.trouble = f"{type(error).__name__} {error}"
            await asyncio.sleep(self._random.uniform(0.2, 0.6))
