"""Before an import: what was understood of a file, right at first sight, corrected, and when it cannot be used."""

import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from axe_core_python.async_playwright import Axe
from playwright.async_api import Locator, Page, expect

from app.web import looks, words
from bench.client import Client
from tests.browser import Visitor
from tests.e2e.test_pages import HEADER, bring, some_people
from tests.reading import FILES

FIRST_SIGHT = (
    "encodings/windows-1252-german-semicolon.csv",
    "encodings/shift-jis-japanese.csv",
    "products/linkedin.csv",
    "products/outlook-desktop.csv",
    "vcard/nokia-21-latin1.vcf",
    "containers/two-sheets.xlsx",
)


def wanted(name: str) -> dict[str, Any]:
    """What a person would want to come of a file of the corpus."""
    found: dict[str, Any] = json.loads((FILES / name).with_suffix(".json").read_text("utf-8"))
    return found


async def look(page: Page, path: Path) -> None:
    """Gives the page a file and waits until it says what it understood."""
    await page.locator("#file").set_input_files(path)
    await settled(page)


async def settled(page: Page) -> None:
    await page.locator("[data-part=check-title]").wait_for()
    await expect(page.locator("[data-part=check-body]")).not_to_have_attribute("aria-busy", "true")


def names(page: Page) -> Locator:
    return page.locator(".first-cards strong")


