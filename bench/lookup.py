"""The pages' questions to the read model, while nothing else runs."""

import time

from bench.client import Client
from bench.delays import percentile
from bench.report import Figure

_SOUGHT = (
    *("a", "s", "so", "ivan", "person123", "bluebird", "zzz"),
    *("a b", "s t", "greta kow", "mail42.example", "44 gr", "s t m"),
)
"""As people type: letters that every third contact has, words that many, few or none have, and several together."""
_QUESTIONS: dict[str, list[tuple[str, dict[str, str]]]] = {
    "contacts list": [("/api/v1/contacts", {"limit": "50"}), ("/api/v1/contacts", {"sort": "name", "limit": "50"})],
    "search": [("/api/v1/contacts", {"q": words, "limit": "50"}) for words in _SOUGHT],
    "search, by name": [("/api/v1/contacts", {"q": words, "sort": "name", "limit": "50"}) for words in _SOUGHT],
    "look-ups": [
        ("/api/v1/contacts", {"company": "Bluebird Works", "limit": "50"}),
        ("/api/v1/contacts", {"domain": "mail7.example", "limit": "50"}),
    ],
    "counts": [("/api/v1/contacts/counts", {"by": by}) for by in ("label", "company", "domain", "import")],
}


async def answers(client: Client, rounds: int) -> list[Figure]:
    """p95 of each kind of question over HTTP."""
    total = (await client.get("/api/v1/contacts", limit=1))["total"]
    return [await _kind(client, what, questions, rounds, total) for what, questions in _QUESTIONS.items()]


async def _kind(
    client: Client, what: str, questions: list[tuple[str, dict[str, str]]], rounds: int, total: int
) -> Figure:
    times: list[float] = []
    slowest = (0.0, "")
    for path, query in questions * rounds:
        started = time.perf_counter()
        await client.get(path, **query)
        took = time.perf_counter() - started
        times.append(took)
        slowest = max(slowest, (took, f"{path} {query}"))
    p95 = percentile(times, 0.95)
    return Figure(
        what=f"{what}, {total:,}+ contacts",
        value=f"p95 {p95 * 1000:.0f} ms",
        goal="p95 < 100 ms at 1M",
        met=p95 < 0.1,
        detail={"slowest": slowest[1], "slowest_ms": round(slowest[0] * 1000, 1)},
    )
