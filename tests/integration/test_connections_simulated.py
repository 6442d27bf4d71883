"""Connections against Google and Microsoft as they are simulated, over real sockets: what they see of us, and what we
make of all they may do."""

import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from app import config, sql
from app.connections import connecting, service
from app.connections.errors import Gone, NeedsConsent, TryLater
from app.connections.model import Connection
from app.connections.providers import Name
from app.connections.service import Connections
from app.core.errors import Rejected
from app.core.principals import Principal
from tests import providers
from tests.integration.conftest import Servers
from tests.integration.tokens import KEYS, PUBLIC, Clock, person, together
from tests.providers.running import Simulator, running

GMAIL, OUTLOOK = "three@google.example", "three@outlook.example"
ALONE = "many-333@google.example"  # that no workspace keeps connected
CONTACTS = "https://www.googleapis.com/auth/contacts.readonly"
OTHERS = "https://www.googleapis.com/auth/contacts.other.readonly"


@pytest.fixture(scope="module")
def process() -> Iterator[Simulator]:
    with running() as found:
        yield found


@pytest.fixture
def simulator(process: Simulator) -> Simulator:
    process.reset()
    return process


@pytest.fixture
def clock() -> Clock:
    found = Clock()
    found.now = time.time()
    return found


@asynccontextmanager
async def opened(servers: Servers, simulator: Simulator, clock: Clock) -> AsyncIterator[Connections]:
    """One process of ours, put together as in production; only the addresses are others."""
    addresses = ("google_auth", "google_token", "google_people", "microsoft_login", "microsoft_graph")
    settings = config.Providers(
        process_name="test",
        kafka_bootstrap="",
        connections_database_url=servers.dsn("connections"),
        data_keys=KEYS,
        google_client_id=providers.GOOGLE_CLIENT_ID,
        google_client_secret=providers.GOOGLE_CLIENT_SECRET,
        microsoft_client_id=providers.MICROSOFT_CLIENT_ID,
        microsoft_client_secret=providers.MICROSOFT_CLIENT_SECRET,
        **{f"{address}_url": simulator.origin for address in addresses},  # type: ignore[arg-type]
    )
    async with sql.make_pool(settings.connections_database_url, "test") as pool:
        made = service.make(settings, pool, clock)
        yield made
        await made.close()


@pytest.fixture
async def ours(servers: Servers, simulator: Simulator, clock: Clock) -> AsyncIterator[Connections]:
    async with opened(servers, simulator, clock) as made:
        yield made


def name_of(account: str) -> Name:
    return "google" if account.endswith("google.example") else "microsoft"


async def connect(
    ours: Connections, simulator: Simulator, account: str, who: Principal | None = None, **more: Any
) -> Connection:
    """All the way through the provider's pages."""
    who, name = who or person(), name_of(account)
    wanted = {key: more.pop(key) for key in ("other_contacts", "again") if key in more}
    url = await connecting.begin(ours, who, name, PUBLIC, **wanted)
    answer = simulator.allow(url, account, **more)
    return (await connecting.finish(ours, who, name, PUBLIC, answer)).connection


def tokens(simulator: Simulator, grant: str = "refresh_token") -> list[dict[str, Any]]:
    """What the token endpoints were asked."""
    return [one for one in simulator.ledger(endpoint="token") if one["grant"] == grant]


def reads(simulator: Simulator, account: str, token: str) -> int:
    """What an API says to this token."""
    google = account.endswith("google.example")
    path = "/v1/people/me/connections?personFields=names" if google else "/v1.0/me/contacts"
    return simulator.http.get(path, headers={"Authorization": f"Bearer {token}"}).status_code


@pytest.mark.parametrize("account", [GMAIL, OUTLOOK])
async def test_a_connected_account_can_be_read_for_days(
    ours: Connections, simulator: Simulator, clock: Clock, account: str
) -> None:
    found = await connect(ours, simulator, account)
    assert found.address == account
    for _ in range(4):
        token = await ours.access_token(found.workspace, found.id)
        assert reads(simulator, account, token) == 200
        simulator.clock(advance=86_400)
        clock.now += 86_400
    assert len(tokens(simulator)) == 3
    assert not any(one["reused"] or one["early"] for one in tokens(simulator))


@pytest.mark.parametrize("account", [GMAIL, OUTLOOK])
async def test_a_token_that_ended_early_is_renewed_once_for_all_processes(
    servers: Servers, ours: Connections, simulator: Simulator, clock: Clock, account: str
) -> None:
    found = await connect(ours, simulator, account)
    where = (found.workspace, found.id)
    async with opened(servers, simulator, clock) as other:
        first = await ours.access_token(*where)
        simulator.clock(advance=4000)  # our clock is slow: we still believe the token
        assert reads(simulator, account, first) == 401
        await together(*(each.refused(*where, first) for each in (ours, other) * 4))
        renewed = await together(*(each.access_token(*where) for each in (ours, other) * 4))
    assert len(set(renewed)) == 1
    assert reads(simulator, account, renewed[0]) == 200
    assert len(tokens(simulator)) == 1


FAULTS: list[dict[str, Any]] = [
    {"kind": "token_429"},
    {"kind": "token_html"},
    {"kind": "html"},
    {"kind": "redirect"},
    {"kind": "truncated"},
    {"kind": "gzip"},
    {"kind": "content_type"},
    {"kind": "drip", "seconds": 0.02},
    *({"kind": "status", "status": status} for status in (408, 500, 502, 503, 504)),
    *({"kind": "reset", "when": when} for when in ("before", "after", "body")),
    *({"kind": "token_without", "field": field} for field in ("access_token", "expires_in", "scope")),
    *(
        {"kind": "throttle", "retry_after": form}
        for form in ("seconds", "decimal", "date", "zero", "missing", "garbage")
    ),
    {"kind": "throttle", "retry_after": "huge"},
]


