"""An always unused sign-in link for stack.json: made anew when one was used, and before it expires."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping

import msgspec
import psycopg

from app.stack import Refused
from app.stack.supervision import ROOT

CHANNEL = "web_signed_in"
"""Where the web's database tells that a code was used up."""
_RENEW_SECONDS = 600
"""A link is good for 15 minutes."""


class Bootstrap(msgspec.Struct, frozen=True):
    """The demo workspace: a new sign-in link, and its owner's token, which stays the same."""

    sign_in: str
    api_token: str


def bootstrap(environment: Mapping[str, str]) -> Bootstrap:
    """Makes the demo workspace and a new link. Raises Refused."""
    done = web("bootstrap", environment, capture=True)
    if done.returncode != 0:
        raise Refused(f"the demo workspace could not be made: {done.stderr.strip()[-500:]}")
    return msgspec.convert(json.loads(done.stdout), Bootstrap)


def web(
    command: str, environment: Mapping[str, str], *arguments: str, capture: bool = False
) -> "subprocess.CompletedProcess[str]":
    """`python -m app.web COMMAND ARGUMENTS` with the settings of the web process."""
    return subprocess.run(
        [sys.executable, "-m", "app.web", command, *arguments],
        cwd=ROOT,
        env=dict(environment),
        capture_output=capture,
        text=True,
        check=False,
    )


def keep_unused(dsn: str, environment: Mapping[str, str], publish: Callable[[str], None]) -> threading.Event:
    """Publishes a new link whenever somebody signed in, from a thread of its own, until the event is set.

    The next link is made in advance, so that a script that used one finds the next at once.
    """
    done = threading.Event()
    threading.Thread(target=_keep, args=[dsn, environment, publish, done], daemon=True, name="sign-in links").start()
    return done


def _keep(dsn: str, environment: Mapping[str, str], publish: Callable[[str], None], done: threading.Event) -> None:
    while not done.is_set():
        try:
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(f"listen {CHANNEL}")
                while not done.is_set():
                    spare = bootstrap(environment).sign_in
                    for _ in connection.notifies(timeout=_RENEW_SECONDS, stop_after=1):
                        pass
                    publish(spare)
        except (psycopg.Error, Refused):  # the database or the web is starting again, or all is ending
            done.wait(5)
