"""atheris finds nothing in a few seconds; `make fuzz` takes as long as you like."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

pytest.importorskip("atheris", reason="atheris has wheels for Linux on x86-64 only")
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("target", TARGETS)
def test_a_few_seconds_of_fuzzing_break_nothing(target: str) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", target, "3"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert found.returncode == 0, found.stderr[-2000:]
