// All that was told about processes, groups and topics, and what follows from it. Pure: times are given in seconds.

import { between, quantile, summed } from "./delays.js";
import { Meters } from "./meter.js";

export const KINDS = ["web", "gateway", "importer", "express", "tracker", "projector", "fetcher"];
export const SILENT = 25; // seconds after which whoever says nothing is not there
export const LINGER = 600; // seconds for which those that are gone are listed
const MINUTE = 60;

// Who writes to which topic; who reads it is told by partitions and groups.
export const WRITES = {
  web: ["import.segments.express", "import.segments.bulk", "fetch.requests"],
  fetcher: ["import.segments.bulk"],
  importer: ["import.facts", "contacts.changed", "import.problems"],
  express: ["import.facts", "contacts.changed", "import.problems"],
  projector: ["import.facts"],
  tracker: ["imports", "notices"],
};

export class Model {
  #seen = new Map();
  #meters = new Map();
  #delays = []; // {at, counts} of the last minute, all gateways together
  #rows = []; // {at, rate}

  // A record of `telemetry`, heard `now`; answers whether it was news.
  take(seen, now = seen.version / 1000) {
    const known = this.#seen.get(seen.id);
    if (known && known.version >= seen.version) return false;
    this.#seen.set(seen.id, seen);
    if (!this.#meters.has(seen.id)) this.#meters.set(seen.id, new Meters());
    this.#measure(seen, this.#meters.get(seen.id), seen.version / 1000, now);
    return true;
  }

  #measure(seen, meters, at, heard) {
    if (seen.type === "telemetry.process") {
      for (const [name, total] of Object.entries(seen.figures ?? {})) meters.add(name, at, total, heard);
      meters.add("cpu", at, seen.cpu ?? 0, heard);
      if (Object.keys(seen.delays ?? {}).length) this.#remember(at);
    } else if (seen.type === "telemetry.group") {
      for (const [topic, places] of Object.entries(seen.topics))
        places.forEach(({ done }, number) => meters.add(`${topic}/${number}`, at, done, heard));
    } else if (seen.type === "telemetry.topic") {
      meters.add("ends", at, sum(seen.ends), heard);
    }
  }

  #remember(at) {
    const counts = summed(this.#all("process").map(({ delays }) => delays ?? {}));
    this.#delays.push({ at, counts });
    while (this.#delays.length > 1 && at - this.#delays[1].at > MINUTE) this.#delays.shift();
  }

  #all(kind) {
    return [...this.#seen.values()].filter(({ type }) => type === `telemetry.${kind}`);
  }

  // Every process, in the order of KINDS and of its number: what it said, `alive`, `silent`, and rates a second.
  processes(now) {
    return this.#all("process")
      .filter(({ finished_at: at }) => !at || now - at < LINGER)
      .map((seen) => {
        const ended = seen.status !== "running";
        const silent = !ended && now - seen.version / 1000 > SILENT;
        const meters = this.#meters.get(seen.id);
        const rate = (name) => (ended || silent ? 0 : meters.rate(name, now));
        const partitions = seen.partitions ?? {};
        const waiting = this.#waiting(seen.kind, partitions);
        return { ...seen, partitions, waiting, ended, silent, alive: !ended && !silent, rate, load: rate("cpu") };
      })
      .sort(inOrder);
  }

  #waiting(group, partitions) {
    const topics = this.#seen.get(`group:${group}`)?.topics ?? {};
    return sum(Object.entries(partitions).flatMap(([topic, numbers]) => numbers.map((number) => topics[topic]?.[number]?.waiting ?? 0)));
  }

  // Each group: its lag by topic and in all, its members, and how many records a second it finishes.
  groups(now) {
    const members = this.processes(now).filter(({ alive }) => alive);
    return this.#all("group")
      .map((seen) => {
        const places = Object.values(seen.topics).flat();
        const here = members.filter(({ kind }) => kind === seen.name);
        const behind = sum(places.map(({ waiting = 0 }) => waiting));
        const oldest = Math.max(0, ...places.map((place) => age(place, seen, now)));
        const rate = sum(Object.entries(seen.topics).map(([topic]) => this.rate(seen.name, topic, null, now)));
        return { ...seen, members: here, behind, oldest, rate, rebalances: Math.max(0, ...here.map((one) => one.rebalances ?? 0)) };
      })
      .sort((one, other) => KINDS.indexOf(one.name) - KINDS.indexOf(other.name));
  }

  topics(now) {
    return this.#all("topic").map((seen) => ({
      ...seen,
      records: sum(seen.ends) - sum(seen.begins),
      rate: this.#meters.get(seen.id).rate("ends", now),
    }));
  }

  // Records a second that a group finishes on a topic: on these partitions, or on all.
  rate(group, topic, numbers, now) {
    const seen = this.#seen.get(`group:${group}`);
    const meters = this.#meters.get(`group:${group}`);
    const places = seen?.topics[topic] ?? [];
    return sum((numbers ?? places.map((_, number) => number)).map((number) => meters?.rate(`${topic}/${number}`, now) ?? 0));
  }

  // The partitions of a topic with who owns each of them and what waits there.
  partitions(topic, now) {
    const group = this.#all("group").find(({ topics }) => topic in topics);
    const owners = new Map();
    for (const process of this.processes(now))
      if (process.alive) for (const number of process.partitions[topic] ?? []) owners.set(number, process);
    const places = group?.topics[topic] ?? this.#seen.get(`topic:${topic}`)?.ends.map((end) => ({ end, done: end })) ?? [];
    return places.map((place, number) => ({
      number,
      owner: owners.get(number) ?? null,
      end: place.end,
      done: place.done,
      waiting: place.waiting ?? 0,
      oldest: group ? age(place, group, now) : 0,
    }));
  }

  // The numbers on top of the page. `p50` and `p99` are seconds, null while too few events came.
  figures(now) {
    const processes = this.processes(now);
    const groups = this.groups(now).filter(({ name }) => name !== "gateway");
    const [first, last] = [this.#delays[0], this.#delays.at(-1)];
    const late = first && last ? between(first.counts, last.counts) : {};
    return {
      rows: sum(processes.map(({ rate }) => rate("rows"))),
      behind: sum(groups.map(({ behind }) => behind)),
      oldest: Math.max(0, ...groups.map(({ oldest }) => oldest)),
      p50: quantile(late, 0.5),
      p99: quantile(late, 0.99),
      sockets: sum(processes.filter(({ alive }) => alive).map(({ figures }) => figures?.sockets ?? 0)),
      letters: this.#seen.get("topic:dead")?.letters ?? 0,
      rebalances: sum(this.groups(now).map(({ rebalances }) => rebalances)),
    };
  }

  // Rows a second of the last two minutes, a mark a second; called once a second.
  history(now) {
    this.#rows.push({ at: now, rate: this.figures(now).rows, importers: this.count("importer", now) });
    while (this.#rows.length && now - this.#rows[0].at > 2 * MINUTE) this.#rows.shift();
    return this.#rows;
  }

  count(kind, now) {
    return this.processes(now).filter((process) => process.alive && process.kind === kind).length;
  }
}

// How old what waits is by now: it goes on growing older between two looks.
function age({ waiting = 0, oldest = 0 }, seen, now) {
  return waiting ? oldest + Math.max(0, now - seen.version / 1000) : 0;
}

function inOrder(one, other) {
  return KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind) || one.name.localeCompare(other.name, "en", { numeric: true });
}

function sum(numbers) {
  return numbers.reduce((whole, number) => whole + number, 0);
}
