"""The stack's pure parts: who gets what, in which order, and what is written where."""

import configparser
import json
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import config, sql
from app.core.topics import BULK, IMPORTS, NOTICES
from app.stack import (
    Refused,
    brokers,
    embedded,
    jars,
    keys,
    places,
    ports,
    processes,
    servers,
    simulated,
    supervision,
)
from app.stack.brokers import Kafka
from app.stack.embedded import Addresses
from app.stack.places import Account, Home
from app.stack.record import Line, Record, Stack
from app.stack.servers import Program
from app.stack.supervision import Group
from app.topics import difference, properties

ADDRESSES = Addresses(
    kafka="127.0.0.1:9",
    redis="redis://:valkey-secret@127.0.0.1:8/0",
    postgres={role: f"postgresql://{role}:{role}-secret@127.0.0.1:7/postgres" for role in ("admin", *sql.ROLES)},
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, tmp_path / "servers", None)


@pytest.fixture
def secrets(tmp_path: Path) -> keys.Secrets:
    return keys.load(tmp_path / "secrets.json")


def planned(
    home: Home, secrets: keys.Secrets, settings: config.Stack | None = None, **environ: str
) -> dict[str, Program]:
    settings = settings or config.Stack()
    values = processes.values(settings, ADDRESSES, secrets, home, environ)
    found = processes.plan(settings, values, iter(range(100, 200)))
    return {process.program.name: process.program for group in found.values() for process in group}


def test_there_are_as_many_processes_as_were_asked_for(home: Home, secrets: keys.Secrets) -> None:
    found = planned(home, secrets, config.Stack(importers=3, gateways=2, projectors=0, fetchers=1))
    wanted = {"web", "gateway.1", "gateway.2", "importer.1", "importer.2", "importer.3", "express.1", "tracker.1"}
    wanted |= {"fetcher.1"}
    assert set(found) == wanted


def test_the_web_starts_last_and_so_ends_first(home: Home, secrets: keys.Secrets) -> None:
    values = processes.values(config.Stack(), ADDRESSES, secrets, home, {})
    groups = processes.groups(processes.plan(config.Stack(), values, iter(range(100, 200))))
    assert [group.name for group in groups] == ["gateways", "workers", "web"]


def test_a_process_gets_only_the_secrets_it_needs(home: Home, secrets: keys.Secrets) -> None:
    found = planned(home, secrets)
    tracker = " ".join(found["tracker.1"].environment.values())
    assert "secret" not in tracker
    assert secrets.channel_keys not in tracker
    importer = found["importer.1"].environment
    assert importer["IMPORTER_DATABASE_URL"] == ADDRESSES.postgres["importer"]
    assert [name for name in importer if name.endswith("DATABASE_URL")] == ["IMPORTER_DATABASE_URL"]
    for program in found.values():
        assert ADDRESSES.postgres["admin"] not in program.environment.values()


def test_every_process_has_all_that_its_configuration_asks_for(home: Home, secrets: keys.Secrets) -> None:
    for name, program in planned(home, secrets).items():
        kind = processes.KINDS[name.partition(".")[0]]
        found = config.read(kind, program.environment)
        assert found.process_name == name
        assert found.health_port >= 100


def test_both_lanes_are_the_same_program_on_another_lane(home: Home, secrets: keys.Secrets) -> None:
    found = planned(home, secrets)
    assert found["importer.1"].environment["LANE"] == "bulk"
    assert found["express.1"].environment["LANE"] == "express"


def test_what_a_person_sets_reaches_the_process_that_reads_it(home: Home, secrets: keys.Secrets) -> None:
    found = planned(home, secrets, MAX_OPEN_UPLOADS="3", SMTP_URL="smtp://mail", PATH="/elsewhere")
    assert found["web"].environment["MAX_OPEN_UPLOADS"] == "3"
    assert "MAX_OPEN_UPLOADS" not in found["gateway.1"].environment
    assert "PATH" not in found["web"].environment


def test_the_security_of_somebody_elses_kafka_does_not_reach_our_own(home: Home, secrets: keys.Secrets) -> None:
    assert "KAFKA_SECURITY" not in planned(home, secrets, KAFKA_SECURITY="SSL")["web"].environment
    theirs = config.Stack(kafka_bootstrap="there:9093")
    assert planned(home, secrets, theirs, KAFKA_SECURITY="SSL")["web"].environment["KAFKA_SECURITY"] == "SSL"


def test_each_process_shows_our_brokers_who_it_is(home: Home, secrets: keys.Secrets) -> None:
    kafka = Kafka((), {"kafka_security": "SASL_SSL"}, secrets.kafka)
    values = processes.values(config.Stack(), ADDRESSES, secrets, home, {})
    found = processes.plan(config.Stack(), values, iter(range(100, 200)), kafka.settings)
    for process in (process for group in found.values() for process in group):
        kind = process.program.name.partition(".")[0]
        given = process.program.environment
        assert (given["KAFKA_SECURITY"], given["KAFKA_USERNAME"]) == ("SASL_SSL", kind)
        assert given["KAFKA_PASSWORD"] == secrets.kafka[kind]


