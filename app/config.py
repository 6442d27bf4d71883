"""Configuration: read once from the environment by a process's `main`, refused with every gap at once.

Each process has its own frozen class; a field's name in capitals is the variable's name
(`health_port` is HEALTH_PORT). `.env.example` lists them all. Nobody else reads the environment.
"""

import os
import re
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, NoReturn, TypeVar

C = TypeVar("C", bound="Process")
V = TypeVar("V")
_SITE = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


class BadConfig(Exception):
    """Values are missing or wrong; the message is one line that names each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What every process needs. `process_name` is unique (`importer.1`) and is the static member id.

    Raises BadConfig for names of sites that cannot begin the name of a topic.
    """

    process_name: str
    kafka_bootstrap: str
    kafka_security: str = "PLAINTEXT"
    kafka_sasl_mechanism: str = ""
    kafka_username: str = ""
    kafka_password: str = ""
    kafka_ca_file: str = ""
    site: str = "local"
    remote_sites: str = ""
    health_host: str = "127.0.0.1"
    health_port: int = 0
    log_level: str = "info"
    otel_exporter_otlp_endpoint: str = ""
    otel_exporter_otlp_headers: str = ""
    patience_seconds: int = 60

    def __post_init__(self) -> None:
        for name in (self.site, *self.remote_sites.split()):
            if not _SITE.fullmatch(name):
                raise BadConfig(f"SITE and REMOTE_SITES: {name!r} must be small letters, digits and dashes")

    @property
    def others(self) -> tuple[str, ...]:
        """The other data centres whose topics are copied here; a list that names this one, too, fits everywhere."""
        return tuple(name for name in dict.fromkeys(self.remote_sites.split()) if name != self.site)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics(Process):
    """`python -m app.topics`: both numbers count once, when the topics are created."""

    process_name: str = "topics"
    partitions: int = 12
    replication: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights(Process):
    """`python -m app.rights`: as an administrator of Kafka. The passwords it gives are not among its settings."""

    process_name: str = "rights"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack(Topics):
    """`make run`: an empty address means a server of our own, an empty URL the one on localhost."""

    process_name: str = "stack"
    kafka_bootstrap: str = ""
    database_url: str = ""
    redis_url: str = ""
    data_dir: str = ".data"
    web_port: int = 8000
    gateway_port: int = 8001
    public_url: str = ""
    gateway_public_url: str = ""
    channel_keys: str = ""
    data_keys: str = ""
    providers: str = ""
    brokers: int = 1
    kafka_port: int = 0
    importers: int = 2
    trackers: int = 1
    projectors: int = 1
    fetchers: int = 1
    gateways: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers(Process):
    """Who speaks to Google and Microsoft. Without a client id nobody can connect an account there.

    The addresses are scheme and host (and port) only; requests go to them and nowhere else.
    """

    connections_database_url: str
    data_keys: str
    google_client_id: str = ""
    google_client_secret: str = ""
    google_auth_url: str = "https://accounts.google.com"
    google_token_url: str = "https://oauth2.googleapis.com"  # noqa: S105  # an address
    google_people_url: str = "https://people.googleapis.com"
    microsoft_client_id: str = ""
    microsoft_client_secret: str = ""
    microsoft_tenant: str = "common"
    microsoft_login_url: str = "https://login.microsoftonline.com"
    microsoft_graph_url: str = "https://graph.microsoft.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Web(Providers):
    web_port: int = 8000
    web_host: str = "0.0.0.0"
    web_database_url: str
    jobs_database_url: str
    lookup_database_url: str
    public_url: str
    gateway_public_url: str
    allowed_origins: str = ""
    trusted_proxies: str = ""
    smtp_url: str = ""
    channel_keys: str
    max_upload_bytes: int = 5 * 1024**3
    max_open_uploads: int = 10
    previews_per_minute: int = 60
    requests_per_minute: int = 600
    file_retention_days: int = 7
    data_dir: str = ".data"
    scaling_socket: str = ""
    sites: int = 1
    site_number: int = 0

    def __post_init__(self) -> None:
        Process.__post_init__(self)  # super() does not know a class with slots
        if self.sites <= len(self.others):
            raise BadConfig("SITES must count this site and REMOTE_SITES, or two give the same order seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway(Process):
    gateway_port: int = 8001
    gateway_host: str = "0.0.0.0"
    redis_url: str
    public_url: str
    allowed_origins: str = ""
    channel_keys: str
    drain_seconds: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer(Process):
    lane: str
    importer_database_url: str
    data_keys: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher(Providers):
    """`fetch_together`: requests to one provider at a time, by one process."""

    fetcher_database_url: str
    fetch_together: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracker(Process):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Projector(Process):
    projector_database_url: str
    data_keys: str


def read(kind: type[C], environ: Mapping[str, str] = os.environ) -> C:
    """Reads `kind` from the environment. Raises BadConfig, naming every gap at once."""
    gaps: list[str] = []
    values: dict[str, Any] = {}
    hints = typing.get_type_hints(kind)
    for field in fields(kind):
        variable = field.name.upper()
        text = environ.get(variable)
        if text is None or text == "":
            if field.default is MISSING:
                gaps.append(f"{variable} is missing")
            continue
        if hints[field.name] is int:
            if not text.removeprefix("-").isdigit():
                gaps.append(f"{variable} must be a whole number, not {text!r}")
                continue
            values[field.name] = int(text)
        else:
            values[field.name] = text
    if gaps:
        raise BadConfig("; ".join(gaps) + " (see .env.example)")
    return kind(**values)


def read_or_exit(kind: type[C]) -> C:
    """Like `read` for a `main`: a gap is one clear line on standard error and exit 2."""
    try:
        return read(kind)
    except BadConfig as error:
        _refuse(str(error))


def parse_or_exit(field: str, parse: Callable[[str], V], text: str) -> V:
    """A value that has a form of its own; one that `parse` refuses (ValueError) is one clear line, and exit 2."""
    try:
        return parse(text)
    except ValueError as error:
        _refuse(f"{field.upper()}: {error}")


def _refuse(why: str) -> NoReturn:
    print(f"addressbus: {why}", file=sys.stderr)
    raise SystemExit(2)
