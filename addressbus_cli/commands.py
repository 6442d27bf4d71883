"""What each command does, once its arguments are understood. All raise Trouble."""

import getpass
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any, cast

import msgspec

from addressbus_cli import credentials, downloads, importing, problems, sources, tables, words
from addressbus_cli.answers import Contact, Contacts, Imports, Me, State
from addressbus_cli.credentials import Login
from addressbus_cli.server import Server
from addressbus_cli.trouble import Exit, Trouble

PAGE = 500
PREFIX = 4
"""So many characters of an import's id are enough, if no other one begins like that."""


async def login(asked: Namespace) -> Exit:
    """Tries a token and keeps it."""
    url = credentials.address(asked.url)
    found = Login(url, asked.token_given or _prompted(url))
    if not found.token:
        raise Trouble("No token was given.")
    server = Server(found)
    try:
        me = await server.get("/api/v1/me", Me)
    finally:
        await server.close()
    path = credentials.store(found)
    print(f"{words.safe(me.name)} ({me.role}) in {words.safe(me.workspace.name)} on {url}; kept in {path}.")
    if found.readable:
        print("Without https everybody on the way can read the token.", file=sys.stderr)
    return Exit.ALL_IN


def _prompted(url: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    print(f"A token is made at {url}/tokens. It is not shown here.", file=sys.stderr)
    return getpass.getpass("Token: ").strip()


async def logout(asked: Namespace) -> Exit:
    """Forgets the token that is kept here."""
    print("Logged out." if credentials.forget() else "Nobody was logged in.")
    return Exit.ALL_IN


async def import_files(server: Server, asked: Namespace) -> Exit:
    """Imports files one after the other; the worst outcome counts."""
    plan = _plan(asked)
    found = [sources.source(argument, asked.name) for argument in asked.files]
    wanted = importing.Wanted(plan=plan or None, watch=asked.watch, json=asked.json)
    try:
        return max([await importing.import_one(server, source, wanted) for source in found])
    finally:
        for source in found:
            source.close()


def _plan(asked: Namespace) -> dict[str, Any]:
    plan: dict[str, Any] = {}
    if asked.plan is not None:
        try:
            plan = msgspec.json.decode(Path(asked.plan).read_bytes(), type=dict[str, Any])
        except OSError as error:
            raise Trouble(f"{asked.plan} cannot be read: {error.strerror}.") from error
        except msgspec.DecodeError as error:
            raise Trouble(f"{asked.plan} is no plan: {error}.") from error
    if asked.existing:
        plan["existing"] = asked.existing
    if asked.label:
        plan["labels"] = [*plan.get("labels", []), *asked.label]
    return plan


async def watch(server: Server, asked: Namespace) -> Exit:
    """Watches an import to its end."""
    return await importing.watch_one(server, await _one_import(server, asked.id), as_json=asked.json)


async def list_imports(server: Server, asked: Namespace) -> Exit:
    """The latest imports."""
    if asked.json:
        page = await server.get("/api/v1/imports", dict[str, Any], limit=asked.limit, status=asked.status)
        _print_documents(page["imports"])
        return Exit.ALL_IN
    found = await server.get("/api/v1/imports", Imports, limit=asked.limit, status=asked.status)
    names = ("Import", "When", "Name", "Status", "Rows", "New", "Updated", "Unchanged", "Merged", "Not imported")
    tables.show(
        names,
        [
            (
                state.id,
                words.moment(state.requested_at),
                state.name or state.source,
                state.status,
                *(
                    words.number(count)
                    for count in (
                        state.rows,
                        state.created,
                        state.updated,
                        state.unchanged,
                        state.duplicate,
                        state.rejected,
                    )
                ),
            )
            for state in found.imports
        ],
    )
    return Exit.ALL_IN


async def show_problems(server: Server, asked: Namespace) -> Exit:
    """The rows of an import that were not imported."""
    state = await _one_import(server, asked.id)
    if asked.csv is not None:
        await problems.save(server, state, Path(asked.csv))
    elif state.rejected or asked.json:
        await problems.show_all(server, state, as_json=asked.json)
    else:
        print("Every row of this import is in." if state.ended else "So far every row is in.")
    return Exit.ALL_IN


async def search(server: Server, asked: Namespace) -> Exit:
    """Contacts in which every word begins some word."""
    found = await server.get("/api/v1/contacts", Contacts, q=" ".join(asked.words), limit=asked.limit)
    if asked.json:
        _print_documents(found.contacts)
        return Exit.ALL_IN
    people = [msgspec.convert(document, Contact) for document in found.contacts]
    tables.show(("Name", "E-mail", "Phone", "Company"), [_row(person) for person in people])
    if found.after is not None:
        more = "more than " if found.about else ""
        print(f"{len(people)} of {more}{words.number(found.total)}; --limit shows more.", file=sys.stderr)
    return Exit.ALL_IN


def _row(person: Contact) -> tuple[str, str, str, str]:
    return (
        person.shown,
        ", ".join(email.value for email in person.emails),
        ", ".join(phone.value for phone in person.phones),
        person.company,
    )


async def export(server: Server, asked: Namespace) -> Exit:
    """All contacts that fit, as a file."""
    path = Path(asked.file)
    ending = asked.format or path.suffix.lower().removeprefix(".")
    if ending not in {"csv", "vcf"}:
        raise Trouble("The name of the file must end in .csv or .vcf, or say --format.")
    filters = {name: getattr(asked, name) for name in ("q", "label", "company", "domain")}
    chosen = (await _one_import(server, asked.import_)).id if asked.import_ else None
    size = await downloads.save(server, f"/api/v1/contacts.{ending}", path, **filters, **{"import": chosen})
    print(f"{path}: {words.number(size)} bytes.", file=sys.stderr)
    return Exit.ALL_IN


async def _one_import(server: Server, given: str) -> State:
    """The import with this id, or the latest one whose id begins so. Raises Trouble."""
    if len(given) == 36:
        return await server.get(f"/api/v1/imports/{given}", State)
    if len(given) < PREFIX or not given.replace("-", "").isalnum():
        raise Trouble(f"{given!r} is no import; `addressbus imports` lists them.")
    latest = (await server.get("/api/v1/imports", Imports, limit=PAGE)).imports
    found = [state for state in latest if state.id.startswith(given.lower())]
    if len(found) != 1:
        many = f"{len(found)} imports begin" if found else "No import begins"
        raise Trouble(f"{many} with {given}; `addressbus imports` lists them.")
    return await server.get(f"/api/v1/imports/{found[0].id}", State)


def _print_documents(documents: object) -> None:
    for document in cast("list[Any]", documents):
        print(msgspec.json.encode(document).decode())