@pytest.mark.parametrize("account", [GMAIL, OUTLOOK])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(str(value) for value in fault.values()))
async def test_whatever_a_token_endpoint_does_the_grant_is_kept_and_nobody_is_pressed(
    ours: Connections, simulator: Simulator, clock: Clock, account: str, fault: dict[str, Any]
) -> None:
    found = await connect(ours, simulator, account)
    where = (found.workspace, found.id)
    await ours.refused(*where, await ours.access_token(*where))
    simulator.fault(match={"endpoint": "token", "grant": "refresh_token"}, **fault)
    for _ in range(4):
        try:
            token = await ours.access_token(*where)
            break
        except TryLater as busy:
            simulator.clock(advance=busy.after or 0)
            clock.now += busy.after or 0
    assert reads(simulator, account, token) == 200
    assert (await ours.find(*where)).state == "connected"
    assert len(tokens(simulator)) <= 2
    assert not any(one["early"] for one in tokens(simulator))
    assert simulator.canary_calls() == []


@pytest.mark.parametrize("account", [GMAIL, OUTLOOK])
async def test_access_that_was_withdrawn_there_is_told_here_and_mended_by_connecting_again(
    ours: Connections, simulator: Simulator, account: str
) -> None:
    who = person()
    found = await connect(ours, simulator, account, who)
    where = (found.workspace, found.id)
    simulator.admin("POST", "revoke", {"account": account})
    await ours.refused(*where, await ours.access_token(*where))
    for _ in range(3):
        with pytest.raises(NeedsConsent):
            await ours.access_token(*where)
    assert len(tokens(simulator)) == 1, "nobody knocks at a closed door"
    assert (await connect(ours, simulator, account, who, again=found.id)).id == found.id
    assert reads(simulator, account, await ours.access_token(*where)) == 200


async def test_a_box_that_was_left_empty_is_noticed_and_nothing_stays_behind(
    ours: Connections, simulator: Simulator
) -> None:
    with pytest.raises(Rejected, match="unticked"):
        await connect(ours, simulator, ALONE, untick=[CONTACTS])
    (revoked,) = simulator.ledger(endpoint="revoke")
    assert revoked["status"] == 200


async def test_other_contacts_come_with_their_own_box(ours: Connections, simulator: Simulator) -> None:
    who = person()
    assert not (await connect(ours, simulator, GMAIL, who, other_contacts=True, untick=[OTHERS])).other_contacts
    both = await connect(ours, simulator, GMAIL, who, other_contacts=True)
    assert both.other_contacts
    token = await ours.access_token(both.workspace, both.id)
    headers = {"Authorization": f"Bearer {token}"}
    assert simulator.http.get("/v1/otherContacts?readMask=names", headers=headers).status_code == 200


@pytest.mark.parametrize("account", [GMAIL, OUTLOOK])
async def test_who_does_not_agree_connects_nothing(ours: Connections, simulator: Simulator, account: str) -> None:
    with pytest.raises(Rejected, match="denied"):
        await connect(ours, simulator, account, decision="deny")
    assert tokens(simulator, "authorization_code") == []


async def test_a_second_way_through_the_consent_keeps_the_lasting_permission(
    ours: Connections, simulator: Simulator
) -> None:
    """Google gives a refresh token on its consent screen only, and we always ask for that."""
    who = person()
    await connect(ours, simulator, GMAIL, who)
    found = await connect(ours, simulator, GMAIL, who)
    await ours.refused(found.workspace, found.id, await ours.access_token(found.workspace, found.id))
    assert reads(simulator, GMAIL, await ours.access_token(found.workspace, found.id)) == 200


async def test_disconnecting_ends_it_there_and_here(ours: Connections, simulator: Simulator) -> None:
    found = await connect(ours, simulator, ALONE)
    token = await ours.access_token(found.workspace, found.id)
    assert await ours.disconnect(found.workspace, found.id) is True
    assert reads(simulator, ALONE, token) == 401
    with pytest.raises(Gone):
        await ours.access_token(found.workspace, found.id)
    last = simulator.ledger()[-2]
    assert (last["endpoint"], last["status"], last["query"]) == ("revoke", 200, "")


async def test_a_colleagues_workspace_keeps_what_it_connected(ours: Connections, simulator: Simulator) -> None:
    mine, theirs = await connect(ours, simulator, GMAIL), await connect(ours, simulator, GMAIL)
    assert await ours.disconnect(mine.workspace, mine.id) is False
    assert reads(simulator, GMAIL, await ours.access_token(theirs.workspace, theirs.id)) == 200


async def test_no_secret_is_in_the_database_a_log_or_an_address(
    ours: Connections, simulator: Simulator, servers: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "app")
    for account in (GMAIL, OUTLOOK):
        found = await connect(ours, simulator, account)
        await ours.refused(found.workspace, found.id, await ours.access_token(found.workspace, found.id))
        await ours.access_token(found.workspace, found.id)
    async with await psycopg.AsyncConnection.connect(servers.postgres) as admin:
        rows = [
            str(row)
            for table in ("connections", "asked")
            for row in await (await admin.execute(f"select row_to_json(t)::text from connections.{table} t")).fetchall()
        ]
    ledger = [one["path"] + one["query"] for one in simulator.ledger() if one["endpoint"] != "authorize"]
    everything = "\n".join([*rows, *ledger, caplog.text])
    for secret in providers.SECRETS:
        assert secret not in everything
        assert secret.encode().hex() not in everything
