"""Supervisor (PyPI `supervisor`) keeps programs running: its configuration, its remote control, its end.

It restarts at once whatever dies, keeps and rotates the logs, and stops the groups in the opposite order of their
start, each process with its own grace. It lives in a session of its own, so Ctrl-C at the terminal reaches only us;
`app.stack.keeper`, an event listener, tells us of every change and ends everything in order when we are gone.
"""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from app.stack import Refused, leftovers
from app.stack.places import Home
from app.stack.servers import ENVIRONMENT, Program

ROOT = Path(__file__).resolve().parent.parent.parent
KEEPER = "keeper"
# A process that ends earlier than this has not started; after so many tries in a row (1, 2, 3 ... s apart) it is given
# up.
_START_SECONDS, _START_TRIES = 2, 6


class Died(Exception):
    """The supervisor itself is gone, without having been asked to go."""


@dataclass(frozen=True, slots=True)
class Group:
    """Programs that are started and stopped together."""

    name: str
    programs: tuple[Program, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """One process as the supervisor sees it. `state` is its word: STARTING, RUNNING, BACKOFF, EXITED, FATAL ..."""

    name: str
    state: str
    pid: int


class Supervision:
    """Runs `groups`: nothing starts by itself, `start` starts a group. Leaving the context stops all of it in order."""

    def __init__(self, home: Home, groups: Sequence[Group], changed: Callable[[str, str], None]) -> None:
        self._home = home
        self._groups = groups
        self._changed = changed
        # A socket's path has at most about 100 characters, DATA_DIR may have more.
        self._sockets = Path(tempfile.mkdtemp(prefix="addressbus-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._doorbell = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def __enter__(self) -> Self:
        try:
            self._doorbell.bind(str(self._sockets / "events"))
            self._doorbell.listen()
            threading.Thread(target=self._hear, daemon=True, name="supervisor events").start()
            self._launch()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def start(self, group: str) -> None:
        """Starts a group and does not wait for it."""
        self._call(lambda remote: remote.supervisor.startProcessGroup(group, False))

    def start_process(self, name: str) -> None:
        """Starts a process that does not run, because it was given up or not wanted, and does not wait for it."""
        self._call(lambda remote: remote.supervisor.startProcess(self._full(name), False))

    def stop_process(self, name: str) -> None:
        """Asks a process to end in order, and does not wait for it."""
        self._call(lambda remote: remote.supervisor.stopProcess(self._full(name), False))

    def _full(self, name: str) -> str:
        group = next(group.name for group in self._groups if any(name == program.name for program in group.programs))
        return f"{group}:{name}"

    def processes(self) -> list[Seen]:
        """Every process of ours, in the order of the groups."""
        found = {info["name"]: info for info in self._call(lambda remote: remote.supervisor.getAllProcessInfo())}
        names = [program.name for group in self._groups for program in group.programs]
        return [Seen(name, found[name]["statename"], found[name]["pid"]) for name in names if name in found]

    def trouble(self, name: str) -> str | None:
        """None, or in words that this process cannot be kept running, with its last words."""
        return self._ended(name, ("BACKOFF", "FATAL", "EXITED", "UNKNOWN"))

    def given_up(self, name: str) -> str | None:
        """Like `trouble`, for a process that may die and come again while what it needs is not there yet."""
        return self._ended(name, ("FATAL", "UNKNOWN"))

    def _ended(self, name: str, states: tuple[str, ...]) -> str | None:
        state = next((seen.state for seen in self.processes() if seen.name == name), "UNKNOWN")
        return f"ended; its last words:\n{self.last_words(name)}" if state in states else None

    def last_words(self, name: str, lines: int = 5) -> str:
        """The end of a process's log, which mostly says why it ended."""
        path = self._home.logs / f"{name}.log"
        text = path.read_text(errors="replace") if path.exists() else ""
        return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])

    def wait(self) -> None:
        """Returns never: raises Died when the supervisor is gone."""
        assert self._process is not None, "enter the context first"
        self._process.wait()
        raise Died

    def _launch(self) -> None:
        settings = self._home.run / "supervisord.conf"
        settings.touch(mode=0o600)
        settings.write_text(configuration(self._home, self._groups, self._sockets))
        command = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(settings)]
        with (self._home.logs / "supervisord.out").open("wb") as out:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment(self._home),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        deadline = time.monotonic() + 20
        while not _listens(self._sockets / "control"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise Refused(f"the supervisor did not start; see {self._home.logs / 'supervisord.out'}")
            time.sleep(0.02)

    def _close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait()
        self._doorbell.close()
        shutil.rmtree(self._sockets, ignore_errors=True)
        # None is left when the supervisor ended in order; some are when somebody killed it.
        leftovers.end(self._home.path)

    def _call(self, ask: Callable[[ServerProxy], Any]) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._sockets / 'control'}")
        try:
            with ServerProxy("http://localhost", transport=transport) as remote:
                return ask(remote)
        except (OSError, Fault) as error:
            if self._process is not None and self._process.poll() is not None:
                raise Died from error
            raise Refused(f"the supervisor did not do what it was told: {error}") from error

    def _hear(self) -> None:
        """Passes on what the keeper tells; a keeper that was restarted rings again."""
        while True:
            try:
                keeper, _ = self._doorbell.accept()
            except OSError:
                return  # closed: we are done
            with keeper, keeper.makefile() as lines:
                for line in lines:
                    event = json.loads(line)
                    self._changed(event["name"], event["state"])


