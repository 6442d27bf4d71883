"""`python -m tests.reading.score`: how many files of the corpus are read right, and which are not.

With `--markdown` the table and the codes of problems and warnings go into docs/reading.md, each between its two marks.
Ends with 1 if any file is read wrong.
"""

import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from app.core.reading import doubts, problems
from tests.reading import STAGES, Stage, Verdict, cases, judge

PAGE = Path(__file__).parents[2] / "docs" / "reading.md"
SHOWN = 4
"""So many differences of a file are printed."""


def table(verdicts: Sequence[Verdict]) -> list[list[str]]:
    """The score as rows of cells, titles first, the total last."""
    rows = [["group", "files", *(f"{stage} right" for stage in STAGES)]]
    for group, some in groupby(verdicts, key=lambda verdict: verdict.case.group):
        rows.append(_row(group, list(some)))
    return [*rows, _row("all", verdicts)]


def _row(name: str, verdicts: Sequence[Verdict]) -> list[str]:
    return [name, str(len(verdicts)), *(_right(stage, verdicts) for stage in STAGES)]


def _right(stage: Stage, verdicts: Sequence[Verdict]) -> str:
    stated = [verdict for verdict in verdicts if stage in verdict.stages]
    return f"{sum(verdict.right(stage) for verdict in stated)} of {len(stated)}" if stated else "–"


def as_text(rows: Sequence[Sequence[str]]) -> str:
    """Columns of one width."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table for docs/reading.md."""
    titles, *rest = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([titles, "|---" * len(rows[0]) + "|", *rest])


def problem_codes() -> list[list[str]]:
    """What is told of a row that cannot be used."""
    told = ([f"`{code}`", words.message, words.suggestion] for code, words in problems.WORDS.items())
    return [["code", "message", "suggestion, unless there is a better one"], *told]


def warning_codes() -> list[list[str]]:
    """What is told of a value that was kept with a doubt."""
    return [["code", "message"], *([f"`{code}`", message] for code, message in doubts.WORDS.items())]


def written(page: str, verdicts: Sequence[Verdict]) -> str:
    """The page with these verdicts and all codes in it."""
    tables = {"score": table(verdicts), "problems": problem_codes(), "warnings": warning_codes()}
    for name, rows in tables.items():
        page = _with_part(page, name, as_markdown(rows))
    return page


def _with_part(page: str, name: str, markdown: str) -> str:
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{markdown}\n{end}{after}"


def failures(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """The files that are read wrong, each with its first differences."""
    for verdict in verdicts:
        if verdict.differences:
            yield f"\n{verdict.case.name}"
            yield from (f"  {difference}" for difference in verdict.differences[:SHOWN])
            if len(verdict.differences) > SHOWN:
                yield f"  … and {len(verdict.differences) - SHOWN} more"


def main(arguments: Sequence[str]) -> int:
    """Prints the score of all files, or of those whose names contain one of the arguments."""
    wanted = [argument for argument in arguments if not argument.startswith("--")]
    verdicts = [judge(case) for case in cases() if not wanted or any(part in case.name for part in wanted)]
    rows = table(verdicts)
    print(as_text(rows))
    for line in failures(verdicts):
        print(line)
    if "--markdown" in arguments:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), verdicts), encoding="utf-8")
    return 1 if any(verdict.differences for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
