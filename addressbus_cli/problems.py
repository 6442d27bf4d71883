"""The rows that were not imported, and why."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec

from addressbus_cli import downloads, tables, words
from addressbus_cli.answers import Problem, Problems, State
from addressbus_cli.server import Server

FIRST = 20
PAGE = 500
NAMES = ("Line", "Column", "Value", "Reason")


async def show_first(server: Server, state: State) -> None:
    """The first rows that were not imported, after an import."""
    page = await server.get(f"/api/v1/imports/{state.id}/problems", Problems, limit=FIRST)
    if not page.problems:
        return
    print()
    tables.show(NAMES, _rows(state, page.problems))
    if page.after is not None:
        print(f"… `addressbus problems {state.id}` shows all {words.number(state.rejected)}.")


async def show_all(server: Server, state: State, *, as_json: bool) -> None:
    """Every row that was not imported."""
    if as_json:
        async for problem in _all(server, state):
            print(msgspec.json.encode(problem).decode())
        return
    tables.show(NAMES, _rows(state, [problem async for problem in _all(server, state)]))


async def save(server: Server, state: State, path: Path) -> None:
    """The rows as a CSV file, to be mended and imported again."""
    await downloads.save(server, f"/api/v1/imports/{state.id}/problems.csv", path)
    print(f"{words.rows(state.rejected)} in {path}; mend them and import the file.", file=sys.stderr)


async def _all(server: Server, state: State) -> AsyncIterator[Problem]:
    after: str | None = None
    while True:
        page = await server.get(f"/api/v1/imports/{state.id}/problems", Problems, limit=PAGE, after=after)
        for problem in page.problems:
            yield problem
        after = page.after
        if after is None:
            return


def _rows(state: State, problems: "list[Problem] | tuple[Problem, ...]") -> Iterator[tuple[str, ...]]:
    columns = state.plan.columns if state.plan else None
    headers = {column.index: column.header for column in columns or ()}
    for problem in problems:
        reason = " ".join(filter(None, (problem.message, problem.suggestion)))
        if problem.column is None:
            yield str(problem.line), "", ", ".join(filter(None, problem.cells)), reason
            continue
        header = headers.get(problem.column) or f"Column {problem.column + 1}"
        value = problem.cells[problem.column] if problem.column < len(problem.cells) else ""
        yield str(problem.line), header, value, reason
