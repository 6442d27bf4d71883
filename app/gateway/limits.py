"""Every number of the gateway that is a decision; tests use smaller ones."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times in seconds, sizes in bytes."""

    heartbeat: float = 25.0
    """A ping goes out about this often, +-20 % so that sockets that opened together drift apart."""
    pong: float = 10.0
    """Something must come back within this time."""
    stalled: float = 10.0
    """A client that reads nothing for so long is cut."""
    closing: float = 5.0
    """A closing handshake may take this long."""
    introduction: float = 10.0
    """A socket subscribes with a good token within this time, or holds a place for nothing."""
    open_timeout: float = 5.0
    positions: float = 5.0
    """Positions in Redis and the map are compared this often, +-20 %."""
    linger: float = 10.0
    """A room without listeners is kept this long: pages reload, tabs flap."""

    sockets: int = 20_000
    sockets_per_holder: int = 10
    channels: int = 64
    commands_per_second: float = 20.0
    burst: float = 40.0
    frame: int = 4096
    buffer: int = 256 * 1024
    """More than this waiting in one socket's write buffer, and it is cut at once."""

    closes_per_second: float = 200.0
    """The pace of a drain, so that the other gateways are not overrun."""
