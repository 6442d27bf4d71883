"""`addressbus` against the whole stack: imports to their end, through broken connections and kills, and back out."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from addressbus_cli.answers import State
from addressbus_cli.credentials import Login
from addressbus_cli.live import states
from addressbus_cli.server import Server
from app.stack.whole import Whole
from tests.e2e.choke import Choke, choke
from tests.waiting import eventually

WITHIN = 180
HEADER = "First Name,Last Name,E-mail Address,Company,Notes\r\n"


@dataclass(frozen=True)
class Done:
    """What a command said."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Addressbus:
    """The command, logged in by the environment, with a folder of its own."""

    environ: dict[str, str]

    async def start(self, *arguments: str, **environ: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "addressbus_cli",
            *arguments,
            env={**self.environ, **environ},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def __call__(self, *arguments: str, given: bytes = b"", **environ: str) -> Done:
        return await end(await self.start(*arguments, **environ), given)


async def end(process: asyncio.subprocess.Process, given: bytes = b"") -> Done:
    async with asyncio.timeout(WITHIN):
        out, err = await process.communicate(given)
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


@pytest.fixture
def addressbus(stack: Whole, tmp_path: Path) -> Addressbus:
    facts = stack.facts()
    environ = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    given = {
        "ADDRESSBUS_URL": facts["web"],
        "ADDRESSBUS_TOKEN": facts["api_token"],
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }
    return Addressbus({**environ, **given})


@pytest.fixture
async def cable() -> AsyncIterator[Choke]:
    async with choke() as made:
        yield made


def people(path: Path, count: int, *, wrong: int = 0, notes: int = 0) -> str:
    """Writes a file of `count` rows, the last `wrong` of them without a valid address; the word that all have."""
    tag = f"t{uuid4().hex[:8]}"
    addresses = [f"ann{n}@{tag}.example" for n in range(count - wrong)] + ["nobody at home"] * wrong
    rows = [f"Ann{n},{tag},{address},Miller & Söhne,{'x' * notes}" for n, address in enumerate(addresses)]
    path.write_text(HEADER + "\r\n".join(rows) + "\r\n", newline="")
    return tag


async def test_five_thousand_rows_come_in_and_what_does_not_is_told(addressbus: Addressbus, tmp_path: Path) -> None:
    tag = people(tmp_path / "people.csv", 5000, wrong=3)
    done = await addressbus("import", str(tmp_path / "people.csv"), "--watch", "--label", tag)
    assert done.status == 1, done
    lines = done.out.splitlines()
    assert lines[0].startswith("people.csv: 5,000 rows = 4,997 new + 3 not imported in ")
    assert lines[2] == "Line\tColumn\tValue\tReason"
    assert [line.split("\t")[:3] for line in lines[3:]] == [
        [str(line), "E-mail Address", "nobody at home"] for line in (4999, 5000, 5001)
    ]
    listed = await eventually(lambda: newest(addressbus), lambda state: state["rejected"] == 3)
    assert listed["name"] == "people.csv"

    watched = await addressbus("watch", listed["id"])
    assert (watched.status, watched.out.splitlines()[0][:31]) == (1, "people.csv: 5,000 rows = 4,997 ")
    shown = await addressbus("problems", listed["id"][:13])
    assert len(shown.out.splitlines()) == 4
    mend = tmp_path / "mend.csv"
    assert (await addressbus("problems", listed["id"], "--csv", str(mend))).status == 0
    mended = mend.read_text("utf-8-sig").replace("nobody at home", f"somebody@{tag}.example")
    mend.write_text(mended)
    again = await addressbus("import", str(mend), "--watch")
    assert again.status == 0, again
    assert "3 rows = " in again.out

    found = await addressbus("contacts", "search", "ann4711", tag)
    assert found.out.splitlines()[1:] == [f"Ann4711 {tag}\tann4711@{tag}.example\t\tMiller & Söhne"]


async def test_what_is_exported_comes_back_as_the_same_people(addressbus: Addressbus, tmp_path: Path) -> None:
    tag = people(tmp_path / "people.csv", 200)
    done = await addressbus("import", str(tmp_path / "people.csv"), "--watch", "--json", "--label", tag)
    assert done.status == 0, done
    await visible(addressbus, json.loads(done.out)["id"])
    for ending in ("csv", "vcf"):
        path = tmp_path / f"out.{ending}"
        assert (await addressbus("export", str(path), "--label", tag)).status == 0
        assert path.read_bytes().count(f"@{tag}.example".encode()) == 200
        again = await addressbus("import", str(path), "--watch")
        assert again.status == 0, again
        assert again.out.startswith(f"out.{ending}: 200 rows = 200 ")
        assert " new" not in again.out, "they are the same people"


async def newest(addressbus: Addressbus) -> dict[str, Any]:
    """The last import of the history, which is projected and so a moment behind."""
    found: dict[str, Any] = json.loads((await addressbus("imports", "--json", "--limit", "1")).out)
    return found


async def visible(addressbus: Addressbus, import_id: str) -> None:
    """Waits until the read model shows an import: the events of its channel say so, nothing is asked twice."""
    server = Server(Login(addressbus.environ["ADDRESSBUS_URL"], addressbus.environ["ADDRESSBUS_TOKEN"]))
    async with asyncio.timeout(WITHIN):
        state = await server.get(f"/api/v1/imports/{import_id}", State)
        async for told in states(server, state.channel or "", lambda: None):
            if told.id == import_id and told.visible:
                break
    await server.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
async def test_the_same_command_goes_on_where_a_stopped_one_was(
    addressbus: Addressbus, cable: Choke, tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "people.csv"
    people(path, 5000, notes=200)
    cable.after = 600_000
    first = await addressbus.start("import", str(path), "--watch", HTTP_PROXY=cable.url)
    async with asyncio.timeout(WITHIN):
        await cable.reached.wait()
    first.send_signal(number)
    stopped = await end(first)
    if number == signal.SIGINT:
        assert stopped.status == 130
        assert "The same command goes on where this one stopped." in stopped.err
    second = await addressbus("import", str(path), "--watch", HTTP_PROXY=cable.url)
    assert second.status == 0, second
    assert second.out.startswith("people.csv: 5,000 rows = 5,000 new in ")
    assert cable.offsets[0] == 0
    assert 0 < cable.offsets[-1] <= 600_000
    listed = (await addressbus("imports", "--json", "--limit", "2")).out.splitlines()
    assert [json.loads(line)["name"] for line in listed].count("people.csv") <= 2
    assert not list((tmp_path / "config").rglob("uploads/*.json")), "nothing is left to go on with"


async def test_a_broken_connection_is_gone_on_with_by_itself(
    addressbus: Addressbus, cable: Choke, tmp_path: Path
) -> None:
    path = tmp_path / "people.csv"
    people(path, 5000, notes=200)
    cable.after, cable.then = 500_000, "cut"
    done = await addressbus("import", str(path), "--watch", HTTP_PROXY=cable.url)
    assert done.status == 0, done
    assert done.out.startswith("people.csv: 5,000 rows = 5,000 new in ")
    assert len(cable.offsets) >= 2


async def test_standard_input_is_imported(addressbus: Addressbus, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    people(path, 300)
    done = await addressbus("import", "-", "--watch", "--json", "--name", "crm.csv", given=path.read_bytes())
    assert done.status == 0, done
    state = json.loads(done.out)
    assert (state["name"], state["rows"], state["created"]) == ("crm.csv", 300, 300)


async def test_a_file_that_is_no_address_book_ends_with_2(addressbus: Addressbus, tmp_path: Path) -> None:
    path = tmp_path / "colours.csv"
    path.write_text("colour,size\r\nred,3\r\n")
    for arguments in ([], ["--watch"]):
        done = await addressbus("import", str(path), *arguments)
        assert done.status == 2, done
        assert "No column of this file is a name" in done.out + done.err


async def test_without_watching_it_ends_once_the_file_is_received(addressbus: Addressbus, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    people(path, 100)
    done = await addressbus("import", str(path))
    assert done.status == 0, done
    assert "people.csv: " in done.out


async def test_a_login_is_tried_before_it_is_kept(addressbus: Addressbus, tmp_path: Path) -> None:
    url, token = addressbus.environ["ADDRESSBUS_URL"], addressbus.environ["ADDRESSBUS_TOKEN"]
    stranger = Addressbus({**addressbus.environ, "ADDRESSBUS_TOKEN": "", "ADDRESSBUS_URL": ""})
    refused = await stranger("login", url, given=b"not a token\n")
    assert refused.status == 3
    assert "does not know this token" in refused.err
    assert (await stranger("imports")).status == 3
    welcome = await stranger("login", url, given=f"{token}\n".encode())
    assert welcome.status == 0, welcome
    assert token not in welcome.out + welcome.err
    assert (await stranger("imports")).status == 0
    assert (await stranger("logout")).status == 0
    assert (await stranger("imports")).status == 3
