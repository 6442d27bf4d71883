"""The checker is checked: of a healthy campaign nothing is wrong, and whatever is planted in its evidence is found."""

import asyncio
import csv
import io
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import uuid4

import pytest

from app.core.reading.plan import Existing
from app.core.workspaces import workspace_id
from app.stack.whole import Whole
from bench.client import Client, visible
from tests.faults import checker, expected, model
from tests.faults.checks import CHECKS
from tests.faults.checks.ground import Limits
from tests.faults.course import Course
from tests.faults.evidence import Evidence
from tests.faults.expected import Expectation, Row, Upload
from tests.faults.gather import gather
from tests.faults.model import Placed
from tests.faults.planted import PLANTED, copied
from tests.faults.sampling import sampling, usage
from tests.faults.tenants import tenant
from tests.faults.witness import Witness

BUSY = Limits(view=120, memory=3)
"""The projector rests while others want the whole machine, and others may; nothing has warmed up."""


@dataclass(frozen=True, slots=True)
class Campaign:
    expectation: Expectation
    evidence: Evidence


@pytest.fixture(scope="session")
async def campaign(stack: Whole) -> Campaign:
    """A small campaign without faults, as it was; one import is cancelled before its second half."""
    return await small_campaign(stack)


async def small_campaign(stack: Whole) -> Campaign:
    expectation = with_cancelled(expected.generate(14, imports=6, workspaces=2, rows=(60, 700), cards=0.3))
    run = uuid4().hex[:8]
    course = Course({number: workspace_id(f"c{run}{number}") for number in range(2)}, began=time.time())
    async with AsyncExitStack() as opened:
        clients = [await tenant(stack, f"c{run}{number}") for number in range(2)]
        for number, client in enumerate(clients):
            opened.push_async_callback(client.close)
            for channel in (await client.channel(scope="workspace"), await client.channel()):
                witness = Witness(client, channel, course.workspaces[number], f"{len(course.witnesses)}")
                course.witnesses.append(await opened.enter_async_context(witness))
        course.before = await usage(stack)
        await opened.enter_async_context(sampling(course, stack.facts()))
        await asyncio.gather(*(bring_in(upload, clients, course) for upload in expectation.uploads))
        course.after = await usage(stack)
    return Campaign(expectation, await gather(course, stack.facts()))


def with_cancelled(expectation: Expectation) -> Expectation:
    """Its smallest upload is to be cancelled."""
    smallest = min(expectation.uploads, key=lambda upload: len(upload.data))
    uploads = (upload._replace(cancelled=upload is smallest) for upload in expectation.uploads)
    return expectation._replace(uploads=tuple(uploads))


