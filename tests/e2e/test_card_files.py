"""vCards and LDIF over the public API on the whole stack: they come out as contacts."""

import base64
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import expect

from bench.client import Client, ended, visible
from tests.browser import Visitor
from tests.e2e.test_api import counts

WITHIN = 120
FILES = Path(__file__).parents[1] / "reading" / "files"
PHOTO = base64.b64encode(bytes(range(256)) * 2_400).decode()
"""800 KB: more than a segment has room for."""


async def imported(client: Client, data: bytes, name: str, **asked: object) -> dict[str, Any]:
    """Brings a file in and waits until all of it can be seen."""
    channel = await client.channel()
    async with client.watching(channel) as watched:
        made = await client.request_import(name, uuid4().hex, channel=channel["channel"], size=len(data), **asked)
        answer = await client.http.put(made["upload"]["url"], content=data)
        assert answer.status_code == 204, answer.text
        state: dict[str, Any] = await watched.until(made["id"], visible, WITHIN)
    assert ended(state)
    return state


async def test_cards_with_photos_come_out_as_contacts(client: Client) -> None:
    tag = uuid4().hex[:8]
    folded = "\r\n ".join(PHOTO[at : at + 74] for at in range(0, len(PHOTO), 74))
    cards = "".join(
        f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ann Lee{n}\r\nN:Lee{n};Ann;;;\r\nPHOTO;ENCODING=b;TYPE=JPEG:{folded}\r\n"
        f"EMAIL;TYPE=WORK:ann{n}@{tag}.example\r\nCATEGORIES:Photos {tag}\r\nEND:VCARD\r\n"
        for n in range(5)
    )
    bad = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Bad\r\nEMAIL:bad@\r\nEND:VCARD\r\n"
    state = await imported(client, (cards + bad).encode(), "people.vcf", plan={"labels": ["Cards"]})
    assert counts(state) == {"rows": 6, "created": 5, "updated": 0, "unchanged": 0, "duplicate": 0, "rejected": 1}
    assert state["plan"]["format"] == "vcard"
    found = (await client.get("/api/v1/contacts", label=f"Photos {tag}", sort="name"))["contacts"]
    assert [contact["family"] for contact in found] == [f"Lee{n}" for n in range(5)]
    assert found[0]["emails"][0]["value"] == f"ann0@{tag}.example"
    assert sorted(found[0]["labels"]) == ["Cards", f"Photos {tag}"]
    (told,) = (await client.get(f"/api/v1/imports/{state['id']}/problems"))["problems"]
    assert (told["line"], told["code"], told["cells"]) == (
        (cards.count("\n") + 1),
        "email_invalid",
        ["FN:Bad", "EMAIL:bad@"],
    )
    listed = await client.http.get(f"/api/v1/imports/{state['id']}/problems.csv")
    assert listed.status_code == 200
    assert "EMAIL:bad@" in listed.text


async def test_a_directory_comes_out_as_contacts(client: Client) -> None:
    data = (FILES / "ldif" / "thunderbird.ldif").read_bytes()
    state = await imported(client, data, "book.ldif")
    assert (state["rows"], state["rejected"]) == (2, 0)
    found = (await client.get("/api/v1/contacts", **{"import": state["id"], "sort": "name"}))["contacts"]
    assert [(contact["name"], contact["labels"]) for contact in found] == [
        ("Jürgen Groß", ["Familie"]),
        ("Mia Groß", ["Familie"]),
    ]


async def test_what_we_export_as_cards_comes_in_as_it_was(client: Client) -> None:
    data = (FILES / "vcard" / "iphone-ios17.vcf").read_bytes()
    first = await imported(client, data, "iphone.vcf", plan={"existing": "overwrite"})
    (before,) = (await client.get("/api/v1/contacts", **{"import": first["id"]}))["contacts"]
    out = await client.http.get("/api/v1/contacts.vcf", params={"import": first["id"]})
    again = await imported(client, out.content, "export.vcf", plan={"existing": "overwrite"})
    assert (again["rows"], again["created"], again["rejected"]) == (1, 0, 0)
    (after,) = (await client.get("/api/v1/contacts", **{"import": again["id"]}))["contacts"]
    assert after["id"] == before["id"]
    assert _said(after) == _said(before)


def _said(contact: dict[str, Any]) -> dict[str, Any]:
    """What a contact says, without where it is from; a number has one form only in a card."""
    passing = {"from", "raw", "origins", "sources", "version", "updated_at"}

    def kept(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: kept(each) for key, each in value.items() if key not in passing}
        return [kept(each) for each in value] if isinstance(value, list) else value

    return {key: kept(value) for key, value in contact.items() if key not in passing}


@pytest.mark.parametrize("name", ["nokia-21-latin1.vcf", "outlook-2016.vcf", "windows-utf16.vcf"])
async def test_cards_of_old_programs_are_shown_before_they_come_in(client: Client, name: str) -> None:
    data = (FILES / "vcard" / name).read_bytes()
    answer = await client.http.post(f"/api/v1/previews?name={name}&size={len(data)}", content=data)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["plan"]["format"], shown["columns"], len(shown["contacts"]) > 0) == ("vcard", [], True)
    assert shown["estimated_rows"] == data.decode(shown["plan"]["encoding"]).count("BEGIN:VCARD")


async def test_what_is_no_address_book_is_refused_by_name(client: Client) -> None:
    answer: httpx.Response = await client.http.post(
        "/api/v1/previews?name=contacts.csv", content=b"\x1f\x8b\x08\x00rest"
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_type")
    assert "compressed" in answer.json()["detail"]


async def test_the_page_shows_the_people_of_a_card_file_and_no_columns(visitor: Visitor) -> None:
    page = await visitor.open("/")
    await page.locator("#file").set_input_files(FILES / "vcard" / "android-21-qp.vcf")
    await expect(page.locator("[data-part=go]")).to_be_enabled(timeout=30_000)
    await expect(page.locator("[data-part=first]")).to_contain_text("Оксана Новак")
    await expect(page.locator("[data-part=understood]")).to_contain_text("vCard")
    await expect(page.locator("section.columns .values-found")).to_be_visible()
    await expect(page.locator("section.columns select")).to_have_count(0)
    await expect(page.locator("[data-part=go]")).to_contain_text("1")
    await page.locator("[data-part=go]").click()
    await page.locator("[data-part=live][data-status=finished]").wait_for(timeout=180_000)
    assert visitor.troubles == []
