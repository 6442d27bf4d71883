// Quantiles of how late events were, from counts under upper bounds (as Prometheus' histograms count). Pure.

const NARROW = 20; // events below this number say nothing about one in a hundred

// Sums counts of several processes: [{"0.01": 3, "+Inf": 4}, ...] -> the same shape.
export function summed(all) {
  const sum = {};
  for (const delays of all) for (const [bound, count] of Object.entries(delays)) sum[bound] = (sum[bound] ?? 0) + count;
  return sum;
}

// What came between two looks; a count that fell began anew.
export function between(before, after) {
  const fell = Object.entries(before).some(([bound, count]) => (after[bound] ?? 0) < count);
  if (fell) return after;
  return Object.fromEntries(Object.entries(after).map(([bound, count]) => [bound, count - (before[bound] ?? 0)]));
}

// The delay (seconds) that a share of events did not exceed, between two bounds by proportion; null where too few came.
export function quantile(counts, share) {
  const bounds = Object.entries(counts)
    .map(([bound, count]) => ({ bound: bound === "+Inf" ? Infinity : Number(bound), count }))
    .sort((one, other) => one.bound - other.bound);
  const all = bounds.at(-1)?.count ?? 0;
  if (!all || all * (1 - share) * NARROW < 1) return null;
  let below = { bound: 0, count: 0 };
  for (const here of bounds) {
    if (here.count >= share * all) {
      if (here.bound === Infinity) return below.bound;
      const part = (share * all - below.count) / Math.max(1, here.count - below.count);
      return below.bound + part * (here.bound - below.bound);
    }
    below = here;
  }
  return null;
}
