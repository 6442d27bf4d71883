// Numbers of partitions, short. Pure.

// [0, 1, 2, 3, 6, 8] -> "0–3 6 8".
export function runs(numbers) {
  const found = [];
  for (const number of numbers) {
    const run = found.at(-1);
    if (run && number === run.at(-1) + 1) run.push(number);
    else found.push([number]);
  }
  return found.flatMap((run) => (run.length > 2 ? [`${run[0]}–${run.at(-1)}`] : run)).join(" ");
}
