"""What a column is called against what its cells look like: sure, or in doubt, and why."""

from dataclasses import replace

from app.core.reading.looks import Cells, Look
from app.core.reading.meaning import Guess
from app.core.reading.plan import FieldName

_SURE: dict[FieldName, tuple[Look, str]] = {
    "emails": ("email", "e-mail addresses"),
    "phones": ("digits", "phone numbers"),
    "urls": ("link", "links"),
    "birthday": ("date", "dates"),
}
"""What the cells of these fields look like."""
_WORDY: frozenset[FieldName] = frozenset({"name", "given", "middle", "family", "nickname", "prefix"})


def weighed(guess: Guess, cells: Cells) -> Guess:
    """Less sure of a name whose cells say otherwise; surer of one that was a guess and whose cells agree."""
    if not cells or guess.part == "label" or guess.field in {"none", "custom"}:
        return guess
    if guess.field in _SURE and guess.part in {None, "whole"}:
        look, words = _SURE[guess.field]
        share = cells.share(look)
        if share >= 0.8 and guess.confidence < 0.9:
            return replace(
                guess, confidence=guess.confidence + 0.1, reason=f"{guess.reason}, and its cells are {words}"
            )
        if guess.field in {"emails", "phones"} and share < 0.3:
            none = share == 0 and len(cells) >= 5
            other = guess.field == "phones" and cells.looks("email", 0.5)
            return _in_doubt(guess, f"few of its cells are {words}", none=none or other)
        if guess.field == "birthday" and share == 0 and len(cells) >= 3:
            return _in_doubt(guess, f"few of its cells are {words}")
        if guess.field == "urls" and cells.share("email") >= 0.5:
            return _in_doubt(guess, "most of its cells are e-mail addresses", none=True)
        return guess
    if guess.field in _WORDY and cells.looks("email", 0.5):
        return _in_doubt(guess, "most of its cells are e-mail addresses")
    if guess.field in _WORDY and len(cells) >= 3 and cells.looks("number"):
        return _in_doubt(guess, "most of its cells are numbers", none=True)
    if guess.field in {"company", "department", "title", "addresses"} and cells.looks("email", 0.8):
        return _in_doubt(guess, "most of its cells are e-mail addresses", none=True)
    if guess.part in {"city", "country"} and len(cells) >= 3 and cells.looks("number"):
        return _in_doubt(guess, "most of its cells are numbers")
    return guess


def _in_doubt(guess: Guess, why: str, *, none: bool = False) -> Guess:
    return replace(guess, confidence=0.2 if none else 0.4, reason=f"named so, but {why}")


def may_be_in_part(guess: Guess, cells: Cells) -> bool:
    """Whether a name that is known in part is enough: the cells must agree, where they can tell."""
    match guess.field:
        case "emails":
            return cells.looks("email", 0.6)
        case "phones":
            return cells.looks("digits", 0.6) and not cells.looks("date", 0.5)
        case "urls":
            return cells.looks("link", 0.6)
        case "birthday":
            return cells.looks("birthday", 0.6)
        case "given" | "family" | "middle" | "nickname":
            return cells.looks("words") and not cells.looks("email", 0.2)
        case "name":
            return cells.looks("words" if guess.bare else "name", 0.6) and not cells.looks("email", 0.2)
        case "addresses" if guess.part == "postal_code":
            return cells.looks("postcode", 0.6)
        case "addresses" if guess.part == "country":
            return cells.looks("country", 0.6)
        case "addresses" if guess.part == "city":
            return cells.looks("words")
        case _:
            return False
