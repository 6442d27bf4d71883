"""A campaign: imports by several workspaces while a nemesis breaks the stack, then a judgement of what is left.

    python -m tests.faults.campaign --seed 7 --seconds 300 --imports 20 --workspaces 5
    python -m tests.faults.campaign --seeds 1..30

The second runs each seed in a process of its own. Exit code 0: every invariant held; 1: one did not; 2: it did not
come to a judgement. Results are appended to a file of JSON lines.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import psutil

from app.core.workspaces import workspace_id
from bench import people
from bench.client import TERMINAL, Client
from tests.faults.checker import Report, check
from tests.faults.checks.ground import Limits
from tests.faults.course import Course
from tests.faults.expected import Expectation, generate
from tests.faults.exposed import Exposed, exposed
from tests.faults.nemesis import Blow, Nemesis, choose, rage
from tests.faults.sampling import sampling, usage
from tests.faults.sending import Sender
from tests.faults.tenants import tenant
from tests.faults.witness import Witness

EVERY_SECONDS = 15
QUIET_SECONDS = 180
"""So long after the last heal an import may take to its end; what takes longer is stuck."""
VIEW_SECONDS = 20
"""So long the witnesses have to hear of it."""
START_BEFORE = 0.85
"""The last import begins when this part of the faults has begun."""
WARM_ROWS = (20_000, 20_000, *([3_000] * 6))
"""Of the imports before anything is measured: two for the importers, and small ones, which are express."""
SEED_SECONDS = 900
"""Of one of many seeds, beside the time in which things are broken."""
SUMMED = ("loss", "dup", "miscount", "stuck")
GREATEST = ("ttr_p95", "dark_p95", "view_delay", "rework")
STOP_SECONDS = 180
_NOTHING: dict[str, Any] = {"figures": {}, "broken": [], "blows": [], "lines": []}
RESULTS = Path("bench/results/campaign.jsonl")


class Broken(Exception):
    """An invariant does not hold, or an import did not end."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a campaign is. `rows`: least and most of an import; `spread`: over how long a client sends (s)."""

    seconds: float = 300
    imports: int = 20
    workspaces: int = 5
    rows: tuple[int, int] = (20, 20_000)
    every: float = EVERY_SECONDS
    cancelled: float = 0.1
    spread: float = 40
    small_disks: bool = True


@dataclass(slots=True)
class Outcome:
    """What a campaign left: `unended` are sentences about uploads that did not come to their end."""

    report: Report
    course: Course
    unended: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.report.ok and not self.unended

    def lines(self) -> list[str]:
        return [*self.report.lines(), *self.unended]


async def campaign(
    seed: int,
    shape: Shape,
    *,
    blows: Sequence[Blow] | None = None,
    limits: Limits | None = None,
    say: Callable[[str], None] = print,
) -> Outcome:
    """Runs one campaign on a stack of its own. Without `blows` the seed chooses them. Raises NotReady, DidNotStart."""
    expectation = generate(
        seed, imports=shape.imports, workspaces=shape.workspaces, rows=shape.rows, cancelled=shape.cancelled
    )
    rows = sum(len(upload.rows) for upload in expectation.uploads)
    say(f"seed {seed}: {shape.imports} imports of {rows:,} rows in {shape.workspaces} workspaces")
    outcomes: list[Outcome] = []
    with contextlib.suppress(Broken):
        async with exposed(small_disks=shape.small_disks) as stack:
            if blows is None:
                without = () if stack.small_disks else ("fill",)
                if without:
                    say("!! NO DISK IS FILLED: that needs root and the right to mount a tmpfs !!")
                blows = choose(seed, max(1, round(shape.seconds / shape.every)), without=without)
            outcomes.append(await _run(stack, expectation, shape, blows, limits, say))
            if not outcomes[0].ok:
                raise Broken  # so that its folder stays
    return outcomes[0]


async def _run(
    stack: Exposed,
    expectation: Expectation,
    shape: Shape,
    blows: Sequence[Blow],
    limits: Limits | None,
    say: Callable[[str], None],
) -> Outcome:
    slugs = {number: f"campaign-{expectation.seed}-{number}" for number in range(shape.workspaces)}
    course = Course({number: workspace_id(slug) for number, slug in slugs.items()})
    async with AsyncExitStack() as open_:
        await _warm(stack)
        clients = {number: await tenant(stack.stack, slug) for number, slug in slugs.items()}
        for client in clients.values():
            open_.push_async_callback(client.close)
        senders = []
        for upload in expectation.uploads:
            client, workspace = clients[upload.workspace], course.workspaces[upload.workspace]
            heard = Witness(client, await client.channel(), workspace, f"import {upload.number}")
            course.witnesses.append(await open_.enter_async_context(heard))
            channel = heard.channel["channel"]
            senders.append(Sender(upload, client, channel, course, spread=shape.spread))
        for number, client in clients.items():
            channel = await client.channel(scope="workspace")
            everything = Witness(client, channel, course.workspaces[number], f"workspace {number}")
            course.witnesses.append(await open_.enter_async_context(everything))
        course.before = await usage(stack.stack)
        await open_.enter_async_context(sampling(course, stack.facts()))
        unended = await _storm(stack, course, senders, shape, blows, expectation.seed, say)
        await _heard(course, senders)
        course.after = await usage(stack.stack)
        say("everything is at its end; now it is judged" if not unended else "!! SOMETHING DID NOT END !!")
        allowed = limits or Limits()
        allowed = replace(allowed, rework=allowed.rework + sum(blow.verb in ("rewind", "repeat") for blow in blows))
        return Outcome(await check(expectation, course, stack.facts(), allowed), course, unended)


