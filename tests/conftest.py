"""What holds for every test: in several processes at once (pytest-xdist), and on a machine that is busy."""

import os
import signal

from hypothesis import settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("patient", settings(), deadline=None)
settings.load_profile("patient")

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would all that they start and stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Servers that two processes start never meet on a port.
PORTS_OF_ONE = 5_000

worker = os.environ.get("PYTEST_XDIST_WORKER")
if worker:
    first = 20_000 + PORTS_OF_ONE * (int(worker.removeprefix("gw")) % 2)
    os.environ["PORT_RANGE"] = f"{first}-{first + PORTS_OF_ONE - 1}"