def environment(home: Home) -> dict[str, str]:
    """What every process of a stack gets. The last one tells whose it is, even when all else is lost."""
    kept = ("HOME", "TMPDIR", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
    return {
        **ENVIRONMENT,
        "PATH": os.environ.get("PATH", os.defpath),
        **{name: os.environ[name] for name in kept if name in os.environ},
        leftovers.MARK: str(home.path),
    }


def configuration(home: Home, groups: Sequence[Group], sockets: Path) -> str:
    """The text of supervisord.conf. It holds secrets: the environment of each process."""
    root = {"user": "root"} if os.geteuid() == 0 else {}  # being asked for it, supervisor does not warn of it
    keeper = shlex.join([sys.executable, "-m", "app.stack.keeper", str(sockets / "events")])
    sections: list[tuple[str, dict[str, object]]] = [
        ("unix_http_server", {"file": sockets / "control", "chmod": "0700"}),
        (
            "supervisord",
            {
                "logfile": home.logs / "supervisord.log",
                "logfile_maxbytes": "5MB",
                "logfile_backups": 2,
                "pidfile": home.run / "supervisord.pid",
                "silent": "true",
                **root,
            },
        ),
        ("rpcinterface:supervisor", {"supervisor.rpcinterface_factory": _RPC}),
        (
            f"eventlistener:{KEEPER}",
            {
                "command": _escaped(keeper),
                "directory": ROOT,
                "events": "PROCESS_STATE",
                "priority": 0,
                "autorestart": "true",
                "stderr_logfile": home.logs / f"{KEEPER}.log",
                "stderr_logfile_maxbytes": "1MB",
                "stderr_logfile_backups": 1,
            },
        ),
    ]
    for number, group in enumerate(groups, start=1):
        names = ",".join(program.name for program in group.programs)
        sections.append((f"group:{group.name}", {"programs": names, "priority": number}))
        sections.extend((f"program:{program.name}", _program(home, program)) for program in group.programs)
    return "\n".join(
        "".join([f"[{name}]\n", *(f"{key} = {value}\n" for key, value in settings.items())])
        for name, settings in sections
    )


_RPC = "supervisor.rpcinterface:make_main_rpcinterface"


def _program(home: Home, program: Program) -> dict[str, object]:
    return {
        "command": _escaped(shlex.join(program.argv)),
        "environment": ",".join(f"{name}={_quoted(value)}" for name, value in program.environment.items()),
        "directory": program.folder,
        "autostart": "false",
        "autorestart": "true",
        "startsecs": _START_SECONDS,
        "startretries": _START_TRIES,
        "stopsignal": program.stop_signal,
        "stopwaitsecs": program.grace,
        "redirect_stderr": "true",
        "stdout_logfile": home.logs / f"{program.name}.log",
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": 3,
        **({"user": program.account.name} if program.account else {}),
    }


def _escaped(text: str) -> str:
    """`%` begins an expansion in supervisor's files."""
    return text.replace("%", "%%")


def _listens(path: Path) -> bool:
    """Whether somebody answers; the socket's file is there a moment before."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _quoted(value: str) -> str:
    quote = "'" if '"' in value else '"'
    if quote in value or "\n" in value:
        raise Refused("a setting may not hold both kinds of quotes or a line break")
    return f"{quote}{_escaped(value)}{quote}"
