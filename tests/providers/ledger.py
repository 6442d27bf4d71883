"""Who asked what, when, with which token, and what came of it."""

from dataclasses import asdict, dataclass, field
from typing import Any

from tests.providers.clock import iso


@dataclass(slots=True, eq=False)
class Entry:
    """`at` is the providers' time, `seconds` the same as a number; `ended` when the answer went (0: never).

    `token` is its beginning and six characters. `early`: asked before Retry-After had passed. `after_revoke`: with a
    token whose consent is withdrawn. `reused`: a refresh token that was exchanged before. `in_flight`: requests of this
    account at that moment, this one included. `repeat`: the same cursor was asked for before, the how many-th time.
    """

    ordinal: int
    at: str
    seconds: float
    provider: str
    endpoint: str
    account: str
    method: str
    path: str
    query: str
    token: str = ""
    grant: str = ""
    status: int = 0
    items: int = 0
    fault: str = ""
    early: bool = False
    after_revoke: bool = False
    reused: bool = False
    in_flight: int = 1
    repeat: int = 0
    ended: float = 0.0


@dataclass(slots=True)
class Ledger:
    entries: list[Entry] = field(default_factory=list)
    in_flight: dict[str, int] = field(default_factory=dict)
    """account -> requests that wait for their answer."""
    _asked: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def begin(
        self, now: float, provider: str, endpoint: str, account: str, method: str, path: str, query: str
    ) -> Entry:
        self.in_flight[account] = self.in_flight.get(account, 0) + 1
        page = (account, path, query)
        self._asked[page] = self._asked.get(page, -1) + 1
        ordinal = len(self.entries) + 1
        entry = Entry(ordinal, iso(now, fraction=3), now, provider, endpoint, account, method, path, query)
        entry.in_flight, entry.repeat = self.in_flight[account], self._asked[page]
        self.entries.append(entry)
        return entry

    def end(self, entry: Entry, now: float) -> None:
        entry.ended = now
        self.in_flight[entry.account] -= 1

    def told(self, account: str = "", endpoint: str = "") -> list[dict[str, Any]]:
        return [
            asdict(entry)
            for entry in self.entries
            if (not account or entry.account == account) and (not endpoint or entry.endpoint == endpoint)
        ]


def shortened(token: str) -> str:
    """`sim-access-google-` and six characters more: enough to tell tokens apart."""
    return token[: token.rfind("-") + 7]
