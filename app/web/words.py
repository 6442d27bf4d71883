"""Everything the pages say, from one catalogue (`frontend/words/en.json`), ready for other languages."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "frontend" / "words"


@cache
def catalogue(language: str = "en") -> Mapping[str, Any]:
    """The nested words of one language."""
    words: dict[str, Any] = json.loads((FOLDER / f"{language}.json").read_text("utf-8"))
    return words


def say(key: str, **values: object) -> str:
    """The sentence under a dotted key, its `{names}` filled in.

    A key that holds `one` and `other` chooses by the value `n`. Raises KeyError for an unknown key:
    a missing word is a mistake of ours that a test finds.
    """
    found: Any = catalogue()
    for name in key.split("."):
        found = found[name]
    if isinstance(found, Mapping):
        found = found["one" if values.get("n") == 1 else "other"]
    text: str = found
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


def known(key: str) -> bool:
    """Whether the catalogue has this key."""
    found: Any = catalogue()
    for name in key.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return False
        found = found[name]
    return True
