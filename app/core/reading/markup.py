"""HTML -> the text that a person would read in it. Pure; nothing in it is ever run or fetched."""

import re
from html.parser import HTMLParser

_SILENT = frozenset({"script", "style", "head", "title", "template", "noscript", "iframe", "object", "svg", "math"})
_LINES = frozenset(
    "address article blockquote br dd div dl dt fieldset footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre"
    " section table tr ul".split()
)
_BLANKS = re.compile(r"[ \t\r\n\f\v]+")
_EMPTY_LINES = re.compile(r"\n{3,}")


def text_of(html: str) -> str:
    """`<p>Met in <b>Rome</b></p><script>...</script>` -> `Met in Rome`; linear in the length, whatever it is."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = [line.strip() for line in "".join(reader.parts).split("\n")]
    return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    """Collects the text between tags, with a line end where a block begins or ends."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self._silent and tag in _SILENT:
            self._silent = tag
        elif tag in _LINES:
            self._end_line()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _LINES:
            self._end_line()

    def handle_endtag(self, tag: str) -> None:
        if tag == self._silent:
            self._silent = ""
        elif tag in _LINES and tag != "br":
            self._end_line()

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(_BLANKS.sub(" ", data))

    def _end_line(self) -> None:
        if not self._silent:
            self.parts.append("\n")
