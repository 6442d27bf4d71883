"""`addressbus`: the command line. `addressbus --help` says what there is."""

import asyncio
import os
import sys
from argparse import Namespace
from collections.abc import Sequence

from addressbus_cli import credentials
from addressbus_cli.arguments import parser
from addressbus_cli.server import Server
from addressbus_cli.trouble import Exit, Trouble


def main(arguments: Sequence[str] | None = None) -> None:
    """Does what the command line says and ends with its exit status."""
    asked = parser().parse_args(arguments)
    try:
        status = asyncio.run(_done(asked))
        sys.stdout.flush()
    except Trouble as error:
        print(f"addressbus: {error}", file=sys.stderr)
        status = error.status
    except KeyboardInterrupt:
        status = Exit.STOPPED
    except BrokenPipeError:
        # Whoever read our output has seen enough (`| head`). Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = Exit.ALL_IN
    raise SystemExit(status)


async def _done(asked: Namespace) -> Exit:
    if "alone" in asked:
        done: Exit = await asked.act(asked)
        return done
    server = Server(credentials.known())
    try:
        status: Exit = await asked.act(server, asked)
    finally:
        await server.close()
    return status


if __name__ == "__main__":
    main()
