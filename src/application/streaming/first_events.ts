/**
 * Finds the last event of contracts that have entered a selection, for its streams with a snapshot.
 *
 * An event that is current is sent without a request. The others are requested when upstream
 * carries the contract, so that nothing between the event and the first live one is missing; a
 * contract of which a live event arrives meanwhile needs none.
 *
 * @module
 */
import type { Channel } from "../broadcast/channel.ts";
import type { Envelope } from "../broadcast/envelope.ts";
import type { Clock } from "../ports/clock.ts";
import { type FetchLast, fromRest } from "./opening.ts";

/** How long upstream may take to acknowledge contracts before they are requested, in ms. */
const CARRIED_WAIT_MS = 3_000;

/** A stream with a snapshot. */
interface FirstEventsStream {
  /** Whether it receives only what is selected. */
  readonly isOnlySelected: boolean;
  /** Sends events before later ones of their symbols. */
  firstEvents(events: readonly Envelope<unknown>[]): void;
}

/** What the events are found with. */
interface FirstEventsOptions {
  readonly source: Channel<unknown>;
  readonly clock: Clock;
  /** Whether a contract is selected. */
  readonly has: (symbol: string) => boolean;
  /** @default nothing is requested */
  readonly fetchLast: FetchLast<unknown> | undefined;
}

/** Contracts that upstream has to acknowledge. */
interface Awaited {
  readonly symbols: Set<string>;
  readonly settled: AbortController;
}

/** Sends the last events of contracts of one selection. */
export class FirstEvents {
  readonly #options: FirstEventsOptions;
  readonly #awaited = new Set<Awaited>();
  #over = new AbortController();

  constructor(options: FirstEventsOptions) {
    this.#options = options;
  }

  /**
   * Sends the last events of contracts to streams.
   *
   * @param isOpening whether the streams have the current events from their snapshots
   */
  send(
    symbols: readonly string[],
    streams: readonly FirstEventsStream[],
    isOpening: boolean,
  ): void {
    const { source, fetchLast } = this.#options;
    const current: Envelope<unknown>[] = [];
    const unknown = new Map<string, number>();
    for (const symbol of symbols) {
      const { last, sequence = 0 } = source.symbol(symbol) ?? {};
      if (last && source.isCurrent(last)) current.push(copyOf(last));
      else unknown.set(symbol, sequence);
    }
    if (!isOpening && current.length > 0) {
      // The other streams have received them already.
      for (const stream of streams) if (stream.isOnlySelected) stream.firstEvents(current);
    }
    if (fetchLast && unknown.size > 0) this.#request(unknown, streams, fetchLast);
  }

  /** Upstream has acknowledged symbols. */
  carried(): void {
    const { source } = this.#options;
    for (const { symbols, settled } of this.#awaited) {
      for (const symbol of symbols) if (source.isCarried(symbol)) symbols.delete(symbol);
      if (symbols.size === 0) settled.abort();
    }
  }

  /** Ends what is under way: no stream needs it. */
  stop(): void {
    this.#over.abort();
    this.#over = new AbortController();
  }

  /** @param before the number of events of each contract, when it entered */
  async #request(
    before: ReadonlyMap<string, number>,
    streams: readonly FirstEventsStream[],
    fetchLast: FetchLast<unknown>,
  ): Promise<void> {
    const { source, clock, has } = this.#options;
    const { signal } = this.#over;
    await this.#whenCarried(before.keys(), signal);
    if (signal.aborted) return;
    const isNeeded = ([symbol, sequence]: readonly [string, number]) =>
      has(symbol) && (source.symbol(symbol)?.sequence ?? 0) === sequence;
    const symbols = [...before].filter(isNeeded).map(([symbol]) => symbol);
    if (symbols.length === 0) return;
    const fetched = await fetchLast(symbols, signal);
    if (signal.aborted) return;
    const events: Envelope<unknown>[] = [];
    for (const entry of before) {
      const event = fetched.get(entry[0]);
      if (event === undefined || !isNeeded(entry)) continue;
      const receivedAt = clock.now();
      const bytes = source.bytesOf(event);
      events.push(fromRest(event, { origin: "snapshot", receivedAt, bytes }));
    }
    if (events.length > 0) { for (const stream of streams) stream.firstEvents(events); }
  }

  /** Resolves when upstream has acknowledged all symbols, or after a time. */
  async #whenCarried(symbols: Iterable<string>, signal: AbortSignal): Promise<void> {
    const { source, clock } = this.#options;
    const missing = new Set<string>();
    for (const symbol of symbols) if (!source.isCarried(symbol)) missing.add(symbol);
    if (missing.size === 0) return;
    const awaited = { symbols: missing, settled: new AbortController() };
    this.#awaited.add(awaited);
    await clock.sleep(CARRIED_WAIT_MS, AbortSignal.any([awaited.settled.signal, signal]));
    this.#awaited.delete(awaited);
  }
}

/** A copy that streams share, with an origin of its own. */
function copyOf(envelope: Envelope<unknown>): Envelope<unknown> {
  return { ...envelope, origin: "snapshot", encodedWithMeta: undefined, holders: 0 };
}
