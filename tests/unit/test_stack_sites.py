"""Two data centres on one machine: who gets what, and what is copied from where."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from app import config
from app.core.topics import COPIED, SEGMENT_RECORD_BYTES, TOPICS, copy_of
from app.stack import Refused, jars, mirror, places, ports, sites
from app.stack.places import Home
from app.stack.sites import Site

ADDRESSES = {"east": "127.0.0.1:1", "west": "127.0.0.1:2"}
KEYS = "1:aa"


@pytest.fixture
def both(tmp_path: Path) -> list[Site]:
    return sites.plan(config.Stack(), tmp_path)


def environments(both: list[Site], **given: str) -> dict[str, dict[str, str]]:
    return {site.name: dict(sites.program(site, both, given, KEYS).environment) for site in both}


def test_each_site_knows_itself_its_number_and_the_others(both: list[Site]) -> None:
    found = [config.read(config.Stack, environment) for environment in environments(both).values()]
    assert [(settings.site, settings.others) for settings in found] == [("east", ("west",)), ("west", ("east",))]
    numbers = [(environment["SITE_NUMBER"], environment["SITES"]) for environment in environments(both).values()]
    assert numbers == [("0", "2"), ("1", "2")]


def test_sites_share_the_keys_of_data_and_nothing_else(both: list[Site]) -> None:
    east, west = environments(both, LOG_LEVEL="debug").values()
    assert {name for name in east if east[name] == west[name]} == {"DATA_KEYS", "LOG_LEVEL", "IMPORTERS", "SITES"}
    assert east["DATA_KEYS"] == KEYS


def test_what_the_person_set_reaches_both(both: list[Site]) -> None:
    found = environments(both, IMPORTERS="3", PARTITIONS="6", HOME="/nowhere")
    assert [(each["IMPORTERS"], each["PARTITIONS"]) for each in found.values()] == [("3", "6")] * 2
    assert all("HOME" not in each for each in found.values())


def test_no_two_sites_ever_choose_the_same_port(both: list[Site]) -> None:
    first, second = (range(*map(int, site.port_range.split("-"))) for site in both)
    own = [port for site in both for port in (site.web_port, site.gateway_port, site.kafka_port)]
    assert len(set(own)) == len(own)
    assert not set(first) & set(second)
    assert not {site.kafka_port for site in both} & {*first, *second}


def test_a_range_of_ports_is_shared_out_without_gaps_between_two_shares() -> None:
    shares = [range(int(first), int(last) + 1) for first, last in (part.split("-") for part in ports.shares(3))]
    assert len({len(share) for share in shares}) == 1
    assert shares[0][-1] + 1 == shares[1][0]
    assert [port in shares[2] for port in ports.free(2, ports.shares(3)[2])] == [True, True]


@pytest.mark.parametrize("name", sites.OWN)
def test_two_sites_on_one_server_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused, match=name):
        sites.run(config.Stack(data_dir=str(tmp_path)), {name: "x"})


def test_what_belongs_to_one_stack_is_a_setting_of_one() -> None:
    known = {field.name.upper() for kind in (config.Stack, config.Web) for field in fields(kind)}
    assert set(sites.OWN) <= known


def test_only_what_others_can_work_on_is_copied_and_no_copy_again() -> None:
    text = str(mirror.settings("west", ADDRESSES)["topics"]).replace("\\\\", "\\")  # as Java reads it
    patterns = [re.compile(one) for one in text.split(",")]
    every = [*TOPICS, *(copy_of(topic, site) for topic in COPIED for site in ADDRESSES)]
    copied = {topic.name for topic in every if any(pattern.fullmatch(topic.name) for pattern in patterns)}
    assert copied == {topic.name for topic in COPIED}
    assert not copied & {"imports", "notices", "contacts.changed"}


def test_each_site_fetches_and_none_is_written_to_from_afar() -> None:
    assert {name for name in mirror.settings("west", ADDRESSES) if "->" in name} == {"east->west.enabled"}
    assert {name for name in mirror.settings("east", ADDRESSES) if "->" in name} == {"west->east.enabled"}


def test_the_greatest_segment_can_be_copied() -> None:
    found = mirror.settings("west", ADDRESSES)
    assert int(str(found["west.producer.max.request.size"])) > SEGMENT_RECORD_BYTES


def test_mirrormaker_shares_every_jar_with_kafka_that_both_need() -> None:
    kafka = {jar.artifact: jar for jar in jars.locked(jars.LOCK.read_text())}
    found = jars.locked(jars.MIRROR_LOCK.read_text())
    assert all(len(jar.sha256) == 64 for jar in found)
    shared = [jar for jar in found if jar.artifact in kafka and jar.artifact != "kafka-clients"]
    assert len(shared) > 5
    assert [jar for jar in shared if jar != kafka[jar.artifact]] == []
    assert {jar.version for jar in found if jar.group == "org.apache.kafka"} == {"4.3.1"}


def test_what_a_site_keeps_elsewhere_is_forgotten_with_both(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "kafka").mkdir(parents=True)
    home = Home(tmp_path / "data", tmp_path / "data" / "servers", None)
    (home.path / "east").mkdir(parents=True)
    home.secrets.touch()
    (home.path / "east" / "servers").symlink_to(elsewhere)
    places.forget(home.path)
    assert not home.path.exists()
    assert not elsewhere.exists()
