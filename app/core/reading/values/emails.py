"""E-mail addresses, as people and programs write them."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache

import idna

from app.core.reading.values.data import load
from app.core.reading.values.texts import PLACEHOLDERS, last_first

MAX_EMAIL = 254
"""Characters of an address, its domain in ASCII (RFC 5321, 4.5.3.1.3)."""
MAX_LOCAL = 64

_ATOM = r"[^\x00-\x20\x7f-\x9f()<>\[\]:;@\\,.\"\s]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*+")
_PLAIN_LOCAL = re.compile(r"[a-z0-9_+\-]+(?:\.[a-z0-9_+\-]+)*+")
_QUOTED_LOCAL = re.compile(r'"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*+"')
_HOST_LABEL = re.compile(r"[a-z0-9\-]{1,63}")


def email(cell: str) -> str | None:
    """`Ann <mailto:Ann@EXAMPLE.com>` -> `ann@example.com`; None: no address, several, or one too long.

    The domain stays as it is written, in ASCII or not; identity folds it (`contacts.fold_email`).
    Plain: letters, digits and `_+-.` in ASCII, and nothing around.
    """
    local, at, domain = cell.rpartition("@")
    local = local.lower()
    host, length = _host(domain)
    if not (at and host and len(local) <= MAX_LOCAL and _PLAIN_LOCAL.fullmatch(local)):
        return _odd_email(cell)
    return f"{local}@{host}" if len(local) + length < MAX_EMAIL else None


_BETWEEN = tuple(map(re.compile, (r"(?<=>)[\s,;]++", r"[;\n]|:::", r",", r"[\s,;/|]++")))


def emails(cell: str) -> tuple[str, ...] | None:
    """One address, or several with commas, semicolons, slashes or blanks between; None unless all of them are some."""
    one = email(cell)
    if one is not None:
        return (one,)
    for separator in _BETWEEN:
        parts = [part.strip() for part in separator.split(cell)]
        several = [email(part) for part in parts if part and part not in PLACEHOLDERS]
        if len(parts) > 1 and several and None not in several:
            return tuple(dict.fromkeys(filter(None, several)))
    return None


# --- what surrounds an address

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3002: ".", 0xFF61: ".", 0xFE6B: "@"}
_INVISIBLE = dict.fromkeys([0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF])
_SCHEME = re.compile(r"(?:mailto|smtp|e-?mail):(?://)?", re.IGNORECASE)
_AROUND_AT = re.compile(r"(?<=\S)[ \t\xa0]*+@[ \t\xa0]*+(?=\S)")
_OPENING = {">": "<", ")": "(", "]": "["}
_BEFORE = " \t\n\xa0,;:<'‘’“”„«»"
_AFTER = " \t\n\xa0,;:.>'‘’“”„«»"
_LONGEST = 1_000


def _odd_email(cell: str) -> str | None:
    if len(cell) > _LONGEST:
        return None
    text = cell
    if not text.isascii():
        text = unicodedata.normalize("NFC", text.translate(_FULL_WIDTH).translate(_INVISIBLE))
    if "@" not in text:
        return None
    text = text.lstrip(" ,;").rstrip(" ,;.")
    opening = _OPENING.get(text[-1:])
    if opening:
        before, bracket, inner = text[:-1].rpartition(opening)
        if bracket and "@" in inner:
            return _with_name(inner, before)
        if opening == "(" and "@" in before:
            return _address(before)
    elif text.startswith("<"):
        inner, _, after = text[1:].partition(">")
        return _with_name(inner, after)
    return _address(text)


_DISPLAYED = re.compile(
    r"([^<>@]++)<[^<>]++>|[^\s@<>]++@[^\s@<>()]++ \(([^()@]++)\)|([^()@\[\]]++)[(\[][^()\[\]@]++@[^()\[\]]++[)\]]"
)
MAX_DISPLAYED = 200


def display_name(cell: str) -> str:
    """`Ann Lee` of `"Ann Lee" <ann@example.com>`; "" if there is none."""
    found = _DISPLAYED.fullmatch(cell.rstrip(" ,;.")) if len(cell) <= MAX_DISPLAYED else None
    name = next(filter(None, found.groups()), "").strip(" \t\"'‘’“”„«»,;:") if found else ""
    parts = last_first(name)
    return " ".join(parts) if parts else name if any(map(str.isalpha, name)) else ""


def _with_name(inner: str, name: str) -> str | None:
    """The address in brackets, unless its display name is another address."""
    address = _address(inner)
    others = (_address(word) for word in name.split() if "@" in word)
    return None if any(other not in {None, address} for other in others) else address


def _address(text: str) -> str | None:
    address = text.lstrip(_BEFORE).rstrip(_AFTER)
    if len(address) > 1 and address[0] == '"' == address[-1]:
        address = address[1:-1].lstrip(_BEFORE).rstrip(_AFTER)
    scheme = _SCHEME.match(address)
    if scheme:
        address = address[scheme.end() :].partition("?")[0].strip()
    local, at, domain = _AROUND_AT.sub("@", address, count=1).rpartition("@")
    local = local.lower()
    host, length = _host(domain)
    if not at or not host or not 0 < len(local.encode()) <= MAX_LOCAL or len(local) + length >= MAX_EMAIL:
        return None
    return f"{local}@{host}" if _LOCAL.fullmatch(local) or _QUOTED_LOCAL.fullmatch(local) else None


@lru_cache(maxsize=65_536)
def _host(domain: str) -> tuple[str, int]:
    """A domain with at least one dot, in small letters, and its length in ASCII; ("", 0) if it is none."""
    if len(domain) > MAX_EMAIL:
        return "", 0
    host = plain = domain.lower()
    if not host.isascii():
        try:
            host = idna.uts46_remap(host)
            plain = idna.encode(host).decode()
        except (idna.IDNAError, UnicodeError):
            return "", 0
    labels = plain.split(".")
    if len(plain) > 253 or len(labels) < 2:
        return "", 0
    right = all(_HOST_LABEL.fullmatch(label) and label[0] != "-" != label[-1] for label in labels)
    return (host, len(plain)) if right else ("", 0)


# --- what was probably meant

_SURROUNDINGS = "<>()[].,;:'\""
_AT_SPELT_OUT = re.compile(r"\s*[(\[]\s*(?:at|ät|arroba|chiocciola)\s*[)\]]\s*|\s+at\s+", re.IGNORECASE)
_DOT_SPELT_OUT = re.compile(r"\s*[(\[]\s*(?:dot|punkt|point|punto)\s*[)\]]\s*|\s+dot\s+", re.IGNORECASE)
_DOTS = re.compile(r"\.\.++")
_ATS = re.compile(r"@@++")
_MOST_SUGGESTED = 320


def email_suggestion(cell: str) -> str:
    """The address that was probably meant, as a sentence; "" if there is no telling."""
    if len(cell) > _MOST_SUGGESTED:
        return f"An address has at most {MAX_EMAIL} characters." if "@" in cell else ""
    meant = next((found for found in map(email, _tries(cell.strip().strip(_SURROUNDINGS))) if found), None)
    return f"Did you mean {meant}?" if meant else ""


def _tries(text: str) -> Iterator[str]:
    yield from (word.strip(_SURROUNDINGS) for word in text.split() if "@" in word)
    yield "".join(text.split())
    yield _DOT_SPELT_OUT.sub(".", _AT_SPELT_OUT.sub("@", text, count=1))
    yield text.replace(",", ".")
    yield _DOTS.sub(".", text).replace(".@", "@").replace("@.", "@")
    yield _ATS.sub("@", text)
    local, at, host = text.rpartition("@")
    for known in _providers():
        if at and known.partition(".")[0] == host.casefold():
            yield f"{local}@{known}"
        if not at and text.endswith(known) and len(text) > len(known):
            yield f"{text.removesuffix(known).rstrip('.')}@{known}"


_ENDINGS = {
    **dict.fromkeys("co cm om cim con comm cmo ocm vom xom cpm coom ccom c0m".split(), "com"),
    **dict.fromkeys("nte ent ney met".split(), "net"),
    **dict.fromkeys("ogr rog orgg".split(), "org"),
}
"""What the last part of a domain is, and is not: none of the left ones but `co`, `cm` and `om` exists."""
_REAL_ENDINGS = frozenset({"co", "cm", "om"})
_LEAST_LETTERS = 5
"""A shorter name has too many real neighbours."""


@lru_cache(maxsize=4_096)
def meant_domain(domain: str) -> str:
    """The domain that was probably meant (`gmial.com`: `gmail.com`); "" if nothing seems wrong with it."""
    host = domain.lower()
    if host in _providers():
        return ""
    name, _, ending = host.rpartition(".")
    right = _ENDINGS.get(ending)
    if right and (ending not in _REAL_ENDINGS or f"{name}.{right}" in _providers()):
        return meant_domain(f"{name}.{right}") or f"{name}.{right}"
    first, _, rest = host.partition(".")
    for known in _providers():
        theirs, _, behind = known.partition(".")
        if rest == behind and len(theirs) >= _LEAST_LETTERS and _one_slip(first, theirs):
            return known
    return ""


def _one_slip(word: str, right: str) -> bool:
    """Whether one letter is missing, too many, wrong or in its neighbour's place."""
    if abs(len(word) - len(right)) > 1 or word == right:
        return False
    at = next((at for at, (one, two) in enumerate(zip(word, right, strict=False)) if one != two), len(word))
    tails = (word[at:], right[at:])
    swapped = tails[0][:2] == tails[1][:2][::-1] and tails[0][2:] == tails[1][2:] and len(word) == len(right)
    return swapped or tails[0][1:] == tails[1][1:] or tails[0][1:] == tails[1] or tails[0] == tails[1][1:]


@cache
def _providers() -> dict[str, None]:
    """The domains that very many people have an address at, the most usual first."""
    return dict.fromkeys(load("providers")["known"])
