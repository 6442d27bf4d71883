"""What people do on the pages, in Chromium against the whole stack; and how the pages look, as pictures in `shots/`."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Locator, Page, Route, expect

from app.stack.whole import Whole
from bench.client import Client, visible
from tests.browser import Visitor, signed_in
from tests.waiting import eventually
from tests.whole import remembered

SHOTS = Path(__file__).parent / "shots"
HEADER = "First Name,Last Name,E-mail Address,Company"


def some_people(count: int, who: str) -> str:
    """A file of `count` people with rows long enough that it takes a while to send."""
    rows = [f"{who}{n},Tester,{who}{n}@example.org,{who} Works" for n in range(count)]
    return "\r\n".join([HEADER, *rows, ""])


async def bring(client: Client, text: str, name: str = "people.csv") -> str:
    """Imports a file through the API; answers its id once all of it is in the read model, the history and memory."""
    channel = await client.channel(scope="workspace")
    async with client.watching(channel) as watched:
        answer = await client.http.post(
            "/api/v1/imports", params={"name": name}, content=text.encode(), headers={"Content-Type": "text/csv"}
        )
        import_id: str = answer.json()["id"]
        await watched.until(import_id, visible, 60)
    await remembered(client, import_id)

    async def listed() -> set[str]:
        return {one["id"] for one in (await client.get("/api/v1/imports"))["imports"] if visible(one)}

    await eventually(listed, lambda found: import_id in found)
    return import_id


async def choose(page: Page, path: Path) -> None:
    await page.locator("#file").set_input_files(path)
    await expect(page.locator("[data-part=go]")).to_be_enabled(timeout=30_000)


async def test_contacts_are_found_while_typing_and_shown_beside_the_list(visitor: Visitor, client: Client) -> None:
    who = f"find{uuid4().hex[:6]}x"
    await bring(client, some_people(60, who))
    page = await visitor.open("/contacts")
    await expect(page.locator("[data-part=beside] h1")).to_be_visible()
    await page.keyboard.press("/")
    await page.keyboard.type(f"{who}7")
    await expect(page.locator("[data-part=total]")).to_have_text("1 contact")
    await expect(page.locator("[data-part=beside] h1")).to_have_text(f"{who}7 Tester")
    await expect(page).to_have_url(f"{visitor.web}/contacts?q={who}7")
    await page.reload()
    await expect(page.locator("[data-part=total]")).to_have_text("1 contact")


async def test_a_filter_has_an_address_and_back_takes_it_away(visitor: Visitor, client: Client) -> None:
    who = f"back{uuid4().hex[:6]}x"
    import_id = await bring(client, some_people(3, who), f"{who}.csv")
    page = await visitor.open("/contacts")
    everybody = await page.locator("[data-part=total]").inner_text()
    await page.locator(".facet summary", has_text="Import").click()
    await page.locator(".facet[open] a", has_text=who).click()
    await expect(page.locator("[data-part=total]")).to_have_text("3 contacts")
    await expect(page).to_have_url(f"{visitor.web}/contacts?import={import_id}")
    await expect(page.locator(".chip.on")).to_have_count(1)
    await page.go_back()
    await expect(page).to_have_url(f"{visitor.web}/contacts")
    await expect(page.locator(".chip.on")).to_have_count(0)
    await expect(page.locator("[data-part=total]")).to_have_text(everybody)


async def test_the_end_of_the_list_brings_the_next_page_until_all_are_there(visitor: Visitor, client: Client) -> None:
    import_id = await bring(client, some_people(170, f"many{uuid4().hex[:6]}x"))
    page = await visitor.open(f"/contacts?import={import_id}")
    links = page.locator("[data-part=rows] a[data-contact]")
    for count in (100, 150, 170):
        await page.locator("[data-part=rows] > li").last.scroll_into_view_if_needed()
        await expect(links.nth(count - 1)).to_be_attached()
    ids = await links.evaluate_all("links => links.map((link) => link.dataset.contact)")
    assert len(set(ids)) == len(ids) == 170


async def test_a_correction_changes_what_is_imported(visitor: Visitor, tmp_path: Path) -> None:
    who = f"plan{uuid4().hex[:6]}x"
    path = tmp_path / "odd.csv"
    path.write_text(f"First Name,Zzz,E-mail Address\r\nAnn,{who},{who}@example.org\r\n", "utf-8")
    page = await visitor.open("/")
    await choose(page, path)
    await page.locator("[data-column='1'] select").first.select_option("nickname")
    await expect(page.locator("[data-column='1'] .why")).to_have_text("Your choice")
    await page.locator("input[name=existing][value=overwrite]").check()
    await page.locator("[data-part=labels-input]").fill("Fair 2026")
    await page.locator("[data-part=labels-input]").press("Enter")
    await expect(page.locator("[data-part=go]")).to_be_enabled()
    await page.locator("[data-part=go]").click()
    await page.locator("[data-part=live][data-status=finished]").wait_for()
    await page.locator("[data-part=contacts-list] a[data-contact]").first.click()
    await expect(page.locator(".values")).to_contain_text(who)
    await expect(page.locator(".values")).to_contain_text("Nickname")
    await expect(page.locator(".contact-head")).to_contain_text("Fair 2026")


async def test_a_file_that_stopped_halfway_goes_on_when_it_is_chosen_again(visitor: Visitor, tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text(some_people(9_000, f"half{uuid4().hex[:6]}x"), "utf-8")
    page = await visitor.open("/")

    async def cut(route: Route) -> None:
        """Lets the first half through and then ends the connection, as a failing network does."""
        whole = path.read_bytes()
        headers = {**await route.request.all_headers(), "upload-offset": "0"}
        headers.pop("content-length", None)
        await page.context.request.fetch(
            route.request.url, method="PATCH", headers=headers, data=whole[: len(whole) // 2]
        )
        await route.abort()

    await page.route("**/api/v1/uploads/*", cut)
    await choose(page, path)
    await page.locator("[data-part=go]").click()
    await page.locator("[data-part=live]").wait_for()
    await expect(page.locator("[data-part=sending-text]")).to_contain_text("The connection was lost")
    await page.close(run_before_unload=False)
    page = await visitor.open("/")
    await expect(page.locator("[data-part=unfinished]")).to_contain_text("Choose the same file again")
    await page.locator("#file").set_input_files(path)
    await page.locator("[data-part=live][data-status=finished]").wait_for(timeout=60_000)
    await expect(page.locator("[data-part=equation-rows]")).to_have_text("9,000")
    sent = [method for _, method, url in visitor.requests if "/uploads/" in url]
    assert sent.count("PUT") == 1, "the file was not sent again from its start"
    assert sent[-1] == "PATCH"


async def test_cancelling_keeps_what_came_and_says_so(visitor: Visitor, client: Client) -> None:
    answer = await client.http.post(
        "/api/v1/imports",
        json={"source": "file", "name": "slow.csv", "size": 1_000_000},
        headers={"Idempotency-Key": uuid4().hex},
    )
    page = await visitor.open(f"/imports/{answer.json()['id']}")
    page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await page.locator("[data-part=cancel]").click()
    await page.locator("[data-part=live][data-status=cancelled]").wait_for()
    await expect(page.locator("body")).to_contain_text("This import was cancelled.")
    await expect(page.locator("[data-part=cancel]")).to_be_hidden()


class Late:
    """A module that is on its way until it is let through."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()

    async def __call__(self, route: Route) -> None:
        await self.ready.wait()
        await route.continue_()


