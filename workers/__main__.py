"""`python -m workers importer|express|tracker|projector|fetcher`: one worker process.

For operators: `python -m workers dead list|show|replay` (dead.py), `pause|resume|skip` (consumers.py),
`tail` (tail.py), `rebuild lookup`, `replay import` and `republish contacts` (rebuild.py, replay.py, republish.py),
`rewrap keys` (rewrap.py).
"""

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
    """Starts the worker that is named, or does what an operator wants; only its modules are imported."""
    match arguments:
        case ["dead", *rest]:
            importlib.import_module("workers.dead").main(rest)
        case ["pause" | "resume" | "skip", *_]:
            importlib.import_module("workers.consumers").main(arguments)
        case ["tail", *rest]:
            importlib.import_module("workers.tail").main(rest)
        case ["rebuild" | "replay" | "republish" | "rewrap" as command, *rest]:
            importlib.import_module(f"workers.{command}").main(rest)
        case [kind] if kind in KINDS:
            importlib.import_module(KINDS[kind]).main()
        case _:
            print(f"addressbus: which worker? python -m workers {'|'.join(KINDS)}", file=sys.stderr)
            print(
                "or: python -m workers dead list|show|replay, python -m workers pause|resume|skip|tail,\n"
                "python -m workers rebuild lookup|replay import|republish contacts|rewrap keys",
                file=sys.stderr,
            )
            raise SystemExit(2)


if __name__ == "__main__":
    main(sys.argv[1:])
