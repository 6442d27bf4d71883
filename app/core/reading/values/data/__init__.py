"""What languages call things, as JSON."""

import json
from importlib.resources import files
from typing import Any


def load(name: str) -> Any:
    """The data of one file."""
    return json.loads((files(__package__) / f"{name}.json").read_text(encoding="utf-8"))
