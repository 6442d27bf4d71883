"""The settings of a workspace: their names, what they may be, what they are when nobody said.

`cancel:<import id>` lies in the same store but is written by the jobs service only.
"""

import re
from typing import Any
from zoneinfo import available_timezones

import msgspec

from app.core.errors import Rejected
from app.core.reading.plan import Column, Existing

DEFAULTS: dict[str, Any] = {
    "locale": "en",
    "time_zone": "UTC",
    "phone_region": None,
    "date_order": "auto",
    "existing": "fill",
    "labels": [],
}
CANCEL = "cancel:"
MAPPING = "mapping:"

_DATE_ORDERS = ("auto", "dmy", "mdy", "ymd")
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")
_REGION = re.compile(r"[A-Z]{2}")
_SIGNATURE = re.compile(r"[0-9a-f]{32}")


def known(name: str) -> bool:
    """Whether a workspace may set this name."""
    return name in DEFAULTS or (name.startswith(MAPPING) and _SIGNATURE.fullmatch(name[len(MAPPING) :]) is not None)


def validate(name: str, value: Any) -> Any:
    """The value as it is to be stored. Raises Rejected `no_such_setting` (404) or `wrong_value` (422)."""
    if not known(name):
        raise Rejected("no_such_setting", f"There is no setting called {name}.")
    if not _fits(name, value):
        raise Rejected("wrong_value", f"This value does not fit the setting {name}.", setting=name)
    return value


def _fits(name: str, value: Any) -> bool:
    match name:
        case "locale":
            return isinstance(value, str) and _LOCALE.fullmatch(value) is not None
        case "time_zone":
            return isinstance(value, str) and value in available_timezones()
        case "phone_region":
            return value is None or (isinstance(value, str) and _REGION.fullmatch(value) is not None)
        case "date_order":
            return value in _DATE_ORDERS
        case "existing":
            return _converts(value, Existing)
        case "labels":
            return _labels(value)
        case _:
            return isinstance(value, list) and len(value) <= 500 and _converts(value, tuple[Column, ...])


def _labels(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= 20
        and all(isinstance(label, str) and 1 <= len(label) <= 64 for label in value)
        and len(set(value)) == len(value)
    )


def _converts(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True
