"""A read model to ask: contacts and imports as the log tells them, through the projector's own handlers."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4, uuid5

import msgspec

from app import sql
from app.core.events import ContactOut, ContactsChanged, EmailOut, ImportProblems, ProblemOut, Projected, SourceOut
from app.core.imports import ImportRecord, State
from app.core.topics import CHANGED, IMPORTS, PROBLEMS
from app.web.lookup import Lookup
from tests.integration.conftest import Servers
from workers.harness import Record
from workers.projector import store
from workers.projector.main import Projector
from workers.projector.store import Store

AT = 1_790_000_000


def source(import_id: UUID, at: int = AT) -> SourceOut:
    return SourceOut(import_id=str(import_id), source="file", at=at)


def contact(name: str = "Ann Lee", *, version: int = 1, **other: Any) -> ContactOut:
    """A contact that is known by its name."""
    values: dict[str, Any] = {"id": uuid5(UUID(int=0), name), "updated_at": 1.5, **other}
    return ContactOut(name="" if values.get("deleted") else name, version=version, **values)


def email(value: str) -> EmailOut:
    return EmailOut(value=value)


@dataclass(slots=True)
class Told(list[Projected]):
    """A producer that remembers what it was told to say."""

    async def publish(self, topic: object, *, key: bytes | None, value: bytes | None, **_: object) -> None:
        assert value is not None
        self.append(msgspec.json.decode(value, type=Projected))


@dataclass(slots=True)
class ReadModel:
    """One new workspace of the read model, written as the projector does, read as the web does."""

    projector: Projector
    lookup: Lookup
    readers: sql.Pool
    writers: sql.Pool
    told: Told
    workspace: UUID = field(default_factory=uuid4)

    async def show(
        self,
        *contacts: ContactOut,
        import_id: UUID | None = None,
        index: int = 0,
        part: int = 0,
        parts: int = 1,
        erased: tuple[UUID, ...] = (),
        headers: Mapping[str, bytes] | None = None,
    ) -> None:
        """One record of `contacts.changed`."""
        event = ContactsChanged(
            workspace=self.workspace,
            import_id=import_id or uuid4(),
            index=index,
            part=part,
            parts=parts,
            at=1.0,
            site="local",
            erased=erased,
            contacts=contacts,
        )
        await self.projector.show_contacts(record(CHANGED.name, msgspec.json.encode(event), headers=headers))

    async def keep(self, state: State) -> None:
        """One record of `imports`."""
        await self.projector.keep_import(record(IMPORTS.name, msgspec.json.encode(ImportRecord(state=state))))

    async def refuse(
        self,
        import_id: UUID,
        problems: Sequence[ProblemOut],
        index: int = 0,
        headers: Mapping[str, bytes] | None = None,
    ) -> None:
        """One record of `import.problems`."""
        event = ImportProblems(
            workspace=self.workspace,
            import_id=import_id,
            index=index,
            part=0,
            parts=1,
            at=1.0,
            site="local",
            problems=tuple(problems),
        )
        await self.projector.keep_problems(record(PROBLEMS.name, msgspec.json.encode(event), headers=headers))

    def problems(self, import_id: UUID, text: str = "x", index: int = 0) -> bytes:
        """The value of a record of `import.problems` with one row."""
        problem = ProblemOut(row=1, line=2, column=0, code="no_identity", message="m", suggestion="", cells=(text,))
        return msgspec.json.encode(
            ImportProblems(
                workspace=self.workspace,
                import_id=import_id,
                index=index,
                part=0,
                parts=1,
                at=1.0,
                site="local",
                problems=(problem,),
            )
        )

    async def names(self, **wanted: Any) -> list[str]:
        """What is found, by name."""
        page = await self.lookup.contacts(self.workspace, **wanted)
        return [one["name"] for one in page.contacts]


def record(
    topic: str, value: bytes | None, key: bytes | None = None, headers: Mapping[str, bytes] | None = None
) -> Record:
    return Record(topic=topic, partition=0, offset=0, key=key, value=value, headers=headers or {})


@asynccontextmanager
async def read_model(servers: Servers) -> AsyncIterator[ReadModel]:
    """A workspace that nobody else uses."""
    writers = sql.make_pool(servers.dsn("projector"), "test", settings=store.SETTINGS)
    readers = sql.make_pool(servers.dsn("lookup_reader"), "test")
    async with writers, readers:
        told = Told()
        projector = Projector(Store(writers), told, "local")  # type: ignore[arg-type]  # all that it needs of one
        yield ReadModel(projector=projector, lookup=Lookup(readers), readers=readers, writers=writers, told=told)
