"""`python -m workers importer|express|tracker|projector|fetcher`: one worker process."""

import importlib
import sys

KINDS = {
    "importer": "workers.importer.main",
    "express": "workers.importer.main",
    "tracker": "workers.tracker.main",
    "projector": "workers.projector.main",
    "fetcher": "workers.fetcher.main",
}


def main(arguments: list[str]) -> None:
    """Starts the worker that is named; only its modules are imported."""
    if len(arguments) != 1 or arguments[0] not in KINDS:
        print(f"addressbus: which worker? python -m workers {'|'.join(KINDS)}", file=sys.stderr)
        raise SystemExit(2)
    importlib.import_module(KINDS[arguments[0]]).main()


if __name__ == "__main__":
    main(sys.argv[1:])
