"""Scripted misfortune: which request is hit, and by what. Nothing here is left to chance.

`{"kind": K, "match": {...}, "times": 1, ...options}`. `match` may name `provider`, `endpoint`, `account`, `grant`
("authorization_code", "refresh_token"), `ordinals` (of the ledger) and `nth` (of the requests that fit the rest, from
1, counted since the fault was added). Without `nth` and `ordinals` the first `times` requests are hit (0: all).

    answers instead of the real one
    status          `status`, `body` (JSON or text), `headers`; without `body` the provider's own (401 403 404 5xx ...)
    throttle        429; `retry_after`: seconds decimal date zero huge (3600) missing garbage; `after` 1 (seconds);
                    `code` of Graph: TooManyRequests ApplicationThrottled activityLimitReached. Who asks again before
                    that is refused again and `early` in the ledger
    rate_limit      Google's 403; `reason`: RATE_LIMIT_EXCEEDED rateLimitExceeded userRateLimitExceeded quotaExceeded
    unauthorized    401 although the token is good; claims_challenge (Graph, 401), insufficient_scope, service_disabled,
                    mailbox_missing (Graph, 404): the same with their bodies
    invalid_grant   of a token endpoint; token_429: its 429 as JSON without `error`; token_html
    html            an HTML page; `status` 200
    redirect        302 to the canary host
    expired         the cursor in this request is dead from now on; `location`: Graph's 410 names where to begin
    reset           the connection breaks; `when`: before (nothing happened), after (all happened, nothing was said),
                    body (half of it came)

    answers altered
    truncated       JSON cut in the middle, well-formed HTTP
    gzip            says gzip and is none
    content_type    `value` text/html
    slow            `seconds` before the first byte; drip: `seconds` between ten pieces
    foreign_next    nextLink and deltaLink lead to the canary host; next_loop: the next page is this one again
    empty_page      (Graph) no items, and a nextLink to this page
    duplicates      every item twice; reverse: the other way round; unknown_fields: more than documentation says
    token_without   `field`: refresh_token expires_in access_token scope; token_scope: `scope` as given
    drop_sync       no nextSyncToken, no deltaLink

    something happens first
    consent_withdrawn   the person takes the consent back; mutate: `changes` as for /admin/mutate; clock: `advance`

Endpoints: authorize token revoke tokeninfo userinfo keys metadata; connections other_contacts groups person; me
contacts contacts_delta folders folders_delta folder child_folders folder_contacts folder_delta.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS = frozenset(
    "status throttle rate_limit unauthorized claims_challenge insufficient_scope service_disabled mailbox_missing "
    "invalid_grant token_429 token_html html redirect expired reset truncated gzip content_type slow drip foreign_next "
    "next_loop empty_page duplicates reverse unknown_fields token_without token_scope drop_sync consent_withdrawn "
    "mutate clock".split()
)
_MATCHES = frozenset({"provider", "endpoint", "account", "grant", "ordinals", "nth"})


@dataclass(slots=True)
class Fault:
    kind: str
    match: Mapping[str, Any]
    times: int
    options: Mapping[str, Any]
    fitting: int = 0
    played: int = 0

    def fits(self, ordinal: int, facts: Mapping[str, str]) -> bool:
        """Counts what fits, and whether this one is hit."""
        if any(facts[name] != value for name, value in self.match.items() if name not in {"ordinals", "nth"}):
            return False
        self.fitting += 1
        if "nth" in self.match:
            return self.fitting in self.match["nth"]
        if "ordinals" in self.match:
            return ordinal in self.match["ordinals"]
        return not self.times or self.played < self.times


@dataclass(slots=True)
class Faults:
    scripted: list[Fault] = field(default_factory=list)

    def add(self, given: Mapping[str, Any]) -> None:
        """Raises ValueError for a kind or a match that is none: a plan that does nothing would prove nothing."""
        rest = dict(given)
        kind, match, times = rest.pop("kind", None), rest.pop("match", {}), rest.pop("times", 1)
        if kind not in KINDS:
            raise ValueError(f"no such fault: {kind}")
        if not set(match) <= _MATCHES:
            raise ValueError(f"no such match: {sorted(set(match) - _MATCHES)}")
        self.scripted.append(Fault(kind, match, times, rest))

    def take(self, ordinal: int, facts: Mapping[str, str]) -> Fault | None:
        """The first that hits this request; all that fit count it."""
        hits = [fault for fault in self.scripted if fault.fits(ordinal, facts)]
        if not hits:
            return None
        hits[0].played += 1
        return hits[0]
