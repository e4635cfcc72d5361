/**
 * What `replay` prints about a recording.
 *
 * @module
 */
import type { RecordingDescription } from "./describe.ts";
import type { Hole } from "./feed_order.ts";
import type { ReplayReport } from "./replay.ts";
import { durationText } from "./time_text.ts";

/** Holes that are printed of each feed. */
const MAX_HOLES = 10;
/** Lateness that is not worth a line. */
const USUAL_LATE_MS = 100;

/** What was played, for the end of the command. */
export function reportText(report: ReplayReport): string {
  const { feeds, span, elapsedMs, lateMs, rounds } = report;
  let messages = 0;
  let unsubscribed = 0;
  for (const feed of feeds.values()) {
    messages += feed.messages;
    unsubscribed += feed.unsubscribed;
  }
  const lines = [
    `Played ${count(messages, "message")} in ${durationText(elapsedMs)}` +
    (rounds > 1 ? `, in ${rounds} rounds` : "") +
    `; ${count(unsubscribed, "message")} without a subscriber.`,
  ];
  if (span) {
    const length = durationText(span.to - span.from);
    lines.push(`Recorded from ${timeText(span.from)} to ${timeText(span.to)} (${length}).`);
  }
  for (const [name, feed] of feeds) {
    lines.push(`${name}: ${count(feed.messages, "message")}, ${feed.unsubscribed} unsubscribed`);
    if (feed.unreadable > 0) lines.push(`  ${feed.unreadable} cannot be decoded`);
    lines.push(...holeLines(feed.missing, feed.holes));
  }
  if (lateMs > USUAL_LATE_MS) {
    lines.push(`Up to ${durationText(lateMs)} behind the recorded pace: lower --speed.`);
  }
  return [...lines, ...damageLines(report), ""].join("\n");
}

/** What a recording has. */
export function listText(path: string, recording: RecordingDescription): string {
  const { feeds, bytes } = recording;
  const size = `${bytes.toLocaleString("en-US")} bytes`;
  if (feeds.size === 0) return [`${path}: no entries`, ...damageLines(recording), ""].join("\n");
  const from = Math.min(...feeds.values().map((feed) => feed.from));
  const to = Math.max(...feeds.values().map((feed) => feed.to));
  const lines = [
    `${path}: ${size}, ${durationText(to - from)}`,
    `from ${timeText(from)}`,
    `to   ${timeText(to)}`,
  ];
  for (const [name, feed] of feeds) {
    const { frames, messages, unreadable, outages, order } = feed;
    lines.push(
      `${name}: ${count(frames, "frame")}, ${timeText(feed.from)} to ${timeText(feed.to)}`,
    );
    for (const [channel, number] of messages) {
      lines.push(`  ${channel}: ${number.toLocaleString("en-US")}`);
    }
    lines.push(`  ${order.terms.length === 1 ? "term" : "terms"}: ${order.terms.join(", ")}`);
    if (outages > 0) lines.push(`  outages: ${outages}`);
    if (unreadable > 0) lines.push(`  ${unreadable} cannot be decoded`);
    if (order.ignored > 0) lines.push(`  ${count(order.ignored, "entry", "entries")} twice`);
    lines.push(...holeLines(order.missing, order.holes));
  }
  return [...lines, ...damageLines(recording), ""].join("\n");
}

function holeLines(missing: number, holes: readonly Hole[]): string[] {
  if (missing === 0) return [];
  const shown = holes.slice(0, MAX_HOLES).map((hole) =>
    `    ${hole.missing} before ${timeText(hole.at)} (term ${hole.term}, from ${hole.number})`
  );
  const more = holes.length > MAX_HOLES ? ["    …"] : [];
  return [`  missing: ${count(missing, "entry", "entries")}`, ...shown, ...more];
}

function damageLines(
  { damagedBatches, truncatedBytes, damage }: Pick<
    RecordingDescription,
    "damagedBatches" | "truncatedBytes" | "damage"
  >,
): string[] {
  const lines: string[] = [];
  if (damagedBatches > 0) {
    lines.push(`${count(damagedBatches, "damaged batch", "damaged batches")}.`);
  }
  if (truncatedBytes > 0) {
    lines.push(`The file is cut off: ${truncatedBytes} bytes of the last record are not used.`);
  }
  if (damage !== undefined) lines.push(`The file ends early: ${damage}.`);
  return lines;
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en-US")} ${number === 1 ? one : many}`;
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
