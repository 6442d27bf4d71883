"""What is found in the read model, in which order, and by whom."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import msgspec
import pytest

from app.core.errors import Rejected
from app.core.events import AddressOut, PhoneOut, ProblemOut
from app.core.imports import State
from app.web import finding
from app.web.lookup import Filter
from app.web.places import Place
from tests.integration.conftest import Servers
from tests.integration.projections import AT, ReadModel, contact, email, read_model, source

NOBODY = UUID(int=0)


@pytest.fixture
async def model(servers: Servers) -> AsyncIterator[ReadModel]:
    async with read_model(servers) as found:
        yield found


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("zoe", True),
        ("ZOË", True),
        ("zoe angstr", True),
        ("angstr zoe", True),
        ("zo q", False),
        ("ngstrom", False),
        ("z.ang@exam", True),
        ("example.com", True),
        ("strasse", True),
        ("STRAßE", True),
        ("+46 70 174", True),
        ("0046 70-174", True),
        ("(070) 174 06 05", True),
        ("174", False),
        ("goteb", True),
        ("vip", True),
        ("engin", True),
        ("o'b", True),
        ("' | !&:*\\", True),
        ("   ", True),
        ("nobody", False),
    ],
)
async def test_people_are_found_by_how_words_begin_whatever_the_case_and_accents(
    model: ReadModel, q: str, found: bool
) -> None:
    await model.show(
        contact(
            "Zoë Ångström-O'Brien",
            company="Straße & Söhne",
            title="Engineer",
            emails=(email("z.ang@example.com"),),
            phones=(PhoneOut(value="+46701740605", raw="070-174 06 05"),),
            addresses=(AddressOut(city="Göteborg"),),
            labels=("VIP",),
        )
    )
    assert await model.names(q=q) == (["Zoë Ångström-O'Brien"] if found else [])


async def test_filters_hold_together(model: ReadModel) -> None:
    first, second = uuid4(), uuid4()
    await model.show(
        contact("Ann", company="Acme", labels=("VIP", "It's"), sources=(source(first),), emails=(email("a@acme.com"),)),
        contact("Bob", company="Acme", labels=("VIP",), sources=(source(second),), emails=(email("b@x.com"),)),
        contact("Cid", company="acme", sources=(source(first),)),
    )
    assert await model.names(company="Acme", sort="name") == ["Ann", "Bob"]
    assert await model.names(label="It's") == ["Ann"]
    assert await model.names(domain="ACME.com") == ["Ann"]
    assert await model.names(import_=first, sort="name") == ["Ann", "Cid"]
    assert await model.names(import_=first, label="VIP", company="Acme", domain="acme.com", q="a") == ["Ann"]
    assert await model.names(import_=second, q="ann") == []
    assert await model.names(label="V") == []


async def test_the_newest_import_comes_first(model: ReadModel) -> None:
    old, new = uuid4(), uuid4()
    await model.show(
        contact("Old", sources=(source(old, AT),)),
        contact("Both", sources=(source(old, AT), source(new, AT + 9))),
        contact("Newer", sources=(source(old, AT + 5),)),
    )
    assert await model.names() == ["Both", "Newer", "Old"]
    assert await model.names(sort="name") == ["Both", "Newer", "Old"]


@pytest.mark.parametrize("sort", ["newest", "name"])
@pytest.mark.parametrize("q", ["", "person"])
async def test_pages_show_everybody_once(model: ReadModel, sort: finding.Sort, q: str) -> None:
    people = [
        contact(f"Person {number % 7}", id=uuid4(), sources=(source(uuid4(), number % 3),)) for number in range(40)
    ]
    await model.show(*people)
    seen, after = [], None
    while True:
        page = await model.lookup.contacts(model.workspace, q=q, sort=sort, after=after, limit=9)
        assert (page.total, page.about) == (40, False)
        seen += [one["id"] for one in page.contacts]
        after = page.after
        if after is None:
            break
    assert sorted(seen) == sorted(str(one.id) for one in people)
    everything = await model.lookup.contacts(model.workspace, q=q, sort=sort, limit=500)
    assert [one["id"] for one in everything.contacts] == seen


@pytest.mark.parametrize("sort", ["newest", "name"])
async def test_many_matches_are_walked_through_and_their_number_is_a_lower_bound(
    model: ReadModel, sort: finding.Sort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "FEW", 20)
    people = [contact(f"{name} {number:02}") for name in ("Ann", "Bob") for number in range(25)]
    await model.show(*people, *(contact(f"Cid {number}") for number in range(20)))
    for q, total, about in (("ann", 20, True), ("cid", 20, False), ("", 70, False)):
        page = await model.lookup.contacts(model.workspace, q=q, sort=sort, limit=500)
        assert (page.total, page.about) == (total, about)
    seen, after = [], None
    while True:
        page = await model.lookup.contacts(model.workspace, q="ann", sort=sort, after=after, limit=10)
        seen += [one["name"] for one in page.contacts]
        after = page.after
        if after is None:
            break
    assert sorted(seen) == [f"Ann {number:02}" for number in range(25)]


@pytest.mark.parametrize("sort", ["newest", "name"])
async def test_matches_that_lie_together_far_away_are_found_too(
    model: ReadModel, sort: finding.Sort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "FEW", 5)
    monkeypatch.setattr(finding, "STEPS", 10)
    old, new = uuid4(), uuid4()
    await model.show(
        *(contact(f"Zed {number}", sources=(source(old, AT),)) for number in range(8)),
        *(contact(f"Ann {number}", sources=(source(new, AT + 1),)) for number in range(30)),
    )
    for wanted in (Filter(q="zed"), Filter(import_=old)):
        first = await model.lookup.page(model.workspace, wanted, sort=sort, limit=6)
        second = await model.lookup.page(model.workspace, wanted, sort=sort, limit=6, after=first.after)
        names = [one["name"] for one in first.contacts + second.contacts]
        assert sorted(names) == [f"Zed {number}" for number in range(8)]
        assert second.after is None


async def test_totals_of_one_filter_are_exact_whatever_their_size(
    model: ReadModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "FEW", 5)
    await model.show(*(contact(f"P{number}", labels=("VIP",)) for number in range(12)))
    page = await model.lookup.contacts(model.workspace, label="VIP", limit=4)
    assert (page.total, page.about, len(page.docs)) == (12, False, 4)


@pytest.mark.parametrize(
    "after", ["x", "!!", "W10", Place("sort_name", 3, NOBODY).token(), Place("imported_at", "3", NOBODY).token(), "é"]
)
async def test_a_place_that_no_list_gave_out_is_refused(model: ReadModel, after: str) -> None:
    for read in (model.lookup.contacts, model.lookup.imports):
        with pytest.raises(Rejected, match="bad_after"):
            await read(model.workspace, after=after)
    with pytest.raises(Rejected, match="bad_after"):
        await model.lookup.problems(model.workspace, uuid4(), after=after)


async def test_a_place_in_one_order_is_none_in_another(model: ReadModel) -> None:
    await model.show(contact("A"), contact("B"))
    page = await model.lookup.contacts(model.workspace, sort="name", limit=1)
    with pytest.raises(Rejected, match="bad_after"):
        await model.lookup.contacts(model.workspace, sort="newest", after=page.after)
    with pytest.raises(Rejected, match="bad_after"):
        await model.lookup.contacts(model.workspace, sort="name", after=Place("sort_name", "\x00", uuid4()).token())
    far = Place("imported_at", 10**30, uuid4()).token()
    assert await model.names(sort="newest", after=far) == await model.names(sort="newest")


async def test_the_twenty_greatest_values_are_counted_the_greatest_first(model: ReadModel) -> None:
    people = [
        contact(f"{value} {number}", id=uuid4(), company=f"Company {value:02}")
        for value in range(30)
        for number in range(30 - value)
    ]
    await model.show(*people)
    counts = await model.lookup.counts(model.workspace, "company")
    assert [(one.value, one.count) for one in counts] == [(f"Company {value:02}", 30 - value) for value in range(20)]


async def test_values_of_one_contact_fill_the_list_up(model: ReadModel) -> None:
    await model.show(*(contact(f"P{number}", labels=(f"l{number}", "all")) for number in range(3)))
    counts = await model.lookup.counts(model.workspace, "label")
    assert [(one.value, one.count) for one in counts] == [("all", 3), ("l0", 1), ("l1", 1), ("l2", 1)]


async def test_imports_are_counted_by_their_names(model: ReadModel) -> None:
    known, unknown = uuid4(), uuid4()
    await model.keep(State(id=known, workspace=model.workspace, version=1, name="people.csv", requested_at=1.0))
    await model.show(contact("Ann", sources=(source(known), source(unknown))), contact("Bob", sources=(source(known),)))
    counts = await model.lookup.counts(model.workspace, "import")
    assert [(one.value, one.count, one.name) for one in counts] == [
        (str(known), 2, "people.csv"),
        (str(unknown), 1, ""),
    ]


async def test_the_import_just_made_can_be_chosen_however_small_it_is_beside_twenty_greater(model: ReadModel) -> None:
    made = [uuid4() for _ in range(22)]
    for number, id_ in enumerate(made):
        name = f"{number}.csv"
        await model.keep(State(id=id_, workspace=model.workspace, version=1, name=name, requested_at=float(number)))
    await model.show(
        *(contact(f"P{number}", id=uuid4(), sources=tuple(source(id_) for id_ in made[:20])) for number in range(3)),
        contact("Ann", sources=(source(made[20]),)),
    )
    found = await model.lookup.latest(model.workspace)
    assert [one.name for one in found] == [f"{number}.csv" for number in range(20, 0, -1)]
    assert found[0].count == 1


async def test_the_history_is_paged_and_filtered_the_newest_first(model: ReadModel) -> None:
    states = [
        State(
            id=uuid4(),
            workspace=model.workspace,
            version=1,
            requested_at=float(number // 2),
            status="finished" if number % 3 else "failed",
            source="google" if number % 2 else "file",
            requested_by=f"p{number % 2}",
        )
        for number in range(11)
    ]
    for state in states:
        await model.keep(state)
    expected = sorted(states, key=lambda state: (state.requested_at, state.id), reverse=True)
    seen, after = [], None
    while True:
        page = await model.lookup.imports(model.workspace, after=after, limit=4)
        seen += page.imports
        after = page.after
        if after is None:
            break
    assert seen == expected
    found = await model.lookup.imports(model.workspace, status="finished", source="google", by="p1")
    assert found.imports == [one for one in expected if one.status == "finished" and one.source == "google"]


async def test_problems_come_in_the_order_of_the_file(model: ReadModel) -> None:
    import_id = uuid4()
    for index in (1, 0):
        await model.refuse(
            import_id,
            [
                ProblemOut(row=row, line=10 * index + row, column=None, code="c", message="", suggestion="", cells=())
                for row in range(5)
            ],
            index=index,
        )
    lines, after = [], None
    while True:
        page = await model.lookup.problems(model.workspace, import_id, after=after, limit=3)
        lines += [problem.line for problem in page.problems]
        after = page.after
        if after is None:
            break
    assert lines == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]


async def test_a_workspace_sees_nothing_of_another(servers: Servers, model: ReadModel) -> None:
    import_id = uuid4()
    ann = contact("Ann", labels=("VIP",), custom={"Secret": "x"}, sources=(source(import_id),))
    await model.show(ann)
    await model.keep(State(id=import_id, workspace=model.workspace, version=1, requested_at=1.0))
    await model.refuse(
        import_id, [ProblemOut(row=1, line=1, column=0, code="c", message="", suggestion="", cells=("x",))]
    )
    async with read_model(servers) as other:
        stranger = other.workspace
        # Another contact of the same name: what is one's own is found.
        await other.show(contact("Ann"))
        found = other.lookup
        for mine in (Filter(q="ann"), Filter()):
            assert (await found.page(stranger, mine)).docs == [msgspec.json.encode(contact("Ann"))]
        for foreign in (Filter(label="VIP"), Filter(import_=import_id), Filter(label="VIP", q="a")):
            page = await found.page(stranger, foreign)
            assert (page.docs, page.total) == ([], 0)
        assert await found.counts(stranger, "label") == []
        assert (await found.imports(stranger)).docs == []
        assert await found.import_(stranger, import_id) is None
        assert (await found.problems(stranger, import_id)).problems == []
        assert await found.widest_problem(stranger, import_id) == 0
        assert await found.contact(uuid4(), ann.id) is None
        async with found.export(stranger, Filter(), "newest") as export:
            assert (export.custom, [chunk async for chunk in export.chunks]) == (
                [],
                [[msgspec.json.encode(contact("Ann"))]],
            )
