// What the picture shows at a moment: boxes for processes and topics, and the ways between them with what moves there.
// Pure: the model in, plain values out.

import { LAYERS, PROCESS, TOPIC } from "./layout.js";
import { WRITES } from "./model.js";

const FAREWELL = 6; // seconds for which somebody who left is still seen leaving
const TONES = 6;

export function scene(model, now) {
  const processes = model.processes(now).filter((one) => one.alive || one.silent || now - one.finished_at < FAREWELL);
  const topics = new Map(model.topics(now).map((topic) => [topic.name, topic]));
  const layers = LAYERS.map(({ kinds, topics: names }) =>
    kinds
      ? kinds.flatMap((kind) => processes.filter((one) => one.kind === kind)).map((one) => ({ ...PROCESS, id: one.id, process: one, tone: tone(one) }))
      : names.filter((name) => topics.has(name)).map((name) => box(model, topics.get(name), now)),
  );
  const shown = new Set(layers.flat().map(({ id }) => id));
  const ways = [...reading(model, processes, now), ...writing(model, processes, topics, now)];
  return { layers, ways: ways.filter(({ from, to }) => shown.has(from) && shown.has(to)) };
}

function box(model, topic, now) {
  const partitions = model.partitions(topic.name, now).map((one) => ({ ...one, tone: one.owner ? tone(one.owner) : null }));
  const waiting = partitions.reduce((whole, one) => whole + one.waiting, 0);
  const oldest = Math.max(0, ...partitions.map((one) => one.oldest));
  return { ...TOPIC, id: topic.id, topic, partitions, waiting, oldest };
}

// importer.1 has a colour of its own, and so has importer.2.
export function tone({ name }) {
  const number = Number(/\d+$/.exec(name)?.[0] ?? 1);
  return (number - 1) % TONES;
}

function reading(model, processes, now) {
  return processes
    .filter(({ alive }) => alive)
    .flatMap((one) =>
      Object.entries(one.partitions).map(([topic, numbers]) => ({
        id: `topic:${topic} > ${one.id}`,
        from: `topic:${topic}`,
        to: one.id,
        tone: tone(one),
        rate: model.rate(one.kind, topic, numbers, now),
      })),
    );
}

// Nobody counts who of several wrote how much: what came is shared by how busy each was.
function writing(model, processes, topics, now) {
  const writers = processes.filter(({ alive }) => alive).map((one) => ({ one, busy: busy(model, one, now) }));
  return writers.flatMap(({ one, busy: mine }) =>
    (WRITES[one.kind] ?? []).map((topic) => {
      const all = writers.filter(({ one: other }) => WRITES[other.kind]?.includes(topic)).reduce((whole, { busy: its }) => whole + its, 0);
      return {
        id: `${one.id} > topic:${topic}`,
        from: one.id,
        to: `topic:${topic}`,
        tone: tone(one),
        rate: all ? ((topics.get(topic)?.rate ?? 0) * mine) / all : 0,
      };
    }),
  );
}

function busy(model, one, now) {
  if (one.kind === "web") return one.rate("cut");
  if (one.kind === "fetcher") return one.rate("pages");
  return Object.entries(one.partitions).reduce((whole, [topic, numbers]) => whole + model.rate(one.kind, topic, numbers, now), 0);
}
