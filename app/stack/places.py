"""Where things lie, and who owns them: DATA_DIR, the jars, and programs an unprivileged account can reach.

Started as root, the servers run under an account that owns DATA_DIR (PostgreSQL refuses root). That account may not
reach a clone or a DATA_DIR below a 0700 home; then programs are copied to and data is kept in root's own system
folders. A person who is not root runs everything as they are, where it is.
"""

import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.stack import Refused

UNPRIVILEGED = "nobody"
SYSTEM_CACHE = Path("/var/cache/addressbus")
SYSTEM_DATA = Path("/var/lib/addressbus")
OURS = "secrets.json"
"""The file by which a folder is known as a DATA_DIR of ours."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the servers run as, where the person who starts them is root."""

    name: str
    uid: int
    gid: int

    def arguments(self) -> dict[str, object]:
        """What makes `subprocess` run a program as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@dataclass(frozen=True, slots=True)
class Home:
    """A DATA_DIR that exists and belongs to the right account. `servers` is where the servers keep their data."""

    path: Path
    servers: Path
    account: Account | None

    @property
    def secrets(self) -> Path:
        return self.path / OURS

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def run(self) -> Path:
        """Files that describe what runs now."""
        return self.path / "run"

    def folder(self, name: str) -> Path:
        """A folder below `servers` that only the servers' account can enter."""
        path = self.servers / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.give(path)
        return path

    def give(self, path: Path) -> None:
        """Hands a file or folder to the servers' account."""
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)


def settle(data_dir: Path) -> Home:
    """Makes DATA_DIR (0700) ready for its owner. Raises Refused."""
    path = data_dir.absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        account = _account(path) if os.geteuid() == 0 else None
        if account is not None:
            os.chown(path, account.uid, account.gid)
        path.chmod(0o700)
        home = Home(path, _servers(path, account), account)
        home.logs.mkdir(mode=0o700, exist_ok=True)
        home.run.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Refused(
            f"the folder {path} cannot be used ({error.strerror}); choose another, e.g. DATA_DIR=~/addressbus"
        ) from error
    return home


@contextmanager
def locked(home: Home) -> Iterator[None]:
    """Nobody else runs this DATA_DIR while the body does; the lock ends with the process. Raises Refused."""
    with (home.path / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise Refused(
                f"Addressbus already runs in {home.path} (process {file.read().strip()}); end that one first,"
                " or start another beside it: make run DATA_DIR=.data2 WEB_PORT=8010 GATEWAY_PORT=8011"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def forget(data_dir: Path) -> None:
    """Removes all that `settle` and the servers left, wherever it lies. Raises Refused for a folder not ours."""
    path = data_dir.absolute()
    if not path.exists():
        return
    if not (path / OURS).exists() and any(path.iterdir()):
        raise Refused(f"{path} does not look like a DATA_DIR of Addressbus; remove it yourself if it is one")
    # Two data centres have a DATA_DIR each in that of both.
    for servers in (path / "servers", *path.glob("*/servers")):
        shutil.rmtree(servers.resolve(), ignore_errors=True)
    shutil.rmtree(path)


def reachable(path: Path, account: Account | None) -> bool:
    """Whether the account can go to `path` and read it."""
    if account is None:
        return True
    test = ["/bin/sh", "-c", 'test -r "$1" && test -x "$1"', "sh", str(path)]
    return subprocess.run(test, cwd="/", check=False, **account.arguments()).returncode == 0  # type: ignore[call-overload,no-any-return]


def cache(account: Account | None) -> Path:
    """The folder, kept over all DATA_DIRs, for what was fetched or copied once."""
    path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "addressbus"
    if account is not None and not reachable(_existing(path), account):
        path = SYSTEM_CACHE
    path.mkdir(parents=True, exist_ok=True)
    return path


def runnable(site: Path, parts: Sequence[str], label: str, account: Account | None) -> Path:
    """`site`, where `parts` (trees of programs and their libraries) lie, or a copy of them that the account can reach.

    The parts keep their places, since programs look for libraries beside them. `label` names package and version.
    """
    if reachable(site / parts[0], account):
        return site
    copy = cache(account) / label
    if not copy.exists():
        with staging(copy.parent) as stage:
            for part in parts:
                if (site / part).exists():
                    shutil.copytree(site / part, stage / label / part, symlinks=True)
            publish(stage / label, copy)
    return copy


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A folder to build something in, on the same file system as where it goes."""
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as path:
        yield Path(path)


def publish(built: Path, final: Path) -> None:
    """Puts a finished file or folder in its place in one step; whoever was faster has put the same there."""
    try:
        built.rename(final)
    except OSError:
        if not final.exists():
            raise


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _account(data_dir: Path) -> Account:
    owner = data_dir.stat().st_uid
    if owner == 0 and any(data_dir.iterdir()) and not (data_dir / OURS).exists():
        raise Refused(f"{data_dir} holds files that are not ours; choose an empty folder as DATA_DIR")
    entry = pwd.getpwuid(owner) if owner != 0 else pwd.getpwnam(UNPRIVILEGED)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _servers(data_dir: Path, account: Account | None) -> Path:
    link = data_dir / "servers"
    if link.exists():
        return link.resolve()
    if reachable(data_dir, account):
        link.mkdir(mode=0o700)
        if account is not None:
            os.chown(link, account.uid, account.gid)
        return link
    assert account is not None
    place = SYSTEM_DATA / hashlib.sha256(bytes(data_dir)).hexdigest()[:16]
    shutil.rmtree(place, ignore_errors=True)  # of a DATA_DIR that somebody removed by hand, with its passwords
    place.mkdir(mode=0o700, parents=True)
    SYSTEM_DATA.chmod(0o755)
    os.chown(place, account.uid, account.gid)
    link.symlink_to(place)
    return place
