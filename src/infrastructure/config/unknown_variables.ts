/**
 * Finds variables whose names are misspelled settings.
 *
 * @module
 */
import { ALL_SETTINGS } from "./settings.ts";
import type { Env } from "./settings_reader.ts";

/** Prefixes of this program's variables. */
const PREFIX = /^(STREAM_PROXY|ALPACA)_/i;

/** Variables by which clients find the proxy; they may share its environment. */
const CLIENT_VARIABLES: ReadonlySet<string> = new Set([
  "STREAM_PROXY_ADDRESS",
  "STREAM_PROXY_ENDPOINT",
  "STREAM_PROXY_URL",
]);

/** One warning per unknown variable, with the most similar setting, no value. */
export function unknownVariables(env: Env): string[] {
  const known = ALL_SETTINGS.flatMap((row) => [row.name, ...row.aliases]);
  return Object.keys(env)
    .filter((name) => PREFIX.test(name) && !known.includes(name) && !CLIENT_VARIABLES.has(name))
    .sort()
    .map((name) => {
      const similar = mostSimilar(name, known);
      return `${name} is not a known setting and is ignored` +
        (similar === undefined ? "" : `; did you mean ${similar}?`);
    });
}

/** The most similar of `known`, unless a quarter of the letters differ. */
function mostSimilar(
  name: string,
  known: readonly string[],
): string | undefined {
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

/** Optimal string alignment: insertions, deletions, replacements, swaps. */
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
