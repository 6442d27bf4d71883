"""What can stand between us and a connected account, split by who can mend it.

Rejected
├── Gone           nobody: the account was disconnected; stop
├── NeedsConsent   the person, by connecting the account again
└── NotSetUp       the operator: no client id, one that the provider refuses, or a key that is missing
TryAgain
└── TryLater       nobody has to: the provider is busy or away
"""

from app.connections.model import Reason
from app.core.errors import Rejected, TryAgain


class Gone(Rejected):
    """There is no such connection (any more). Code `not_connected`."""

    def __init__(self) -> None:
        super().__init__("not_connected", "This account is not connected any more.")


class NeedsConsent(Rejected):
    """Only the person can go on, by connecting the account again. Code `needs_consent`."""

    def __init__(self, reason: Reason = "refused") -> None:
        super().__init__("needs_consent", "This account has to be connected again.")
        self.reason: Reason = reason


class NotSetUp(Rejected):
    """The installation cannot speak to this provider; the detail says what its operator must set. Code `not_set_up`."""

    def __init__(self, detail: str) -> None:
        super().__init__("not_set_up", detail)


class TryLater(TryAgain):
    """The provider is busy or away. `after` is how many seconds it asked for, None when it did not say."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after
