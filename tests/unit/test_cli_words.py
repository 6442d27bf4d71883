"""What the command line prints: nothing that a terminal obeys, nothing wider than it, numbers that line up."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addressbus_cli import progress, tables, words
from addressbus_cli.answers import Failure, State
from addressbus_cli.importing import equation, outcome
from addressbus_cli.progress import Lines, Progress, bar
from addressbus_cli.trouble import Exit


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def state(**values: object) -> State:
    given = {"id": "1", "version": 1, "status": "running", "size": 1000, **values}
    return State(**given)  # type: ignore[arg-type]  # as the test wants it


@given(st.text())
def test_a_cell_never_moves_the_cursor_nor_turns_the_text(text: str) -> None:
    shown = words.safe(text)
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in shown)
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


@given(st.text(), st.integers(1, 30))
def test_a_clipped_text_fits(text: str, most: int) -> None:
    assert words.width(words.clipped(text, most)) <= most


@pytest.mark.parametrize(("text", "cells"), [("Ann", 3), ("山田", 4), ("e\u0301", 1), ("عمر", 3), ("", 0)])
def test_letters_take_the_cells_that_terminals_give_them(text: str, cells: int) -> None:
    assert words.width(text) == cells


@given(
    st.lists(st.tuples(st.text(max_size=60), st.text(max_size=20), st.text(max_size=5)), min_size=1),
    st.integers(40, 120),
)
def test_no_line_of_a_table_is_wider_than_the_terminal(rows: list[tuple[str, ...]], columns: int) -> None:
    cells = [[words.safe(cell) for cell in row] for row in rows]
    assert all(words.width(line) <= columns for line in tables.fitted(cells, columns))


def test_anywhere_but_on_a_terminal_a_table_is_tab_separated_and_whole() -> None:
    out = io.StringIO()
    tables.show(("Line", "Reason"), [("7", "long " * 100), ("8", "two\tcells")], out)
    lines = out.getvalue().splitlines()
    assert lines[0] == "Line\tReason"
    assert lines[1].endswith("long long")
    assert lines[2] == "8\ttwo cells"


def test_the_bar_has_two_tones() -> None:
    assert bar(0.25, 0.5, 8, "█▒░") == "██▒▒░░░░"
    assert bar(1, 1, 4, "█▒░") == "████"
    assert bar(0.5, 0.25, 4, "█▒░") == "██░░", "what is done was received"


def test_progress_tells_share_rows_rate_and_time_left() -> None:
    moments = iter([0.0, 2.0])
    seen = Progress("people.csv", 1000, clock=lambda: next(moments))
    seen.take(state(bytes_done=0, rows=0))
    seen.take(state(bytes_done=500, rows=50, rejected=2))
    assert seen.words() == " 50 %  50 rows  2 not imported  25/s  2 s left"


def test_a_finished_import_is_at_a_hundred_percent_whatever_its_bytes_say() -> None:
    seen = Progress("people.csv", 1000)
    seen.take(state(bytes_done=990, rows=50, status="finished"))
    assert seen.words() == "100 %  50 rows"


def test_a_log_gets_a_line_only_now_and_then() -> None:
    now = 0.0
    out = io.StringIO()
    lines = Lines(out, clock=lambda: now)
    seen = Progress("people.csv", 1000, clock=lambda: now)
    for rows in range(1, 12):
        now += 1
        seen.take(state(rows=rows))
        lines.show(seen)
    assert [line.split("  ")[2] for line in out.getvalue().splitlines()] == ["5 rows", "10 rows"]


def test_the_line_on_a_terminal_fits_and_is_drawn_over_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    out = Terminal()
    seen = Progress("名簿" * 40 + "\033[2J.csv", 1000)
    seen.take(state(rows=10))
    line = progress.display(out)
    line.show(seen)
    shown = out.getvalue()
    assert shown.startswith("\r")
    assert shown.endswith("\033[K")
    assert words.width(shown[1:-3]) < 70
    assert shown.count("\033") == 1


def test_the_equation_names_only_what_there_is() -> None:
    assert equation(state(rows=12, created=10, rejected=2)) == "12 rows = 10 new + 2 not imported"
    assert equation(state(rows=1, unchanged=1)) == "1 row = 1 unchanged"
    assert equation(state()) == "0 rows"


@pytest.mark.parametrize(
    ("found", "exit_"),
    [
        (state(status="finished", rows=2, created=2), Exit.ALL_IN),
        (state(status="finished", rows=2, created=1, rejected=1), Exit.SOME_LEFT_OUT),
        (state(status="failed", error=Failure("empty", "It is empty.")), Exit.NOT_DONE),
        (state(status="cancelled", rows=5, created=5), Exit.NOT_DONE),
    ],
)
def test_the_exit_status_tells_the_outcome(found: State, exit_: Exit) -> None:
    assert outcome(found) is exit_


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0 s"), (59, "59 s"), (80, "1:20"), (7387, "2:03:07")])
def test_durations_read_like_a_clock(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said