async def begun(client: Client, url: str, data: bytes) -> None:
    """Sends the first bytes of a file, and then no more."""
    headers = {"Upload-Offset": "0", "Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
    assert (await client.http.patch(url, content=data, headers=headers)).status_code == 204


async def columns(page: Page) -> dict[str, str]:
    """Where each column goes, as the page shows it: "emails 1 value" is told as `emails.value`."""
    rows = await page.locator("[data-column]").evaluate_all(
        "rows => rows.map((row) => [row.querySelector('.header').textContent, row.querySelector('select').value])"
    )
    return dict(rows)


def choice(column: str) -> str:
    """A column of the corpus as the page's word for it."""
    field, *rest = column.split()
    part = next((word for word in rest if not word.isdigit()), "")
    return f"{field}.{part}" if part else field


@pytest.mark.parametrize("name", FIRST_SIGHT)
async def test_it_is_right_at_first_sight(visitor: Visitor, name: str) -> None:
    file = wanted(name)
    page = await visitor.open("/")
    await look(page, FILES / name)
    people = [looks.title(contact) for contact in file["contacts"][:6]]
    assert await names(page).all_inner_texts() == people
    told = {header: choice(column) for header, column in file["expect"].get("columns", {}).items() if column != "none"}
    shown = await columns(page)
    assert {header: shown[header] for header in told} == told
    kind = words.say(f"check.formats.{file['expect']['format']}")
    await expect(page.locator("[data-part=understood]")).to_contain_text(kind)
    await expect(page.locator("[data-part=go]")).to_be_enabled()
    assert visitor.troubles == []


async def test_names_change_at_once_when_the_encoding_is_switched(visitor: Visitor) -> None:
    page = await visitor.open("/")
    await look(page, FILES / "encodings/windows-1252-german-semicolon.csv")
    await expect(names(page).first).to_have_text("Jörg Müller")
    await page.locator("input[name=encoding]").nth(1).check()
    await expect(names(page).first).not_to_have_text("Jörg Müller")
    await page.locator("input[name=encoding][value=windows-1252]").check()
    await expect(names(page).first).to_have_text("Jörg Müller")
    await expect(page.locator("input[name=encoding][value=windows-1252]")).to_be_focused()


async def test_damaged_letters_are_shown_mended_and_mended_with_one_press(visitor: Visitor) -> None:
    page = await visitor.open("/")
    await look(page, FILES / "encodings/damaged-as-latin-1.csv")
    offer = page.locator("[data-part=check-mend]")
    await expect(offer).to_contain_text("Jörg, Müller, Köln")
    await offer.locator("button").click()
    await expect(names(page)).to_have_text(["Jörg Müller", "Käthe Groß"])
    await expect(offer).to_be_hidden()


async def test_another_sheet_can_be_chosen_and_one_without_people_changes_nothing(visitor: Visitor) -> None:
    page = await visitor.open("/")
    await look(page, FILES / "containers/two-sheets.xlsx")
    sheet = page.locator("select[name=sheet]")
    await expect(sheet).to_have_value("People")
    other = await sheet.locator("option").evaluate_all("all => all.map((one) => one.value)")
    await sheet.select_option(next(name for name in other if name != "People"))
    await expect(page.locator("[data-part=check-trouble]")).to_contain_text(words.say("codes.nothing_recognised"))
    await expect(sheet).to_have_value("People")
    await expect(names(page)).to_have_text(["Ann Lee", "Bob Ray"])
    await expect(page.locator("[data-part=go]")).to_be_enabled()


async def test_an_unsure_column_comes_first_and_is_settled_with_one_press(visitor: Visitor) -> None:
    page = await visitor.open("/")
    await look(page, FILES / "products/unknown-names.csv")
    first = page.locator("[data-column]").first
    await expect(first.locator(".header")).to_have_text("Wer denn")
    await expect(first.locator(".why")).to_contain_text(words.say("check.guess"))
    await first.locator(".instead button", has_text=words.say("check.none")).click()
    await expect(page.locator("[data-column='0'] .why")).to_have_text(words.say("check.yours"))
    await expect(page.locator("[data-column='0'] select").first).to_have_value("none")


async def test_odd_values_are_asked_about_and_nothing_is_changed(visitor: Visitor) -> None:
    page = await visitor.open("/")
    await look(page, FILES / "values/emails-mistyped.csv")
    odd = page.locator("[data-part=check-odd]")
    await expect(odd).to_contain_text("gmial.com: did you mean gmail.com?")
    await expect(page.locator("[data-part=first]")).to_contain_text("ann@gmial.com")
    await expect(page.locator("[data-part=check-problems]")).to_be_hidden()


async def test_numbers_without_a_country_get_one(visitor: Visitor) -> None:
    page = await visitor.open("/")
    await look(page, FILES / "encodings/windows-1252-german-semicolon.csv")
    await expect(page.locator("[data-part=first]")).to_contain_text("0171 2345678")
    await page.locator("select[name=phone_region]").select_option("DE")
    await expect(page.locator("[data-part=first]")).to_contain_text("+491712345678")
    await expect(page.locator("[data-part=check-odd]")).to_be_hidden()


async def test_rows_that_will_not_come_in_say_why_before_anything_is_imported(visitor: Visitor) -> None:
    page = await visitor.open("/")
    await look(page, FILES / "values/bad-rows-among-good.csv")
    told = page.locator("[data-part=check-problems]")
    await expect(told.locator("h3", has_text=words.say("codes.no_identity"))).to_be_visible()
    await expect(told.locator("mark", has_text="here")).to_be_visible()


async def test_an_archive_names_its_files_and_why_some_stay_out(visitor: Visitor) -> None:
    page = await visitor.open("/")
    await look(page, FILES / "containers/workbook-and-others.zip")
    files = page.locator("[data-part=columns]")
    await expect(files.locator("li", has_text="people.xlsx")).to_contain_text("2 people")
    await expect(files.locator("li", has_text="photo.png")).to_contain_text("Stays out.")
    await expect(names(page)).to_have_text(["Ann Lee", "Bob Ray"])


async def test_pasted_rows_go_the_same_way(visitor: Visitor) -> None:
    page = await visitor.open("/")
    await page.locator("[data-part=paste-open]").click()
    await page.locator("dialog textarea").fill(f"Vorname\tE-Mail\nZoë\tzoe@{uuid4().hex[:8]}.example\n")
    await page.locator("dialog button[value=look]").click()
    await settled(page)
    await expect(page.locator("[data-part=check-name]")).to_have_text("pasted.csv")
    await expect(names(page)).to_have_text(["Zoë"])
    await page.locator("[data-part=go]").click()
    await page.locator("[data-part=live][data-status=finished]").wait_for()
    await expect(page.locator("[data-part=created]")).to_have_text("1")


async def test_what_was_imported_before_is_said_with_its_day(visitor: Visitor, client: Client, tmp_path: Path) -> None:
    text = some_people(5, f"twice{uuid4().hex[:6]}x")
    import_id = await bring(client, text, "first.csv")
    path = tmp_path / "second.csv"
    path.write_bytes(text.encode())
    page = await visitor.open("/")
    await look(page, path)
    before = page.locator("[data-part=check-before]")
    await expect(before).to_contain_text("This file was already imported on")
    await expect(before).to_contain_text("first.csv")
    await expect(before.locator("a")).to_have_attribute("href", f"/imports/{import_id}")
    await expect(page.locator("[data-part=go]")).to_be_enabled()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("containers/password-xlsx.xlsx", "container_encrypted"),
        ("containers/damaged.xlsx", "container_unreadable"),
        ("containers/letter.docx", "unsupported_type"),
        ("vcard/calendar.ics", "unsupported_type"),
        ("values/nothing-of-a-person.csv", "nothing_recognised"),
        ("values/empty.csv", "empty"),
    ],
)
async def test_a_file_that_cannot_be_used_says_why_and_what_to_do(visitor: Visitor, name: str, code: str) -> None:
    page = await visitor.open("/")
    await page.locator("#file").set_input_files(FILES / name)
    trouble = page.locator("[data-part=trouble]")
    await expect(trouble).to_contain_text(words.say(f"codes.{code}"))
    await expect(trouble).to_contain_text(Path(name).name)
    await expect(trouble.locator("button", has_text=words.say("trouble.another"))).to_be_visible()
    await page.locator("#file").set_input_files(FILES / "containers/two-sheets.xlsx")
    await settled(page)


