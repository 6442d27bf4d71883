"""What columns are beside each other, and what they are without names."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from app.core.reading.looks import Cells, Look
from app.core.reading.meaning import Guess
from app.core.reading.plan import FieldName, Part

_REPEATABLE: frozenset[FieldName] = frozenset({"none", "custom", "labels", "emails", "phones", "urls", "addresses"})
_LABELLED: frozenset[FieldName] = frozenset({"emails", "phones", "urls", "addresses"})

_LOOKS: tuple[tuple[FieldName, Look, float, float, str], ...] = (
    ("emails", "email", 0.8, 0.7, "most of its cells are e-mail addresses"),
    ("urls", "link", 0.8, 0.7, "most of its cells are links"),
    ("phones", "phone", 0.8, 0.65, "most of its cells look like phone numbers"),
)


def by_values(cells: Cells) -> Guess | None:
    """What the cells alone say."""
    for name, look, least, sure, reason in _LOOKS:
        if cells.looks(look, least):
            return Guess(field=name, confidence=sure, reason=reason)
    if len(cells) >= 2 and cells.looks("country", 0.9):
        why = "most of its cells are countries"
        return Guess(field="addresses", part="country", confidence=0.55, reason=why)
    if len(cells) >= 2 and cells.looks("birthday", 0.9):
        # Any date may be meant: it is only offered.
        return Guess(field="birthday", part="whole", confidence=0.25, reason="most of its cells are dates")
    return None


def together(guesses: Sequence[Guess], samples: Sequence[Cells]) -> list[Guess]:
    """What the columns are, seen together; one column per single value."""
    found = list(guesses)
    for rule in _RULES:
        found = rule(found, samples)
    return _without_rivals(found, samples)


# --- rules: each changes what hangs on other columns


def _where(guesses: Sequence[Guess], name: FieldName, part: Part | None = None) -> list[int]:
    """The columns that are surely this."""
    return [
        index
        for index, guess in enumerate(guesses)
        if guess.field == name and (part is None or guess.part == part) and guess.confidence >= 0.5
    ]


def _names(guesses: list[Guess], samples: Sequence[Cells]) -> list[Guess]:
    """A bare "Name" beside first names is the family name ("Nom, Prénom"), beside family names the first name."""
    given, family = _where(guesses, "given"), _where(guesses, "family")
    if bool(given) == bool(family):
        return guesses
    missing: FieldName = "family" if given else "given"
    for index in _where(guesses, "name", "full"):
        if guesses[index].bare and not _has_whole_names(samples[index]):
            reason = f"beside {'first' if given else 'family'} names it is the {'family' if given else 'first'} name"
            guesses[index] = replace(guesses[index], field=missing, part=None, reason=reason)
            break
    return guesses


def _persons(guesses: list[Guess], samples: Sequence[Cells]) -> list[Guess]:
    """One person a row: beside "Vorname" the "Name der Mutter" is somebody else's."""
    named = [index for index, guess in enumerate(guesses) if guess.field in {"name", "given", "family"}]
    sure = any(not guesses[index].whose and guesses[index].field != "family" for index in named)
    parted = [guesses[index].whose for index in named if guesses[index].whose]
    for index in named:
        whose = guesses[index].whose
        # A "Course name" has words in it, too: only a first name of the same shows that it is somebody's.
        alone = guesses[index].bare and parted.count(whose) == 1
        if whose and (sure or alone or whose != parted[0]):
            guesses[index] = Guess(field="custom", confidence=0.5, reason="it is not the name of the same person")
    return guesses


def _has_whole_names(cells: Cells) -> bool:
    return sum(" " in cell for cell in cells.cells) > 0.6 * len(cells)


def _turned_names(guesses: list[Guess], samples: Sequence[Cells]) -> list[Guess]:
    for index in _where(guesses, "name", "full"):
        if samples[index].looks("turned"):
            reason = f"{guesses[index].reason}, with the family name first"
            guesses[index] = replace(guesses[index], part="last_first", reason=reason)
    return guesses


def _titles(guesses: list[Guess], samples: Sequence[Cells]) -> list[Guess]:
    """A title is a salutation if its cells are, or if another column is the job's; and the other way round."""
    titles, prefixes = _where(guesses, "title"), _where(guesses, "prefix")
    first = next((index for index in titles if guesses[index].bare), None)
    if first is not None and not prefixes:
        cells = samples[first]
        spoken = cells.share("honorific")
        if spoken >= 0.7 or (len(titles) > 1 and (spoken > 0 or not cells)):
            guesses[first] = replace(guesses[first], field="prefix", reason="a title before the name")
            return guesses
    if first is not None and len(titles) > 1:
        guesses[first] = replace(guesses[first], confidence=guesses[first].confidence - 0.15)
    if prefixes and not titles:
        jobs = [index for index in prefixes if samples[index] and samples[index].share("honorific") == 0]
        index = next((index for index in jobs if len(prefixes) > 1 or len(samples[index]) >= 3), None)
        if index is not None:
            guesses[index] = replace(guesses[index], field="title", reason="a title of a job, by its cells")
    return guesses


def _birthdays(guesses: list[Guess], samples: Sequence[Cells]) -> list[Guess]:
    """ "Geburtstag" beside a year and a month of birth is the day."""
    if _where(guesses, "birthday", "year") and _where(guesses, "birthday", "month"):
        for index in _where(guesses, "birthday", "whole")[:1]:
            if not _where(guesses, "birthday", "day"):
                guesses[index] = replace(guesses[index], part="day")
    return guesses


