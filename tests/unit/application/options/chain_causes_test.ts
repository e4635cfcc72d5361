/**
 * The documented causes and limits of loading chains.
 *
 * @module
 */
import assert from "node:assert/strict";
import { LOAD_CAUSES } from "../../../../src/application/options/load_causes.ts";
import { CHAIN_REQUESTS } from "../../../../src/application/options/option_chain_cache.ts";
import { CONTRACTS_PER_REQUEST } from "../../../../src/application/ports/option_catalog.ts";

const page = await Deno.readTextFile(
  new URL("../../../../docs/subscriptions.md", import.meta.url),
);
const [, section = ""] = /^### When a chain is loaded\n([^]*?)^### /m.exec(page) ?? [];
const prose = section.replaceAll(/\s+/g, " ");

/** Describes the pause of a cause as the table does. */
function pauseOf({ firstMs, longestMs }: { firstMs: number; longestMs: number }): string {
  const [first, longest] = [firstMs / 60_000, longestMs / 60_000];
  if (longest === 0) return "none";
  if (first === longest) return `${first} min`;
  return first === 0
    ? `none 8 times a day, then ${longest} min`
    : `${first} min, doubling to ${longest} min`;
}

Deno.test("the documentation has every cause of a load with its pause", () => {
  const documented = [...section.matchAll(/^\| (.*?) +\| (.*?) +\|$/gm)]
    .map(([, cause, pause]) => [cause, pause])
    .slice(2); // the header
  const expected = Object.values(LOAD_CAUSES).map((cause) => [cause.label, pauseOf(cause)]);
  assert.deepEqual(documented, expected);
});

Deno.test("the documentation has the most requests for chains", () => {
  const { first, again } = CHAIN_REQUESTS;
  const limits = [
    `missing are loaded with at most ${first.perMinute} requests per minute, ` +
    `${first.burst} without a pause`,
    `loaded again with at most ${again.perMinute} per minute, ${again.burst} without a pause`,
    `One request returns ${CONTRACTS_PER_REQUEST.toLocaleString("en-US")} contracts`,
  ];
  for (const limit of limits) assert.ok(prose.includes(limit), limit);
});
