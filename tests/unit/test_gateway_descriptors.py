"""The gateway asks for the files that its sockets need, and takes no more sockets than it was given files."""

import resource

import pytest

from app.gateway import descriptors
from app.gateway.descriptors import SPARE


class System:
    """Stands for what `resource` answers."""

    def __init__(self, soft: int, hard: int, *, refuses: bool = False) -> None:
        self.limits = (soft, hard)
        self._refuses = refuses

    def getrlimit(self, what: int) -> tuple[int, int]:
        return self.limits

    def setrlimit(self, what: int, limits: tuple[int, int]) -> None:
        if self._refuses:
            raise ValueError("not allowed to raise maximum limit")
        self.limits = limits


@pytest.mark.parametrize(
    ("soft", "hard", "room", "after"),
    [
        (1_024, 1_048_576, 20_000, 20_000 + SPARE),
        (1_024, 4_096, 4_096 - SPARE, 4_096),
        (1_024, resource.RLIM_INFINITY, 20_000, 20_000 + SPARE),
        (65_536, 65_536, 20_000, 65_536),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 20_000, resource.RLIM_INFINITY),
        (64, 64, 1, 64),
    ],
)
def test_as_many_sockets_as_the_system_gives_files(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, room: int, after: int
) -> None:
    system = System(soft, hard)
    monkeypatch.setattr(resource, "getrlimit", system.getrlimit)
    monkeypatch.setattr(resource, "setrlimit", system.setrlimit)
    assert descriptors.room(20_000) == room
    assert system.limits == (after, hard)


def test_a_gateway_with_less_room_than_wanted_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    system = System(1_024, resource.RLIM_INFINITY, refuses=True)
    monkeypatch.setattr(resource, "getrlimit", system.getrlimit)
    monkeypatch.setattr(resource, "setrlimit", system.setrlimit)
    assert descriptors.room(20_000) == 1_024 - SPARE
    assert "fewer open files" in caplog.text
