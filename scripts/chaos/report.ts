/**
 * The result of a run as text and as Markdown.
 *
 * @module
 */
import type { ChaosResult } from "./run.ts";

/** Problems that are listed. */
const MAX_PROBLEMS = 100;

/** What the columns are. */
const LEGEND = "Takeover: until another session of stocks was open after the one that ended. " +
  "Silent clients: without a message for more than 1 s, on average. " +
  "Times: least / median / 90th percentile / most.";

/** One sentence on what the clients have received. */
function summary({ clients, faults, recovered }: ChaosResult): string {
  const { market, orders, websocket, produced, events } = clients;
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const received = sum([...market, ...websocket].map(({ received }) => received));
  const upstream = sum(
    market.map(({ upstreamLost, notSubscribed }) => upstreamLost + notSubscribed),
  );
  const notRetained = sum(market.map((result) => result.notRetained));
  const opens = sum(market.map((result) => result.opens));
  return [
    `${faults.length} faults; ${produced} messages and ${events} order events produced;`,
    `${market.length} gRPC and ${websocket.length} WebSocket clients received ${received} messages`,
    `in ${opens} calls, ${upstream} more were in gaps of outages and ${notRetained} in gaps of`,
    `resumes; ${orders.length} order clients received`,
    `${sum(orders.map(({ received }) => received))} updates`,
    `(${sum(orders.map(({ reconciled }) => reconciled))} reconciled,`,
    `${
      sum(orders.map(({ replayed }) => replayed))
    } replayed). Edges read ${recovered} entries from`,
    "what NATS retains.",
  ].join(" ");
}

/** Least, median, 90th percentile and most, in seconds. */
function distribution(ms: readonly number[]): string {
  if (ms.length === 0) return "none";
  const sorted = [...ms].sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0;
  return [0, 0.5, 0.9, 1].map((part) => (at(part) / 1_000).toFixed(1)).join(" / ");
}

const HEADINGS = ["Fault", "Times", "Takeover, s", "Silent clients", "Silence, s"];

function rows({ faults }: ChaosResult): readonly (readonly string[])[] {
  return [...Map.groupBy(faults, ({ fault }) => fault)].map(([name, all]) => {
    const takeovers = all.flatMap(({ takeoverMs }) => takeoverMs === undefined ? [] : [takeoverMs]);
    const silences = all.flatMap(({ silencesMs }) => silencesMs);
    const affected = (silences.length / all.length).toFixed(0);
    return [name, String(all.length), distribution(takeovers), affected, distribution(silences)];
  });
}

/** What a terminal shows. */
export function resultLines(result: ChaosResult): readonly string[] {
  const table = [HEADINGS, ...rows(result)];
  const widths = HEADINGS.map((_, column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0))
  );
  const lines = table.map((row) =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
    ).join("  ")
  );
  const ends = new Map<string, number>();
  for (const [end, count] of result.clients.ends) ends.set(end, (ends.get(end) ?? 0) + count);
  const { problems } = result;
  const listed = problems.slice(0, MAX_PROBLEMS);
  const more = problems.length > listed.length
    ? [`and ${problems.length - listed.length} more`]
    : [];
  return [
    ...lines,
    LEGEND,
    summary(result),
    ...[...ends].map(([end, count]) => `${count} calls ended: ${end}`),
    ...(problems.length === 0 ? ["No problems"] : [`${problems.length} problems:`]),
    ...listed,
    ...more,
  ];
}

/** A table and a sentence for the documentation. */
export function markdown(result: ChaosResult): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const table = [
    line(HEADINGS),
    line(HEADINGS.map((_, column) => column === 0 ? "---" : "---:")),
    ...rows(result).map(line),
  ];
  const problems = result.problems.length === 0
    ? "Nothing was lost without a gap, delivered twice, or live while stale."
    : `${result.problems.length} problems.`;
  return `${table.join("\n")}\n\n${LEGEND}\n\n${summary(result)} ${problems}\n`;
}