def test_there_is_one_broker_or_there_are_three(home: Home, secrets: keys.Secrets) -> None:
    assert [brokers.ports_of(count) for count in (0, 1, 3)] == [0, 2, 9]
    with pytest.raises(Refused, match="BROKERS is 1 or 3, not 2"):
        brokers.ports_of(2)


def test_what_one_broker_has_written_is_not_lost_on_three(home: Home, secrets: keys.Secrets) -> None:
    for begun, count in (("kafka", 3), ("kafka.1", 1)):
        (home.servers / begun).mkdir(parents=True)
        with pytest.raises(Refused, match="another number of BROKERS"):
            brokers.make(home, secrets, iter(range(100, 200)), count)
        (home.servers / begun).rmdir()


def test_with_three_copies_two_must_have_a_record() -> None:
    assert properties(BULK, 3)["min.insync.replicas"] == "2"
    assert properties(BULK, 1)["min.insync.replicas"] == "1"
    assert servers.copies(1)["min.insync.replicas"] == 1
    assert servers.copies(3)["min.insync.replicas"] == servers.copies(3)["transaction.state.log.min.isr"] == 2


def test_the_gateway_is_known_under_the_host_name_of_the_pages(home: Home, secrets: keys.Secrets) -> None:
    settings = config.Stack(public_url="https://book.example", gateway_port=8443)
    assert planned(home, secrets, settings)["web"].environment["GATEWAY_PUBLIC_URL"] == "https://book.example:8443"


def test_a_role_gets_its_own_password_in_the_administrators_dsn(secrets: keys.Secrets) -> None:
    found = embedded.dsns("postgresql://root:top@db.example:5433/book?sslmode=require", secrets)
    assert found["web"] == f"postgresql://web:{secrets.roles['web']}@db.example:5433/book?sslmode=require"
    assert set(found) == {"admin", *sql.ROLES}


