import assert from "node:assert/strict";
import { test } from "node:test";

import { between, quantile, summed } from "../../frontend/static/js/operate/delays.js";
import { LAYERS, PROCESS, TOPIC, curves, place } from "../../frontend/static/js/operate/layout.js";
import { Meter } from "../../frontend/static/js/operate/meter.js";
import { Model, SILENT } from "../../frontend/static/js/operate/model.js";
import { runs } from "../../frontend/static/js/operate/runs.js";
import { scene } from "../../frontend/static/js/operate/scene.js";

const AT = 1_795_000_000;
const BULK = "import.segments.bulk";

const process = (name, changes = {}) => ({
  type: "telemetry.process",
  id: `process:${name}`,
  version: AT * 1000,
  status: "running",
  finished_at: null,
  name,
  kind: name.split(".")[0],
  started_at: AT - 60,
  missing: "",
  partitions: {},
  rebalances: 1,
  figures: {},
  delays: {},
  cpu: 0,
  memory: 0,
  ...changes,
});
const group = (done, changes = {}) => ({
  type: "telemetry.group",
  id: "group:importer",
  version: AT * 1000,
  status: "running",
  name: "importer",
  topics: { [BULK]: done.map((offset) => ({ end: 100, done: offset, waiting: 100 - offset, oldest: offset < 100 ? 2 : 0 })) },
  paused: false,
  ...changes,
});
const topic = (name, ends) => ({ type: "telemetry.topic", id: `topic:${name}`, version: AT * 1000, status: "running", name, begins: ends.map(() => 0), ends });
const told = (...all) => {
  const model = new Model();
  for (const seen of all) model.take(seen);
  return model;
};
const names = (processes) => processes.map(({ name }) => name);

test("of two records the higher version holds, whichever came first", () => {
  const model = told(process("importer.1", { version: AT * 1000 + 2, memory: 2 }));
  assert.equal(model.take(process("importer.1", { version: AT * 1000 + 1, memory: 1 })), false);
  assert.equal(model.take(process("importer.1", { version: AT * 1000 + 2, memory: 3 })), false);
  assert.equal(model.processes(AT)[0].memory, 2);
});

test("processes stand in the order of the work, and by number", () => {
  const model = told(...["importer.10", "projector.1", "importer.2", "web", "gateway.1"].map((name) => process(name)));
  assert.deepEqual(names(model.processes(AT)), ["web", "gateway.1", "importer.2", "importer.10", "projector.1"]);
});

test("who says nothing for long is not there, and back with the next word", () => {
  const model = told(process("importer.1"));
  assert.equal(model.processes(AT + SILENT - 1)[0].alive, true);
  assert.equal(model.processes(AT + SILENT + 1)[0].silent, true);
  assert.equal(model.count("importer", AT + SILENT + 1), 0);
  model.take(process("importer.1", { version: (AT + SILENT) * 1000 }));
  assert.equal(model.count("importer", AT + SILENT + 1), 1);
});

test("who said goodbye is listed for a while and counts no more", () => {
  const model = told(process("importer.1", { status: "finished", finished_at: AT }));
  assert.equal(model.count("importer", AT + 1), 0);
  assert.equal(model.processes(AT + 1)[0].ended, true);
  assert.deepEqual(model.processes(AT + 3600), []);
});

test("a rate is that of the last seconds, and nothing once news stop", () => {
  const meter = new Meter();
  for (let second = 0; second <= 20; second += 1) meter.add(second, second * 100);
  assert.equal(meter.rate(20), 100);
  assert.equal(meter.rate(23), 100);
  assert.equal(meter.rate(25), 0);
});

test("a total that fell began anew and is no negative rate", () => {
  const meter = new Meter();
  meter.add(0, 5000);
  meter.add(1, 6000);
  meter.add(2, 10);
  assert.equal(meter.rate(2), 0);
  meter.add(3, 60);
  assert.equal(meter.rate(3), 50);
});

test("news that come late count from when they are heard", () => {
  const model = told(process("importer.1", { figures: { rows: 0 } }));
  model.take(process("importer.1", { version: (AT + 1) * 1000, figures: { rows: 900 } }), AT + 9);
  assert.equal(model.figures(AT + 10).rows, 900);
  assert.equal(model.figures(AT + 14).rows, 0);
});

test("a pause does not make what follows slow", () => {
  const meter = new Meter();
  meter.add(0, 0);
  meter.add(10, 0);
  meter.add(11, 500);
  assert.equal(meter.rate(11), 500);
});

test("a group's lag is that of all its partitions, and grows older by itself", () => {
  const [found] = told(group([90, 100]), process("importer.1", { partitions: { [BULK]: [0] } })).groups(AT + 3);
  assert.equal(found.behind, 10);
  assert.equal(found.oldest, 5);
  assert.deepEqual(names(found.members), ["importer.1"]);
});

test("each partition has its owner and what waits in it", () => {
  const model = told(
    group([90, 100]),
    topic(BULK, [100, 100]),
    process("importer.1", { partitions: { [BULK]: [0] } }),
    process("importer.2", { partitions: { [BULK]: [1] }, status: "failed", finished_at: AT }),
  );
  const found = model.partitions(BULK, AT).map(({ number, owner, waiting }) => [number, owner?.name ?? null, waiting]);
  assert.deepEqual(found, [[0, "importer.1", 10], [1, null, 0]]);
});

