"""What a request handler can call: `request.state.services`. Built once, in `app.web.main`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request

from app import config
from app.bus import LiveMap, Producer
from app.core.channels import Keys
from app.core.imports import State
from app.core.telemetry import AnySeen
from app.dead import Letters
from app.settings import Settings
from app.web.limits import Rate

if TYPE_CHECKING:
    from app.connections.service import Connections
    from app.web.audit import Audit
    from app.web.authentication import Sessions
    from app.web.endings import Endings
    from app.web.lookup import Lookup
    from app.web.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The web process's connections and memories, all open.

    `accounts` is the schema `web`, `audit` what is written down in it for good, `connections` the accounts at Google
    and Microsoft, `lookup` the read model, `imports` every running or recent import under (workspace, import id),
    `sessions` the credentials of the last seconds with what they may do, `endings` tells every service whose access
    ended, `sign_ins` is how often each client tries a code. `letters` and `telemetry` are for operators: what was given
    up, and how everything is.
    """

    config: config.Web
    producer: Producer
    accounts: "Store"
    audit: "Audit"
    connections: "Connections"
    lookup: "Lookup"
    imports: LiveMap[State]
    settings: Settings
    keys: Keys
    sessions: "Sessions"
    endings: "Endings"
    sign_ins: Rate
    letters: Letters
    telemetry: LiveMap[AnySeen]


def services(request: Request) -> Services:
    """The services of a request, typed."""
    found: Services = request.state.services
    return found
