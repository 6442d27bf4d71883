"""What comes out of workbooks and archives, cell by cell and file by file."""

import io
import json
import sys
import zipfile
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Rejected
from app.core.reading.segments import records
from app.jobs.containers import archives, parts
from app.jobs.containers.cells import MergedDown, line_of, text_of
from app.jobs.containers.child import Unpacker
from app.jobs.containers.parts import CANONICAL, is_container
from app.jobs.containers.spool import Spool
from app.jobs.containers.unpacking import unpack
from tests.reading import FILES

CONTAINERS = FILES / "containers"


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (491711234567.0, "491711234567"),
        (1067.0, "1067"),
        (-3.0, "-3"),
        (0.1 + 0.2, "0.3"),
        (1e-7, "0.0000001"),
        (1.5e300, "15" + "0" * 299),
        (float("nan"), ""),
        (7, "7"),
        (True, "TRUE"),
        (False, "FALSE"),
        (date(1984, 3, 7), "1984-03-07"),
        (datetime(1984, 3, 7), "1984-03-07"),
        (datetime(1984, 3, 7, 9, 30), "1984-03-07 09:30:00"),
        (time(9, 30), "09:30:00"),
        (timedelta(hours=30), "1 day, 6:00:00"),
        ("01067", "01067"),
        ("", ""),
    ],
)
def test_a_cell_is_written_as_a_person_would_type_it(cell: Any, text: str) -> None:
    assert text_of(cell) == text


ROWS = st.lists(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=3, max_size=3), min_size=1
)


@given(ROWS)
def test_what_is_written_as_canonical_csv_is_read_back(rows: list[list[str]]) -> None:
    text = b"".join(line_of(row).encode() + b"\r\n" for row in rows)
    found, _ = records(text, CANONICAL)
    formula_safe = [row for row in rows if any(cell.strip() for cell in row)]
    if not any(cell.startswith("'") for row in rows for cell in row):
        assert [list(row.cells) for row in found.rows] == formula_safe


def test_a_merged_cell_counts_in_each_of_its_rows_and_only_there() -> None:
    rows: list[list[Any]] = [["a", "Acme"], ["b", ""], ["c", "own"], ["d", ""], ["e", ""]]
    merged = MergedDown([((0, 5), (3, 5)), ((4, 4), (4, 5))], left=4)
    for number, row in enumerate(rows):
        merged.fill(number, row)
    assert [row[1] for row in rows] == ["Acme", "Acme", "own", "Acme", ""]


def test_lines_are_numbered_like_the_rows_of_the_sheet() -> None:
    texts = io.BytesIO()
    found = unpack(io.BytesIO((CONTAINERS / "title-and-margins.xlsx").read_bytes()), texts)
    lines = texts.getvalue().split(b"\r\n")
    assert lines[3].startswith(b"Vorname,")
    assert found.texts[0].rows == 5


def test_hidden_sheets_are_told_as_such() -> None:
    found = unpack(io.BytesIO((CONTAINERS / "hidden-sheet.xlsx").read_bytes()), io.BytesIO())
    assert [(text.sheet, text.hidden) for text in found.texts] == [("People", False), ("Backup", True)]


def test_only_the_beginning_is_kept_if_that_is_enough_and_all_rows_are_counted() -> None:
    texts = io.BytesIO()
    found = unpack(io.BytesIO((CONTAINERS / "excel-german.xlsx").read_bytes()), texts, most=100)
    assert (found.texts[0].end, found.texts[0].whole, found.texts[0].rows) == (100, False, 4)


def test_containers_are_known_by_their_first_bytes() -> None:
    known = {path.name for path in CONTAINERS.iterdir() if is_container(path.read_bytes()[:8])}
    assert known == {path.name for path in CONTAINERS.iterdir() if path.suffix != ".json"}
    assert not is_container(b"")
    assert not is_container(b"PK,Name\r\n")