def saved(page: Page, field: Locator) -> Locator:
    """What stands beside a setting once the server has it."""
    return page.locator(".setting", has=field).locator("[data-part=saved]")


async def test_a_setting_is_saved_at_once_and_kept(visitor: Visitor) -> None:
    page = await visitor.open("/settings")
    field = page.locator("[data-setting=phone_region]")
    await field.select_option("CH")
    await expect(saved(page, field)).to_have_text("Saved")
    await page.reload()
    await expect(field).to_have_value("CH")
    await field.select_option("")
    await expect(saved(page, field)).to_have_text("Saved")


async def test_what_is_changed_before_the_page_is_ready_is_saved_once_it_is(visitor: Visitor) -> None:
    late = Late()
    await visitor.context.route("**/does/settings.js", late)
    page = await visitor.open("/settings", wait_until="domcontentloaded")
    field = page.locator("[data-setting=phone_region]")
    await field.select_option("AT")
    late.ready.set()
    await expect(saved(page, field)).to_have_text("Saved")
    await field.select_option("")
    await expect(saved(page, field)).to_have_text("Saved")


async def test_a_form_that_is_sent_before_the_page_is_ready_is_sent_once_it_is(visitor: Visitor) -> None:
    late = Late()
    await visitor.context.route("**/does/tokens.js", late)
    page = await visitor.open("/tokens", wait_until="domcontentloaded")
    await page.locator("[name=name]").fill(f"Token {uuid4().hex[:6]}")
    await page.keyboard.press("Enter")
    late.ready.set()
    await expect(page.locator("[data-part=secret-value]")).to_contain_text("abt_")


