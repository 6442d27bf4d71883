"""What can go wrong, split by whose fault it is.

Exception
├── Rejected   the input is at fault: tell its author, never retry
├── TryAgain   the world is at fault: the same call may work later
└── anything else is our fault: three attempts, then the dead-letter topic
"""

from collections.abc import Mapping


class Rejected(Exception):
    """The caller's input cannot be used.

    `code` is a stable word for programs (``plan_too_large``), `detail` a kind sentence for people,
    `extra` further members of the problem document (``{"pointer": "/columns/3"}``).
    """

    def __init__(self, code: str, detail: str, **extra: object) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.extra: Mapping[str, object] = extra


class TryAgain(Exception):
    """Something we depend on is away or busy; nothing was decided."""