def archive(*members: tuple[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", compression) as made:
        for name, data in members:
            made.writestr(zipfile.ZipInfo(name), data, compression)
    return written


def refused(file: io.BytesIO) -> str:
    with pytest.raises(Rejected) as error:
        unpack(file, io.BytesIO())
    return error.value.code


def test_an_archive_of_too_many_files_is_refused() -> None:
    assert refused(archive(*((f"{n}.csv", b"a") for n in range(parts.MAX_MEMBERS + 1)))) == "too_many_members"
    assert refused(archive(*((f"{n}.jpg", b"a") for n in range(parts.MAX_ENTRIES + 1)))) == "too_many_members"
    pictures = archive(("a.csv", b"a"), *((f"{n}.jpg", b"a") for n in range(parts.MAX_MEMBERS + 1)))
    assert len(unpack(pictures, io.BytesIO()).unread) == parts.MAX_MEMBERS + 1


def test_a_bomb_is_refused_by_what_it_lists_and_by_what_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("archives", "kinds"):
        monkeypatch.setattr(f"app.jobs.containers.{module}.MAX_UNPACKED_BYTES", 1_000_000)
    bomb = archive(("a.csv", bytes(2_000_000)))
    assert refused(bomb) == "too_large"
    monkeypatch.setattr("app.jobs.containers.kinds.MAX_UNPACKED_BYTES", 9_000_000)
    assert refused(bomb) == "too_large"
    assert refused(archive(*((f"{n}.csv", bytes(300_000)) for n in range(5)))) == "too_large"


def test_a_lie_about_a_size_does_no_harm() -> None:
    data = archive(("a.csv", bytes(2_000_000))).getvalue()
    lie = data.replace((2_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert lie != data
    found = unpack(io.BytesIO(lie), io.BytesIO())
    assert [told.code for told in found.unread] == ["container_unreadable"]


def test_names_in_an_archive_are_harmless_and_each_there_once() -> None:
    members = [("../../a.csv", b"1"), ("/a.csv", b"2"), ("x\x07\x1b[31m.csv", b"3"), ("b" * 400 + ".csv", b"4")]
    found = unpack(archive(*members), io.BytesIO())
    names = [text.member for text in found.texts]
    assert names[:3] == ["a.csv", "a.csv (2)", "x[31m.csv"]
    assert len(names[3]) == parts.NAME_CHARACTERS


@pytest.mark.parametrize(
    "name", ["__MACOSX/._a.csv", "people/__MACOSX/a.csv", ".DS_Store", "x/Thumbs.db", "._b.csv", "folder/"]
)
def test_what_systems_leave_in_archives_is_not_told(name: str) -> None:
    found = unpack(archive((name, b""), ("a.csv", b"Name\r\nAnn\r\n")), io.BytesIO())
    assert ([text.member for text in found.texts], list(found.unread)) == (["a.csv"], [])


def test_every_file_of_an_archive_is_either_read_or_told() -> None:
    names = ["a.csv", "b.pdf", "c.vcf", "d.zip", "e.txt", "f"]
    found = unpack(archive(*((name, b"Name\r\nAnn\r\n") for name in names)), io.BytesIO())
    assert sorted([text.member for text in found.texts] + [told.member for told in found.unread]) == names


def test_an_archive_without_the_right_ways_of_packing_is_told() -> None:
    data = bytearray(archive(("a.csv", b"Name\r\nAnn\r\n")).getvalue())
    for at in (8, data.rindex(b"PK\x01\x02") + 10):
        data[at : at + 2] = (97).to_bytes(2, "little")
    found = unpack(io.BytesIO(bytes(data)), io.BytesIO())
    assert [told.code for told in found.unread] == ["container_unreadable"]


@given(st.sampled_from([path for path in sorted(CONTAINERS.iterdir()) if path.suffix != ".json"]), st.data())
def test_a_damaged_container_is_read_or_refused(path: Path, data: st.DataObject) -> None:
    if path.suffix == ".xls":
        return  # calamine may ask for all the memory there is; that is what the child is for
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = whole[: data.draw(st.integers(8, len(whole)))]
    with suppress(Rejected):
        unpack(io.BytesIO(bytes(cut)), io.BytesIO())


# --- the child


@pytest.fixture
def unpacker(tmp_path: Path) -> Unpacker:
    return Unpacker(Spool(tmp_path))


async def test_the_child_says_what_it_found(unpacker: Unpacker) -> None:
    with (CONTAINERS / "two-sheets.xlsx").open("rb") as file:
        async with unpacker.texts(file) as texts:
            assert [text.sheet for text in texts.found.texts] == ["Read me", "People"]
            second = texts.found.texts[1]
            texts.file.seek(second.start)
            assert texts.file.read(second.end - second.start).startswith(b"First Name,Last Name,")
    assert not list(unpacker.spool.folder.iterdir())


async def test_the_child_has_no_environment_and_little_of_everything(unpacker: Unpacker, tmp_path: Path) -> None:
    package = tmp_path / "spy"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(
        "import json, os, resource, sys\n"
        "from app.jobs.containers import __main__ as child\n"
        "child._limit()\n"
        "kinds = ('CPU', 'FSIZE', 'CORE', 'NOFILE', 'AS')\n"
        "limits = [resource.getrlimit(getattr(resource, 'RLIMIT_' + kind))[0] for kind in kinds]\n"
        "told = json.dumps([sorted(os.environ), limits])\n"
        "print(json.dumps({'code': 'spied', 'detail': told}))\n"
    )
    with pytest.MonkeyPatch.context() as patch, (CONTAINERS / "two-sheets.xlsx").open("rb") as file:
        patch.setenv("JOBS_DATABASE_URL", "a secret")
        patch.setattr("app.jobs.containers.child.MODULE", "spy")
        patch.setattr("app.jobs.containers.child._ROOT", tmp_path)
        (tmp_path / "app").symlink_to(Path.cwd() / "app")
        with pytest.raises(Rejected) as spied:
            async with unpacker.texts(file):
                raise AssertionError("it only spies")
    environment, limits = json.loads(spied.value.detail)
    assert "JOBS_DATABASE_URL" not in environment
    assert "HOME" not in environment
    assert limits[:4] == [60, parts.MAX_TEXT_BYTES + 1024**2, 0, 32]
    if sys.platform == "linux":
        assert limits[4] == 768 * 1024**2


async def test_a_reader_that_comes_to_grief_means_that_the_file_is_unreadable(
    unpacker: Unpacker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.containers.child.MODULE", "no.such.module")
    with (CONTAINERS / "two-sheets.xlsx").open("rb") as file, pytest.raises(Rejected, match="container_unreadable"):
        async with unpacker.texts(file):
            raise AssertionError("nothing could come of it")


async def test_a_child_that_asks_for_too_much_ends_and_its_container_is_refused(
    unpacker: Unpacker, tmp_path: Path
) -> None:
    path = tmp_path / "far.xlsx"
    template = zipfile.ZipFile(CONTAINERS / "formulas.xlsx")
    with zipfile.ZipFile(path, "w") as made:
        for name in template.namelist():
            far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
            made.writestr(name, template.read(name).decode().replace("</sheetData>", far))
    with path.open("rb") as file, pytest.raises(Rejected) as refused:
        async with unpacker.texts(file):
            raise AssertionError("nothing can come of this")
    assert refused.value.code == "too_large"


async def test_a_child_that_takes_too_long_is_ended(unpacker: Unpacker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.jobs.containers.child.SECONDS", 0.01)
    with (CONTAINERS / "two-sheets.xlsx").open("rb") as file, pytest.raises(Rejected, match="too_large"):
        async with unpacker.texts(file):
            raise AssertionError("it was ended")


def test_archives_are_read_without_paths() -> None:
    assert "extract" not in Path(archives.__file__).read_text(encoding="utf-8")
