"""The workspace's settings, each with an example of its effect."""

from zoneinfo import available_timezones

from phonenumbers import SUPPORTED_REGIONS
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


async def show(request: Request) -> Response:
    principal = require(request.scope)
    settings = services(request).settings
    values = {name: settings.get(principal.workspace, name) for name in DEFAULTS}
    return page(
        request,
        "settings.html",
        values=values,
        regions=sorted(SUPPORTED_REGIONS),
        locales=sorted({*LOCALES, values["locale"]}),
        zones=["UTC", *sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))],
    )