async def _warm(stack: Exposed) -> None:
    """Work for every process before anything is measured: pools are open then, caches filled, and memory is taken."""
    facts = stack.facts()
    client = Client(facts["web"], facts["api_token"])
    try:
        async with asyncio.timeout(QUIET_SECONDS):
            await asyncio.gather(*(_warm_import(client, number, count) for number, count in enumerate(WARM_ROWS)))
    finally:
        await client.close()


async def _warm_import(client: Client, number: int, count: int) -> None:
    data = (people.HEADER + "".join(people.rows(count, who=f"warm{number}x"))).encode()
    made = await client.request_import(f"warm-{number}.csv", uuid4().hex, size=len(data))
    answer = await client.http.put(made["upload"]["url"], content=data)
    answer.raise_for_status()
    state: dict[str, Any] = {"status": "", "visible": False}
    while not (state["status"] in TERMINAL and state["visible"]):
        await asyncio.sleep(0.5)
        state = await client.get(f"/api/v1/imports/{made['id']}")


async def _storm(
    stack: Exposed,
    course: Course,
    senders: Sequence[Sender],
    shape: Shape,
    blows: Sequence[Blow],
    seed: int,
    say: Callable[[str], None],
) -> list[str]:
    """Everybody sends while things break; then all of it must come to its end. Answers what did not."""
    random = Random(f"storm {seed}")
    pauses = [random.uniform(0, shape.every) for _ in senders]
    began = time.monotonic()
    # Imports begin all along, however long the stack takes to be whole after a fault.
    turns = [asyncio.Event() for _ in blows]

    def struck(number: int, blow: Blow) -> None:
        turns[number].set()
        say(f"{time.monotonic() - began:6.1f} s  {blow}")

    async def import_(number: int, sender: Sender) -> None:
        await turns[int(START_BEFORE * len(blows) * number / len(senders))].wait()
        await asyncio.sleep(pauses[number])
        await sender.run()
        await sender.ended()

    tasks = {asyncio.create_task(import_(number, sender)): sender for number, sender in enumerate(senders)}
    try:
        nemesis = Nemesis(stack, course, seed)
        await rage(nemesis, blows, shape.every, struck)
        course.healed = time.time()
        say(f"{time.monotonic() - began:6.1f} s  all is healed; {sum(not task.done() for task in tasks)} imports run")
        await asyncio.wait(tasks, timeout=QUIET_SECONDS)
        say(f"{time.monotonic() - began:6.1f} s  {sum(not task.done() for task in tasks)} imports run")
        return [
            f"upload {sender.upload.number} ({sender.id or 'not answered'}) did not end: "
            + (f"{task.exception()}" if task.done() else sender.trouble)
            for task, sender in tasks.items()
            if not task.done() or task.exception()
        ]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _heard(course: Course, senders: Sequence[Sender]) -> None:
    """Gives every page the time it is allowed to show the ends; the checker says who did not."""

    async def hears(witness: Witness, sender: Sender) -> None:
        await witness.until(sender.id, lambda state: state["status"] in TERMINAL, VIEW_SECONDS)

    pairs = [
        (witness, sender)
        for witness in course.witnesses
        for sender in senders
        if sender.id and witness.name in (f"import {sender.upload.number}", f"workspace {sender.upload.workspace}")
    ]
    await asyncio.gather(*(hears(witness, sender) for witness, sender in pairs), return_exceptions=True)


def _recorded(seed: int, shape: Shape, outcome: Outcome | None, trouble: str, took: float) -> dict[str, Any]:
    return {
        "seed": seed,
        "at": round(time.time()),
        "shape": {"seconds": shape.seconds, "imports": shape.imports, "rows": shape.rows, "every": shape.every},
        "took": round(took, 1),
        "ok": outcome is not None and outcome.ok,
        "trouble": trouble,
        "figures": outcome.report.figures if outcome else {},
        "broken": outcome.report.broken if outcome else [],
        "blows": [fault.what for fault in outcome.course.faults] if outcome else [],
        "lines": outcome.lines() if outcome else [],
    }


