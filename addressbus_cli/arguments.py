"""The commands and their arguments; `addressbus --help` is made of this."""

import argparse
import os
import sys
from typing import NoReturn

from addressbus_cli import commands
from addressbus_cli.server import release
from addressbus_cli.trouble import Exit

ABOUT = """Imports contacts into Addressbus, watches imports, finds and exports people."""
ENDS = """exit status:
  0    done; of an import: every row is in
  1    the import finished, some rows were not imported
  2    the import failed or was cancelled, or the file was refused
  3    wrong usage, no connection, no right to do this
  130  stopped with Ctrl-C; an upload can be continued by the same command

ADDRESSBUS_URL and ADDRESSBUS_TOKEN are used instead of what `login` kept."""


class _Parser(argparse.ArgumentParser):
    """Wrong usage has an exit status of its own, and one sentence."""

    def error(self, message: str) -> NoReturn:
        print(f"addressbus: {message} (`{self.prog} --help` says what there is)", file=sys.stderr)
        raise SystemExit(Exit.TROUBLE)


def parser() -> argparse.ArgumentParser:
    """Understands a command line; the result has `act`, which does it, and `alone` if that needs no server."""
    made = _Parser(
        prog="addressbus", description=ABOUT, epilog=ENDS, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--version", action="version", version=f"addressbus {release()}")
    parts = made.add_subparsers(title="commands", metavar="COMMAND", required=True)

    one = parts.add_parser("login", help="keep a token for a server")
    one.add_argument("url", metavar="URL", help="of the server, like https://addressbus.example.com")
    one.set_defaults(act=commands.login, alone=True, token_given=os.environ.get("ADDRESSBUS_TOKEN", ""))
    one = parts.add_parser("logout", help="forget the token")
    one.set_defaults(act=commands.logout, alone=True)

    one = parts.add_parser(
        "import", help="import files", epilog=ENDS, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    one.add_argument("files", metavar="FILE", nargs="+", help="a contacts file, or - for standard input")
    one.add_argument("--watch", action="store_true", help="stay to the end, show progress and what was not imported")
    one.add_argument("--existing", choices=("fill", "overwrite", "skip"), help="what to do with people already there")
    one.add_argument("--label", action="append", metavar="LABEL", help="give every contact this label (repeatable)")
    one.add_argument("--plan", metavar="FILE", help="how the files are to be understood (JSON)")
    one.add_argument("--name", metavar="NAME", help="the name of the import, instead of the file's")
    _json(one, "the import at its end as JSON")
    one.set_defaults(act=commands.import_files)

    one = parts.add_parser("watch", help="watch an import that runs", epilog=ENDS)
    one.formatter_class = argparse.RawDescriptionHelpFormatter
    one.add_argument("id", metavar="ID", help="of the import, or how it begins")
    _json(one, "the import at its end as JSON")
    one.set_defaults(act=commands.watch)

    one = parts.add_parser("imports", help="list the latest imports")
    one.add_argument("--status", choices=("requested", "running", "finished", "failed", "cancelled"))
    _limit(one, 20)
    _json(one, "one import a line as JSON")
    one.set_defaults(act=commands.list_imports)

    one = parts.add_parser("problems", help="rows of an import that were not imported")
    one.add_argument("id", metavar="ID", help="of the import, or how it begins")
    one.add_argument("--csv", metavar="FILE", help="write them to a CSV file, to be mended and imported again")
    _json(one, "one row a line as JSON")
    one.set_defaults(act=commands.show_problems)

    contacts = parts.add_parser("contacts", help="find people").add_subparsers(metavar="COMMAND", required=True)
    one = contacts.add_parser("search", help="contacts in which every word begins some word")
    one.add_argument("words", metavar="WORD", nargs="+")
    _limit(one, 50)
    _json(one, "one contact a line as JSON")
    one.set_defaults(act=commands.search)

    one = parts.add_parser("export", help="write contacts to a CSV or vCard file")
    one.add_argument("file", metavar="FILE", help="its name ends in .csv or .vcf; - is standard output")
    one.add_argument("--format", choices=("csv", "vcf"), help="where the name does not tell")
    one.add_argument("--q", metavar="WORDS", help="only contacts with these words")
    one.add_argument("--label", metavar="LABEL")
    one.add_argument("--company", metavar="NAME")
    one.add_argument("--domain", metavar="DOMAIN", help="of an e-mail address")
    one.add_argument("--import", metavar="ID", dest="import_", help="only contacts of this import")
    one.set_defaults(act=commands.export)
    return made


def _json(part: argparse.ArgumentParser, about: str) -> None:
    part.add_argument("--json", action="store_true", help=about)


def _limit(part: argparse.ArgumentParser, usual: int) -> None:
    part.add_argument(
        "--limit", type=int, choices=range(1, 501), default=usual, metavar="N", help=f"at most so many (1-500, {usual})"
    )
