"""Two address books and a file with some of the same people, on the whole stack, as a person brings them in."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect

from app.stack.whole import Whole
from bench.client import Client
from tests.browser import Visitor, enter
from tests.e2e.accounts import agree, card, connect
from tests.fetching import as_kept
from tests.providers.compare import differences
from tests.whole import remembered

GOOGLE, MICROSOFT = "ada@google.example", "grace@outlook.example"
QUIET_SECONDS = 6
LONG = 240_000
EVERY = 23
"""One contact in so many is compared in full; who they are and how many there are is compared for all."""

_RECORD = """
document.addEventListener("DOMContentLoaded", () => {
  const rows = document.querySelector("[data-part=rows]");
  if (!rows) return;
  window.seen = [rows.textContent];
  const watcher = new MutationObserver(() => window.seen.push(rows.textContent));
  watcher.observe(rows, { childList: true, subtree: true, characterData: true });
});
"""

Contacts = dict[str, dict[str, Any]]


@pytest.fixture(autouse=True)
async def nothing_connected(client: Client) -> AsyncIterator[None]:
    yield
    for one in (await client.http.get("/api/v1/connections")).json()["connections"]:
        await client.http.delete(f"/api/v1/connections/{one['id']}")


async def finished(page: Page) -> str:
    """Waits until the import on this page is finished and all of it can be seen; its id."""
    live = page.locator("[data-part=live]")
    await expect(live).to_have_attribute("data-status", "finished", timeout=LONG)
    await expect(page.locator("[data-part=catching-up]")).to_be_hidden(timeout=LONG)
    return await live.get_attribute("data-import") or ""


async def bring_in(page: Page, name: str, button: str = "Import now") -> None:
    await card(page, name).get_by_role("button", name=button).click()
    await page.locator("[data-part=live]").wait_for()


async def drawn_anew(page: Page, name: str) -> None:
    """As when something has changed elsewhere; what was ticked stays so."""
    old = page.locator('[data-part="source"][data-old]')
    await card(page, name).evaluate("""
        card => {
            const old = card.closest('[data-part="source"]');
            old.setAttribute("data-old", "");
            const ask = () => {
                if (!old.isConnected) return;
                dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
                setTimeout(ask, 100); // who hears it may still be on the way
            };
            ask();
        }
    """)
    await expect(old).to_have_count(0)


async def numbers(client: Client, import_id: str) -> dict[str, int]:
    state = await remembered(client, import_id)
    names = ("rows", "created", "updated", "unchanged", "duplicate", "rejected", "gone", "deleted")
    return {name: state[name] for name in names}


async def contacts_of(client: Client, import_id: str) -> Contacts:
    """All contacts of an import by id, page by page."""
    found: Contacts = {}
    after: str | None = None
    while True:
        more = {"after": after} if after else {}
        page = await client.get("/api/v1/contacts", **{"import": import_id, "limit": 500, **more})
        found |= {contact["id"]: contact for contact in page["contacts"]}
        after = page["after"]
        if after is None:
            return found


async def expected(admin: httpx.AsyncClient, csv: str | None = None) -> list[dict[str, Any]]:
    """What the oracle says that there should be."""
    query: dict[str, Any] = {"account": [GOOGLE, MICROSOFT]} | ({"csv": csv} if csv else {})
    people: list[dict[str, Any]] = (await admin.get("/expected", params=query)).json()["people"]
    return people


def by_email(contacts: Contacts) -> Contacts:
    return {email["value"]: contact for contact in contacts.values() for email in contact.get("emails", ())}


def sources(contact: dict[str, Any]) -> set[str]:
    return {source["source"] for source in contact["sources"]}


def wrong(people: list[dict[str, Any]], contacts: Contacts, every: int = EVERY) -> list[str]:
    """Who is missing of all, and what is wrong with some."""
    known = by_email(contacts)
    first = [person["contact"]["emails"][0]["value"] for person in people]
    missing = [email for email in first if email not in known]
    sample = [(person, known[email]) for person, email in zip(people, first, strict=True) if email in known][::every]
    return missing + [
        f"{person['ids'][0]}: {what}"
        for person, contact in sample
        for what in differences(as_kept(person["contact"]), as_kept(contact), labels=False)
    ]


async def quiet(visitor: Visitor, page: Page) -> bool:
    """Whether an open page falls silent: what an end still brings comes soon, a timer would come again and again."""
    for _ in range(3):
        before = len(visitor.requests)
        deadline = time.monotonic() + QUIET_SECONDS
        while time.monotonic() < deadline:  # the fact waited for is silence; only time can show it
            await page.wait_for_timeout(500)
        if len(visitor.requests) == before:
            return True
    return False


async def test_two_accounts_and_a_file_become_one_address_book_and_stay_true(
    visitor: Visitor, admin: httpx.AsyncClient, client: Client, tmp_path: Path
) -> None:
    await visitor.context.add_init_script(_RECORD)
    gmail = await visitor.open("/")
    await connect(gmail, "Gmail", GOOGLE)
    await connect(gmail, "Outlook", MICROSOFT)
    outlook = await visitor.open("/")
    await bring_in(outlook, "Outlook")
    await bring_in(gmail, "Gmail")
    first, second = await finished(gmail), await finished(outlook)
    steps = await outlook.evaluate("window.seen")
    assert len(set(steps)) >= 5, "the rows grow before one's eyes"

    told = [await numbers(client, one) for one in (first, second)]
    assert [one["rows"] for one in told] == [3_000, 25_000]
    assert sum(one["created"] for one in told) == 27_000, "people 2,000 to 2,999 are in both"
    assert sum(one["rejected"] + one["gone"] for one in told) == 0

    csv = tmp_path / "people.csv"
    csv.write_bytes((await admin.get("/people.csv")).content)
    file = await visitor.open("/")
    await file.locator("#file").set_input_files(csv)
    await expect(file.locator("[data-part=go]")).to_be_enabled(timeout=30_000)
    await file.locator("[data-part=go]").click()
    await file.locator("[data-part=live]").wait_for()
    third = await finished(file)
    assert {**(await numbers(client, third)), "updated": 0, "unchanged": 0} == {
        **dict.fromkeys(("created", "updated", "unchanged", "duplicate", "rejected", "gone", "deleted"), 0),
        "rows": 1_000,
    }, "everybody in the file is here already"

    contacts = await contacts_of(client, first) | await contacts_of(client, second)
    assert len(contacts) == 27_000
    assert len(await contacts_of(client, third)) == 1_000
    people = await expected(admin, "1500-2500")
    assert len(people) == 27_000
    assert wrong(people, contacts) == []
    known = by_email(contacts)
    for person in people:
        where = {"csv": "file", GOOGLE: "google", MICROSOFT: "microsoft"}
        found = known[person["contact"]["emails"][0]["value"]]
        assert sources(found) == {where[account] for account in person["accounts"]}
        assert {origin["source"] for origin in found["origins"].values()} <= sources(found)
    everywhere = next(one for one in people if len(one["accounts"]) == 3)
    look = await visitor.open(f"/contacts/{known[everywhere['contact']['emails'][0]['value']]['id']}")
    for name in (GOOGLE, MICROSOFT, "people.csv"):
        await expect(look.locator("main")).to_contain_text(name)

    await admin.post("/mutate", json={"account": GOOGLE, "add": 5, "edit": 7, "relabel": 3})
    changes = {"account": MICROSOFT, "add": 6, "edit": 8, "delete": 12}
    edited = set((await admin.post("/mutate", json=changes)).json()["edit"])
    accounts = await visitor.open("/connections")
    await bring_in(accounts, "Gmail", "Bring in what changed")
    fourth = await finished(accounts)
    assert await numbers(client, fourth) == {
        **{"rows": 12, "created": 5, "updated": 7, "unchanged": 0, "duplicate": 0, "rejected": 0},
        **{"gone": 0, "deleted": 0},
    }
    await accounts.goto(f"{visitor.web}/connections")
    await bring_in(accounts, "Outlook", "Bring in what changed")
    fifth = await finished(accounts)
    assert await numbers(client, fifth) == {
        **{"rows": 14, "created": 6, "updated": 8, "unchanged": 0, "duplicate": 0, "rejected": 0},
        **{"gone": 12, "deleted": 0},
    }
    await expect(accounts.locator("[data-part=gone]")).to_contain_text(
        "12 people are gone at the source; nobody was removed here"
    )
    left = contacts | await contacts_of(client, fourth) | await contacts_of(client, fifth)
    people = await expected(admin, "1500-2500")
    # Of people in both accounts the oracle believes Google; here whoever changed last is believed.
    assert wrong([one for one in people if not edited & set(one["ids"])], left, every=1) == []
    for one in people:
        if edited & set(one["ids"]):
            assert by_email(left)[one["contact"]["emails"][0]["value"]]["title"].startswith("Title ")
    assert [one for one in people if "Relabelled" in one["contact"].get("labels", ())]
    gone = set(by_email(contacts)) - {email["value"] for one in people for email in one["contact"]["emails"]}
    ids = {known[email]["id"] for email in gone}
    assert len(ids) == 12
    assert [(await client.http.get(f"/api/v1/contacts/{one}")).status_code for one in ids] == [200] * 12

    await accounts.goto(f"{visitor.web}/connections")
    await card(accounts, "Outlook").get_by_label("Remove here who is gone there").check()
    await drawn_anew(accounts, "Outlook")
    await bring_in(accounts, "Outlook", "Bring in what changed")
    sixth = await finished(accounts)
    assert (await numbers(client, sixth))["deleted"] == 12
    await expect(accounts.locator("[data-part=gone]")).to_contain_text("12 people gone at the source were removed here")
    assert [(await client.http.get(f"/api/v1/contacts/{one}")).status_code for one in ids] == [404] * 12

    for other in (gmail, outlook, file, look):
        await other.close()  # what they draw anew is not this page's doing
    assert await quiet(visitor, accounts)
    await accounts.goto(f"{visitor.web}/connections")
    await expect(card(accounts, "Outlook")).to_contain_text("12 people gone at the source were removed here")
    assert await quiet(visitor, accounts)
    await accounts.goto(f"{visitor.web}/imports")
    await expect(accounts.locator(f"[data-import='{fifth}']")).to_contain_text("nobody was removed here")
    assert [one for one in visitor.troubles if "404" not in one] == [], "a provider has no icon, all else is there"


async def test_whose_session_ends_on_the_providers_page_signs_in_and_gets_on(visitor: Visitor, stack: Whole) -> None:
    page = await visitor.open("/")
    await card(page, "Gmail").get_by_role("button", name="Connect Gmail").click()
    await expect(page.get_by_label("Another account")).to_be_visible()
    await visitor.context.clear_cookies()
    await page.get_by_label("Another account").fill("many-210@google.example")
    await page.get_by_role("button", name="Next").click()
    await page.get_by_role("button", name="Allow").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await enter(page, lambda: str(stack.facts()["sign_in"]))
    await expect(page.locator("[data-part=connected]")).to_contain_text("You were signed out here")
    await page.get_by_role("button", name="Try again").click()
    await agree(page, "many-210@google.example")
    await expect(page.locator("[data-part=connected]")).to_contain_text("is connected")
