"""A short campaign: seven faults of different kinds within a minute, and every invariant holds."""

import logging

from tests.faults.campaign import Shape, campaign, summary
from tests.faults.checks.ground import Limits
from tests.faults.nemesis import KINDS, Blow, choose

SEED = 1
BLOWS = (
    Blow("kill", "importer.1"),
    Blow("mute", "express.1", "postgres", 2),
    Blow("flush", "valkey"),
    Blow("repeat", "import.facts"),
    Blow("kill", "postgres"),
    Blow("freeze", "tracker.1", seconds=5),
    Blow("kill", "kafka"),
)
# How fast it all comes back is for the long campaign on a quiet machine to measure.
PATIENT = Limits(recovery=60, view=30, rework=3, memory=2)


async def test_a_short_campaign_loses_doubles_and_miscounts_nothing() -> None:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    shape = Shape(imports=6, workspaces=2, rows=(20, 4_000), every=3, spread=12, small_disks=False)
    outcome = await campaign(SEED, shape, blows=BLOWS, limits=PATIENT)
    assert outcome.ok, "\n".join(outcome.lines())
    assert [fault.what for fault in outcome.course.faults] == [str(blow) for blow in BLOWS]


def test_the_same_seed_breaks_the_same_things() -> None:
    assert choose(7, 40) == choose(7, 40)
    assert choose(7, 40) != choose(8, 40)


def test_no_kind_comes_twice_before_all_came_once() -> None:
    kinds = [kind for blow in choose(3, len(KINDS)) for kind, blows in KINDS.items() if blow in blows]
    assert sorted(kinds) == sorted(KINDS)
    assert all(blow.verb != "fill" for blow in choose(3, 100, without=("fill",)))


def test_a_summary_counts_what_did_not_come_to_a_judgement_as_not_held() -> None:
    figures = {
        "loss": 0,
        "dup": 0,
        "miscount": 0,
        "stuck": 0,
        "ttr_p95": 3.0,
        "dark_p95": 1.0,
        "view_delay": 0.5,
        "rework": 1.0,
    }
    held = {"seed": 1, "ok": True, "figures": figures, "broken": [], "trouble": "", "took": 60.0, "blows": ["kill web"]}
    broken = {**held, "seed": 2, "ok": False, "broken": ["I2"], "figures": {**figures, "loss": 2, "ttr_p95": 20.0}}
    failed = {**held, "seed": 3, "ok": False, "figures": {}, "blows": [], "trouble": "NotReady: web"}
    lines = summary([held, broken, failed], [1, 2, 3, 4])
    assert "holds" in lines[0]
    assert "BROKEN I2" in lines[1]
    assert "NotReady" in lines[2]
    assert lines[3] == "seed    4: no result"
    assert lines[4].startswith("1 of 4 seeds hold, 2 faults")
    assert "loss=2" in lines[4]
    assert "ttr_p95<=20" in lines[4]
