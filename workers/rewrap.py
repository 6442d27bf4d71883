"""`python -m workers rewrap keys`: all that is sealed under an older data key is sealed under the first one.

python -m workers rewrap keys

DATA_KEYS has a new key in front and the old ones behind it, here and in every process. The keys of files are wrapped
anew in the rows of their imports and in import.keys; what is sealed under them stays as it is. Everything goes on
meanwhile. Broken off, it can be begun anew; done, it says whether the old keys may be taken away.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import msgspec

from app import sql
from app.bus import LiveMap, Producer
from app.connections import rewrapping as grants
from app.connections.store import Store as Connections
from app.core.errors import Rejected, TryAgain
from app.core.events import ImportKey
from app.core.topics import KEYS
from app.jobs import rewrapping as files
from app.jobs.outlet import Outlet
from app.jobs.store import Store as Jobs
from app.sealing import Files, Rewrapping, Unreadable, Vault, about_key
from workers import operating
from workers.fetcher.store import SETTINGS, alone
from workers.fetcher.store import Store as Fetches
from workers.importer.erasing import Erasures
from workers.operating import AllDatabases

_key = msgspec.json.Decoder(ImportKey)


def main(arguments: Sequence[str]) -> None:
    """Raises SystemExit: 2 for a question that has no answer, 1 when something is away or another such command runs."""
    parser().parse_args(arguments)
    operating.work(AllDatabases, _rewrap)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m workers rewrap", description="Seals everything under the first key.")
    made.add_argument("what", choices=("keys",))
    return made


async def _rewrap(settings: AllDatabases) -> None:
    vault = operating.vault()
    if vault is None:
        raise Rejected("bad_data_keys", "DATA_KEYS must be set: the new key first, then those that it replaces.")
    async with operating.alone(settings), operating.producing(settings) as producer:
        done = await rewrap(settings, producer, vault)
    for what, counted in done.items():
        print(f"{what}: {counted.anew:,} sealed anew, {counted.same:,} already were")
    lost = sum(counted.lost for counted in done.values())
    if lost:
        print(f"{lost:,} cannot be opened by any of these keys, and stay as they are")
    print(f"nothing that opens needs another key than {vault.first!r}: the others can be taken out of DATA_KEYS")


async def rewrap(settings: AllDatabases, producer: Producer, vault: Vault) -> dict[str, Rewrapping]:
    """Seals everything under the vault's first key; what came of it, by what it is. Raises TryAgain."""
    done = {what: Rewrapping(vault) for what in ("keys of files", "accounts' tokens", "fetches", "keys of erasures")}
    of_files, of_grants, of_fetches, of_erasures = done.values()
    name = settings.process_name
    # Those of other data centres are wrapped anew over there.
    told: LiveMap[bytes] = LiveMap(replace(settings, remote_sites=""), KEYS, _decode)
    await told.start()
    try:
        async with sql.make_pool(settings.jobs_database_url, name, size=1) as pool:
            outlet = Outlet(producer, Files(vault, settings.site), settings.site)
            await files.rewrap(Jobs(pool), outlet, of_files, lambda id_, wrapped: told.get(str(id_)) == wrapped)
        async with sql.make_pool(settings.connections_database_url, name, size=1) as pool:
            await grants.rewrap(Connections(pool), of_grants)
        async with sql.make_pool(
            settings.fetcher_database_url, name, size=1, settings=SETTINGS, configure=alone
        ) as pool:
            await Fetches(pool, vault).rewrap(of_fetches)
        async with sql.make_pool(settings.importer_database_url, name, size=1) as pool:
            await Erasures(pool, vault).rewrap(of_erasures)
        await told.catch_up()
        left = sum(_is_left(vault, *each) for each in told.values().items())
    finally:
        await told.stop()
    if left:
        raise TryAgain(
            f"{left:,} keys in import.keys are under another key still: run this again"
            " (if they stay, their imports are not in this database)"
        )
    return done


def _decode(key: bytes, value: bytes | None) -> tuple[tuple[str, ...], bytes | None]:
    return (key.decode(),), None if value is None else _key.decode(value).wrapped


def _is_left(vault: Vault, name: tuple[str, ...], wrapped: bytes) -> bool:
    """Whether the log has a key in a form that one of the other keys opens."""
    try:
        vault.open(wrapped, about_key(UUID(name[0])))
    except Unreadable:
        return False
    return not vault.is_first(wrapped)
