"""All that this process knows, and one request on its way through it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import Response

from tests.providers.accounts import Account, Accounts
from tests.providers.clock import Clock
from tests.providers.cursors import Cursors
from tests.providers.faults import Faults
from tests.providers.ledger import Entry, Ledger
from tests.providers.seeds import Seed
from tests.providers.settings import Settings
from tests.providers.vault import Access, Vault

Json = dict[str, Any]


class World:
    def __init__(self, seed: int, canary: str) -> None:
        self.clock = Clock()
        self.canary = canary
        """Origin of the foreign host that must never hear anything."""
        self.canary_calls: list[Json] = []
        self.settings = Settings()
        self.begin(seed)

    def begin(self, seed: int) -> None:
        """Everything as on the first day, but the clock."""
        self.seed = Seed(seed)
        self.accounts = Accounts(self.seed)
        self.vault = Vault(self.seed)
        self.cursors = Cursors(self.seed)
        self.ledger = Ledger()
        self.faults = Faults()
        self.waits: dict[tuple[str, str, str], float] = {}
        """(provider, address, "api" or "token") -> before which nobody may ask again."""
        self.windows: dict[tuple[str, str], list[float]] = {}
        """(what, address) -> when it was done lately."""

    def over(self, what: str, address: str, most: int, within: float) -> bool:
        """Counts one more, and whether that is more than `most` within so many seconds. 0: no limit."""
        if not most:
            return False
        now = self.clock.now()
        done = [at for at in self.windows.get((what, address), ()) if at > now - within]
        done.append(now)
        self.windows[what, address] = done
        return len(done) > most


@dataclass(slots=True, eq=False)
class Call:
    """A request of a provider's client. `account` is who it is about, as far as anybody can tell."""

    world: World
    request: Request
    provider: str
    endpoint: str
    form: ImmutableMultiDict[str, Any]
    entry: Entry
    account: Account | None = None
    access: Access | None = None
    items: int = 0
    notes: Json = field(default_factory=dict)

    @property
    def query(self) -> ImmutableMultiDict[str, str]:
        return self.request.query_params

    @property
    def origin(self) -> str:
        """As the client called us; links lead back there."""
        scheme = self.request.headers.get("x-forwarded-proto", self.request.url.scheme)
        return f"{scheme}://{self.request.headers.get('host', self.request.url.netloc)}"

    @property
    def book(self) -> Any:
        assert self.account is not None
        return self.account.book

    @property
    def now(self) -> float:
        return self.world.clock.now()


class Refused(Exception):
    """The answer is an error of the provider."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON; `body` may be encoded already."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Response(content, status, headers, "application/json; charset=utf-8")