def _addresses(guesses: list[Guess], samples: Sequence[Cells]) -> list[Guess]:
    """ "Address" beside a city is the street; "Street 2" beside a second city is a second street."""
    parts = {(guess.group, guess.part) for guess in guesses if guess.field == "addresses"}
    groups = {group for group, part in parts if part not in {"street", "whole", "label"}}
    for index, guess in enumerate(guesses):
        if guess.field != "addresses":
            continue
        if guess.line > 1 and f"{guess.group}#{guess.line}" in groups:
            guess = replace(guess, group=f"{guess.group}#{guess.line}")
        no_street = guess.group in groups and (guess.group, "street") not in parts
        more_lines = any(other.group == guess.group and other.line > 1 for other in guesses)
        if guess.part == "whole" and (no_street or more_lines):
            guess = replace(guess, part="street")
        guesses[index] = guess
    return guesses


def _labels(guesses: list[Guess], samples: Sequence[Cells]) -> list[Guess]:
    """A column of labels needs the values it labels; the kinds of addresses that Outlook writes are no labels."""
    valued = {(guess.field, guess.group) for guess in guesses if guess.field in _LABELLED and guess.part != "label"}
    for index, guess in enumerate(guesses):
        if guess.part != "label":
            continue
        kinds = {cell.casefold() for cell in samples[index].cells}
        if kinds and kinds <= {"smtp", "ex"}:
            guesses[index] = Guess(field="none", confidence=0.9, reason="it says how mail is sent, not to whom")
        elif (guess.field, guess.group) not in valued:
            guesses[index] = Guess(field="custom", confidence=0.5, reason="there is nothing that it could label")
    return guesses


def _flags(guesses: list[Guess], samples: Sequence[Cells]) -> list[Guess]:
    """What programs say of every entry alike, such as a priority, is left out; what differs is kept."""
    for index, guess in enumerate(guesses):
        if guess.field == "none" and guess.bare and len(set(samples[index].cells)) > 1:
            guesses[index] = Guess(field="custom", confidence=guess.confidence, reason="its cells differ")
    return guesses


_RULES: tuple[Callable[[list[Guess], Sequence[Cells]], list[Guess]], ...] = (
    _persons,
    _names,
    _turned_names,
    _titles,
    _birthdays,
    _addresses,
    _labels,
    _flags,
)


def _without_rivals(guesses: list[Guess], samples: Sequence[Cells]) -> list[Guess]:
    """One column per single value: of several the surest keeps it, the others are kept as custom fields."""
    best: dict[tuple[FieldName, Part | None], int] = {}
    for index, guess in enumerate(guesses):
        if guess.field in _REPEATABLE:
            continue
        place = guess.field, guess.part
        rival = best.get(place)
        if rival is None or (round(guess.confidence, 1), bool(samples[index])) > (
            round(guesses[rival].confidence, 1),
            bool(samples[rival]),
        ):
            best[place] = index
    return [
        guess
        if guess.field in _REPEATABLE or best[guess.field, guess.part] == index
        else Guess(field="custom", confidence=0.5, reason=f"another column is the {guess.field} already")
        for index, guess in enumerate(guesses)
    ]


# --- columns without names


def without_header(samples: Sequence[Cells]) -> list[list[Guess]]:
    """What columns without headers may be, the likeliest first. Names are looked for in the first that hold words.

    In a file without any e-mail address or phone number they must really look like names: it may be any text.
    """
    found: list[list[Guess]] = []
    for index, cells in enumerate(samples):
        guess = by_values(cells)
        found.append([replace(guess, group=f"column {index}")] if guess and guess.confidence > 0.5 else [])
    usable = any(guesses and guesses[0].field in {"emails", "phones"} for guesses in found)
    fits: Look = "words" if usable else "name"
    words = [index for index, cells in enumerate(samples) if not found[index] and cells.looks(fits)]
    _postal(found, samples, words)
    for index, cells in enumerate(samples):
        if cells.looks("birthday", 0.9) and not found[index]:
            found[index].append(Guess(field="birthday", part="whole", confidence=0.4, reason="its cells are dates"))
        found[index].append(Guess(field="none", confidence=0.3, reason="nothing tells what it is"))
    words = [index for index in words if found[index][0].field == "none"]
    if not words:
        return found
    first = words[0]
    names: list[tuple[int, FieldName, Part | None]] = [(first, "name", "full")]
    if words[1:2] == [first + 1] and sum(" " in cell for cell in samples[first].cells) < 0.5 * len(samples[first]):
        names = [(first, "given", None), (first + 1, "family", None)]
    for index, name, part in names:
        found[index].insert(0, Guess(field=name, part=part, confidence=0.5, reason="its cells look like names"))
    return found


def _postal(found: list[list[Guess]], samples: Sequence[Cells], words: Sequence[int]) -> None:
    """Postcodes with words at their side are an address; a column of words and numbers before them is its street."""
    for index in range(1, len(samples)):
        if found[index] or not samples[index].looks("postcode", 0.9):
            continue
        city = next((at for at in (index + 1, index - 1) if at in words and at > 1), None)
        if city is None:
            continue
        places: list[tuple[int, Part]] = [(index, "postal_code"), (city, "city")]
        street = min(index, city) - 1
        if street > 0 and not found[street] and samples[street].cells and samples[street].share("words") < 0.5:
            places.append((street, "street"))
        for at, part in places:
            reason = "it looks like a part of an address"
            found[at].append(Guess(field="addresses", part=part, group="main", confidence=0.45, reason=reason))
        for country in found:
            if country and country[0].part == "country":
                country[0] = replace(country[0], group="main")
        return
