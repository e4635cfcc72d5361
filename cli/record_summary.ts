/**
 * What a recording has: frames, terms and holes of each feed.
 *
 * @module
 */
import type { FeedId } from "../src/domain/connection/feed.ts";
import type { FrameBatch } from "../src/infrastructure/nats/frame_batch.ts";

/** Entries that are missing. */
interface Hole {
  readonly term: bigint;
  /** Number of the first one that is missing. */
  readonly number: number;
  readonly missing: number;
  /** Arrival of the entry after it, in ms since the Unix epoch. */
  readonly at: number;
}

/** What was recorded of one feed. */
interface FeedSummary {
  frames: number;
  outages: number;
  missing: number;
  readonly holes: Hole[];
  readonly terms: bigint[];
  /** Undefined before the first batch. */
  next: number | undefined;
}

/** Holes that are listed of each feed. */
const MAX_HOLES = 10;
const MAX_TERMS = 10;

/** Follows the batches of a recording. */
export class RecordSummary {
  /** Batches that are no batches of this version; they are not recorded. */
  invalid = 0;
  /** Batches that a slow disk did not take. */
  dropped = 0;
  readonly #feeds = new Map<FeedId, FeedSummary>();
  #from = Infinity;
  #to = -Infinity;

  /** Whether there is a batch. */
  get isEmpty(): boolean {
    return this.#feeds.size === 0;
  }

  /** Takes a batch that is recorded. */
  add(feed: FeedId, { term, entries, next }: FrameBatch): void {
    const summary = this.#feedOf(feed);
    const [first] = entries;
    const latest = summary.terms.at(-1);
    if (!first || latest !== undefined && term < latest) return;
    if (latest === undefined || term > latest) {
      summary.terms.push(term);
      // What was sent before the recording is not missing.
      if (latest !== undefined) summary.next = 1;
    }
    if (summary.next !== undefined && first.number > summary.next) {
      const missing = first.number - summary.next;
      summary.missing += missing;
      summary.holes.push({ term, number: summary.next, missing, at: first.receivedAt });
      if (summary.holes.length > MAX_HOLES) summary.holes.pop();
    }
    summary.next = Math.max(summary.next ?? 0, next);
    for (const { kind, receivedAt } of entries) {
      this.#from = Math.min(this.#from, receivedAt);
      this.#to = Math.max(this.#to, receivedAt);
      if (kind === "frame" || kind === "end") summary.frames++;
      if (kind === "down") summary.outages++;
    }
  }

  /** One line about what there is so far: `sip 1,200 frames, opra 300 frames, 2 missing`. */
  progress(): string {
    const parts = [...this.#feeds].map(([feed, { frames }]) => `${feed} ${count(frames, "frame")}`);
    const missing = this.#feeds.values().reduce((sum, feed) => sum + feed.missing, 0);
    if (missing > 0) parts.push(`${missing.toLocaleString("en-US")} missing`);
    return parts.join(", ");
  }

  /** The lines for the end. */
  lines(): string[] {
    const lines: string[] = [];
    if (this.#from <= this.#to) {
      lines.push(`From ${timeText(this.#from)} to ${timeText(this.#to)}.`);
    }
    for (const [feed, summary] of this.#feeds) lines.push(...feedLines(feed, summary));
    if (this.invalid > 0) lines.push(`${count(this.invalid, "message")} of NATS without a batch.`);
    if (this.dropped > 0) lines.push(`${count(this.dropped, "batch", "batches")} lost: slow disk.`);
    return lines;
  }

  #feedOf(feed: FeedId): FeedSummary {
    let found = this.#feeds.get(feed);
    if (!found) {
      found = { frames: 0, outages: 0, missing: 0, holes: [], terms: [], next: undefined };
      this.#feeds.set(feed, found);
    }
    return found;
  }
}

function feedLines(feed: FeedId, { frames, outages, missing, holes, terms }: FeedSummary) {
  const shown = terms.length > MAX_TERMS ? ["…", ...terms.slice(-MAX_TERMS)] : terms;
  const parts = [
    count(frames, "frame"),
    `${terms.length === 1 ? "term" : "terms"} ${shown.join(", ")}`,
    ...(outages > 0 ? [count(outages, "outage")] : []),
    missing === 0 ? "nothing missing" : `${count(missing, "entry", "entries")} missing`,
  ];
  return [
    `${feed}: ${parts.join("; ")}`,
    ...holes.map((hole) =>
      `  ${hole.missing} before ${timeText(hole.at)} (term ${hole.term}, from ${hole.number})`
    ),
  ];
}

/** A number with its noun. */
function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en-US")} ${number === 1 ? one : many}`;
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
