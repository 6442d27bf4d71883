// Where things stand in the picture: layers of processes and topics, from the left to the right where there is room,
// from the top down where there is not. Pure: sizes in, places out.

export const LAYERS = [
  { kinds: ["web", "fetcher"] },
  { topics: ["import.segments.express", "import.segments.bulk", "fetch.requests"] },
  { kinds: ["express", "importer"] },
  { topics: ["import.facts", "contacts.changed", "import.problems"] },
  { kinds: ["tracker", "projector"] },
  { topics: ["imports", "notices"] },
  { kinds: ["gateway"] },
];

export const PROCESS = { width: 124, height: 52 };
export const TOPIC = { width: 150, height: 66 };
const GAP = 14; // between neighbours of one layer
const ACROSS = 36; // at least, between two layers
const EDGE = 2; // around everything

// layers: [[{id, width, height}, ...], ...] -> {width, height, across, places: Map(id -> {x, y, width, height, layer})}
export function place(layers, room) {
  const wide = layers.map((nodes) => Math.max(0, ...nodes.map(({ width }) => width)));
  const needed = sum(wide) + (layers.length - 1) * ACROSS + 2 * EDGE;
  return needed <= room ? leftToRight(layers, wide, room) : topDown(layers, room);
}

function leftToRight(layers, wide, room) {
  const gap = (room - 2 * EDGE - sum(wide)) / Math.max(1, layers.length - 1);
  const heights = layers.map((nodes) => sum(nodes.map(({ height }) => height)) + (nodes.length - 1) * GAP);
  const height = Math.max(...heights) + 2 * EDGE;
  const places = new Map();
  let x = EDGE;
  layers.forEach((nodes, layer) => {
    let y = (height - heights[layer]) / 2;
    for (const node of nodes) {
      places.set(node.id, { x: x + (wide[layer] - node.width) / 2, y, width: node.width, height: node.height, layer });
      y += node.height + GAP;
    }
    x += wide[layer] + gap;
  });
  return { width: room, height, across: true, places };
}

function topDown(layers, room) {
  const places = new Map();
  let y = EDGE;
  layers.forEach((nodes, layer) => {
    for (const row of rows(nodes, room - 2 * EDGE)) {
      let x = (room - sum(row.map(({ width }) => width)) - (row.length - 1) * GAP) / 2;
      for (const node of row) {
        places.set(node.id, { x, y, width: node.width, height: node.height, layer });
        x += node.width + GAP;
      }
      y += Math.max(...row.map(({ height }) => height)) + GAP;
    }
    y += ACROSS - GAP;
  });
  return { width: room, height: y - ACROSS + EDGE, across: false, places };
}

function rows(nodes, room) {
  const found = [];
  let left = -1;
  for (const node of nodes) {
    if (left < node.width) {
      found.push([]);
      left = room;
    }
    found.at(-1).push(node);
    left -= node.width + GAP;
  }
  return found;
}

// Curves between neighbours. edges: [{id, from, to}] -> Map(id -> path data). Several at one side stand apart.
export function curves(edges, { places, across }) {
  const middle = ({ x, y, width, height }) => (across ? y + height / 2 : x + width / 2);
  const ends = new Map(); // "node side" -> [{edge, other}]
  for (const edge of edges) {
    const [from, to] = [places.get(edge.from), places.get(edge.to)];
    const forward = from.layer < to.layer;
    for (const [name, here, there, front] of [[edge.from, from, to, forward], [edge.to, to, from, !forward]]) {
      const side = `${name} ${front}`;
      if (!ends.has(side)) ends.set(side, []);
      ends.get(side).push({ id: edge.id, at: middle(there), here, front });
    }
  }
  const points = new Map(); // edge -> [point, point], in the order of its ends
  for (const found of ends.values()) {
    found.sort((one, other) => one.at - other.at);
    found.forEach((end, index) => {
      const share = (index + 1) / (found.length + 1);
      const { x, y, width, height } = end.here;
      const point = across
        ? { x: end.front ? x + width : x, y: y + height * (0.15 + 0.7 * share) }
        : { x: x + width * (0.15 + 0.7 * share), y: end.front ? y + height : y };
      if (!points.has(end.id)) points.set(end.id, new Map());
      points.get(end.id).set(end.here, point);
    });
  }
  return new Map(
    edges.map((edge) => {
      const two = points.get(edge.id);
      return [edge.id, curve(two.get(places.get(edge.from)), two.get(places.get(edge.to)), across)];
    }),
  );
}

function curve(from, to, across) {
  const [dx, dy] = across ? [(to.x - from.x) / 2, 0] : [0, (to.y - from.y) / 2];
  const n = (value) => Math.round(value * 10) / 10;
  return `M${n(from.x)} ${n(from.y)}C${n(from.x + dx)} ${n(from.y + dy)} ${n(to.x - dx)} ${n(to.y - dy)} ${n(to.x)} ${n(to.y)}`;
}

function sum(numbers) {
  return numbers.reduce((whole, number) => whole + number, 0);
}
