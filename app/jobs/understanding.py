"""How a workspace wants its files understood: the reader's plans, with the workspace's settings in them."""

from typing import Any, Protocol
from uuid import UUID

import msgspec

from app.bus import Producer
from app.core.reading.plan import Column, Existing, Plan, Values
from app.core.reading.plans import Completion, Defaults, complete
from app.core.settings import CANCEL, MAPPING
from app.jobs.jobs import Job


class Preferences(Protocol):
    """What is needed of `app.settings.Settings`."""

    def get(self, workspace: UUID | str, name: str) -> Any: ...

    async def put(self, producer: Producer, workspace: UUID | str, name: str, value: Any) -> None: ...


class Understanding:
    """Completes  Settings are read at that moment; a completed plan freezes them."""

    def __init__(self, settings: Preferences, producer: Producer) -> None:
        self._settings = settings
        self._producer = producer

    def look(self, workspace: UUID, head: bytes, *, whole: bool, given: Plan | None) -> Completion:
        """Everything the head of a file tells (`whole`: it is all of it). Takes a moment. Raises Rejected."""
        defaults = Defaults(
            phone_region=self._settings.get(workspace, "phone_region"),
            date_order=self._settings.get(workspace, "date_order"),
            existing=self._settings.get(workspace, "existing"),
            labels=tuple(self._settings.get(workspace, "labels")),
        )
        return complete(
            head,
            whole=whole,
            given=given,
            defaults=defaults,
            remembered=lambda signature: self._remembered(workspace, signature),
        )

    def complete(self, job: Job, head: bytes, whole: bool) -> Plan:
        """The plan by which a job's file is cut and read. Raises Rejected."""
        return self.look(job.workspace, head, whole=whole, given=job.given).plan

    def account_plan(self, workspace: UUID, given: Plan | None) -> tuple[Plan, Existing]:
        """How people of a connected account are read; what the workspace usually does with existing ones."""
        given = given or Plan()
        wanted = given.values or Values()
        region = wanted.phone_region or self._settings.get(workspace, "phone_region")
        labels = given.labels if given.labels is not None else tuple(self._settings.get(workspace, "labels"))
        plan = Plan(values=Values(phone_region=region), existing=given.existing, labels=labels)
        return plan, self._settings.get(workspace, "existing")

    async def remember(self, job: Job) -> None:
        """Keeps the columns that a person confirmed for files with this header. Raises TryAgain."""
        plan = job.plan
        if job.given is None or job.given.columns is None or plan is None or plan.signature is None:
            return
        if self._remembered(job.workspace, plan.signature) != plan.columns:
            columns = msgspec.to_builtins(plan.columns)
            await self._settings.put(self._producer, job.workspace, MAPPING + plan.signature, columns)

    async def cancel(self, workspace: UUID, import_id: UUID) -> None:
        """Lets every importer know within milliseconds that this import is not wanted. Raises TryAgain."""
        await self._settings.put(self._producer, workspace, f"{CANCEL}{import_id}", True)

    def _remembered(self, workspace: UUID, signature: str) -> tuple[Column, ...] | None:
        found = self._settings.get(workspace, MAPPING + signature)
        return None if found is None else msgspec.convert(found, tuple[Column, ...])
