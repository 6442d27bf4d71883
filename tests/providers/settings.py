"""What can be set from outside, by `POST /admin/settings` or `/admin/reset`."""

from dataclasses import dataclass, fields
from typing import Any

DAY = 86_400.0


@dataclass(slots=True)
class Settings:
    latency: float = 0.0
    """Seconds before every answer of a provider; hundreds of requests wait at the same time."""
    page_cap: int = 0
    """Items on a page at most, whatever was asked for; 0 = no such cap. Real providers may always send fewer."""
    delta_cap: int = 200
    """What Graph gives at most on a page of a delta, whatever `odata.maxpagesize` says."""
    list_default_folder: bool = False
    """Whether `/me/contactFolders` names the default folder too; documentation and known issues disagree."""
    partial_updates: bool = False
    """Whether a delta carries only the changed properties of what was edited, which Graph reserves the right to."""
    expired_status: str = "INVALID_ARGUMENT"
    """`status` of Google's EXPIRED_SYNC_TOKEN; FAILED_PRECONDITION was seen as well."""
    access_lifetime: float = 3_599
    google_sync_lifetime: float = 7 * DAY
    """Counted from the full pass, however many incremental ones came since."""
    graph_delta_lifetime: float = 30 * DAY
    page_lifetime: float = DAY
    google_reads_per_minute: int = 0
    """Per user; 0 = no limit. Reality: 90 to 180."""
    google_full_passes_per_hour: int = 0
    """Per user, counted on first pages; 0 = no limit."""
    graph_concurrency: int = 4
    """Requests to one mailbox at a time; 0 = no limit."""
    graph_requests_per_10_minutes: int = 10_000
    rotation_grace: float = 60
    """Seconds for which Microsoft's last refresh token still works after it was exchanged for a new one."""
    extra_redirects: str = ""
    """Redirect addresses beside those of this machine, separated by blanks."""

    def change(self, given: dict[str, Any]) -> None:
        """Raises ValueError for a name that is none, and for a value of another type."""
        known = {field.name: field.type for field in fields(self)}
        for name, value in given.items():
            if name not in known:
                raise ValueError(f"no such setting: {name}")
            kind = type(getattr(self, name))
            if kind is float and isinstance(value, int):
                value = float(value)
            if type(value) is not kind:
                raise ValueError(f"{name} is a {kind.__name__}")
            setattr(self, name, value)
