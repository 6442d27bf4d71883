"""Phone numbers -> E.164, wherever the country is certain. The library that knows all plans is slow, and asked rarely.

A number is *doubtful* when it has no country and there is no region, when its length is one that nobody has, or when
something stands in it that may or may not be a part of it. Then its E.164 form is empty, and what was written stays.
"""

import re
import unicodedata
from functools import lru_cache

import phonenumbers

MAX_PHONE = 64
"""Characters of a cell that may be one number."""
_LEAST_DIGITS = 6
"""A number without a country that is shorter belongs to a service, or to a town that we do not know."""

_PUNCTUATION = {ord(mark): None for mark in " ().-/\t\xa0\u2010\u2011\u2012\u2013\u2014\u2212"}
_INVISIBLE = dict.fromkeys([0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF])


def phone(cell: str, region: str | None) -> str:
    """E.164, or "" when the number is doubtful.

    Plain: `+` and digits, of a country and a length that are possible; or, where there is a region, digits alone. Both
    with blanks, dots, dashes and parentheses between them.
    """
    if cell[0] == "+" and cell[1:].isdigit() and cell.isascii() and keeps_its_form(cell[:6], len(cell)):
        return cell
    digits = cell.translate(_PUNCTUATION) if len(cell) <= MAX_PHONE else ""
    if digits.isascii() and (digits.isdecimal() or (digits[:1] == "+" and digits[1:].isdecimal())):
        if "/" in cell and _is_complete(cell.partition("/")[0], region):
            return ""
        if digits[0] != "+":
            change = _change(digits[:6], len(digits), region)
        elif keeps_its_form(digits[:6], len(digits)):
            return digits
        else:
            change = _change(digits[:8], len(digits), None)
        if change is not None:
            cut, prefix = change
            return prefix + digits[cut:]
    return _dialled(cell, region)


_BETWEEN = tuple(map(re.compile, (r"[;\n|]|:::", r"[;,\n|]|:::| / | (?:or|oder|ou|o|of|und|and|&) ", r"[;,\n|/]|:::")))


def phones(cell: str, region: str | None) -> tuple[tuple[str, str], ...]:
    """(E.164, as written) of one number, or of several if every part between separators is one."""
    one = phone(cell, region)
    if one or len(cell) < 2 * _LEAST_DIGITS:
        return ((one, cell),)
    for separator in _BETWEEN:
        parts = [part.strip() for part in separator.split(cell) if part.strip()]
        several = tuple((phone(part, region), part) for part in parts)
        if len(several) > 1 and all(value for value, _ in several):
            return several
    return (("", cell),)


_SHORTENED = re.compile(r"[+-]?(\d)[.,]?(\d*)[eE]\+?(\d{1,2})")


def is_shortened(cell: str) -> bool:
    """Whether a spreadsheet has made a power of ten of a number (`4.41E+11`), and its last digits are lost."""
    found = _SHORTENED.fullmatch(cell)
    return found is not None and len(found[2]) < int(found[3])


@lru_cache(maxsize=65_536)
def keeps_its_form(beginning: str, length: int) -> bool:
    """Whether numbers that begin like this and are so long are E.164 already."""
    # What is possible hangs on the country and the length, and what is cut off on the first digits after it.
    sample = beginning + "2" * (length - len(beginning))
    return _dialled(sample, None) == sample


@lru_cache(maxsize=65_536)
def _change(beginning: str, length: int, region: str | None) -> tuple[int, str] | None:
    """What becomes of numbers that begin like this: how many digits go, and what comes before the rest.

    None if that depends on more than the beginning, or if they are doubtful.
    """
    found = set()
    for filling in "2", "7":
        sample = beginning + filling * (length - len(beginning))
        number = _dialled(sample, region)
        kept = next((cut for cut in range(len(beginning) + 1) if number and number.endswith(sample[cut:])), None)
        if kept is None:
            return None
        found.add((kept, number.removesuffix(sample[kept:])))
    return found.pop() if len(found) == 1 and region not in _REWRITTEN else None


