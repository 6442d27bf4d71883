"""Jars: fetched once by Maven coordinates, checked by SHA-256, kept in the cache for every DATA_DIR."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from app.stack import Refused, places

LOCK = Path(__file__).with_name("jars.lock")
"""Kafka."""
MIRROR_LOCK = Path(__file__).with_name("mirror.lock")
"""MirrorMaker, which few need."""


@dataclass(frozen=True, slots=True)
class Jar:
    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def locked(text: str) -> list[Jar]:
    """The jars of a lock file: `group:artifact:version sha256` a line."""
    lines = [line.replace(":", " ").split() for line in text.splitlines() if line and not line.startswith("#")]
    return [Jar(group, artifact, version, sha256) for group, artifact, version, sha256 in lines]


def fetch(account: places.Account | None, lock: Path = LOCK) -> list[Path]:
    """The class path of what `lock` lists; downloads what the cache does not hold yet. Raises Refused."""
    jars = locked(lock.read_text())
    folder = places.cache(account) / "jars"
    folder.mkdir(exist_ok=True)
    missing = [jar for jar in jars if not _is(folder / jar.file, jar)]
    if missing:
        _download(missing, folder, lock)
    return [folder / jar.file for jar in jars]


def _download(missing: list[Jar], folder: Path, lock: Path) -> None:
    # Slow to import, and needed once in the life of a machine.
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL, default_maven_repo
    from jgo.maven import MavenContext

    with places.staging(folder) as stage:
        repositories = {"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories}
        maven = MavenContext(repo_cache=stage, local_repos=[default_maven_repo()], remote_repos=repositories)

        def one(jar: Jar) -> None:
            path = maven.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
            if not _is(path, jar):
                raise Refused(f"{jar.file} is not the file that {lock.name} names (SHA-256); try again or mend {path}")
            ours = stage / jar.file
            ours.write_bytes(path.read_bytes())
            ours.chmod(0o644)
            os.replace(ours, folder / jar.file)

        with ThreadPoolExecutor(8) as pool:
            try:
                list(pool.map(one, missing))
            # requests' errors are OSErrors
            except (OSError, RuntimeError) as error:
                raise Refused(
                    f"the jars of {lock.name} cannot be downloaded ({error}); needed once, try again with a network"
                ) from error


def _is(path: Path, jar: Jar) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
