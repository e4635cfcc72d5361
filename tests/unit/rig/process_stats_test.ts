/** Parsing of process statistics and of the metrics page. */
import assert from "node:assert/strict";
import { parseStats, ProcessSampler } from "../../../scripts/rig/process_stats.ts";
import { parseMetrics, total } from "../../../scripts/rig/child_processes.ts";

Deno.test("kB of the kernel become bytes", () => {
  assert.deepEqual(parseStats("100 60 7"), {
    rss: 102_400,
    anonymous: 61_440,
    descriptors: 7,
  });
});

Deno.test("a process that has ended has no statistics", () => {
  assert.equal(parseStats("0 0 1"), undefined);
});

Deno.test("a process is sampled, one that does not exist is undefined", async () => {
  await using sampler = new ProcessSampler();
  const [own, none] = await Promise.all([
    sampler.sample(Deno.pid),
    sampler.sample(2 ** 30),
  ]);
  assert(own && own.rss > 10 * 2 ** 20 && own.rss >= own.anonymous);
  assert(own.descriptors > 3);
  assert.equal(none, undefined);
});

Deno.test("a metric is summed over its labels, not over other names with its prefix", () => {
  const metrics = parseMetrics(
    '# HELP a x\na{l="1"} 2\na{l="2"} 3\nab 7\nb 1.5e3\n',
  );
  assert.equal(total(metrics, "a"), 5);
  assert.equal(total(metrics, "b"), 1500);
  assert.equal(total(metrics, "none"), 0);
});
