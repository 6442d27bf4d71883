"""One record of `fetch.requests` is one page: fetch it, keep it, tell it, ask for the next.

    fetched ──▶ kept (sealed, with the next cursor) ──▶ told (segments acknowledged) ──▶ next asked for ──▶ forgotten

A record that comes again finds its page kept and tells the same once more; it never fetches again. Only between the
answer and its keeping a crash costs a page fetched twice. After the last page the run waits until the importers are
through; then comes the sweep, if nothing was missed, and the import is sealed.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol
from uuid import UUID, uuid4

import msgspec
from msgspec.structs import replace
from prometheus_client import Counter, Gauge, Histogram

from app import trace
from app.backlog import Backlog
from app.connections import http
from app.connections.errors import TryLater
from app.connections.http import Answer, Client
from app.connections.model import Connection, Reason
from app.core.errors import Rejected
from app.core.events import FetchRequested, Source, Sweep
from app.core.topics import EXPRESS_SEGMENTS
from workers import crash
from workers.fetcher import pieces
from workers.fetcher.stand import Course, Malformed, Page, Request
from workers.fetcher.store import Run, Store
from workers.fetcher.telling import Outlet
from workers.fetcher.verdicts import (
    Expired,
    Operator,
    Permanent,
    Reauthorise,
    Retry,
    Unauthorised,
    Verdict,
    judge,
)
from workers.fetcher.watching import Progress, Waiting
from workers.harness import Hopeless, Record

log = logging.getLogger(__name__)
PAGES = Counter("addressbus_pages_total", "Requests to providers by what came of them", ["provider", "result"])
ITEMS = Counter("addressbus_items_total", "Items of providers that were put into the log", ["provider"])
SECONDS = Histogram("addressbus_page_seconds", "Time until a provider's answer was there", ["provider"])
IN_FLIGHT = Gauge("addressbus_pages_in_flight", "Requests to providers under way", ["provider"])

MOST_BYTES = 64 * 1024 * 1024
"""Of one page: a thousand people with the longest notes that Google allows."""
MOST_FAILURES = 14
"""In a row; with the pauses between them about half an hour, and far more where the provider asks for patience."""
MOST_RESTARTS = 5
LONGEST_PAUSE = 300.0

_request = msgspec.json.Decoder(FetchRequested)


class Accounts(Protocol):
    """What is needed of `app.connections.service.Connections`."""

    async def access_token(self, workspace: UUID, connection: UUID) -> str: ...

    async def refused(self, workspace: UUID, connection: UUID, token: str) -> None: ...

    async def mark_reauthorise(
        self, workspace: UUID, connection: UUID, reason: Reason, *, claims: str | None = None
    ) -> None: ...

    async def find(self, workspace: UUID, connection: UUID) -> Connection: ...


class Watching(Protocol):
    """What is needed of `watching.Watch`."""

    backlog: Backlog
    waiting: Waiting

    def progress(self, workspace: UUID, import_id: UUID) -> Progress: ...


class Fetching:
    """Handles requests for pages. `bases`: where each provider's API is, the only place that sees a token.

    `together`: requests to one provider at a time. `clock` gives Unix seconds.
    """

    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        client: Client,
        courses: Mapping[Source, Course],
        bases: Mapping[Source, str],
        outlet: Outlet,
        watch: Watching,
        *,
        together: int = 100,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._client = client
        self._courses = courses
        self._bases = bases
        self._outlet = outlet
        self._watch = watch
        self._clock = clock
        self._places = {source: asyncio.Semaphore(together) for source in courses}

    async def handle(self, record: Record) -> None:
        """Deals with one request. Raises TryAgain, Hopeless."""
        request = request_of(record)
        run = await self._run(request)
        if run is None or run.over:
            return
        if run.page is not None and request.step == run.step + 1:
            run = await self._store.advance(
                run, items=sum(map(pieces.count, run.page[1]))
            )  # the one before crashed after it had asked for us
        if run.phase == "ending":
            await self._end(run)
        elif request.step == run.step:
            await self._step(run, request)

    async def recover(self) -> None:
        """Takes up what waits, whoever began it. Raises TryAgain."""
        for request, phase, step, segments in await self._store.waiting():
            here = replace(request, step=step)
            if phase == "room":
                self._wait_for_room(here)
            else:
                self._wait_for_importers(here, segments)

    async def given_up(self, record: Record, error: Exception) -> None:
        """Ends the import of a request that was buried. Raises TryAgain."""
        try:
            request = request_of(record)
        except Hopeless:
            return  # nobody can say whose it was; it lies in the dead-letter topic
        await self._fail(request, "internal", "The import ended because of an error of ours.")

    async def _run(self, request: FetchRequested) -> Run | None:
        """Where this import stands; begins it with its first request."""
        run = await self._store.find(request.workspace, request.import_id)
        if run is not None or request.step > 0:
            return run
        try:
            account = await self._accounts.find(request.workspace, request.connection)
        except Rejected as error:
            await self._fail(request, error.code, error.detail)
            return None
        mark = await self._store.mark(request.workspace, request.connection)
        stand = self._courses[request.source].begin(
            mark, full=request.full, others=request.other_contacts, now=self._clock()
        )
        existing = request.plan.existing or ("overwrite" if mark else request.usually)
        frozen = replace(request, plan=replace(request.plan, existing=existing))
        return await self._store.begin(frozen, account.account, stand)

    async def _step(self, run: Run, request: FetchRequested) -> None:
        progress = self._watch.progress(run.workspace, run.import_id)
        if progress.unwanted:
            await self._store.fail(run)
            return
        if run.page is None:
            due = max(request.not_before, run.pause_until)
            if due > self._clock():
                await self._outlet.later(request, due)
                return
            if run.segments >= EXPRESS_SEGMENTS and self._watch.backlog.full(run.workspace):
                await self._store.wait_for_room(run)
                self._wait_for_room(replace(request, not_before=0.0))
                return
            kept = await self._fetch(run, request)
            if kept is None:
                return
            run = kept
        await self._tell(run)

    async def _tell(self, run: Run) -> None:
        """The page of this step goes into the log, then the request for the next one; then it is forgotten."""
        assert run.page is not None
        assert run.after is not None
        counts = [pieces.count(text) for text in run.page[1]]
        crash.point("kept")
        await self._outlet.page(run, counts)
        crash.point("told")
        self._watch.backlog.produced(run.workspace, run.import_id, run.segments + len(counts))
        if run.after.stage != "end":
            await self._outlet.go_on(replace(run.request, step=run.step + 1))
            crash.point("asked on")
        ITEMS.labels(run.request.source).inc(sum(counts))
        run = await self._store.advance(run, items=sum(counts))
        crash.point("forgotten")
        if run.phase == "ending":
            await self._end(run)

    # --- the end

    async def _end(self, run: Run) -> None:
        """All pages are in the log: once they are in the database, what is missing at the source is dealt with."""
        progress = self._watch.progress(run.workspace, run.import_id)
        if progress.unwanted:
            await self._store.fail(run)
            return
        if progress.parts_done < run.segments:
            self._wait_for_importers(replace(run.request, step=run.step), run.segments)
            return
        complete = not progress.failed and not progress.rejected
        if complete:
            await self._outlet.sweep(run, self._sweep(run))
            crash.point("swept")
        await self._outlet.sealed(run, run.segments + complete)
        crash.point("sealed")
        await self._store.finish(run, self._courses[run.request.source].mark(run.stand) if complete else None)

    def _sweep(self, run: Run) -> Sweep:
        stand = run.stand
        unread = () if stand.others or run.request.source != "google" else ("others",)
        return Sweep(full=stand.full, since=stand.since, unread=unread, delete=run.request.delete)

    def _wait_for_importers(self, request: FetchRequested, segments: int) -> None:
        def through() -> bool:
            progress = self._watch.progress(request.workspace, request.import_id)
            return progress.unwanted or progress.parts_done >= segments

        self._watch.waiting.add(request.workspace, request.import_id, through, lambda: self._outlet.go_on(request))

    def _wait_for_room(self, request: FetchRequested) -> None:
        def room() -> bool:
            unwanted = self._watch.progress(request.workspace, request.import_id).unwanted
            return unwanted or not self._watch.backlog.full(request.workspace)

        self._watch.waiting.add(request.workspace, request.import_id, room, lambda: self._outlet.go_on(request))

    # --- one page

    async def _fetch(self, run: Run, request: FetchRequested) -> Run | None:
        """The run with its page kept; None if something else happened, which is dealt with. Raises TryAgain."""
        source = run.request.source
        course = self._courses[source]
        verdict: Verdict
        try:
            asked = course.request(run.stand)
            answer = await self._ask(run, asked, fresh=request.failures > 0)
            if answer.status == 200:
                page = course.take(run.stand, answer.body)
                PAGES.labels(source, "page").inc()
                crash.point("fetched")
                return await self._keep(run, page)
            verdict = judge(
                source,
                answer.status,
                answer.headers,
                answer.body,
                now=self._clock(),
                cursor=bool(run.stand.cursor or run.stand.old),
            )
        except Rejected as error:  # the account is gone, or has to be connected again
            await self._fail(request, error.code, error.detail, run)
            return None
        except TryLater as error:
            verdict = Retry(error.after)
        except Malformed as error:
            log.warning(
                "an answer is not what its provider documents", extra={"run": str(run.import_id), "why": str(error)}
            )
            verdict = Retry()
        except http.Foreign as error:
            verdict = Permanent(f"The provider sent us elsewhere: {error}.")
        PAGES.labels(source, type(verdict).__name__.lower()).inc()
        await self._obey(verdict, run, request)
        return None

    async def _keep(self, run: Run, page: Page) -> Run:
        texts = list(pieces.texts(page.items))
        return await self._store.keep(run, page.stream, texts, page.after)

    async def _ask(self, run: Run, asked: Request, *, fresh: bool) -> Answer:
        """One page; a token that is refused is renewed once. Raises Rejected, TryLater, Foreign, TryAgain."""
        token = await self._accounts.access_token(run.workspace, run.connection)
        answer = await self._get(run, asked, token, fresh=fresh)
        if answer.status != 401 or not isinstance(self._judged(run, answer), Unauthorised):
            return answer
        await self._accounts.refused(run.workspace, run.connection, token)
        token = await self._accounts.access_token(run.workspace, run.connection)
        return await self._get(run, asked, token, fresh=fresh)

    def _judged(self, run: Run, answer: Answer) -> Verdict:
        return judge(run.request.source, answer.status, answer.headers, answer.body, now=self._clock())

    async def _get(self, run: Run, asked: Request, token: str, *, fresh: bool) -> Answer:
        source = run.request.source
        url = http.below(asked.url, self._bases[source])
        headers = {"Authorization": f"Bearer {token}", "client-request-id": str(uuid4()), **asked.headers}
        if fresh:
            headers["Connection"] = "close"  # what was busy may be this connection's server alone
        async with self._place(source):
            with SECONDS.labels(source).time(), trace.span("page", "client", {"addressbus.provider": source}):
                return await http.ask(self._client, "GET", url, headers=headers, most=MOST_BYTES)

    @asynccontextmanager
    async def _place(self, source: Source) -> AsyncIterator[None]:
        async with self._places[source]:
            with IN_FLIGHT.labels(source).track_inprogress():
                yield

    async def _obey(self, verdict: Verdict, run: Run, request: FetchRequested) -> None:
        match verdict:
            case Retry():
                await self._try_later(verdict.after, run, request)
            case Expired():
                await self._begin_anew(run, request)
            case Unauthorised():
                await self._ask_the_person("refused", None, run, request)
            case Reauthorise():
                await self._ask_the_person(verdict.reason, verdict.claims, run, request)
            case Operator():
                log.error("a provider is not set up", extra={"provider": request.source, "why": verdict.detail})
                await self._fail(request, "not_set_up", verdict.detail, run)
            case Permanent():
                await self._fail(request, "provider_refused", verdict.detail, run)

    async def _try_later(self, after: float | None, run: Run, request: FetchRequested) -> None:
        failures = request.failures + 1
        if failures > MOST_FAILURES:
            await self._fail(request, "provider_away", "The provider could not be reached for a long time.", run)
            return
        longest = min(2.0 ** (failures - 1), LONGEST_PAUSE)
        pause = random.uniform(longest / 2, longest) if after is None else after  # noqa: S311
        due = self._clock() + pause
        await self._store.pause(run, due)
        await self._outlet.later(replace(request, failures=failures), due)

    async def _begin_anew(self, run: Run, request: FetchRequested) -> None:
        stand = self._courses[request.source].anew(run.stand, run.segments)
        if stand.restarts > MOST_RESTARTS:
            await self._fail(request, "provider_refused", "The provider forgets where we are, again and again.", run)
            return
        log.info("a cursor is not known any more", extra={"run": str(run.import_id), "full": stand.full})
        run = await self._store.restand(run, stand, forget_marks=stand.full and not run.stand.full)
        await self._outlet.go_on(replace(request, failures=0, not_before=0.0))

    async def _ask_the_person(self, reason: Reason, claims: str | None, run: Run, request: FetchRequested) -> None:
        await self._accounts.mark_reauthorise(run.workspace, run.connection, reason, claims=claims)
        details = {
            "no_mailbox": "This account has no address book that can be read.",
            "scope": "This account was connected without the right to read contacts. Connect it again and allow that.",
        }
        detail = details.get(reason, "This account has to be connected again.")
        await self._fail(request, "no_mailbox" if reason == "no_mailbox" else "needs_consent", detail, run)

    async def _fail(self, request: FetchRequested, code: str, detail: str, run: Run | None = None) -> None:
        """The import ends here: told first, so that a crash tells it again."""
        await self._outlet.failed(request, code, detail)
        run = run or await self._store.find(request.workspace, request.import_id)
        if run is not None:
            await self._store.fail(run)
        if code == "not_connected":
            await self._store.forget(request.workspace, request.connection)


def request_of(record: Record) -> FetchRequested:
    """What a record asks for. Raises Hopeless."""
    try:
        return _request.decode(record.value or b"")
    except msgspec.DecodeError as error:
        raise Hopeless("this request for a page cannot be read") from error