test("a topic without readers has its partitions, too", () => {
  assert.deepEqual(told(topic("dead", [3, 1])).partitions("dead", AT).map(({ end }) => end), [3, 1]);
});

test("rows of all importers are one number", () => {
  const model = told(process("importer.1", { figures: { rows: 0 } }), process("express.1", { figures: { rows: 0 } }));
  model.take(process("importer.1", { version: (AT + 1) * 1000, figures: { rows: 1000 } }));
  model.take(process("express.1", { version: (AT + 1) * 1000, figures: { rows: 50 } }));
  assert.equal(model.figures(AT + 1).rows, 1050);
});

test("delays are those of the last minute, of all gateways", () => {
  const before = { "0.01": 50, "0.1": 100, "+Inf": 100 };
  const after = { "0.01": 50, "0.1": 200, "+Inf": 200 };
  const model = told(process("gateway.1", { delays: before }));
  assert.equal(model.figures(AT).p50, null);
  model.take(process("gateway.1", { version: (AT + 5) * 1000, delays: after }));
  assert.ok(Math.abs(model.figures(AT + 5).p50 - 0.055) < 1e-9);
});

test("a quantile lies between its bounds, and nothing is claimed of too few", () => {
  const counts = { "0.01": 90, "0.1": 100, "+Inf": 100 };
  assert.ok(quantile(counts, 0.5) < 0.01);
  assert.ok(Math.abs(quantile(counts, 0.95) - 0.055) < 1e-9);
  assert.equal(quantile({ "0.01": 2, "+Inf": 2 }, 0.99), null);
  assert.equal(quantile({}, 0.5), null);
  assert.equal(quantile({ "0.01": 0, "+Inf": 100 }, 0.5), 0.01);
});

test("a gateway that began anew counts from nothing", () => {
  assert.deepEqual(between({ "+Inf": 9 }, { "+Inf": 4 }), { "+Inf": 4 });
  assert.deepEqual(summed([{ "+Inf": 1 }, { "+Inf": 2, 1: 1 }]), { "+Inf": 3, 1: 1 });
});

const whole = (importers) =>
  told(
    process("web"),
    ...Array.from({ length: importers }, (_, number) => process(`importer.${number + 1}`, { partitions: { [BULK]: [number] } })),
    process("tracker.1"),
    process("gateway.1"),
    group([90, 100]),
    ...LAYERS.flatMap(({ topics = [] }) => topics).map((name) => topic(name, [1, 1])),
  );

test("a segment's way goes from its topic to whoever owns its partition", () => {
  const { ways } = scene(whole(2), AT);
  const reads = ways.filter(({ from }) => from === `topic:${BULK}`).map(({ to }) => to);
  assert.deepEqual(reads, ["process:importer.1", "process:importer.2"]);
});

test("who just left is still seen, with no way to it", () => {
  const model = whole(2);
  model.take(process("importer.2", { version: (AT + 1) * 1000, status: "finished", finished_at: AT + 1 }));
  const { layers, ways } = scene(model, AT + 2);
  assert.ok(layers.flat().some(({ id }) => id === "process:importer.2"));
  assert.ok(!ways.some(({ from, to }) => [from, to].includes("process:importer.2")));
  assert.ok(!scene(model, AT + 60).layers.flat().some(({ id }) => id === "process:importer.2"));
});

for (const room of [320, 720, 1060, 1400]) {
  test(`in ${room} px no box lies on another and none sticks out`, () => {
    const { layers, ways } = scene(whole(8), AT);
    const drawn = place(layers, room);
    const boxes = [...drawn.places.values()];
    for (const box of boxes) {
      assert.ok(box.x >= 0 && box.x + box.width <= drawn.width && box.y >= 0 && box.y + box.height <= drawn.height + 1e-6);
      for (const other of boxes)
        assert.ok(
          box === other ||
            box.x + box.width <= other.x || other.x + other.width <= box.x ||
            box.y + box.height <= other.y || other.y + other.height <= box.y,
        );
    }
    assert.equal(drawn.across, room > 1200);
    assert.equal(curves(ways, drawn).size, ways.length);
    assert.ok([...curves(ways, drawn).values()].every((path) => /^M[-\d. ]+C[-\d. ]+$/.test(path)));
  });
}

test("ways at one side of a box begin apart from each other", () => {
  const { layers, ways } = scene(whole(4), AT);
  const paths = curves(ways, place(layers, 1400));
  const starts = ways.filter(({ from }) => from === `topic:${BULK}`).map(({ id }) => paths.get(id).split("C")[0]);
  assert.equal(new Set(starts).size, 4);
  assert.ok(PROCESS.width + TOPIC.width > 0);
});

test("partitions are told as runs", () => {
  assert.equal(runs([0, 1, 2, 3, 6, 8, 9]), "0–3 6 8 9");
  assert.equal(runs([]), "");
});
