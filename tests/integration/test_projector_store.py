"""What the projector makes of the log: only newer things are written, whatever comes twice or in another order."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from uuid import uuid4

import msgspec
import psycopg
import pytest
from msgspec.structs import replace

from app import sql
from app.core.events import TELLING, MalformedEvent, ProblemOut, Telling
from app.core.imports import State
from app.core.topics import CHANGED, PROBLEMS
from app.sealing import HEADER, Sealed
from tests.integration.conftest import Servers
from tests.integration.projections import ReadModel, contact, email, read_model, record, source


@pytest.fixture
async def model(servers: Servers) -> AsyncIterator[ReadModel]:
    async with read_model(servers) as found:
        yield found


async def counted(model: ReadModel, by: str) -> dict[str, int]:
    return {one.value: one.count for one in await model.lookup.counts(model.workspace, by)}  # type: ignore[arg-type]


async def test_a_contact_is_shown_as_the_json_that_came(model: ReadModel) -> None:
    ann = contact("Ann Lee", notes='a "quote", a \\ backslash,\ta tab\nand a line', custom={"Größe": "1,70 \u0000"})
    await model.show(ann)
    assert await model.lookup.contact(model.workspace, ann.id) == msgspec.json.encode(ann)


async def test_an_older_version_never_replaces_a_newer_one(model: ReadModel) -> None:
    versions = [contact("Ann Lee", version=version, company=f"Company {version}") for version in (1, 2, 3)]
    for order in itertools.permutations(versions):
        await model.show(*order)
        for one in order:
            await model.show(one)
        assert await model.names(company="Company 3") == ["Ann Lee"]
        assert await counted(model, "company") == {"Company 3": 1}


async def test_whatever_the_order_and_repetition_the_read_model_is_the_same(servers: Servers) -> None:
    chance = random.Random(5)
    imports = [uuid4() for _ in range(3)]
    history = [
        contact(
            f"Person {chance.randrange(12)}",
            version=version,
            company=chance.choice(["Acme", "Initech", ""]),
            labels=tuple(chance.sample(["VIP", "Friend", "It's \\ odd"], chance.randrange(3))),
            emails=(email(f"p{version}@example.com"),),
            sources=tuple(source(one, at) for at, one in enumerate(chance.sample(imports, 2), 1)),
            deleted=chance.random() < 0.2,
        )
        for version in range(1, 40)
    ]
    seen = []
    for _ in range(3):
        async with read_model(servers) as model:
            told = chance.sample(history, len(history)) + chance.sample(history, 10)
            while told:
                await model.show(*[told.pop() for _ in range(min(len(told), chance.randrange(1, 9)))])
            page = await model.lookup.contacts(model.workspace, sort="name", limit=500)
            seen.append(
                (page.docs, page.total, [await counted(model, by) for by in ("label", "company", "domain", "import")])
            )
            assert page.total == len(page.docs)
    assert seen[0] == seen[1] == seen[2]


async def test_two_projectors_at_the_same_contacts_neither_lose_nor_doubles(servers: Servers) -> None:
    async with read_model(servers) as one, read_model(servers) as other:
        other.workspace = one.workspace
        batches = [
            [contact(f"Person {number}", version=version, company=f"C{version % 3}") for number in range(60)]
            for version in range(1, 7)
        ]
        await asyncio.gather(*((one, other)[at % 2].show(*batch) for at, batch in enumerate(batches)))
        assert await counted(one, "company") == {"C0": 60}
        assert (await one.lookup.contacts(one.workspace)).total == 60


async def test_a_deleted_contact_is_gone_and_stays_so_until_a_newer_version(model: ReadModel) -> None:
    ann = contact("Ann Lee", labels=("VIP",), sources=(source(uuid4()),))
    await model.show(contact("Bob"), ann)
    await model.show(contact("Ann Lee", version=3, deleted=True))
    await model.show(replace(ann, version=2))
    assert await model.names() == ["Bob"]
    assert await model.names(q="ann") == []
    assert await model.lookup.contact(model.workspace, ann.id) is None
    assert await counted(model, "label") == {}
    await model.show(replace(ann, version=4))
    assert await model.names(label="VIP") == ["Ann Lee"]


async def test_a_segment_is_said_to_be_shown_once_all_its_parts_are(model: ReadModel) -> None:
    import_id = uuid4()
    await model.show(contact("A"), import_id=import_id, index=7, part=1, parts=3)
    await model.show(contact("A"), import_id=import_id, index=7, part=1, parts=3)
    await model.show(contact("B"), import_id=import_id, index=7, part=0, parts=3)
    assert model.told == []
    await model.show(contact("C"), import_id=import_id, index=7, part=2, parts=3)
    assert [(fact.import_id, fact.workspace, fact.indexes) for fact in model.told] == [
        (import_id, model.workspace, (7,))
    ]


def telling(number: int, of: int = 3) -> dict[str, bytes]:
    return {TELLING: msgspec.json.encode(Telling(index=7, number=number, of=of))}


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
async def test_a_segment_is_said_to_be_shown_once_its_rejected_rows_are_too(
    model: ReadModel, order: tuple[int, ...]
) -> None:
    import_id = uuid4()
    problem = ProblemOut(row=1, line=2, column=0, code="no_identity", message="m", suggestion="", cells=("x",))
    steps = [
        lambda: model.show(contact("A"), import_id=import_id, index=7, part=0, parts=2, headers=telling(0)),
        lambda: model.show(contact("B"), import_id=import_id, index=7, part=1, parts=2, headers=telling(1)),
        lambda: model.refuse(import_id, [problem], index=7, headers=telling(2)),
    ]
    for number in order:
        assert model.told == []
        await steps[number]()
    assert [fact.indexes for fact in model.told] == [(7,)]


async def test_of_a_segment_that_is_told_again_in_fewer_records_one_telling_must_be_shown_whole(
    model: ReadModel,
) -> None:
    import_id = uuid4()
    await model.show(contact("A"), import_id=import_id, index=7, headers=telling(0, of=3))
    await model.show(contact("B"), import_id=import_id, index=7, headers=telling(1, of=3))
    await model.show(contact("A"), import_id=import_id, index=7, headers=telling(0, of=2))
    assert model.told == []
    await model.show(contact("B"), contact("C"), import_id=import_id, index=7, headers=telling(1, of=2))
    assert [fact.indexes for fact in model.told] == [(7,)]


async def test_parts_that_an_earlier_release_noted_count(model: ReadModel) -> None:
    import_id = uuid4()
    async with sql.transaction(model.writers) as connection:
        await connection.execute(
            "insert into parts (workspace, import_id, index, part) values (%s, %s, 7, 0)", [model.workspace, import_id]
        )
    await model.show(contact("B"), import_id=import_id, index=7, headers=telling(1, of=2))
    assert [fact.indexes for fact in model.told] == [(7,)]


async def test_a_segment_whose_file_was_deleted_is_said_to_be_shown_without_its_rejected_rows(model: ReadModel) -> None:
    import_id = uuid4()
    sealed = msgspec.json.encode(Sealed(model.workspace, import_id, "local"))
    nobody_can_read_it = record(PROBLEMS.name, b"x", headers={HEADER: sealed, **telling(1, of=2)})
    await model.projector.keep_problems(nobody_can_read_it)
    assert model.told == []
    await model.show(contact("A"), import_id=import_id, index=7, headers=telling(0, of=2))
    assert [fact.indexes for fact in model.told] == [(7,)]


async def test_parts_that_are_handled_side_by_side_are_said_to_be_shown(model: ReadModel) -> None:
    import_id = uuid4()
    await asyncio.gather(
        *(model.show(contact(f"P{part}"), import_id=import_id, part=part, parts=4) for part in range(4))
    )
    assert model.told


async def test_a_part_that_comes_again_is_said_again_for_the_first_word_may_be_lost(model: ReadModel) -> None:
    import_id = uuid4()
    for _ in range(2):
        await model.show(contact("A"), import_id=import_id, index=2)
    assert [fact.indexes for fact in model.told] == [(2,), (2,)]


async def test_a_segment_without_any_contact_is_shown_too(model: ReadModel) -> None:
    await model.show(index=4)
    assert [fact.indexes for fact in model.told] == [(4,)]


async def test_what_is_no_event_is_malformed(model: ReadModel) -> None:
    for handle in (model.projector.show_contacts, model.projector.keep_problems, model.projector.keep_import):
        with pytest.raises(MalformedEvent):
            await handle(record(CHANGED.name, b'{"type":"contacts.changed"}'))


async def test_only_a_newer_state_of_an_import_is_kept_and_a_tombstone_keeps_the_history(model: ReadModel) -> None:
    state = State(id=uuid4(), workspace=model.workspace, version=5, name="a.csv", requested_at=3.0, status="running")
    await model.keep(state)
    await model.keep(replace(state, version=4, status="requested"))
    await model.projector.keep_import(record("imports", None, str(state.id).encode()))
    assert await model.lookup.import_(model.workspace, state.id) == state


async def test_an_import_that_nobody_has_asked_for_yet_is_not_in_the_history(model: ReadModel) -> None:
    await model.keep(State(id=uuid4(), workspace=model.workspace, version=1))
    assert (await model.lookup.imports(model.workspace)).imports == []


async def test_problems_that_come_twice_are_kept_once(model: ReadModel) -> None:
    import_id = uuid4()
    problems = [
        ProblemOut(row=1, line=2, column=0, code="email_invalid", message="m", suggestion="s", cells=("x", "y")),
        ProblemOut(row=1, line=2, column=1, code="bad_character", message="m", suggestion="", cells=("x", "y")),
    ]
    for _ in range(2):
        await model.refuse(import_id, problems)
    found = await model.lookup.problems(model.workspace, import_id)
    assert [problem.code for problem in found.problems] == ["email_invalid", "bad_character"]


async def test_extreme_values_are_taken(model: ReadModel) -> None:
    wide = contact(
        "漢" * 20_000,
        company="\x00Ünïcödé's \\ & | ! ( ) :* <-> \t\r\n" * 200,
        labels=tuple(f"label {number} {'x' * 300}" for number in range(500)),
        emails=tuple(email(f"{'a' * 60}{number}@{'b' * 60}.example") for number in range(300)),
        custom={"k" * 500: "v", "k\x1ek": "v"},
    )
    await model.show(wide)
    assert await model.lookup.contact(model.workspace, wide.id) == msgspec.json.encode(wide)
    assert len(await model.names(label=wide.labels[0])) == 1
    await model.show(replace(wide, version=2, labels=(), emails=(), company="", custom={}))
    assert await counted(model, "label") == await counted(model, "company") == await counted(model, "domain") == {}


@pytest.mark.parametrize("table", ["contacts", "entries", "counts", "imports", "parts", "problems"])
async def test_a_reader_without_a_workspace_sees_nothing_and_writes_nothing(model: ReadModel, table: str) -> None:
    await model.show(contact("Ann"), contact("Bob"), part=0, parts=2)
    async with model.readers.connection() as connection:
        cursor = await connection.execute(f"select count(*) from lookup.{table}")
        assert await cursor.fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute(f"delete from lookup.{table}")
