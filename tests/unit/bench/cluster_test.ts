/** What the scenarios of a cluster compute from two looks at its processes. */
import assert from "node:assert/strict";
import {
  busiestEdge,
  cpuOf,
  cpuOfAll,
  perWrite,
  type ServingWindow,
} from "../../../bench/cluster/serving.ts";
import { markdownText } from "../../../bench/report/result.ts";
import { splitCost } from "../../../bench/scenarios/cluster_reading.ts";
import { shareOfShards } from "../../../bench/scenarios/cluster_choices.ts";

const IDLE = { written: 0, writes: 0, frames: 0, rss: 0 };
const WINDOW: ServingWindow = {
  hub: { ...IDLE, cpuMicros: 1_000 },
  nats: { cpuMicros: 2_000, inBytes: 0, outBytes: 0, inMessages: 0, outMessages: 0, rss: 0 },
  edges: [
    { ...IDLE, cpuMicros: 30_000, written: 600, writes: 60 },
    { ...IDLE, cpuMicros: 20_000, written: 400, writes: 40 },
  ],
  delivered: 1_000,
  latency: { samples: 0, p50: 0, p99: 0, p999: 0, max: 0 },
};

Deno.test("each part is divided by what all edges delivered", () => {
  assert.equal(cpuOf(WINDOW, "hub"), 1);
  assert.equal(cpuOf(WINDOW, "nats"), 2);
  assert.equal(cpuOf(WINDOW, "edges"), 50);
  assert.equal(cpuOfAll(WINDOW), 53);
  assert.equal(busiestEdge(WINDOW), 0.03);
  assert.equal(perWrite(WINDOW), 10);
});

Deno.test("a single process has neither hub nor NATS", () => {
  const { edges, delivered, latency } = WINDOW;
  const single = { edges, delivered, latency };
  assert.equal(cpuOf(single, "hub"), 0);
  assert.equal(cpuOfAll(single), 50);
});

Deno.test("a few symbols are in most shards", () => {
  assert.equal(shareOfShards(0, 16), 0);
  assert.ok(Math.abs(shareOfShards(1, 16) - 1 / 16) < 1e-9);
  assert.equal(shareOfShards(10, 1), 1);
  assert.ok(shareOfShards(50, 16) > 0.95);
});

Deno.test("rows of scenarios with the same title are one table", () => {
  const resultOf = (row: string) => ({
    scenario: row,
    about: "",
    figures: [],
    tables: [{ title: "Cost", head: ["Case"], rows: [[row]] }],
  });
  const text = markdownText([resultOf("one"), resultOf("two")]);
  assert.deepEqual(text.match(/^#.*/gm), ["### Cost"]);
  assert.match(text, /\| one +\|\n\| two +\|/);
});

Deno.test("costs per batch and per message add up to what both loads cost", () => {
  const load = (batches: number, messages: number) => ({
    batches,
    messages,
    micros: 50 * batches + 0.5 * messages,
  });
  const { perBatch, perMessage } = splitCost(load(1_000, 8_000), load(3_000, 160_000));
  assert.ok(Math.abs(perBatch - 50) < 1e-9 && Math.abs(perMessage - 0.5) < 1e-9);
  const cheaper = { batches: 3_000, messages: 160_000, micros: 60_000 };
  assert.deepEqual(splitCost(load(1_000, 8_000), cheaper, 0.5), { perBatch: 50, perMessage: 0.5 });
});