async def bring_in(upload: Upload, clients: list[Client], course: Course) -> None:
    client, witnesses = clients[upload.workspace], course.witnesses[2 * upload.workspace :][:2]
    channel = witnesses[1].channel["channel"]
    for _ in range(2):  # a repeat is the same import
        made = await client.request_import(
            upload.name, upload.key, size=len(upload.data), plan=dict(upload.plan), channel=channel
        )
        course.answered(upload.number, made["id"])
    if upload.cancelled:
        headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        half = upload.data[: len(upload.data) // 2]
        (await client.http.patch(made["upload"]["url"], content=half, headers=headers)).raise_for_status()
        (await client.http.post(f"/api/v1/imports/{made['id']}/cancel")).raise_for_status()
    else:
        (await client.http.put(made["upload"]["url"], content=upload.data)).raise_for_status()
    for witness in witnesses:
        await witness.until(made["id"], visible, 120)


def test_nothing_is_wrong_with_a_healthy_campaign(campaign: Campaign) -> None:
    report = checker.judge(campaign.expectation, campaign.evidence, BUSY)
    assert report.ok, "\n".join(report.lines())
    assert len(report.lines()) == 13
    figures = report.figures
    assert figures["loss"] == figures["dup"] == figures["miscount"] == figures["stuck"] == 0


def test_the_healthy_campaign_has_all_that_can_be_wrong(campaign: Campaign) -> None:
    evidence, uploads = campaign.evidence, campaign.expectation.uploads
    assert {each.record.state.status for each in evidence.states} >= {"finished", "cancelled"}
    assert {upload.format for upload in uploads} == {"csv", "vcard"}
    assert {"fill", "overwrite"} <= {upload.existing for upload in uploads}
    assert max(segment.index for segment in evidence.segments) >= 1
    assert {trouble.code for each in evidence.problems for trouble in each.troubles} == {
        "email_invalid",
        "no_identity",
        "too_many_cells",
    }
    assert len(evidence.samples) > 5


@pytest.mark.parametrize(
    ("name", "plant"), [pytest.param(name, plant, id=plant.__name__) for name in PLANTED for plant in PLANTED[name]]
)
def test_the_checker_finds_that(campaign: Campaign, name: str, plant: Callable[[Evidence], None]) -> None:
    evidence = copied(campaign.evidence)
    plant(evidence)
    report = checker.judge(campaign.expectation, evidence, BUSY)
    assert name in report.broken, "\n".join(report.lines())
    assert any(line.startswith(f"{name:<4}BROKEN") for line in report.lines())


@pytest.mark.parametrize(
    "table", ["segments", "ledger", "jobs", "changed", "problems", "listed_problems", "contacts", "shown", "kept"]
)
def test_nothing_can_be_taken_away_unnoticed(campaign: Campaign, table: str) -> None:
    draw = random.Random(table)
    for _ in range(3):
        evidence = copied(campaign.evidence)
        found = getattr(evidence, table)
        if table in ("contacts", "shown"):
            found = draw.choice(list(found.values()))
        gone = found.pop(draw.choice(range(len(found)) if isinstance(found, list) else list(found)))
        assert not checker.judge(campaign.expectation, evidence, BUSY).ok, gone


def test_every_invariant_has_a_planted_fault() -> None:
    assert list(PLANTED) == [name for name, _, _ in CHECKS]


# --- what is expected


def test_a_seed_gives_the_same_files_and_another_one_others() -> None:
    one, again, another = (expected.generate(seed, imports=4, rows=(20, 60)) for seed in (3, 3, 4))
    assert one == again
    assert one.uploads[0].data != another.uploads[0].data


def test_rows_are_expected_where_they_stand_in_the_file() -> None:
    uploads = expected.generate(5, imports=8, rows=(50, 200), cards=0).uploads
    for upload in uploads:
        lines = upload.data.decode().split("\n")
        delimiter = ";" if ";" in lines[0] else ","
        reader = csv.reader(io.StringIO(upload.data.decode(), newline=""), delimiter=delimiter)
        begins, records = [], []
        line = 1
        for record in reader:
            begins.append(line)
            records.append(record)
            line = reader.line_num + 1
        assert [row.line for row in upload.rows] == begins[1:]
        for row, record in zip(upload.rows, records[1:], strict=True):
            assert row.code or row.fields["given"] == record[0]
            assert row.code != "email_invalid" or "not an address" in record[2]


def test_a_card_stands_where_it_is_expected() -> None:
    upload = expected.generate(6, imports=1, rows=(30, 31), cards=1).uploads[0]
    lines = upload.data.decode().split("\r\n")
    assert [at for at, line in enumerate(lines, 1) if line == "BEGIN:VCARD"] == [row.line for row in upload.rows]


def test_every_row_is_rejected_a_duplicate_or_a_person() -> None:
    for upload in expected.generate(8, imports=10, rows=(40, 400)).uploads:
        assert len(upload.rejected) + len(upload.duplicates) + len(upload.keys) == len(upload.rows)


def test_workspaces_share_nobody() -> None:
    expectation = expected.generate(9, imports=10, workspaces=2, rows=(40, 400))
    one, other = (set().union(*(upload.keys for upload in expectation.of(number))) for number in range(2))
    assert one
    assert other
    assert not one & other
    assert all(expectation.canary(0) in key for key in one)


# --- the model


def placed(second: int, existing: Existing, *rows: Row) -> Placed:
    upload = expected.generate(1, imports=1, rows=(1, 1)).uploads[0]
    upload = upload._replace(format="vcard", existing=existing, rows=rows)
    return Placed(upload, second, {0: (1, 100), 1: (100, 200)}, {0, 1})


def said(line: int, **fields: str) -> Row:
    return Row(line, "e:ada@example.org", "", fields, {"eada@example.org": ("", 0)})


def value(name: str, *uploads: Placed) -> str:
    return model.contacts(uploads)["e:ada@example.org"].fields[name][1]


def test_the_first_to_fill_stays_and_the_last_to_overwrite_wins() -> None:
    one, other = said(1, title="Nurse"), said(1, title="Buyer")
    assert value("title", placed(7, "fill", one), placed(8, "fill", other)) == "Nurse"
    assert value("title", placed(7, "overwrite", one), placed(8, "overwrite", other)) == "Buyer"
    assert value("title", placed(7, "overwrite", one), placed(8, "fill", other)) == "Nurse"
    assert value("title", placed(7, "fill", one), placed(8, "overwrite", other)) == "Buyer"
    assert value("title", placed(7, "overwrite", one, said(2, title="Teacher"))) == "Teacher"


def test_what_nobody_says_erases_nothing() -> None:
    assert value("company", placed(7, "fill", said(1, company="Ashdown")), placed(8, "overwrite", said(1))) == "Ashdown"


def test_a_contact_is_written_once_a_segment() -> None:
    contact = model.contacts([placed(7, "fill", said(1), said(2), said(100))])["e:ada@example.org"]
    assert contact.version == 2
    assert (contact.born, contact.last) == (7 << 31, (7 << 31) + (1 << 13))


def test_only_what_was_merged_is_expected() -> None:
    half = placed(7, "fill", said(1, title="Nurse"), said(100, company="Ashdown"))._replace(merged={1})
    assert set(model.contacts([half])["e:ada@example.org"].fields) == {"company"}


# --- the witness


async def test_a_witness_comes_back_and_misses_nothing(stack: Whole) -> None:
    slug = f"c{uuid4().hex[:8]}"
    client = await tenant(stack, slug)
    upload = expected.generate(12, imports=1, workspaces=1, rows=(60, 61), cards=0).uploads[0]
    made = await client.request_import(upload.name, upload.key, size=len(upload.data))
    async with Witness(client, await client.channel(scope="workspace"), workspace_id(slug)) as witness:
        stack.kill("gateway.1")
        (await client.http.put(made["upload"]["url"], content=upload.data)).raise_for_status()
        state = await witness.until(made["id"], visible, 120)
    assert state["rows"] == len(upload.rows)
    assert len(witness.ends) >= 1
    assert max(heard.socket for heard in witness.frames) >= 2
    assert witness.refused is None
    await client.close()
