/** When a row of the attack fails. */
import assert from "node:assert/strict";
import { parseAttack } from "../../../scripts/attack/main.ts";
import { type Row, ROWS } from "../../../scripts/attack/rows.ts";
import {
  cells,
  COLUMNS,
  failures,
  MARKDOWN_COLUMNS,
  markdownCells,
  type Measured,
  table,
} from "../../../scripts/attack/results.ts";

const MIB = 2 ** 20;
const ROW: Row = { name: "streams-10k", refusals: ["streams"] };
const GOOD: Measured = {
  name: "streams-10k",
  about: "10 000 opened",
  quietGapMs: 15,
  gapMs: 250,
  controlGapMs: 20,
  lost: 0,
  received: { "stock quotes": 3_000 },
  silent: [],
  probeMs: 40,
  rssBefore: 200 * MIB,
  rssPeak: 1_024 * MIB,
  rssAfter: 328 * MIB,
  isAlive: true,
  streams: [3, 3],
  descriptors: [40, 44],
  refusals: { streams: 8_000 },
  problems: [],
};

Deno.test("a row at its limits passes", () => {
  assert.deepEqual(failures(GOOD, ROW), []);
});

const WRONG: readonly (readonly [Partial<Measured>, RegExp])[] = [
  [{ gapMs: 251 }, /a gap of 251 ms/],
  [{ lost: 2 }, /2 good streams lost/],
  [{ silent: ["order updates"] }, /nothing on order updates/],
  [{ probeMs: 3_001 }, /a health check took 3001 ms/],
  [
    { probeMs: Infinity, probeFailure: "timeout" },
    /health checks failed: timeout/,
  ],
  [{ rssPeak: 1_025 * MIB }, /RSS reached 1025 MiB/],
  [{ rssAfter: 329 * MIB }, /RSS stays at 329 MiB, before 200 MiB/],
  [{ isAlive: false, exitCode: 133 }, /the proxy ended with 133/],
  [{ streams: [3, 5] }, /2 streams stay open/],
  [{ descriptors: [40, 45] }, /5 descriptors stay open/],
  [{ refusals: { symbols: 1 } }, /no refusal counted as streams/],
  [{ problems: ["its own words"] }, /its own words/],
];

for (const [change, expected] of WRONG) {
  const named = JSON.stringify(change);
  Deno.test(`a row fails by one thing alone: ${named}`, () => {
    const found = failures({ ...GOOD, ...change }, ROW);
    assert.equal(found.length, 1);
    assert.match(found[0] ?? "", expected);
  });
}

Deno.test("of a proxy that has ended only its end and its gap are reported", () => {
  const found = failures(
    { ...GOOD, isAlive: false, lost: 3, probeMs: Infinity, refusals: {} },
    ROW,
  );
  assert.deepEqual(found, ["the proxy ended"]);
});

Deno.test("memory after a first wave may stay, and must not grow from wave to wave", () => {
  const found = (...waves: readonly number[]) => {
    const rssWaves = waves.map((mib) => mib * MIB);
    return failures({ ...GOOD, rssAfter: rssWaves.at(-1) ?? 0, rssWaves }, ROW);
  };
  assert.deepEqual(found(456, 470, 456, 488), []);
  assert.deepEqual(found(457, 457), ["RSS stays at 457 MiB, before 200 MiB"]);
  assert.deepEqual(found(300, 320, 333), ["RSS grows from 300 MiB to 333 MiB in 2 more waves"]);
  assert.deepEqual(found(329), ["RSS stays at 329 MiB, before 200 MiB"]);
});

Deno.test("a row without refusals does not ask for any", () => {
  const row: Row = { name: "ping-flood" };
  assert.deepEqual(failures({ ...GOOD, refusals: {} }, row), []);
});

Deno.test("each line of the table has all columns", () => {
  const line = cells(GOOD, []);
  assert.equal(line.length, COLUMNS.length);
  const text = table([
    COLUMNS,
    line,
    cells({ ...GOOD, isAlive: false }, ["x"]),
  ]);
  const [header = "", good = "", bad = ""] = text.split("\n");
  assert.equal(header.indexOf("result"), good.indexOf("pass"));
  assert.equal(header.indexOf("result"), bad.indexOf("FAIL: x"));
});

Deno.test("all rows run by default, at full size", () => {
  const options = parseAttack([]);
  assert(options !== "help");
  assert.equal(options.rows, ROWS);
  assert.equal(options.scale, 1);
  assert.equal(new Set(ROWS.map(({ name }) => name)).size, ROWS.length);
});

Deno.test("rows are chosen by name, an unknown name is an error that names it", () => {
  const options = parseAttack(["--only", "metadata,hosts", "--quick"]);
  assert(options !== "help");
  assert.deepEqual(options.rows.map(({ name }) => name), ["metadata", "hosts"]);
  assert(options.scale < 1);
  assert.throws(() => parseAttack(["--only", "nothing"]), /"nothing"/);
  assert.equal(parseAttack(["--help"]), "help");
});

Deno.test("the Markdown table has what was met, and memory before, at the peak and after", () => {
  const line = markdownCells(GOOD, ["a gap"]);
  assert.equal(line.length, MARKDOWN_COLUMNS.length);
  assert.deepEqual(line, [
    "`streams-10k`",
    "10 000 opened; counted: streams 8000; **a gap**",
    "250",
    "40",
    "200",
    "1024",
    "328",
  ]);
  const [, met] = markdownCells({ ...GOOD, refusals: {} }, []);
  assert.equal(met, "10 000 opened");
});
