"""An event listener of supervisor: tells the process that started it of every change, and ends all when that is gone.

    python -m app.stack.keeper SOCKET

So a `make run` that was killed leaves nothing running, and nobody has to ask again and again how things are.
"""

import contextlib
import json
import os
import socket
import sys
import threading

from supervisor.childutils import eventdata, getRPCInterface, listener


def _end_with(starter: socket.socket) -> None:
    """Waits for the other end to close, then stops every group in order."""
    while starter.recv(1):
        pass
    getRPCInterface(os.environ).supervisor.shutdown()


def _tell(starter: socket.socket) -> None:
    while True:
        try:
            headers, payload = listener.wait()
        except (KeyError, ValueError):  # supervisor is gone: the line was empty
            return
        about, _ = eventdata(payload + "\n")
        event = {"name": about["processname"], "state": headers["eventname"].removeprefix("PROCESS_STATE_")}
        with contextlib.suppress(OSError):  # a starter that is gone is the other thread's matter
            starter.sendall(json.dumps(event).encode() + b"\n")
        listener.ok()


def main() -> None:
    starter = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        starter.connect(sys.argv[1])
    except OSError:
        getRPCInterface(os.environ).supervisor.shutdown()
        return
    threading.Thread(target=_end_with, args=[starter], daemon=True).start()
    _tell(starter)


if __name__ == "__main__":
    main()