_REWRITTEN = frozenset(
    code
    for code in phonenumbers.SUPPORTED_REGIONS
    if getattr(phonenumbers.PhoneMetadata.metadata_for_region(code), "national_prefix_transform_rule", None)
)
"""Regions where numbers are rewritten, not only cut: by digits far behind the first ones."""

# --- the unusual number

_EXTENSION = re.compile(
    r"(?:[ ,;]*+(?:ext=|\b(?:e?xt(?:ension|n)?|extension|durchwahl|dw|poste|anexo|interno|int|wewn|wew|доб(?:авочный)?"
    r"|toestel|tst|anknytning|ankn|klapka|kl|内線|分机)\b\.?:?|(?<=[\d )])x|\#|内線|分机))[ \xa0]*+\(?(\d{1,7})\)?\.?$",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?:(?:tel|telefon|telephone|téléphone|tél|telefono|teléfono|phone|fon|ph|mobile|mobil|mob|handy|cell|cellulare"
    r"|celular|portable|fax|office|home|work|direct|t|p|m|f|h|w|тел|моб|電話|携帯|电话|전화)\b\.?:?|:)[ \xa0]*+",
    re.IGNORECASE,
)
_REMARK = re.compile(r" *+\([^()\d]{1,40}\)$")
_FLOAT = re.compile(r"(\d{6,15})[.,]0+")
_FORMULA = re.compile(r'=?"([^"]*+)"|=(\+?\d++)')
_VANITY = re.compile(r"\+?[\d ().\-]*+(?:[A-Za-z]{2,}[ \-]?){1,4}[\d\-]*+")


@lru_cache(maxsize=65_536)
def _dialled(cell: str, region: str | None) -> str:
    if len(cell) > MAX_PHONE:
        return ""
    text = _bare(cell)
    if not text or is_shortened(text):
        return ""
    vanity = any(letter.isalpha() for letter in text)
    if vanity and not _VANITY.fullmatch(text):
        return ""
    number = _parsed(text, region)
    if number is None and text.startswith("00"):
        # So begins a number of another country nearly everywhere, and none of this one.
        text = "+" + text[2:]
        number = _parsed(text, None)
    if number is None or (vanity and not phonenumbers.is_valid_number(number)):
        return ""
    if text[0] != "+" and sum(map(str.isalnum, text)) < _LEAST_DIGITS:
        return ""
    if "/" in text and _is_complete(text.partition("/")[0], region):
        return ""
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _parsed(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    """The number, if it is as long as one of its country may be."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    possible = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    return number if possible else None


@lru_cache(maxsize=4_096)
def _is_complete(text: str, region: str | None) -> bool:
    # What follows a whole number and a slash is another extension, or another number without what both begin with.
    number = _parsed(text, region)
    return number is not None and bool(phonenumbers.is_valid_number(number))


def _bare(cell: str) -> str:
    """A number without what spreadsheets, links and people write around it, and without its extension."""
    text = cell.translate(_INVISIBLE).strip().removeprefix("'")
    if not text.isascii():
        # In Japan, the sign for a long vowel is typed for the dash that it looks like.
        text = unicodedata.normalize("NFKC", text).replace("ー", "-")
    formula = _FORMULA.fullmatch(text)
    if formula:
        text = (formula[1] or formula[2] or "").strip()
    whole = _FLOAT.fullmatch(text)
    if whole:
        return whole[1]
    power = _SHORTENED.fullmatch(text)
    if power:
        digits, size = power[1] + power[2], int(power[3]) + 1
        return digits[:size] if len(digits) >= size and not digits[size:].strip("0") else text
    named = _NAMED.match(text)
    text = _REMARK.sub("", text[named.end() :] if named else text)
    extension = _EXTENSION.search(text)
    return text[: extension.start()].strip() if extension else text