def _one(seed: int, shape: Shape, limits: Limits, results: Path) -> int:
    """One seed, in this process. Answers the exit code."""

    def say(what: str) -> None:
        print(what, flush=True)

    async def run() -> Outcome:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await campaign(seed, shape, limits=limits, say=say)

    # Its clients are meant to lose their connections; they need not tell of each.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    began = time.monotonic()
    outcome, trouble = None, ""
    try:
        outcome = asyncio.run(run())
    except (Exception, asyncio.CancelledError, KeyboardInterrupt) as error:
        trouble = f"{type(error).__name__}: {error}"
        traceback.print_exc()
    _append(results, _recorded(seed, shape, outcome, trouble, time.monotonic() - began))
    for line in outcome.lines() if outcome else [trouble]:
        say(line)
    return 2 if outcome is None else int(not outcome.ok)


def _append(results: Path, record: dict[str, Any]) -> None:
    results.parent.mkdir(parents=True, exist_ok=True)
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def _many(seeds: Sequence[int], arguments: Sequence[str], limit: float, results: Path) -> int:
    """Each seed in a process of its own, ended when it takes too long; a line for each, and one for all."""
    codes = [_apart(seed, arguments, limit, results) for seed in seeds]
    print(*summary(_read(results), seeds), sep="\n", flush=True)
    return max(codes)


def _apart(seed: int, arguments: Sequence[str], limit: float, results: Path) -> int:
    print(f"--- seed {seed}", flush=True)
    before = len(_read(results))
    command = [sys.executable, "-m", "tests.faults.campaign", "--seed", str(seed), *arguments]
    with subprocess.Popen(command) as one:
        try:
            code = one.wait(limit)
        except subprocess.TimeoutExpired:
            code = 2
            one.terminate()  # it stops what it started
            with contextlib.suppress(subprocess.TimeoutExpired):
                one.wait(STOP_SECONDS)
        if one.poll() is None:
            for process in [*psutil.Process(one.pid).children(recursive=True), psutil.Process(one.pid)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
    if len(_read(results)) == before:  # it did not even get to say why
        trouble = f"no judgement within {limit:.0f} s, exit code {one.returncode}"
        _append(results, {"seed": seed, "ok": False, "trouble": trouble, "took": limit, **_NOTHING})
        code = 2
    return code


def _read(results: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()] if results.exists() else []


def summary(records: Sequence[dict[str, Any]], seeds: Sequence[int]) -> list[str]:
    """The newest result of each of these seeds in a line, and all of them in the last."""
    newest = {record["seed"]: record for record in records}
    judged = [newest[seed] for seed in seeds if seed in newest and newest[seed]["figures"]]
    lines = []
    for seed in seeds:
        record = newest.get(seed)
        if record is None:
            lines.append(f"seed {seed:>4}: no result")
            continue
        figures = "  ".join(f"{name}={value:g}" for name, value in record["figures"].items())
        verdict = "holds" if record["ok"] else f"BROKEN {' '.join(record['broken'])} {record['trouble']}".rstrip()
        lines.append(
            f"seed {seed:>4}: {verdict:<12}  {figures}  ({record['took']:.0f} s, {len(record['blows'])} faults)"
        )
    together = [f"{name}={sum(each['figures'][name] for each in judged):g}" for name in SUMMED if judged]
    together += [f"{name}<={max(each['figures'][name] for each in judged):.3g}" for name in GREATEST if judged]
    good = sum(record["ok"] for record in judged)
    lines.append(
        f"{good} of {len(seeds)} seeds hold, {sum(len(each['blows']) for each in judged)} faults  {'  '.join(together)}"
    )
    return lines


def _seeds(text: str) -> list[int]:
    first, _, last = text.partition("..")
    return list(range(int(first), int(last or first) + 1))


def main() -> None:
    given = sys.argv[1:]
    parser = argparse.ArgumentParser(prog="python -m tests.faults.campaign", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--seed", type=int, help="one campaign, here")
    which.add_argument("--seeds", type=_seeds, help="FIRST..LAST, one after the other")
    parser.add_argument("--seconds", type=float, default=300, help="over how long things are broken")
    parser.add_argument("--every", type=float, default=EVERY_SECONDS, help="seconds from one fault to the next")
    parser.add_argument("--imports", type=int, default=20)
    parser.add_argument("--workspaces", type=int, default=5)
    parser.add_argument("--rows", type=int, default=20_000, help="of the greatest import")
    parser.add_argument(
        "--recovery", type=float, default=15, help="seconds to go on after a fault (p95) that are allowed"
    )
    parser.add_argument("--view", type=float, default=5, help="seconds until the last page shows what is true")
    parser.add_argument("--rework", type=float, default=1.1, help="how often work may be done on an average")
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    if asked.seeds:
        at = given.index("--seeds") if "--seeds" in given else -1
        others = (
            given[:at] + given[at + 2 :] if at >= 0 else [word for word in given if not word.startswith("--seeds=")]
        )
        raise SystemExit(_many(asked.seeds, others, 3 * asked.seconds + SEED_SECONDS, asked.results))
    shape = Shape(asked.seconds, asked.imports, asked.workspaces, (20, asked.rows), asked.every)
    limits = Limits(recovery=asked.recovery, view=asked.view, rework=asked.rework)
    raise SystemExit(_one(asked.seed, shape, limits, asked.results))


if __name__ == "__main__":
    main()
