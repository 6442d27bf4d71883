"""Links by mail: a little SMTP server writes down what it is given."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import Message
from email.policy import default

import pytest

from app.core.errors import TryAgain
from app.web import accounts, mail
from tests.integration.conftest import Servers
from tests.integration.house import House, Person, house


class Postbox:
    """Speaks just enough SMTP to take a message; `letters` are those it took."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, Message]] = []
        self.port = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to = ""
        writer.write(b"220 postbox\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line.upper()
            if verb.startswith("RCPT"):
                to = line.partition("<")[2].partition(">")[0]
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                text = (await reader.readuntil(b"\r\n.\r\n")).removesuffix(b"\r\n.\r\n")
                self.letters.append((to, message_from_bytes(text, policy=default)))
            writer.write(b"221 bye\r\n" if verb == "QUIT" else b"250 ok\r\n")
            if verb == "QUIT":
                break
        writer.close()


@asynccontextmanager
async def postbox() -> AsyncIterator[Postbox]:
    box = Postbox()
    server = await asyncio.start_server(box.talk, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    async with server:
        yield box


@pytest.fixture(scope="module")
async def box() -> AsyncIterator[Postbox]:
    async with postbox() as found:
        yield found


@pytest.fixture(scope="module")
async def web(servers: Servers, box: Postbox) -> AsyncIterator[House]:
    async with house(servers, smtp_url=f"smtp://127.0.0.1:{box.port}?from=book@example.org") as running:
        yield running


@pytest.fixture
async def owner(web: House) -> Person:
    """The founder of a workspace, who got their link from the operator."""
    workspace = await web.workspace()
    founder = (await web.services.accounts.members(workspace))[0]
    link = await accounts.new_link(web.services.accounts, "http://localhost:8000", workspace, founder.id)
    return await web.enter(link)


async def test_an_invitation_goes_out_by_mail_and_its_link_is_shown_to_nobody(
    web: House, owner: Person, box: Postbox
) -> None:
    answer = await owner.browser.post("/api/v1/invitations", json={"address": "guest@example.com"})
    assert (answer.status_code, answer.json()["link"]) == (201, None)
    to, letter = box.letters[-1]
    assert (to, letter["From"], letter["To"]) == ("guest@example.com", "book@example.org", "guest@example.com")
    link = re.search(r"http://localhost:8000/sign-in#\S+", str(letter.get_payload()))
    assert link is not None
    guest = await web.enter(link[0])
    assert (await guest.browser.get("/api/v1/me")).json()["address"] == "guest@example.com"


async def test_a_member_asks_for_a_link_and_gets_one_for_each_workspace(
    web: House, owner: Person, box: Postbox
) -> None:
    address = (await owner.browser.get("/api/v1/me")).json()["address"]
    taken = len(box.letters)
    answer = await web.browser().post("/api/v1/sign-in/link", json={"address": address.upper()})
    assert answer.status_code == 202
    assert [to for to, _ in box.letters[taken:]] == [address]


async def test_whether_somebody_is_a_member_is_told_to_nobody(web: House, owner: Person, box: Postbox) -> None:
    taken = len(box.letters)
    known = await web.browser().post(
        "/api/v1/sign-in/link", json={"address": (await owner.browser.get("/api/v1/me")).json()["address"]}
    )
    unknown = await web.browser().post("/api/v1/sign-in/link", json={"address": "stranger@example.com"})
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert len(box.letters) == taken + 1


async def test_a_mail_server_that_is_away_is_the_worlds_fault() -> None:
    async with postbox() as gone:
        port = gone.port
    with pytest.raises(TryAgain):
        await mail.send(f"smtp://127.0.0.1:{port}", "a@example.com", "s", "t")
