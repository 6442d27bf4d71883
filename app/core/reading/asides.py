"""Rows of a table that are nobody: the header once more, lines drawn with dashes, and the notes that end a list.

Each of them gets a verdict like any row, but one that says that nothing is wrong: `repeated_header` or `list_note`.
Notes are looked for in the last rows of a segment, where the end of a file always is; and only a row with nothing but
the note, and perhaps a number, is one. A header of several rows is not looked for again.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from app.core.events import ProblemOut
from app.core.reading.plan import Plan
from app.core.reading.problems import problem
from app.core.reading.rows import Row

LAST_ROWS = 5
_LAST_BYTES = 4096
_SHORT = 300

_TOTAL = (
    "(?:grand |sub)?totals?|sum|summe|gesamt(?:zahl|summe)?|insgesamt|anzahl|totale|suma|łącznie|razem|celkem|spolu|"
    "összesen|toplam|totalt|totaal|i alt|yhteensä|iš viso|kopā|kokku|ukupno|итого|всего|усього|разом|σύνολο|"
    "合計|件数|总计|合计|總計|합계|총"
)
_THINGS = (
    "rows?|records?|contacts?|entries|persons?|people|results?|datensätze|einträge|kontakte|zeilen|personen|lignes?|"
    "enregistrements?|registros?|filas?|contactos?|contatos?|righe|record|contatti|regels|contacten|rader|rækker|poster|"
    "rekord(?:y|ów)?|wiersz[ey]|kontakt\\w*|řádk\\w*|záznam\\w*|sor|kayıt|kişi|запис\\w*|строк\\w*|контакт\\w*|επαφές|"
    "件|名|条|條|筆|명|건"
)
_MADE = (
    "generated|exported|created|printed|produced|downloaded|erstellt|exportiert|erzeugt|gedruckt|généré|exporté|créé|"
    "imprimé|generado|exportado|creado|generato|esportato|creato|gerado|criado|gegenereerd|geëxporteerd|"
    "wygenerowano|utworzono|vygenerováno|vytvořeno|skapad|exporterad|oprettet|luotu|oluşturuldu|készült|"
    "экспортировано|создано|сформировано|створено|作成|出力|导出|匯出|생성"
)
_NOTE = re.compile(
    rf"""
      (?P<total>{_TOTAL}) (?:[ ][^\W\d]+){{0,3}} \s* [:=]? \s* \(?(?:\d[\d.,\s]*)? \s* (?:{_THINGS})? \s*\)?\.?
    | \(? \d[\d.,]* \s* (?:{_THINGS})
      (?:[ ](?:selected|exported|affected|found|in[ ]set|exportiert|exporté\w*)\b.*)? \)? \.?
    | (?:this[ ])?(?:report|list|file|export|liste|datei|bericht|fichier|rapport)?[ ]?(?:was[ ])?(?:{_MADE})\b
      (?=.*(?:\d|\b(?:by|with|from|von|mit|par|por|con|da|door|av|af)\b)).*
    | [-–—*=\#_~.\s]*
      (?:end[ ]of[ ]\w+|ende[ ]der[ ]\w+|fin[ ]d[eu][ ](?:la[ ])?\w+|fine[ ]\w+|koniec[ ]\w+|конец[ ]\w+|eof|以上)
      [-–—*=\#_~.\s]*
    | (?:page|seite|pagina|página|strona|strana|стр\.?|sida|side)\s*\d+
      (?:\s*(?:of|von|de|sur|di|van|z|av|af|из|/)\s*\d+)?
    | (?:©|\(c\)|copyright)\W.*
    """,
    re.IGNORECASE | re.VERBOSE,
)
_STROKES = frozenset("-=_+")
# Apart, because a pattern that begins with one byte is looked for with memchr.
_DRAWN = tuple(re.compile(start + rb"[\"']?[-=_+]{3}") for start in (b"\n", b"\r"))
_DRAWN_FIRST = re.compile(rb"[\"']?[-=_+]{3}")
_LINE = re.compile(r"[-=_*+|~\s]*[-=_]{3,}[-=_*+|~\s]*")
_NUMBER = re.compile(rf"[\d.,\s]+(?:{_THINGS})?", re.IGNORECASE)


def suspected(data: bytes, plan: Plan, *, heads: bool) -> bool:
    """Whether a segment may have such rows; `heads` says that it begins with the header. Takes a moment only."""
    if sum(map(data.count, _needles(plan))) > (heads and plan.header == 1):
        return True
    if _DRAWN_FIRST.match(data) or any(drawn.search(data) for drawn in _DRAWN):
        return True
    lines = re.split(r"[\r\n]+", data[-_LAST_BYTES:].decode(errors="ignore"))[-LAST_ROWS - 1 :]
    marks = f"{plan.dialect.delimiter if plan.dialect else ','}\"' \t"
    return any(_NOTE.match(line.strip(marks)[:_SHORT]) for line in lines)


def set_apart(rows: Sequence[Row], plan: Plan, problems: list[ProblemOut]) -> list[Row]:
    """The rows of a segment that may be people; the others join the problems."""
    headers = _headers(plan)
    several = len(plan.columns or ()) > 1
    last = len(rows) - LAST_ROWS
    kept = []
    for at, row in enumerate(rows):
        first = row.cells[0].strip()
        if headers and first == headers[0] and _is_header(_short(row), headers):
            problems.append(problem("repeated_header", row.number, row.line, row.cells))
        elif several and ((first[:1] in _STROKES and _is_line(_short(row))) or (at >= last and _is_note(_short(row)))):
            problems.append(problem("list_note", row.number, row.line, row.cells))
        else:
            kept.append(row)
    return kept


def _short(row: Row) -> list[str]:
    return [cell[:_SHORT].strip() for cell in row.cells]


def _is_header(cells: Sequence[str], headers: Sequence[str]) -> bool:
    return len(cells) >= len(headers) and (*headers, *[""] * (len(cells) - len(headers))) == tuple(cells)


def _is_line(cells: Sequence[str]) -> bool:
    """Whether this is drawn: nothing but dashes and the like."""
    return bool(cells[0]) and all(_LINE.fullmatch(cell) for cell in cells if cell)


def _is_note(cells: Sequence[str]) -> bool:
    """Whether this has nothing but a note, and perhaps a number beside a total."""
    filled = [cell for cell in cells if cell]
    if not filled or len(filled) > 3 or not all(map(_NUMBER.fullmatch, filled[1:])):
        return False
    found = _NOTE.fullmatch(filled[0])
    if found is None:
        return False
    # A total without a number may be the name of a company.
    return found["total"] is None or any(map(str.isdigit, "".join(filled)))


@lru_cache(maxsize=64)
def _headers(plan: Plan) -> tuple[str, ...]:
    """The cells of the header as they stand in the file; () if it has none, or several rows of it."""
    columns = sorted(plan.columns or (), key=lambda column: column.index)
    cells = tuple("" if column.header == f"Column {column.index + 1}" else column.header or "" for column in columns)
    return cells if plan.header == 1 and any(cells) else ()


@lru_cache(maxsize=64)
def _needles(plan: Plan) -> tuple[bytes, ...]:
    """How the header begins: without quotes, with them, and with quotes where there are blanks."""
    headers = _headers(plan)
    if not headers or plan.dialect is None:
        return ()
    start = headers[: 1 + max(2, next(index for index, header in enumerate(headers) if header))]
    between, quote = plan.dialect.delimiter + " " * plan.dialect.trim, plan.dialect.quote or ""
    ways = {
        between.join(start),
        between.join(quote + header + quote for header in start),
        between.join(quote + header + quote if " " in header else header for header in start),
    }
    return tuple(way.encode() for way in ways)
