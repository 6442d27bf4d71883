"""Writes the files of `files/containers/`: python tests/reading/make_containers.py

Needs openpyxl, odfpy, xlwt and msoffcrypto-tool, which nothing else here does; hardly anybody cares for some of them
now, so they are no dependency. Install them somewhere for this one run. All people are invented.
"""

# mypy: disable-error-code="import-not-found,import-untyped,no-untyped-call,attr-defined"

import io
import subprocess
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msoffcrypto.format.ooxml
import openpyxl
import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P

FILES = Path(__file__).parent / "files" / "containers"
ZIP_TIME = (2026, 3, 1, 9, 0, 0)
GERMAN: list[list[Any]] = [
    ["Vorname", "Nachname", "E-Mail-Adresse", "Mobiltelefon", "Firma", "Ort geschäftlich", "Geburtstag"],
    ["Jörg", "Müßig", "joerg@muessig.example", 1711234567, "Müßig & Söhne", "Köln", date(1984, 3, 7)],
    ["Änne", "Öztürk", "aenne@oeztuerk.example", "0171 2345678", "Übersee GmbH", "Görlitz", date(1991, 12, 24)],
    ["Zoë", "van der Straße", "zoe@strasse.example", 1.512345678e9, None, "München", datetime(2001, 1, 31)],
]
ENGLISH: list[list[Any]] = [
    ["First Name", "Last Name", "E-mail Address", "Company"],
    ["Ann", "Lee", "ann@lee.example", "Acme"],
    ["Bob", "Ray", "bob@ray.example", "Acme"],
]
MORE = [*ENGLISH, ["Old", "One", "old@one.example", ""]]
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def workbook(*sheets: tuple[str, Sequence[Sequence[Any]]], change: Callable[[Any], None] | None = None) -> bytes:
    """An XLSX as openpyxl writes it."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    if change is not None:
        change(book)
    book.properties.created = book.properties.modified = datetime(2026, 3, 1, 9)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def zipped(*members: tuple[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name, ZIP_TIME), data, zipfile.ZIP_DEFLATED)
    return written.getvalue()


def by_hand(sheet: str, strings: str) -> bytes:
    """An XLSX with this very content of its sheet: what Excel keeps of formulas, errors and rich text."""
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packages = "http://schemas.openxmlformats.org/package/2006"
    content = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{packages}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{content}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{content}.worksheet+xml"/>'
        f'<Override PartName="/xl/sharedStrings.xml" ContentType="{content}.sharedStrings+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{packages}/relationships">'
        f'<Relationship Id="r1" Type="{relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{relations}"><sheets>'
        '<sheet name="Tabelle1" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{packages}/relationships">'
        f'<Relationship Id="r1" Type="{relations}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{relations}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{strings}</sst>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{sheet}</sheetData></worksheet>',
    }
    return zipped(*((name, text.encode()) for name, text in parts.items()))


def formulas() -> bytes:
    names = ["Name", "E-Mail", "Telefon", "Notizen"]
    strings = "".join(f"<si><t>{name}</t></si>" for name in names)
    strings += "<si><r><rPr><b/></rPr><t>Carla</t></r><r><t xml:space='preserve'> Conti</t></r></si>"
    head = "".join(f'<c r="{letter}1" t="s"><v>{index}</v></c>' for index, letter in enumerate("ABCD"))
    return by_hand(
        f'<row r="1">{head}</row>'
        '<row r="2"><c r="A2" t="s"><v>4</v></c>'
        '<c r="B2" t="str"><f>LOWER("CARLA")&amp;"@conti.example"</f><v>carla@conti.example</v></c>'
        '<c r="C2"><v>3.01234567E8</v></c><c r="D2" t="e"><f>VLOOKUP(1,A1:B1,2)</f><v>#N/A</v></c></row>'
        '<row r="3"><c r="A3" t="inlineStr"><is><t>Dana Dahl</t></is></c><c r="B3" t="e"><v>#REF!</v></c>'
        '<c r="C3" t="inlineStr"><is><t>+49 30 7654321</t></is></c><c r="D3" t="b"><v>1</v></c></row>',
        strings,
    )


def ods(sheets: Sequence[tuple[str, Sequence[Sequence[Any]]]]) -> bytes:
    """What LibreOffice writes: typed values, repeated empty cells at the end of rows."""
    book = OpenDocumentSpreadsheet()
    for title, rows in sheets:
        table = Table(name=title)
        for row in rows:
            line = TableRow()
            for value in row:
                line.addElement(_ods_cell(value))
            line.addElement(TableCell(numbercolumnsrepeated=1000))
            table.addElement(line)
        blank = TableRow(numberrowsrepeated=1_000_000)
        blank.addElement(TableCell(numbercolumnsrepeated=1024))
        table.addElement(blank)
        book.spreadsheet.addElement(table)
    written = io.BytesIO()
    book.write(written)
    return written.getvalue()


def _ods_cell(value: Any) -> Any:
    if value is None:
        return TableCell()
    if isinstance(value, (datetime, date)):
        iso = (value.date() if isinstance(value, datetime) else value).isoformat()
        cell = TableCell(valuetype="date", datevalue=iso)
        cell.addElement(P(text=".".join(reversed(iso.split("-")))))
        return cell
    if isinstance(value, (int, float)):
        cell = TableCell(valuetype="float", value=str(value))
        cell.addElement(P(text=str(int(value))))
        return cell
    cell = TableCell(valuetype="string")
    for line in str(value).split("\n"):
        cell.addElement(P(text=line))
    return cell


def xls(rows: Sequence[Sequence[Any]]) -> bytes:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Adressen")
    dated = xlwt.easyxf(num_format_str="DD.MM.YYYY")
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            if isinstance(value, (date, datetime)):
                sheet.write(number, column, value, dated)
            elif value is not None:
                sheet.write(number, column, value)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def with_password(data: bytes) -> bytes:
    written = io.BytesIO()
    msoffcrypto.format.ooxml.OOXMLFile(io.BytesIO(data)).encrypt("secret", written)
    return written.getvalue()


def zip_with_password() -> bytes:
    folder = Path("/tmp")
    plain, packed = folder / "people.csv", folder / "people-locked.zip"
    plain.write_bytes(b"First Name,E-mail Address\r\nAnn,ann@lee.example\r\n")
    packed.unlink(missing_ok=True)
    subprocess.run(["zip", "-q", "-j", "-P", "secret", packed, plain], check=True)
    return packed.read_bytes()


def ods_with_password() -> bytes:
    manifest = (
        b'<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        b'<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml">'
        b'<manifest:encryption-data manifest:checksum="x"/></manifest:file-entry></manifest:manifest>'
    )
    return zipped(
        ("mimetype", b"application/vnd.oasis.opendocument.spreadsheet"),
        ("content.xml", b"\x8f\x11 not to be read without the password"),
        ("META-INF/manifest.xml", manifest),
    )


def card(name: str, family: str, given: str, mail: str) -> bytes:
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"FN:{name}", f"N:{family};{given};;;", f"EMAIL;TYPE=INTERNET:{mail}"]
    return "\r\n".join([*lines, "END:VCARD", ""]).encode()


def _merged_title(book: Any) -> None:
    sheet = book["Kontakte"]
    sheet.insert_rows(1, 3)
    sheet.insert_cols(1)
    sheet["B2"] = "Kontakte der Messe 2026"
    sheet.merge_cells("B2:H2")
    sheet["B12"] = " "


def _merged_company(book: Any) -> None:
    sheet = book["People"]
    sheet.merge_cells("D2:D3")


def _hidden(book: Any) -> None:
    book["Backup"].sheet_state = "hidden"


def _old_days(book: Any) -> None:
    from openpyxl.utils.datetime import CALENDAR_MAC_1904

    book.epoch = CALENDAR_MAC_1904


def _as_text(book: Any) -> None:
    sheet = book["Sheet1"]
    for cell in sheet["C"][1:]:
        cell.number_format = "@"
    sheet["D2"].number_format = "0.00E+00"


TEXTS: list[list[Any]] = [
    ["Name", "Email", "Phone", "Mobile", "Zip", "City", "Notes"],
    ["Dieter Damm", "dieter@damm.example", "0049 30 1234567", 1711234567, "01067", "Dresden", None],
    ["Eva Ernst", "eva@ernst.example", "+49 351 987654", None, "00123", "Roma", "two\nlines"],
    ["Finn Falk", "finn@falk.example", None, None, "10115", 'Berlin "Mitte", Spree', None],
]
SUMMARY: list[list[Any]] = [
    ["This document was exported from Numbers. Each table was converted to an Excel worksheet."],
    ["Numbers Sheet Name", "Numbers Table Name", "Excel Worksheet Name"],
    ["Sheet 1", "Contacts", "Sheet 1 - Contacts"],
]
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64)
CSV = "Vorname;Nachname;E-Mail\r\nDörte;Dorn;doerte@dorn.example\r\nKaputt;Mail;keine-adresse\r\n".encode("cp1252")


def main() -> None:
    FILES.mkdir(exist_ok=True)
    english, german = ("People", ENGLISH), ("Kontakte", GERMAN)
    made = {
        "excel-german.xlsx": workbook(german),
        "two-sheets.xlsx": workbook(("Read me", [["Please fill in the second sheet."], ["Thank you"]]), english),
        "chosen-sheet.xlsx": workbook(english, ("More", [ENGLISH[0], ["Cy", "Fox", "cy@fox.example", "Den"]])),
        "title-and-margins.xlsx": workbook(german, change=_merged_title),
        "merged-companies.xlsx": workbook(english, change=_merged_company),
        "formulas.xlsx": formulas(),
        "numbers-export.xlsx": workbook(("Export Summary", SUMMARY), ("Sheet 1 - Contacts", [["Contacts"], *ENGLISH])),
        "numbers-as-text.xlsx": workbook(("Sheet1", TEXTS), change=_as_text),
        "hidden-sheet.xlsx": workbook(
            english, ("Backup", [*ENGLISH, ["Old", "One", "old@one.example", ""]]), change=_hidden
        ),
        "macintosh-1904.xlsx": workbook(german, change=_old_days),
        "empty.xlsx": workbook(("Tabelle1", []), ("Tabelle2", [])),
        "colours.xlsx": workbook(("Colours", [["Colour", "Size"], ["red", 3], ["blue", 5]])),
        "password-xlsx.xlsx": with_password(workbook(english)),
        "damaged.xlsx": workbook(english)[:3000],
        "libreoffice.ods": ods([("Kontakte", GERMAN)]),
        "two-tables.ods": ods([("Notizen", [["Stand: heute"]]), ("Adressen", TEXTS)]),
        "password-ods.ods": ods_with_password(),
        "old-excel.xls": xls(GERMAN),
        "old-word.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(1000)
        + "WordDocument".encode("utf-16-le")
        + bytes(500),
        "letter.docx": zipped(("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<document/>")),
        "table.numbers": zipped(("Index/Document.iwa", b"\0\0"), ("Metadata/Properties.plist", b"bplist00")),
        "csvs.zip": zipped(
            ("people/german.csv", CSV),
            ("people/english.csv", b"First Name,E-mail Address\r\nAnn,ann@lee.example\r\nBob,bob@ray.example\r\n"),
            ("__MACOSX/people/._german.csv", b"\0\5\26\7"),
            (".DS_Store", b"\0\0\0\1Bud1"),
        ),
        "cards-and-csv.zip": zipped(
            ("Ann Lee.vcf", card("Ann Lee", "Lee", "Ann", "ann@lee.example")),
            ("Bob Ray.vcf", card("Bob Ray", "Ray", "Bob", "bob@ray.example")),
            ("Dörte.vcf", card("Dörte Dorn", "Dorn", "Dörte", "doerte@dorn.example")),
            ("more.csv", b"First Name,Last Name,E-mail Address\r\nCy,Fox,cy@fox.example\r\n"),
        ),
        "workbook-and-others.zip": zipped(
            ("people.xlsx", workbook(english)),
            ("photo.png", PICTURE),
            ("inner.zip", zipped(("a.csv", b"Name\r\nX\r\n"))),
            ("readme.txt", b"These are our people.\r\n"),
        ),
        "only-pictures.zip": zipped(("one.png", PICTURE), ("two.jpg", b"\xff\xd8\xff\xe0")),
        "password-zip.zip": zip_with_password(),
        "no-files.zip": zipped(),
        "outside.zip": zipped(
            ("../../etc/people.csv", b"Name,E-mail\r\nAnn Lee,ann@lee.example\r\n"),
            ("C:\\temp\\people.csv", b"Name,E-mail\r\nBob Ray,bob@ray.example\r\n"),
        ),
    }
    for name, data in made.items():
        (FILES / name).write_bytes(data)


if __name__ == "__main__":
    main()
