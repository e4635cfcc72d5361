/**
 * Tables of the documentation that have the proxy, the floor and the reference in Go side by side.
 *
 * @module
 */
import type { DocumentTable, ScenarioResult } from "./result.ts";
import { short, spreadOf, spreadText } from "./spread.ts";

/** Values of the same rounds. */
interface Compared {
  readonly proxy: readonly number[];
  readonly floor: readonly number[];
  /** Empty without the reference. */
  readonly go: readonly number[];
}

/** One row: medians, and the median of the ratios with its range. */
export function comparison(name: string, { proxy, floor, go }: Compared): DocumentTable {
  const median = (values: readonly number[]) =>
    values.length === 0 ? "" : short(spreadOf(values).median);
  const ratio = (others: readonly number[]) =>
    others.length === 0
      ? ""
      : spreadText(spreadOf(others.map((other, i) => (proxy[i] ?? NaN) / other)));
  return {
    title: "CPU µs per message",
    head: ["Scenario", "Proxy", "Floor", "Ratio", "Go", "Ratio"],
    rows: [[name, median(proxy), median(floor), ratio(floor), median(go), ratio(go)]],
  };
}

/** Prefixes of the figures of each column. */
const COLUMNS = ["", "floor: ", "Go: "];

/** Figures of the proxy with those of the same name of floor and reference. */
export function besides(title: string, figures: ScenarioResult["figures"]): DocumentTable {
  const cells = new Map(figures.map(({ what, value }) => [what, spreadText(value)]));
  const own = figures.filter(({ what }) =>
    COLUMNS.slice(1).every((prefix) => !what.startsWith(prefix))
  );
  return {
    title,
    head: ["Figure", "Proxy", "Floor", "Go"],
    rows: own.map(({ what, unit }) => [
      `${what}, ${unit}`,
      ...COLUMNS.map((prefix) => cells.get(prefix + what) ?? ""),
    ]),
  };
}
