"""Tests in several processes at once (pytest-xdist): servers that two of them start never meet on a port."""

import os

PORTS_OF_ONE = 5_000

worker = os.environ.get("PYTEST_XDIST_WORKER")
if worker:
    first = 20_000 + PORTS_OF_ONE * (int(worker.removeprefix("gw")) % 2)
    os.environ["PORT_RANGE"] = f"{first}-{first + PORTS_OF_ONE - 1}"
