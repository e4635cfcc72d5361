/**
 * What the market said before, for clients that fill a gap: the newest
 * trades, quotes and bars of every symbol that was recorded, up to a bound;
 * the oldest go first.
 *
 * @module
 */
import type { Element } from "../protocol/elements.ts";
import { formatInstant, Instant } from "../protocol/instant.ts";

/** Lists of the history endpoints. */
export type HistoryKind = "trades" | "quotes" | "bars";

const KINDS: ReadonlyMap<string, HistoryKind> = new Map([
  ["t", "trades"],
  ["q", "quotes"],
  ["b", "bars"],
]);

/** One remembered element with its time in nanoseconds since the epoch. */
export interface HistoryEntry {
  readonly at: bigint;
  readonly element: Readonly<Record<string, unknown>>;
}

/** A ring that overwrites its oldest entry. */
interface Ring {
  readonly items: Element[];
  next: number;
}

/** Remembers the newest elements, a bounded number for each symbol. */
export class MarketHistory {
  readonly #capacity: number;
  readonly #rings: ReadonlyMap<HistoryKind, Map<string, Ring>> = new Map([
    ["trades", new Map()],
    ["quotes", new Map()],
    ["bars", new Map()],
  ]);

  /** Keeps `capacity` elements of each kind and symbol; default 1000. */
  constructor(capacity = 1_000) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(
        `Cannot keep ${capacity} elements: it must be a whole number above 0`,
      );
    }
    this.#capacity = capacity;
  }

  /** Remembers an element of the stream; kinds without a list are ignored. */
  record(element: Element): void {
    const kind = KINDS.get(element.T);
    const symbol = element.S;
    if (kind === undefined || symbol === undefined) return;
    const rings = this.#rings.get(kind);
    let ring = rings?.get(symbol);
    if (ring === undefined) {
      ring = { items: [], next: 0 };
      rings?.set(symbol, ring);
    }
    ring.items[ring.next] = element;
    ring.next = (ring.next + 1) % this.#capacity;
  }

  /** What is remembered of a symbol, in order of time. */
  entries(kind: HistoryKind, symbol: string): HistoryEntry[] {
    const items = this.#rings.get(kind)?.get(symbol)?.items ?? [];
    return items.map(toEntry).sort((a, b) =>
      a.at < b.at ? -1 : a.at > b.at ? 1 : 0
    );
  }
}

function toEntry(element: Element): HistoryEntry {
  const { T: _type, S: _symbol, t, ...rest } = element as Record<
    string,
    unknown
  >;
  if (t instanceof Instant) {
    const at = BigInt(t.seconds) * 1_000_000_000n + BigInt(t.nanos);
    return { at, element: { t: formatInstant(t), ...rest } };
  }
  const at = Temporal.Instant.from(String(t)).epochNanoseconds;
  return { at, element: { t, ...rest } };
}
