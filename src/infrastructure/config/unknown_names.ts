/**
 * Variables that look like ours and are not: the trap of the misspelt name.
 *
 * @module
 */
import { ALL_SETTINGS } from "./settings.ts";
import type { Env } from "./settings_reader.ts";

const OURS = /^(STREAM_PROXY|ALPACA)_/i;

/** What clients read to find the proxy: at home in an environment they share. */
const OF_CLIENTS: ReadonlySet<string> = new Set([
  "STREAM_PROXY_ADDRESS",
  "STREAM_PROXY_ENDPOINT",
  "STREAM_PROXY_URL",
]);

/** One warning per unknown variable, with the nearest name; values untold. */
export function unknownNames(env: Env): string[] {
  const known = ALL_SETTINGS.flatMap((row) => [row.name, ...row.aliases]);
  return Object.keys(env)
    .filter((name) =>
      OURS.test(name) && !known.includes(name) && !OF_CLIENTS.has(name)
    )
    .sort()
    .map((name) => {
      const near = nearest(name, known);
      return `${name} is not a known setting and is ignored` +
        (near === undefined ? "" : `; did you mean ${near}?`);
    });
}

/** The most alike of `known`, if it is alike enough to be meant. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const limit = Math.max(2, Math.floor(name.length / 4));
  let best: { name: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(name.toUpperCase(), candidate);
    if (distance <= limit && distance < (best?.distance ?? Infinity)) {
      best = { name: candidate, distance };
    }
  }
  return best?.name;
}

/** Letters to insert, delete, replace or swap with a neighbour. */
function editDistance(left: string, right: string): number {
  let before: number[] = [];
  let above = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const cost = left[row - 1] === right[column - 1] ? 0 : 1;
      let distance = Math.min(
        (above[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + cost,
      );
      const swapped = row > 1 && column > 1 &&
        left[row - 1] === right[column - 2] &&
        left[row - 2] === right[column - 1];
      if (swapped) distance = Math.min(distance, (before[column - 2] ?? 0) + 1);
      current.push(distance);
    }
    before = above;
    above = current;
  }
  return above[right.length] ?? 0;
}
