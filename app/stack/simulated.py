"""PROVIDERS=simulated: a Google and a Microsoft of our own beside the stack, so that anybody can try both buttons."""

import http.client
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from app import config
from app.stack import Refused
from app.stack.ready import Alive, answers
from app.stack.servers import Program
from app.stack.supervision import ROOT, Group

NAME = "providers"
PORTS = 2
"""One for both providers, one for a host that nobody may ever ask."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """The process that plays both, and what makes ours speak to it."""

    program: Program
    port: int
    values: Mapping[str, str]

    def group(self) -> Group:
        return Group(NAME, (self.program,))

    def wait(self, alive: Alive, seconds: float) -> None:
        """Returns once it answers. Raises Refused."""

        def attempt() -> None:
            with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
                connection.request("GET", "/admin/health")
                connection.getresponse().read()

        answers(NAME, attempt, (OSError, http.client.HTTPException), alive, seconds)


def wanted(settings: config.Stack) -> bool:
    """Whether PROVIDERS asks for them. Raises Refused for a word that means nothing."""
    if settings.providers not in ("", "simulated"):
        raise Refused(f"PROVIDERS is simulated, or nothing at all; not {settings.providers!r}")
    return settings.providers == "simulated"


def make(free: Iterator[int]) -> Simulated:
    """On the next free ports. Raises Refused where only what runs is installed, without the tests."""
    try:
        from tests import providers
    except ImportError as error:
        raise Refused("the simulated providers belong to the tests, which are not installed here") from error
    port, canary = next(free), next(free)
    origin = f"http://127.0.0.1:{port}"
    addresses = ("google_auth", "google_token", "google_people", "microsoft_login", "microsoft_graph")
    return Simulated(
        Program(
            name=NAME,
            argv=(sys.executable, "-m", "tests.providers", "--port", str(port), "--canary-port", str(canary)),
            folder=ROOT,
            grace=5,
        ),
        port,
        {
            **{f"{address}_url": origin for address in addresses},
            "google_client_id": providers.GOOGLE_CLIENT_ID,
            "google_client_secret": providers.GOOGLE_CLIENT_SECRET,
            "microsoft_client_id": providers.MICROSOFT_CLIENT_ID,
            "microsoft_client_secret": providers.MICROSOFT_CLIENT_SECRET,
            "microsoft_tenant": "common",
        },
    )
