"""Fault plans by number: plan 17 is the same for everybody, always.

A product survives every fault of a plan without help, so after it the contacts must equal the oracle's.
"""

from typing import Any

from tests.providers.seeds import Dice, Seed

Json = dict[str, Any]

LISTS = {"google": ("connections", "groups"), "microsoft": ("folder_delta", "folders", "child_folders")}
_PASSING: tuple[Json, ...] = (
    *({"kind": "status", "status": status} for status in (500, 502, 503, 504, 429)),
    *({"kind": "throttle", "retry_after": form, "after": 1} for form in ("seconds", "decimal", "date", "zero")),
    *({"kind": "throttle", "retry_after": form} for form in ("missing", "garbage")),
    *({"kind": "reset", "when": when} for when in ("before", "after", "body")),
    {"kind": "truncated"},
    {"kind": "gzip"},
    {"kind": "html", "status": 200},
    {"kind": "html", "status": 503},
    {"kind": "slow", "seconds": 0.2},
    {"kind": "drip", "seconds": 0.01},
    {"kind": "duplicates"},
    {"kind": "reverse"},
    {"kind": "unknown_fields"},
    {"kind": "mutate", "changes": {"add": 1}},
    {"kind": "mutate", "changes": {"edit": 1, "delete": 1}},
)
_ONLY: dict[str, tuple[Json, ...]] = {
    "google": (
        {"kind": "rate_limit", "reason": "RATE_LIMIT_EXCEEDED"},
        {"kind": "rate_limit", "reason": "userRateLimitExceeded"},
    ),
    "microsoft": (
        {"kind": "throttle", "code": "ApplicationThrottled"},
        {"kind": "throttle", "code": "activityLimitReached", "retry_after": "missing"},
        {"kind": "mutate", "changes": {"move": 2}},
        {"kind": "empty_page"},
    ),
}
_TOKEN: tuple[Json, ...] = (
    {"kind": "status", "status": 503},
    {"kind": "reset", "when": "before"},
    {"kind": "reset", "when": "after"},
    {"kind": "token_429"},
    {"kind": "html", "status": 502},
)


def plan(number: int, account: str) -> list[Json]:
    """One to five faults for an account, for `POST /admin/faults`.

    Every second plan has one 401 (two in a row mean that a person is needed): either a good token is refused, or time
    passes and something befalls the refresh. A plan that mutates leaves people who changed while they were read:
    another import brings them in.
    """
    provider = "google" if account.endswith("google.example") else "microsoft"
    dice = Dice(Seed(number).bytes("plan", provider))
    kinds = (*_PASSING, *_ONLY[provider])
    faults = []
    for _ in range(1 + dice.roll(5)):
        endpoint = LISTS[provider][max(0, dice.roll(6) - 4) % len(LISTS[provider])]
        first = 1 + dice.roll(6)
        nth = [first, first + 1] if dice.roll(4) == 0 else [first]
        faults.append({**dice.of(kinds), "match": {"account": account, "endpoint": endpoint, "nth": nth}})
    second = {"account": account, "endpoint": LISTS[provider][0], "nth": [2]}
    if number % 4 == 0:
        refresh = {"account": account, "endpoint": "token", "grant": "refresh_token"}
        faults.insert(0, {"kind": "clock", "advance": 3_600, "match": second})
        faults.append({**dice.of(_TOKEN), "match": refresh})
    elif number % 4 == 2:
        faults.insert(0, {"kind": "unauthorized", "match": second})
    return faults
