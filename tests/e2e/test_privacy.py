"""What was sent is deleted, and a person erased, by their buttons; what was done stands in the audit log."""

from uuid import uuid4

from axe_core_python.async_playwright import Axe
from playwright.async_api import Browser, Dialog, Page, expect

from app.stack.whole import Whole
from bench.client import Client
from tests.browser import signed_in
from tests.waiting import eventually


async def agree(dialog: Dialog) -> None:
    await dialog.accept()


async def accessible(page: Page) -> None:
    assert (await Axe().run(page))["violations"] == []


async def test_a_file_is_deleted_and_a_person_erased_by_their_buttons(
    stack: Whole, client: Client, chromium: Browser
) -> None:
    owner = await signed_in(chromium, stack, viewport={"width": 1280, "height": 900})
    who = f"erasable{uuid4().hex[:6]}x"
    text = f"Name,E-mail\r\n{who},{who}@example.org\r\nNobody,not an address\r\n"
    answer = await client.http.post(
        "/api/v1/imports", params={"name": f"{who}.csv"}, content=text.encode(), headers={"Content-Type": "text/csv"}
    )
    import_id = answer.json()["id"]
    page = await owner.open(f"/imports/{import_id}")
    page.on("dialog", agree)
    await page.locator("[data-part=live][data-status=finished]").wait_for()
    await expect(page.locator("[data-part=catching-up]")).to_be_hidden()
    await owner.rest()  # what is drawn anew takes the focus
    await expect(page.locator("[data-part=file]")).to_contain_text("What was sent is kept sealed until")
    await expect(page.locator("[data-part=problems-list]")).to_contain_text("not an address")
    await accessible(page)
    delete = page.get_by_role("button", name="Delete it now")
    await delete.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-part=file]")).to_contain_text("nobody can read it any more")
    await expect(page.locator("[data-part=problems-list]")).to_be_empty()
    await expect(page.locator("[data-part=problems-csv]")).to_be_hidden()
    await expect(page.locator("#kept")).to_be_focused()

    page = await owner.open(f"/contacts?q={who}")
    page.on("dialog", agree)
    await expect(page.get_by_role("heading", name=who)).to_be_visible()
    erase = page.get_by_role("button", name="Erase this person")
    await erase.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status").filter(has_text="is being erased")).to_be_focused()

    async def left() -> int:
        return len((await client.http.get("/api/v1/contacts", params={"q": who})).json()["contacts"])

    await eventually(left, lambda many: many == 0)

    page = await owner.open("/")
    await page.locator("details.menu summary").click()
    await page.get_by_role("link", name="Audit log").click()
    rows = page.locator("tbody tr")
    await expect(rows.nth(0)).to_contain_text("Erased a person")
    await expect(rows.nth(1)).to_contain_text("Deleted what was sent")
    await expect(rows.nth(2)).to_contain_text("Asked for an import")
    await accessible(page)
