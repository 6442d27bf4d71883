"""The head of a file -> the encodings it may have, best first.

A byte order mark, the zeros of UTF-16 and valid UTF-8 decide. Otherwise every candidate reads the pieces of text
that are not ASCII, and what it makes of them is judged: letters that one language uses together, words as people
write them, and headers that we know (`headers/*.json`). Bounded: 8 KB of pieces, whatever the head.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache, partial
from typing import Literal, NamedTuple

from app.core.reading import alphabets, columns
from app.core.reading.alphabets import Alphabet
from app.core.reading.mojibake import REPAIRS, runs
from app.core.reading.plan import Repair
from app.core.reading.text import CODECS, decoded, mark

SAMPLED_BYTES = 8 * 1024
PIECE_BYTES = 200
HEADER_BYTES = 8 * 1024
OFFERED = 5
"""So many ways to read a file are told at most, the first included."""
LEAST_OFFERED = 3
"""So many are told, if there are any, even if the others are nonsense: it shows that the first one is right."""

Kind = Literal["latin", "cyrillic", "greek", "right to left", "ideographs"]


class Candidate(NamedTuple):
    """An encoding, what it is used for, and the languages that are written in it."""

    encoding: str
    kind: Kind
    languages: tuple[Alphabet, ...] = ()


class Way(NamedTuple):
    """One way to read a file and how plausible it is: 1 is certain, below 0 is nonsense."""

    encoding: str
    score: float
    repair: Repair | None = None


CANDIDATES: tuple[Candidate, ...] = (
    Candidate("windows-1252", "latin", alphabets.LATIN),
    Candidate("windows-1250", "latin", alphabets.CENTRAL),
    Candidate("windows-1251", "cyrillic", alphabets.CYRILLIC),
    Candidate("shift_jis", "ideographs"),
    Candidate("gb18030", "ideographs"),
    Candidate("big5", "ideographs"),
    Candidate("euc-kr", "ideographs"),
    Candidate("euc-jp", "ideographs"),
    Candidate("windows-1254", "latin", alphabets.TURKISH),
    Candidate("windows-1255", "right to left", alphabets.HEBREW),
    Candidate("windows-1253", "greek", alphabets.GREEK),
    Candidate("windows-1257", "latin", alphabets.BALTIC),
    Candidate("macintosh", "latin", (*alphabets.LATIN, *alphabets.ICELANDIC)),
    Candidate("koi8-r", "cyrillic", alphabets.CYRILLIC[:1]),
    Candidate("koi8-u", "cyrillic", alphabets.CYRILLIC[:2]),
    Candidate("windows-1256", "right to left", alphabets.ARABIC),
    Candidate("iso-8859-15", "latin", alphabets.LATIN),
    Candidate("iso-8859-2", "latin", alphabets.CENTRAL),
    Candidate("iso-8859-5", "cyrillic", alphabets.CYRILLIC),
    Candidate("iso-8859-7", "greek", alphabets.GREEK),
    Candidate("iso-8859-9", "latin", alphabets.TURKISH),
    Candidate("iso-8859-13", "latin", alphabets.BALTIC),
    Candidate("iso-8859-1", "latin", (*alphabets.LATIN, *alphabets.ICELANDIC)),
    Candidate("ibm850", "latin", alphabets.LATIN),
    Candidate("ibm852", "latin", alphabets.CENTRAL),
    Candidate("ibm866", "cyrillic", alphabets.CYRILLIC),
    Candidate("x-mac-cyrillic", "cyrillic", alphabets.CYRILLIC),
)
"""All that is tried, the more usual ones first: they win where two read the same. UTF-8 and its kin come before."""


def detect(head: bytes, *, whole: bool = True) -> list[Way]:
    """The ways to read a file that begins like this (`whole`: it is all of it), best first; at least one."""
    for name in ("utf-8", "utf-32le", "utf-32be", "utf-16le", "utf-16be", "gb18030"):
        if head.startswith(mark(name)):
            return _with_repairs([Way(name, 1.0)], head)
    wide = _wide(head)
    if wide:
        return _with_repairs([Way(wide, 1.0)], head)
    if not whole:
        # Its last character may be cut.
        head = head[: max(head.rfind(b"\n"), head.rfind(b"\r")) + 1] or head[:-4]
    if head.isascii():
        return [Way("utf-8", 1.0)]
    good, bad = _utf8(head)
    ways = [Way("utf-8", 1.0 if not bad else (good - 4 * bad) / (good + bad))]
    # What is valid UTF-8, with more than a few letters, is nothing else.
    if bad or good < 5:
        ways += _judged(_pieces(head), head)
        ways.sort(key=lambda way: -way.score)
    return _with_repairs(ways, head)


def samples(head: bytes, way: Way, count: int = 3) -> str:
    """Cells with letters beyond ASCII, as they read this way: names rather than headers, if there are any."""
    text = decoded(head[:HEADER_BYTES], way.encoding, way.repair, whole=False).decode(errors="ignore")
    found = _telling(text)
    if not found and len(head) > HEADER_BYTES:
        text = decoded(head[: 8 * HEADER_BYTES], way.encoding, way.repair, whole=False).decode(errors="ignore")
        found = _telling(text)
    return ", ".join(found[:count])


def _telling(text: str) -> list[str]:
    lines = text.splitlines()
    cells = [cell.strip() for line in lines[1:] for cell in re.split(r'[\t,;"|\x1f]+', line) if not cell.isascii()]
    if not cells:
        cells = [cell.strip() for cell in re.split(r'[\t,;"|\x1f]+', lines[0] if lines else "") if not cell.isascii()]
    return ["".join(letter for letter in cell[:40] if letter.isprintable()) for cell in dict.fromkeys(cells)]


# --- Unicode


def _wide(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: the letters and separators in it that are ASCII have zeros at fixed places."""
    start = head[: 4096 & ~3]
    if start.count(0) < max(len(start) // 100, 1):
        return None
    zeros = [start[place::4].count(0) / max(len(start[place::4]), 1) for place in range(4)]
    if min(zeros[2:]) > 0.9 and zeros[0] < 0.5:
        return "utf-32le"
    if min(zeros[:2]) > 0.9 and zeros[3] < 0.5:
        return "utf-32be"
    even, odd = start[::2].count(0), start[1::2].count(0)
    for name, high, low in (("utf-16le", odd, even), ("utf-16be", even, odd)):
        if high > 4 * low and _reads(start, name):
            return name
    return None


def _reads(start: bytes, name: str) -> bool:
    """Whether this is UTF-16 and no other text with a few zeros: then it has separators, or is ASCII throughout."""
    text = start[: len(start) & ~1].decode(CODECS[name], "ignore")
    return any(mark in text for mark in "\r\n\t,;") or 2 * sum(map(str.isascii, text)) > len(start) // 2


def _utf8(head: bytes) -> tuple[int, int]:
    """How many characters beyond ASCII are well formed, and how many bytes are not."""
    text = head.decode("utf-8", "surrogateescape")
    bad = len(re.findall("[\udc80-\udcff]", text))
    return _beyond_ascii(text) - bad, bad


def _beyond_ascii(text: str) -> int:
    return len(text) - len(text.encode("ascii", "ignore"))


def _with_repairs(ways: list[Way], head: bytes) -> list[Way]:
    """With the offer to mend what was UTF-8 and was read as something else: behind the best, never in its place."""
    best = ways[0]
    text = decoded(head[: 4 * SAMPLED_BYTES], best.encoding, whole=False).decode(errors="ignore")
    beyond = _beyond_ascii(text)
    offers = [Way(best.encoding, runs(text, repair) / beyond, repair) for repair in REPAIRS] if beyond else []
    offers = sorted((offer for offer in offers if offer.score >= 0.5), key=lambda offer: -offer.score)[:1]
    return _distinct([best, *offers, *ways[1:]], head)


def _distinct(ways: Sequence[Way], head: bytes) -> list[Way]:
    """Without those that read like a better one; nonsense only if there is nothing better."""
    seen: set[bytes] = set()
    found: list[Way] = []
    for way in ways:
        if len(found) >= LEAST_OFFERED and way.score < max(0.1, ways[0].score - 0.8):
            continue
        read = decoded(head[: 2 * SAMPLED_BYTES], way.encoding, way.repair, whole=False)
        if read not in seen:
            seen.add(read)
            found.append(way)
    return found[:OFFERED]


# --- everything else

_SEPARATORS = rb"\x00-\x2f\x3a-\x3f"
"""No character of any encoding has one of these bytes in it, unless it is one of them."""
_PIECE = re.compile(rb"[^%b]+" % _SEPARATORS)


def _pieces(head: bytes) -> list[bytes]:
    """Pieces of the text with bytes beyond ASCII, each once, up to SAMPLED_BYTES."""
    found: dict[bytes, None] = {}
    size = 0
    for piece in _PIECE.finditer(head):
        data = piece[0][:PIECE_BYTES]
        if data.isascii() or data in found:
            continue
        found[data] = None
        size += len(data)
        if size > SAMPLED_BYTES:
            break
    return list(found)


def _judged(pieces: Sequence[bytes], head: bytes) -> list[Way]:
    sample = b"\n".join(pieces)
    start = head[:HEADER_BYTES].lower()
    ways = []
    for place, candidate in enumerate(CANDIDATES):
        text = sample.decode(CODECS[candidate.encoding], "surrogateescape")
        score = _plausible(text, candidate, start)
        if score > 0:
            score += _headers(head, candidate.encoding)
        ways.append(Way(candidate.encoding, score - 0.001 * place))
    return ways


def _plausible(text: str, candidate: Candidate, start: bytes) -> float:
    """From 1 (names and headers of one language) down to nonsense, below 0."""
    counts = Counter(text)
    beyond = {character: count for character, count in counts.items() if character > "\x7f"}
    total = sum(beyond.values())
    if not total:
        return 0.0
    if candidate.kind == "ideographs":
        weigh = partial(_of_ideograph, everyday=_everyday(candidate.encoding), kana=candidate.encoding in _JAPANESE)
        best = sum(count * weigh(character) for character, count in beyond.items())
    else:
        best = max(
            _of_language(beyond, language, candidate.languages)
            + 0.1 * total * any(word in start for word in language.headers)
            for language in candidate.languages
        )
    faults = sum(weight * len(pattern.findall(text)) for pattern, weight in _FAULTS[candidate.kind])
    return (best - faults) / total


def _of_language(beyond: dict[str, int], language: Alphabet, others: Sequence[Alphabet]) -> float:
    known = alphabets.weights(language)
    foreign = _letters(others)
    return sum(
        count * (known.get(letter) or (alphabets.FOREIGN if letter in foreign else _of_mark(letter)))
        for letter, count in beyond.items()
    )


@cache
def _letters(languages: tuple[Alphabet, ...]) -> frozenset[str]:
    return frozenset(letter for language in languages for letter in alphabets.weights(language))


_USUAL_MARKS = frozenset("‘’“”„«»–—…•€£§°©®™\xa0´")
_BAD = -3.0


def _of_mark(mark: str) -> float:
    """What is no letter of any language of the encoding."""
    if mark in _USUAL_MARKS:
        return 0.3
    if "\udc80" <= mark <= "\udcff" or "\x80" <= mark <= "\x9f":
        return _BAD
    return -0.3 if mark.isalpha() else -1.0


_JAPANESE = frozenset({"shift_jis", "euc-jp"})


@cache
def _everyday(encoding: str) -> tuple[frozenset[str], frozenset[str]]:
    """The characters of names, places and headers, and all that the first level of the standard has."""
    everyday = {
        "shift_jis": alphabets.JAPANESE,
        "euc-jp": alphabets.JAPANESE,
        "gb18030": alphabets.CHINESE,
        "big5": alphabets.TAIWANESE,
        "euc-kr": alphabets.KOREAN,
    }[encoding]
    codec, first, last = {
        "shift_jis": ("euc-jp", 0xB0, 0xCF),
        "euc-jp": ("euc-jp", 0xB0, 0xCF),
        "gb18030": ("gb2312", 0xB0, 0xD7),
        "big5": ("big5", 0xA4, 0xC6),
        "euc-kr": ("euc-kr", 0xB0, 0xC8),
    }[encoding]
    trails = range(0x40, 0xFF) if codec == "big5" else range(0xA1, 0xFF)
    level = bytes(byte for lead in range(first, last + 1) for trail in trails for byte in (lead, trail))
    if codec == "big5":
        level = b"".join(level[at : at + 2] for at in range(0, len(level), 2) if not 0x7F <= level[at + 1] <= 0xA0)
    return frozenset(everyday), frozenset(level.decode(codec, "ignore"))


def _of_ideograph(character: str, everyday: tuple[frozenset[str], frozenset[str]], *, kana: bool) -> float:
    """How much one character speaks for an encoding of East Asia."""
    if character in everyday[0]:
        return 1.0
    if character in everyday[1]:
        return 0.6
    if "\u3041" <= character <= "\u30fe":
        return 1.0 if kana else -0.5
    if "\uff66" <= character <= "\uff9f":
        return 0.4 if kana else -0.5
    if "\u3000" <= character <= "\u303f" or "\uff01" <= character <= "\uff5e":
        return 0.3
    if "\u4e00" <= character <= "\u9fff" or "\uac00" <= character <= "\ud7a3":
        return -0.1
    if "\udc80" <= character <= "\udcff" or "\ue000" <= character <= "\uf8ff":
        return _BAD
    return -0.6


_UPPER = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĖĘĚĢĪĮİĶĹĻĽŁŃŅŇŐŔŘŚŞŠŢȘȚŤŪŮŰŲŹŻŽŒŸ"
_LOWER = "a-zß-öø-þāăąćčďđēėęěģīįıķĺļľłńņňőŕřśşšţșțťūůűųźżžœÿ"
_VOWELS = "aeiouyAEIOUYÀ-ÆÈ-ÏÒ-ÖØ-Ýà-æè-ïò-öø-ýĀāĂăĄąĒēĖėĘęĚěĪīĮįİıŐőŪūŮůŰűŲųŒœŸÿ"
_CONSONANT = f"(?:(?![{_VOWELS}])[^\\W\\d_])"
_FAULTS: dict[Kind, tuple[tuple[re.Pattern[str], float], ...]] = {
    "latin": (
        # MŸller, AndrÈ; but McÉwan is not counted where the capital is ASCII
        (re.compile(rf"[{_LOWER}](?![A-Z])[{_UPPER}]"), 1.0),
        # ªtefan: these stand behind a number
        (re.compile(r"[ªº]\w"), 1.0),
        # MüLLER
        (re.compile(rf"[A-Z](?![a-z])[{_LOWER}][A-Z]"), 0.7),
        # M¸ller, K^ln: a mark inside a word
        (re.compile(r"[^\W\d_][^\w\s\x00-\x7f’‘´·‐-―\udc80-\udcff][^\W\d_]"), 0.7),
        # Words without any ASCII letter: three letters may be (Šķē), four are not
        (re.compile(r"(?:(?![A-Za-z])[^\W\d_]){3,}"), 0.5),
        (re.compile(r"(?:(?![A-Za-z])[^\W\d_]){4,}"), 2.5),
        # Gyõzõ: in Portuguese it comes before e and s only
        (re.compile(r"[õÕ](?![eE]|[sS]\b)"), 0.5),
        # Kšln, Mźller: a consonant among too many
        (
            re.compile(
                rf"\b[bcdfghjklmnpqstvwxzBCDFGHJKLMNPQSTVWXZ]?(?![A-Za-z]){_CONSONANT}[bcdfghjklmnpqstvwxz]{{2}}"
            ),
            0.4,
        ),
    ),
    "cyrillic": (
        (re.compile(r"[а-яёђ-џґ](?=[А-ЯЁЂ-ЏҐ])"), 1.0),
        (re.compile(r"[A-Za-z][Ѐ-ґ]|[Ѐ-ґ][A-Za-z]"), 1.0),
        (re.compile(r"[^\W\d_][^\w\s\x00-\x7f’‘´·‐-―\udc80-\udcff][^\W\d_]"), 0.7),
        (re.compile(r"\b[ьъыЬЪЫ]"), 0.7),
    ),
    "greek": (
        (re.compile(r"[ά-ώ](?=[Α-Ϋ])"), 1.0),
        (re.compile(r"[A-Za-z][Ά-ώ]|[Ά-ώ][A-Za-z]"), 1.0),
        (re.compile(r"ς(?=[ά-ώ])"), 0.7),
    ),
    "right to left": ((re.compile(r"[A-Za-z][א-ي]|[א-ي][A-Za-z]"), 1.0),),
    "ideographs": ((re.compile(r"[A-Za-z][\u3041-\uffdc]|[\u3041-\uffdc][A-Za-z]"), 0.7),),
}


def _headers(head: bytes, encoding: str) -> float:
    """What header words beyond ASCII add that we know when they are read this way."""
    text = head[:HEADER_BYTES].decode(CODECS[encoding], "replace")
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()][:12]
    known = 0
    for line in lines:
        cells = [cell.strip(" '") for cell in re.split(r'[\t,;"|:\x1f]+', line)[:200] if not cell.isascii()]
        known = max(known, sum(columns.known(columns.folded(cell[:100])) is not None for cell in cells))
    return min(0.15 * known, 0.6)
