"""`python -m tests.fuzz TARGET [SECONDS]`: atheris looks for bytes that break something; without SECONDS, until Ctrl-C.

It starts from the files of the corpus and keeps what it learns in `.fuzz/TARGET`. Bytes that break something are
written to the working directory as `crash-...`.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["app.core"]):
    from tests.fuzz.targets import TARGETS
    from tests.reading import FILES

LONGEST = 64 * 1024


def main(arguments: list[str]) -> None:
    """Runs libFuzzer; does not return."""
    name, *rest = arguments or ["file"]
    learnt = Path(".fuzz") / name
    learnt.mkdir(parents=True, exist_ok=True)
    seeds = [str(folder) for folder in sorted(FILES.iterdir()) if folder.name != "containers"]
    limits = [f"-max_total_time={rest[0]}"] if rest else []
    atheris.Setup(
        [sys.argv[0], *limits, f"-max_len={LONGEST}", "-timeout=10", "-rss_limit_mb=1024", str(learnt), *seeds],
        TARGETS[name],
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
