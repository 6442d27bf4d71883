"""Every kind of file: from its head to the preview, and from the request to *finished*."""

import csv
import io
import statistics
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from app.stack.whole import Whole
from bench import people
from bench.client import Client
from bench.imports import import_file
from bench.report import Figure

HEAD_BYTES = 256 * 1024
PREVIEWS = 5
_XLSX = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"'
    ' Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    ' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
    '<sheets><sheet name="People" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"'
    ' Target="worksheets/sheet1.xml"/></Relationships>',
}


def _lines(rows: int, who: str) -> list[str]:
    return [people.HEADER, *people.rows(rows, who=who)]


def _cells(rows: int, who: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO("".join(_lines(rows, who)), newline="")))


def _encoded(encoding: str) -> Callable[[int, str], bytes]:
    return lambda rows, who: "".join(_lines(rows, who)).encode(encoding, errors="replace")


def _cards(rows: int, who: str) -> bytes:
    made = []
    for given, family, email, phone, company, title, street, city, code, notes in _cells(rows, who)[1:]:
        made.append(
            f"BEGIN:VCARD\r\nVERSION:3.0\r\nN:{family};{given};;;\r\nFN:{given} {family}\r\nEMAIL;TYPE=work:{email}\r\n"
            f"TEL;TYPE=cell:{phone}\r\nORG:{company}\r\nTITLE:{title.replace(',', ' and')}\r\n"
            f"ADR;TYPE=home:;;{street};{city};;{code};\r\nNOTE:{notes}\r\nEND:VCARD\r\n"
        )
    return "".join(made).encode()


def _directory(rows: int, who: str) -> bytes:
    made = []
    for given, family, email, phone, company, title, street, city, code, notes in _cells(rows, who)[1:]:
        kept = {"givenName": given, "sn": family, "mail": email, "mobile": phone, "o": company, "title": title}
        kept |= {"street": street, "l": city, "postalCode": code, "description": notes}
        lines = [f"{name}: {value}" for name, value in kept.items() if value and value.isascii()]
        made.append("\n".join([f"dn: mail={email or notes},dc=example", "objectClass: inetOrgPerson", *lines, "", ""]))
    return "".join(made).encode()


def _workbook(rows: int, who: str) -> bytes:
    def cell(text: str) -> str:
        return f"<c t='inlineStr'><is><t>{text.replace('&', '&amp;').replace('<', '&lt;')}</t></is></c>"

    sheet = "".join(f"<row>{''.join(map(cell, cells))}</row>" for cells in _cells(rows, who))
    parts = _XLSX | {
        "xl/worksheets/sheet1.xml": '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<sheetData>{sheet}</sheetData></worksheet>"
    }
    return _zipped({name: text.encode() for name, text in parts.items()})


def _archive(rows: int, who: str) -> bytes:
    return _zipped({f"{part}.csv": _encoded("utf-8")(rows // 4, f"{who}{part}x") for part in range(4)})


def _zipped(members: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return written.getvalue()


KINDS: dict[str, tuple[str, Callable[[int, str], bytes]]] = {
    "CSV, UTF-8": ("csv", _encoded("utf-8")),
    "CSV, windows-1252": ("csv", _encoded("windows-1252")),
    "CSV, UTF-16": ("csv", _encoded("utf-16")),
    "vCard 3.0": ("vcf", _cards),
    "LDIF": ("ldif", _directory),
    "XLSX": ("xlsx", _workbook),
    "ZIP of four CSV files": ("zip", _archive),
}


async def every_kind(client: Client, stack: Whole, folder: Path, rows: int) -> list[Figure]:
    """Median time of a preview, and rows a second of an import of new people, for each kind of file."""
    figures = []
    for number, (kind, (suffix, make)) in enumerate(KINDS.items()):
        data = make(rows, f"kind{number}x")
        path = folder / f"people.{suffix}"
        path.write_bytes(data)
        head = data if suffix in ("xlsx", "zip") else data[:HEAD_BYTES]
        seconds = statistics.median([await _preview(client, path.name, head, len(data)) for _ in range(PREVIEWS)])
        timed = await import_file(client, stack, path)
        figures.append(
            Figure(
                what=f"{kind}: preview, import",
                value=f"{1000 * seconds:,.0f} ms, {timed.state['rows'] / timed.finished:,.0f} rows/s",
                goal="",
                met=None,
                detail={"preview_s": seconds, "finished_s": timed.finished, "state": timed.state},
            )
        )
    return figures


async def _preview(client: Client, name: str, head: bytes, size: int) -> float:
    started = time.monotonic()
    answer = await client.http.post("/api/v1/previews", params={"name": name, "size": size}, content=head)
    answer.raise_for_status()
    return time.monotonic() - started
