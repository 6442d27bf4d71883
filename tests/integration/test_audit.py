"""Who did what is written down, by ids, for the owners of the workspace and for good."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.integration.conftest import Servers
from tests.integration.house import House, Person, house
from tests.integration.projections import contact, read_model


@pytest.fixture(scope="module")
async def web(servers: Servers) -> AsyncIterator[House]:
    async with house(servers) as made:
        yield made


async def entries(person: Person, **asked: str) -> list[dict[str, Any]]:
    answer = await person.program.get("/api/v1/audit", params=asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


async def test_what_people_do_is_written_down_with_who_and_in_which_request(web: House, servers: Servers) -> None:
    owner = await web.join(await web.workspace())
    member = await web.join(owner.principal.workspace, "member")
    shown = contact("Ann Lee", id=uuid4())
    async with read_model(servers) as model:
        model.workspace = owner.principal.workspace
        await model.show(shown)
    other = str(member.principal.person)
    await owner.program.patch(f"/api/v1/members/{other}", json={"role": "viewer"})
    asked = {"json": {"source": "file", "name": "a.csv"}, "headers": {"Idempotency-Key": "k"}}
    imported = [(await owner.browser.post("/api/v1/imports", **asked)).json()["id"] for _ in range(2)]  # type: ignore[arg-type]
    await owner.program.post(f"/api/v1/imports/{imported[0]}/cancel")
    await owner.program.get("/api/v1/contacts.vcf")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    erased = await owner.program.delete(
        f"/api/v1/contacts/{shown.id}", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    )
    assert erased.status_code == 202
    found = await entries(owner)
    mine = [(each["action"], each["subject"], each["by"]) for each in found if each["address"] == owner.principal.name]
    assert mine[:5] == [
        ("contact.erased", str(shown.id), "token"),
        ("contacts.exported", "vcf", "token"),
        ("import.cancelled", imported[0], "token"),
        ("import.requested", imported[0], "session"),
        ("member.role", f"{other} viewer", "token"),
    ]
    assert ("token.made", "session") in [(action, by) for action, _, by in mine]
    assert [each["actor"] for each in found if each["action"] == "signed_in"] == [other, str(owner.principal.person)]
    assert found[0]["request"] == trace
    assert [each["action"] for each in await entries(owner, action="contact.erased")] == ["contact.erased"]


async def test_what_cannot_be_written_down_does_not_happen(web: House) -> None:
    owner = await web.join(await web.workspace())
    member = await web.join(owner.principal.workspace, "member")
    store, nobody = web.services.accounts, replace(owner.principal, by="nobody")  # type: ignore[arg-type]
    person = member.principal.person
    assert person is not None
    digest, held = uuid4().bytes, [token.id for token in await store.tokens(nobody.workspace)]
    for attempt in (
        store.change_role(nobody, person, "owner"),
        store.remove_member(nobody, person),
        store.sign_out(nobody),
        store.invite(nobody, uuid4(), digest, "new@example.org", "viewer", 7),
        store.add_token(nobody.workspace, person, uuid4(), digest, "h", "t", "viewer", None, by=nobody),
        store.end_token(nobody, held[0]),
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            await attempt
    assert {each.id: each.role for each in await store.members(nobody.workspace)}[person] == "member"
    assert (await owner.browser.get("/api/v1/me")).status_code == 200
    assert [token.id for token in await store.tokens(nobody.workspace)] == held
    assert await store.invitations(nobody.workspace) == []


async def test_entries_come_page_by_page(web: House) -> None:
    owner = await web.join(await web.workspace())
    first = (await owner.program.get("/api/v1/audit", params={"limit": "2"})).json()
    rest = (await owner.program.get("/api/v1/audit", params={"limit": "500", "after": first["after"]})).json()
    assert rest["after"] is None
    assert [each["id"] for each in first["entries"] + rest["entries"]] == [each["id"] for each in await entries(owner)]
    for wrong in ({"after": "x"}, {"after": "-1"}, {"action": "everything"}):
        assert (await owner.program.get("/api/v1/audit", params=wrong)).status_code == 422


async def test_no_other_workspace_and_nobody_but_owners_reads_it(web: House) -> None:
    owner, stranger = await web.join(await web.workspace()), await web.join(await web.workspace())
    seen = {str(owner.principal.person)} & {each["actor"] for each in await entries(stranger)}
    assert seen == set()
    member = await web.join(owner.principal.workspace, "member")
    assert (await member.program.get("/api/v1/audit")).status_code == 403
    assert (await owner.browser.get("/audit")).status_code == 200


async def test_an_entry_is_changed_by_nobody_and_says_nothing_about_people(web: House, servers: Servers) -> None:
    owner = await web.join(await web.workspace())
    workspace = owner.principal.workspace
    before = await entries(owner)
    with psycopg.connect(servers.dsn("web")) as connection:
        connection.execute("select set_config('app.workspace', %s, false)", [str(workspace)])
        assert connection.execute("update web.audit set subject = 'x'").rowcount == 0
        assert connection.execute("delete from web.audit").rowcount == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            _forge(connection, uuid4())
    assert await entries(owner) == before
    with psycopg.connect(servers.postgres) as connection:
        rows = connection.execute("select a::text from web.audit as a where workspace = %s", [workspace]).fetchall()
    assert len(rows) == len(before) > 0
    assert [row for row in rows if "@" in str(row)] == []


def _forge(connection: psycopg.Connection[Any], workspace: UUID) -> None:
    """An entry for somebody else's workspace."""
    connection.execute(
        "insert into web.audit (workspace, by, action, subject, request) values (%s, 'link', 'signed_in', '', '')",
        [workspace],
    )
