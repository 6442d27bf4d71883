"""What the settings of a workspace may be."""

import pytest

from app.core.errors import Rejected
from app.core.settings import DEFAULTS, validate


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("locale", "de"),
        ("locale", "pt-BR"),
        ("time_zone", "Europe/Berlin"),
        ("phone_region", "DE"),
        ("phone_region", None),
        ("date_order", "dmy"),
        ("existing", "skip"),
        ("labels", ["VIP", "Fair"]),
        ("mapping:" + "0" * 32, [{"index": 0, "field": "given"}]),
        *DEFAULTS.items(),
    ],
)
def test_a_value_that_fits_is_taken(name: str, value: object) -> None:
    assert validate(name, value) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("locale", "German"),
        ("time_zone", "Mars/Olympus"),
        ("phone_region", "Germany"),
        ("date_order", "ydm"),
        ("existing", "delete"),
        ("labels", ["twice", "twice"]),
        ("labels", [""]),
        ("mapping:" + "0" * 32, [{"index": 0, "field": "star sign"}]),
    ],
)
def test_a_value_that_does_not_fit_is_refused(name: str, value: object) -> None:
    with pytest.raises(Rejected, match="wrong_value"):
        validate(name, value)


@pytest.mark.parametrize("name", ["colour", "mapping:xyz", "cancel:" + "0" * 8])
def test_a_name_that_nobody_may_set_does_not_exist(name: str) -> None:
    with pytest.raises(Rejected, match="no_such_setting"):
        validate(name, 1)