async def test_a_token_is_shown_once_and_ends_when_it_is_revoked(visitor: Visitor) -> None:
    name = f"Token {uuid4().hex[:6]}"
    page = await visitor.open("/tokens")
    page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await page.locator("[name=name]").fill(name)
    await page.locator("[data-part=new] button").click()
    await expect(page.locator("[data-part=secret-value]")).to_contain_text("abt_")
    row = page.locator("[data-token]", has_text=name)
    await expect(row).to_be_visible()
    await row.locator("[data-part=revoke]").click()
    await expect(row).to_have_count(0)


async def test_signing_out_elsewhere_is_shown_on_an_open_page(chromium: Browser, stack: Whole) -> None:
    visitor = await signed_in(chromium, stack)
    page, other = await visitor.open("/"), await visitor.open("/contacts")
    await page.wait_for_load_state("networkidle")
    await other.locator(".menu summary").click()
    await other.locator("[data-does=sign-out]").click()
    await expect(page.locator("[data-part=signed-out]")).to_be_visible()
    await visitor.context.close()


async def test_reading_pages_need_no_javascript(chromium: Browser, stack: Whole, client: Client) -> None:
    import_id = await bring(client, f"{HEADER}\r\n李,Quiet,quiet@{uuid4().hex}.example,\r\n")
    state = await (visitor := await signed_in(chromium, stack)).context.storage_state()
    await visitor.context.close()
    context = await chromium.new_context(java_script_enabled=False, storage_state=state)
    page = await context.new_page()
    await page.goto(f"{visitor.web}/imports/{import_id}")
    await expect(page.locator("[data-part=created]")).to_have_text("1")
    await page.goto(f"{visitor.web}/contacts?import={import_id}")
    await page.locator("a[data-contact]").click()
    await expect(page.locator("h1")).to_have_text("李 Quiet")
    await context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1440])
async def test_no_page_is_wider_than_its_window(
    visitor: Visitor, client: Client, tmp_path: Path, width: int, scheme: str
) -> None:
    long = "A" * 200
    rows = [
        f"ليلى,حداد,l@{uuid4().hex}.example,{long}",
        f"{long},,x@{uuid4().hex}.example,",
        f"山田,太郎,y@{uuid4().hex}.example,",
        ",,not an address,",
    ]
    text = "\r\n".join([HEADER, *rows, ""])
    import_id = await bring(client, text, f"{long}.csv")
    contact = (await client.get("/api/v1/contacts", **{"import": import_id}))["contacts"][0]["id"]
    page = await visitor.open("/")
    await page.set_viewport_size({"width": width, "height": 900})
    await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    SHOTS.mkdir(exist_ok=True)

    async def look(name: str) -> None:
        await page.wait_for_load_state("networkidle")
        await page.screenshot(path=SHOTS / f"{name}-{width}-{scheme}.png", full_page=True)
        over = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, f"{name} is {over} px too wide"

    for path in ("/", "/imports", "/contacts", "/settings", "/members", "/tokens", "/sessions", "/sign-in", "/nowhere"):
        await page.goto(visitor.web + path)
        await look(path.strip("/") or "home")
    for name, path in (("import", f"/imports/{import_id}"), ("contact", f"/contacts/{contact}")):
        await page.goto(visitor.web + path)
        await look(name)
    file = tmp_path / f"{long}.csv"
    file.write_text(text, "utf-8")
    await page.goto(visitor.web)
    await choose(page, file)
    await look("check")