async def test_a_workbook_that_is_too_big_is_refused_before_it_is_sent(visitor: Visitor, tmp_path: Path) -> None:
    path = tmp_path / "big.xlsx"
    with path.open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(64 * 1024**2 + 1)
    page = await visitor.open("/")
    await visitor.rest()
    before = len(visitor.requests)
    await page.locator("#file").set_input_files(path)
    await expect(page.locator("[data-part=trouble]")).to_contain_text(words.say("codes.too_large"))
    assert visitor.requests[before:] == []


async def test_when_it_was_too_fast_the_time_is_told_and_the_way_on_opens_by_itself(visitor: Visitor) -> None:
    page = await visitor.open("/")
    await visitor.rest()
    await page.clock.install()
    await page.clock.pause_at(time.time() + 60)
    answer = {"code": "too_many_requests", "detail": "That were many previews.", "retry_after": 2}
    await page.route(
        "**/api/v1/previews*",
        lambda route: route.fulfill(status=429, content_type="application/problem+json", body=json.dumps(answer)),
        times=1,
    )
    await page.locator("#file").set_input_files(FILES / "products/linkedin.csv")
    trouble = page.locator("[data-part=trouble]")
    await expect(trouble).to_contain_text("There is room again at")
    again = trouble.locator("button", has_text=words.say("trouble.again"))
    await expect(again).to_be_disabled()
    await page.clock.fast_forward(1_900)
    await expect(again).to_be_disabled()
    await page.clock.fast_forward(100)
    await expect(again).to_be_enabled()
    await again.click()
    await settled(page)


async def test_an_interrupted_upload_ends_with_what_came(visitor: Visitor, client: Client) -> None:
    data = some_people(40, f"part{uuid4().hex[:6]}x").encode()
    made = await client.request_import("part.csv", uuid4().hex, size=4 * len(data))
    await begun(client, made["upload"]["url"], data)
    page = await visitor.open(f"/imports/{made['id']}")
    page.on("dialog", lambda dialog: dialog.accept())
    finish = page.locator("[data-part=finish]")
    await expect(finish).to_be_visible(timeout=60_000)
    await finish.click()
    await page.locator("[data-part=live][data-status=finished]").wait_for()
    await expect(page.locator("[data-part=equation-rows]")).to_have_text("40")


