"""A socket is an open file, and systems allow a process few of them (often 1,024) until it asks for more."""

import logging
import resource

log = logging.getLogger(__name__)

SPARE = 200
"""Files that are no client's socket: Kafka's, Redis's, logs, libraries."""


def room(sockets: int) -> int:
    """Asks the system for so many sockets; answers how many it allows, and says so where they are fewer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sockets + SPARE
    if resource.RLIM_INFINITY != soft < wanted:
        best = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (best, hard))
            soft = best
        except (OSError, ValueError):
            pass  # macOS has one more limit, which it does not tell
    found = sockets if soft == resource.RLIM_INFINITY else max(1, min(sockets, soft - SPARE))
    if found < sockets:
        log.warning(
            "the system allows fewer open files than this gateway could have sockets (ulimit -Hn)",
            extra={"sockets": found, "wanted": sockets},
        )
    return found
