/** The tables in which the bench compares the proxy with floor and reference. */
import assert from "node:assert/strict";
import { besides, comparison } from "../../../bench/report/comparison.ts";
import { figure } from "../../../bench/report/result.ts";

Deno.test("a ratio is the median of the ratios of single rounds, not of the medians", () => {
  const { rows } = comparison("name", { proxy: [2, 6, 4], floor: [1, 2, 4], go: [4, 4, 4] });
  assert.deepEqual(rows, [["name", "4", "2", "2 (1–3)", "4", "1 (0.50–1.50)"]]);
});

Deno.test("cells of what was not measured are empty", () => {
  const { rows } = comparison("name", { proxy: [2], floor: [], go: [] });
  assert.deepEqual(rows, [["name", "2", "", "", "", ""]]);
});

Deno.test("a figure of the proxy is beside those of floor and reference", () => {
  const { rows } = besides("title", [
    figure("RSS", "MiB", [90]),
    figure("floor: RSS", "MiB", [60]),
    figure("Go: RSS", "MiB", [13]),
    figure("heap", "MiB", [20]),
  ]);
  assert.deepEqual(rows, [["RSS, MiB", "90", "60", "13"], ["heap, MiB", "20", "", ""]]);
});
