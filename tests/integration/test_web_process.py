"""`python -m app.web` as the operator starts it."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from app.stack import ports
from tests.integration.conftest import Servers
from tests.integration.house import settings
from tests.waiting import eventually

COMMAND = [sys.executable, "-m", "app.web"]


def environment(servers: Servers, data_dir: Path) -> dict[str, str]:
    web_port, health_port = ports.free(2)
    made = settings(
        servers, data_dir, web_port=web_port, health_port=health_port, public_url=f"http://localhost:{web_port}"
    )
    values = {name.upper(): str(getattr(made, name)) for name in made.__dataclass_fields__}
    return {**os.environ, **{name: value for name, value in values.items() if value}}


@pytest.fixture
def env(servers: Servers, tmp_path: Path) -> dict[str, str]:
    return environment(servers, tmp_path / "data")


@contextlib.contextmanager
def running(env: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(COMMAND, env=env, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def readiness(env: dict[str, str], wanted: str) -> None:
    """Waits until the process says this of itself."""

    async def look() -> str:
        async with httpx.AsyncClient(timeout=60) as client:
            try:
                return (await client.get(f"http://127.0.0.1:{env['HEALTH_PORT']}/readyz")).text
            except httpx.TransportError:
                return "not there"

    await eventually(look, lambda text: text == wanted)


def run(env: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], env=env, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
async def served(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, str]]:
    """The environment of a process that answers."""
    env = environment(servers, tmp_path_factory.mktemp("web"))
    with running(env):
        await readiness(env, "ready")
        yield env


@contextlib.asynccontextmanager
async def signed_in(env: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """The owner of the workspace demo, by the link that bootstrap printed."""
    code = json.loads(run(env, "bootstrap").stdout)["sign_in"].partition("#")[2]
    async with httpx.AsyncClient(base_url=env["PUBLIC_URL"], timeout=60) as client:
        answer = await client.post("/api/v1/sign-in", json={"code": code})
        assert answer.json()["address"] == "owner@example.com"
        yield client


async def first_line(env: dict[str, str], request: bytes) -> str:
    """How the process answers to these bytes and no more; "cut" if it hangs up, which may come before its answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(env["WEB_PORT"]))
    try:
        writer.write(request)
        async with asyncio.timeout(60):
            return (await reader.readline()).decode().strip() or "cut"
    except ConnectionError:
        return "cut"
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_the_link_of_bootstrap_signs_the_owner_of_demo_in(served: dict[str, str]) -> None:
    async with signed_in(served) as client:
        assert (await client.get("/api/v1/me")).json()["workspace"]["slug"] == "demo"
        assert (await client.get("/")).status_code == 200


async def test_another_site_is_refused_before_the_body_is_there(served: dict[str, str]) -> None:
    async with signed_in(served) as client:
        ((name, value),) = client.cookies.items()
    head = (
        f"POST /api/v1/imports HTTP/1.1\r\nHost: localhost:{served['WEB_PORT']}\r\nCookie: {name}={value}\r\n"
        "Sec-Fetch-Site: cross-site\r\nContent-Length: 1000000\r\n\r\n"
    )
    assert (await first_line(served, head.encode())).startswith("HTTP/1.1 403 ")


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Length: 1\r\nTransfer-Encoding: chunked",
        "X-Flood: " + "x" * 100_000,
        "\r\n".join(f"X-{number}: x" for number in range(20_000)),
    ],
    ids=["length said twice", "a header of 100 KB", "20,000 headers"],
)
async def test_a_head_that_nobody_sends_is_refused(served: dict[str, str], headers: str) -> None:
    head = f"POST /api/v1/sign-in HTTP/1.1\r\nHost: localhost:{served['WEB_PORT']}\r\n{headers}\r\n\r\n"
    assert (await first_line(served, head.encode())).startswith(("HTTP/1.1 4", "cut"))


async def test_it_stops_in_order(env: dict[str, str]) -> None:
    with running(env) as process:
        await readiness(env, "ready")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 60) == 0


async def test_while_kafka_is_away_it_waits_and_can_be_stopped(env: dict[str, str]) -> None:
    (closed,) = ports.free(1)
    with running({**env, "KAFKA_BOOTSTRAP": f"127.0.0.1:{closed}"}) as process:
        await readiness(env, "waiting for Kafka and PostgreSQL")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 60) == 0


def test_bootstrap_may_be_repeated_and_keeps_its_token(env: dict[str, str]) -> None:
    first, second = (json.loads(run(env, "bootstrap").stdout) for _ in range(2))
    assert first["api_token"] == second["api_token"]
    assert first["sign_in"] != second["sign_in"]
    assert first["sign_in"].startswith(f"{env['PUBLIC_URL']}/sign-in#")
    kept = list(Path(env["DATA_DIR"]).iterdir())
    assert [oct(path.stat().st_mode & 0o777) for path in kept] == ["0o600"]


def test_an_operator_makes_workspaces_links_and_operators(env: dict[str, str]) -> None:
    made = run(env, "workspace", "acme", "boss@acme.example")
    assert made.stdout.startswith(f"{env['PUBLIC_URL']}/sign-in#")
    assert run(env, "sign-in-link", "Boss@Acme.example").stdout.startswith(env["PUBLIC_URL"])
    assert run(env, "operator", "boss@acme.example").returncode == 0
    unknown = run(env, "operator", "nobody@acme.example")
    assert (unknown.returncode, unknown.stderr) == (2, "addressbus: Nobody here has this address.\n")


def test_a_database_that_nobody_prepared_is_one_clear_line(env: dict[str, str], servers: Servers) -> None:
    with psycopg.connect(servers.postgres, autocommit=True) as admin:
        admin.execute("create database unprepared")
    try:
        dsn = psycopg.conninfo.make_conninfo(servers.dsn("web"), dbname="unprepared")
        refused = run({**env, "WEB_DATABASE_URL": dsn}, "bootstrap")
    finally:
        with psycopg.connect(servers.postgres, autocommit=True) as admin:
            admin.execute("drop database unprepared with (force)")
    assert refused.returncode == 1
    assert refused.stderr.startswith("addressbus: schema web is at 0, this code needs ")
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("PUBLIC_URL", "", "PUBLIC_URL is missing"),
        ("PUBLIC_URL", "http://book.example", "PUBLIC_URL must use https"),
        ("CHANNEL_KEYS", "nonsense", "CHANNEL_KEYS: "),
        ("DATA_KEYS", "nonsense", "DATA_KEYS: "),
        ("WEB_PORT", "many", "WEB_PORT must be a whole number"),
    ],
)
def test_a_wrong_value_is_one_clear_line_and_exit_2(env: dict[str, str], variable: str, value: str, why: str) -> None:
    refused = run({**env, variable: value})
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"addressbus: {why}")
    assert refused.stderr.count("\n") == 1
