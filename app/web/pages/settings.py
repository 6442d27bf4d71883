"""The workspace's settings, each with an example of its effect."""

from collections.abc import Mapping
from functools import cache
from zoneinfo import available_timezones

import phonenumbers
from starlette.requests import Request
from starlette.responses import Response

from app.core.principals import require
from app.core.settings import DEFAULTS
from app.web.services import services
from app.web.templates import page

LOCALES = (
    *("cs-CZ", "da-DK", "de-AT", "de-CH", "de-DE", "en", "en-AU", "en-CA", "en-GB", "en-IN", "en-US", "es-ES", "es-MX"),
    *("fi-FI", "fr-CA", "fr-CH", "fr-FR", "it-IT", "ja-JP", "ko-KR", "nb-NO", "nl-NL", "pl-PL", "pt-BR", "pt-PT"),
    *("sv-SE", "tr-TR", "uk-UA", "zh-CN"),
)


@cache
def regions() -> Mapping[str, tuple[str, str]]:
    """Every country with a number as it is written there, and as it is kept."""
    found = {}
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        number = phonenumbers.example_number(region)
        if number is not None:
            national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
            found[region] = (national, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    return found


async def show(request: Request) -> Response:
    principal = require(request.scope)
    settings = services(request).settings
    values = {name: settings.get(principal.workspace, name) for name in DEFAULTS}
    return page(
        request,
        "settings.html",
        values=values,
        regions=regions(),
        locales=sorted({*LOCALES, values["locale"]}),
        zones=["UTC", *sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))],
    )