async def test_an_import_that_waits_says_behind_which_ones(visitor: Visitor, client: Client) -> None:
    first = await client.request_import("ahead.csv", uuid4().hex, size=1_000_000)
    made = await client.request_import("mine.csv", uuid4().hex, size=1_000_000)
    await begun(client, made["upload"]["url"], HEADER.encode())
    page = await visitor.open(f"/imports/{made['id']}")
    waiting = page.locator("[data-part=waiting]")
    await expect(waiting).to_contain_text("ahead.csv")
    for one in (first, made):
        await client.http.post(f"/api/v1/imports/{one['id']}/cancel")


async def test_a_failed_import_names_its_reason_and_a_way_on(visitor: Visitor, client: Client) -> None:
    made = await client.request_import("nobody.csv", uuid4().hex)
    await client.http.put(made["upload"]["url"], content=b"Colour,Size\r\nred,4\r\n")
    page = await visitor.open(f"/imports/{made['id']}")
    await page.locator("[data-part=live][data-status=failed]").wait_for()
    await expect(page.locator("[data-part=error-title]")).to_have_text(words.say("codes.nothing_recognised"))
    await expect(page.locator("[data-part=error-way]")).to_have_text(words.say("trouble.way.nothing_recognised"))
    await expect(page.locator("a", has_text=words.say("import.another"))).to_be_visible()


async def test_the_template_is_understood_without_a_question(visitor: Visitor, client: Client, tmp_path: Path) -> None:
    answer = await visitor.context.request.get(f"{visitor.web}/template.csv")
    path = tmp_path / "template.csv"
    path.write_bytes(await answer.body() + b"Ada,Lee,ada@example.org,,,,,,,Germany,1984-03-07,,Fair\r\n")
    page = await visitor.open("/")
    await look(page, path)
    assert await page.locator(".column-list .dot.guess, .column-list .dot.out").count() == 0
    await expect(names(page)).to_have_text(["Ada Lee"])
    await expect(page.locator(".first-cards")).to_contain_text("Germany")
    await expect(page.locator(".first-cards")).to_contain_text("7 Mar 1984")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_check_page_is_accessible(visitor: Visitor, scheme: str) -> None:
    page = await visitor.open("/")
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    found = []
    for name in (
        "encodings/damaged-as-latin-1.csv",
        "products/unknown-names.csv",
        "products/outlook-desktop.csv",
        "vcard/nokia-21-latin1.vcf",
        "values/bad-rows-among-good.csv",
    ):
        await page.goto(visitor.web)
        await look(page, FILES / name)
        found += [(name, one["id"], one["nodes"][0]["html"][:160]) for one in (await Axe().run(page))["violations"]]
    await page.goto(visitor.web)
    await page.locator("#file").set_input_files(FILES / "values/empty.csv")
    await page.locator("[data-part=trouble]").wait_for()
    await page.locator("[data-part=paste-open]").click()
    found += [("paste", one["id"], one["nodes"][0]["html"][:160]) for one in (await Axe().run(page))["violations"]]
    assert found == []


async def test_twice_as_big_the_check_page_still_fits(visitor: Visitor) -> None:
    page = await visitor.open("/")
    await page.set_viewport_size({"width": 640, "height": 450})  # 1280 by 900 at 200 %
    for name in FIRST_SIGHT:
        await page.goto(visitor.web)
        await look(page, FILES / name)
        over = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, f"{name} is {over} px too wide"
        await expect(page.locator("[data-part=go]")).to_be_in_viewport()


async def test_every_correction_can_be_made_by_keyboard(visitor: Visitor) -> None:
    page = await visitor.open("/")
    await look(page, FILES / "encodings/windows-1252-german-semicolon.csv")

    async def tab_to(selector: str) -> None:
        for _ in range(120):
            await page.keyboard.press("Tab")
            if await page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        pytest.fail(f"{selector} cannot be reached by keyboard")

    await tab_to("input[name=encoding]")
    await page.keyboard.press("ArrowDown")
    await expect(names(page).first).not_to_have_text("Jörg Müller")
    await page.keyboard.press("ArrowUp")
    await expect(names(page).first).to_have_text("Jörg Müller")
    await tab_to("[data-column='2'] select")
    await page.keyboard.press("J")
    await expect(page.locator("[data-column='2'] .why")).to_have_text(words.say("check.yours"))
    assert await page.evaluate("document.activeElement.closest('[data-column]')?.dataset.column") == "2"
