"""Text that was UTF-8, was read as something else and saved again: `MÃ¼ller`, mended to `Müller`.

Each letter of the original became two to four characters, one per byte. Only such runs are mended, and only if their
bytes are UTF-8; everything else stays as it is, so a file that is damaged in some rows only comes out right as well.
"""

import re

from app.core.reading.plan import Repair

_CODECS: dict[Repair, str] = {"utf-8-read-as-windows-1252": "cp1252", "utf-8-read-as-latin-1": "latin-1"}
REPAIRS: tuple[Repair, ...] = tuple(_CODECS)


def _characters(repair: Repair) -> str:
    """The character of each byte. What windows-1252 leaves undefined is a control character, as browsers read it."""
    codec = _CODECS[repair]
    return "".join(bytes([byte]).decode(codec, "ignore") or chr(byte) for byte in range(256))


def _run(characters: str) -> re.Pattern[str]:
    rest = f"[{re.escape(characters[0x80:0xC0])}]"
    two, three, four = (
        f"[{characters[low]}-{characters[high]}]" for low, high in ((0xC2, 0xDF), (0xE0, 0xEF), (0xF0, 0xF4))
    )
    return re.compile(f"{two}{rest}|{three}{rest}{{2}}|{four}{rest}{{3}}")


def _unfinished(characters: str) -> re.Pattern[str]:
    rest = f"[{re.escape(characters[0x80:0xC0])}]"
    two, three, four = (
        f"[{characters[low]}-{characters[high]}]" for low, high in ((0xC2, 0xDF), (0xE0, 0xEF), (0xF0, 0xF4))
    )
    return re.compile(rf"(?:{two}|{three}{rest}?|{four}{rest}{{0,2}})\Z")


_CHARACTERS = {repair: _characters(repair) for repair in REPAIRS}
_RUNS = {repair: _run(characters) for repair, characters in _CHARACTERS.items()}
_UNFINISHED = {repair: _unfinished(characters) for repair, characters in _CHARACTERS.items()}
_BYTES = {
    repair: {character: byte for byte, character in enumerate(characters)} for repair, characters in _CHARACTERS.items()
}


class Mender:
    """Mends text that comes in pieces. `waiting` is the end of the last piece, which may begin a run."""

    def __init__(self, repair: Repair, waiting: str = "") -> None:
        self._repair = repair
        self.waiting = waiting

    def feed(self, text: str) -> str:
        """The text that is certain now."""
        text = self.waiting + text
        cut = _UNFINISHED[self._repair].search(text, max(len(text) - 3, 0))
        at = cut.start() if cut else len(text)
        self.waiting = text[at:]
        return mended(text[:at], self._repair)

    def end(self) -> str:
        """What waited is no run."""
        text, self.waiting = self.waiting, ""
        return text


def mended(text: str, repair: Repair) -> str:
    """The text as it was before."""
    table = _BYTES[repair]

    def original(run: re.Match[str]) -> str:
        try:
            return bytes(map(table.__getitem__, run[0])).decode()
        except UnicodeDecodeError:
            return run[0]

    return _RUNS[repair].sub(original, text)


def damaged(text: str, repair: Repair) -> str:
    """The opposite of `mended` for text that was damaged throughout."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1").translate(dict(enumerate(_CHARACTERS[repair])))


def runs(text: str, repair: Repair) -> int:
    """How many characters of the text belong to runs that can be mended."""
    return sum(len(run[0]) for run in _RUNS[repair].finditer(text) if mended(run[0], repair) != run[0])