def test_secrets_are_made_once_and_only_their_owner_can_read_them(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = keys.load(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys.load(path) == first


def test_a_secret_that_a_newer_version_needs_is_added_to_those_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = keys.load(path)
    kept = json.loads(path.read_text())
    del kept["roles"]["web"]
    path.write_text(json.dumps(kept))
    second = keys.load(path)
    assert (second.postgres, second.roles["jobs"]) == (first.postgres, first.roles["jobs"])
    assert second.roles["web"]


def test_stack_json_is_for_its_owner_alone_and_follows_what_changes(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    record = Record(path)
    record.change(sign_in="too early")
    assert not path.exists()
    record.publish(
        Stack(
            web="http://localhost:8000",
            gateway="http://localhost:8001",
            sign_in="first",
            api_token="token",
            kafka=ADDRESSES.kafka,
            operator=ADDRESSES.operator,
            redis=ADDRESSES.redis,
            postgres=ADDRESSES.postgres,
            processes=(Line("importer.1", 10, 100),),
        )
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    record.change(processes=[Line("importer.1", 11, 100)])
    record.change(sign_in="second")
    found = json.loads(path.read_text())
    assert found["processes"] == [{"name": "importer.1", "pid": 11, "port": 100}]
    assert found["sign_in"] == "second"
    assert set(found) == {
        *("web", "gateway", "sign_in", "api_token", "kafka", "operator", "redis", "postgres", "processes")
    }
    record.withdraw()
    assert not path.exists()


def test_free_ports_are_different_and_below_those_of_outgoing_connections() -> None:
    found = list(ports.free(20))
    assert len(set(found)) == 20
    assert all(20_000 <= port < 32_000 for port in found)


@pytest.mark.parametrize("_", range(10))
def test_no_port_is_given_twice_even_of_a_narrow_range(_: int) -> None:
    found = list(ports.free(20, "20000-20199"))
    assert len(set(found)) == 20


def test_a_port_that_is_chosen_already_is_not_free() -> None:
    first, second = ports.free(2)
    with pytest.raises(Refused):
        ports.free(1, f"{first}-{first}", besides=(second, first))
    assert list(ports.free(1, f"{first}-{first}", besides=(second,))) == [first]


def test_a_range_whose_ports_are_taken_is_told() -> None:
    (port,) = ports.free(1)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(Refused, match=f"no port of {port}-{port} is free"):
        ports.free(1, f"{port}-{port}")


def test_a_port_that_is_taken_is_told_with_the_setting_that_mends_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Refused, match=rf"port {port} is taken .* make run WEB_PORT={port + 10}"):
            ports.check(port, "WEB_PORT")
    ports.check(port, "WEB_PORT")


def test_a_second_run_in_the_same_folder_is_refused_with_a_way_out(home: Home) -> None:
    second = places.locked(home)
    with places.locked(home), pytest.raises(Refused, match=f"process {os.getpid()}.*make run DATA_DIR="):
        second.__enter__()
    with places.locked(home):
        pass  # the first has ended


def test_a_folder_that_is_not_ours_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(Refused, match="does not look like a DATA_DIR"):
        places.forget(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


@pytest.fixture
def system_data() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="addressbus-system-") as path:
        yield Path(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another account for the servers")
def test_the_servers_of_root_have_a_place_they_can_reach(
    tmp_path: Path, system_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "SYSTEM_DATA", system_data)
    hidden = tmp_path / "private"
    hidden.mkdir(mode=0o700)
    home = places.settle(hidden / "data")
    assert home.account is not None
    assert home.path.stat().st_uid == home.account.uid
    assert home.servers.parent == system_data
    assert places.reachable(home.folder("kafka"), home.account)
    assert places.settle(hidden / "data") == home, "the next start finds it again"
    keys.load(home.secrets)
    places.forget(hidden / "data")
    assert list(system_data.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another account for the servers")
def test_root_never_gives_away_a_folder_with_somebody_elses_files(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(Refused, match="holds files that are not ours"):
        places.settle(tmp_path)
    assert tmp_path.stat().st_uid == 0


def test_every_jar_of_kafka_is_named_with_its_hash() -> None:
    found = jars.locked(jars.LOCK.read_text())
    assert [jar.version for jar in found if jar.artifact == "kafka_2.13"] == ["4.4.0"]
    assert all(len(jar.sha256) == 64 for jar in found)
    assert len({jar.file for jar in found}) == len(found)


def test_the_supervisor_restarts_what_dies_and_stops_in_the_opposite_order(home: Home) -> None:
    nobody = Account("nobody", 65534, 65534)
    groups = [
        Group("kafka", (Program(name="kafka", argv=("java", "x y"), folder=home.path, account=nobody, grace=60),)),
        Group("web", (Program(name="web", argv=("python",), folder=home.path, environment={"A": "50%", "B": "it's"}),)),
    ]
    text = supervision.configuration(home, groups, home.path)
    found = configparser.RawConfigParser()
    found.read_string(text)
    assert found["program:kafka"]["command"] == "java 'x y'"
    assert found["program:kafka"]["user"] == "nobody"
    assert found["program:kafka"]["stopwaitsecs"] == "60"
    assert found["program:web"]["environment"] == '''A="50%%",B="it's"'''
    assert "user" not in found["program:web"]
    assert found["program:web"]["autorestart"] == "true"
    # Supervisor stops the highest number first; the keeper, which tells of it, goes last.
    assert [found[f"{kind}:{name}"]["priority"] for kind, name in ORDER] == ["0", "1", "2"]


ORDER = [("eventlistener", "keeper"), ("group", "kafka"), ("group", "web")]


def test_a_topic_is_made_for_what_it_carries() -> None:
    bulk, imports, notices = properties(BULK), properties(IMPORTS), properties(NOTICES)
    assert int(bulk["max.message.bytes"]) > 8 * 1024 * 1024
    assert bulk["retention.ms"] == str(7 * 86_400_000)
    assert imports["cleanup.policy"] == "compact"
    assert "retention.ms" not in imports
    assert all(int(found["segment.ms"]) <= 86_400_000 for found in (bulk, imports, notices))


def test_topics_with_another_number_of_partitions_are_one_sentence_with_the_setting_that_fits() -> None:
    said = difference(["imports", "notices", "dead"], 12, {"imports": 6, "notices": 6, "dead": 12})
    assert said is not None
    assert "imports and 1 other topics exist with 6" in said
    assert said.endswith("set PARTITIONS=6")
    assert difference(["imports"], 12, {}) is None
    assert difference(["imports"], 12, {"imports": 12, "somebody.elses": 3}) is None


def test_simulated_providers_are_spoken_to_instead_of_the_real_ones(home: Home, secrets: keys.Secrets) -> None:
    played = simulated.make(iter([9001, 9002]))
    mine = {"GOOGLE_CLIENT_ID": "mine", "MICROSOFT_TENANT": "mine"}
    values = processes.values(config.Stack(), ADDRESSES, secrets, home, mine, played.values)
    web = config.read(
        config.Web, processes.plan(config.Stack(), values, iter(range(100)))["web"][0].program.environment
    )
    assert {web.google_auth_url, web.google_token_url, web.google_people_url} == {"http://127.0.0.1:9001"}
    assert {web.microsoft_login_url, web.microsoft_graph_url} == {"http://127.0.0.1:9001"}
    assert web.google_client_id != "mine"
    assert web.microsoft_tenant == "common"
    assert played.program.argv[-4:] == ("--port", "9001", "--canary-port", "9002")


def test_without_the_word_nothing_is_simulated() -> None:
    assert not simulated.wanted(config.Stack())
    assert simulated.wanted(config.Stack(providers="simulated"))
    with pytest.raises(Refused, match="simulated"):
        simulated.wanted(config.Stack(providers="real"))
