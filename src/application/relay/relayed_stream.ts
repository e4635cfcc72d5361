/**
 * One client's stream of messages as upstream sent them. Its subscriptions change while it is open:
 * symbols are requested upstream, and received once they are accepted.
 *
 * @module
 */
import type { Holder } from "../../domain/subscription/identity_shares.ts";
import {
  errorText,
  parseErrorText,
  type SymbolSets,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
  type UpstreamError,
  WILDCARD,
} from "../../domain/subscription/pairs.ts";
import type { SubscriptionSink } from "../feeds/subscription_manager.ts";
import type { SymbolChange } from "../streaming/upstream_events.ts";
import type { MessageRelay } from "./message_relay.ts";
import type { RelayEnvelope, RelayQueue } from "./relay_queue.ts";

/** Upstream's error when the plan has no slot for a symbol. */
const OVER_LIMIT: UpstreamError = { code: 405, message: "symbol limit exceeded" };

/** What a {@linkcode RelayedStream} needs. */
interface RelayedStreamOptions {
  readonly relay: MessageRelay;
  readonly sink: SubscriptionSink;
  readonly holder: Holder;
  /** Throws when symbols exceed a limit; `own` is the number that the stream has. */
  readonly check: (added: SymbolSets, own: number) => void;
  /** Called with the number of symbols that were added, or removed if below 0. */
  readonly onChange: (symbols: number) => void;
  /** Called once when the stream has ended. */
  readonly onEnd: () => void;
}

/** Symbols that were requested and are not received yet. */
export interface PendingSymbols {
  /**
   * Resolves with `undefined` when upstream has acknowledged all of them, or with its error when it
   * has rejected one. It may never resolve, for example while the feed is down.
   */
  readonly answered: Promise<UpstreamError | undefined>;
  /** Receives them from now on. */
  accept(): void;
  /** Requests them no longer. */
  cancel(): void;
}

type Sets = Map<UpstreamChannel, Set<string>>;

/** A request whose symbols are not received yet. */
interface Unanswered {
  /** Its symbols that were not requested before. */
  readonly added: Sets;
  /** Those of which upstream has not answered yet. */
  readonly open: Sets;
  readonly answer: (error: UpstreamError | undefined) => void;
}
type Sequences = Map<UpstreamChannel, Map<string, number>>;

/** A client's stream of messages. */
export class RelayedStream implements Disposable {
  /** What the client receives. */
  readonly queue: RelayQueue;
  /** Called with the error when upstream rejects symbols after they were accepted. */
  onRejected: ((error: UpstreamError) => void) | undefined;
  readonly #options: RelayedStreamOptions;
  /** Symbols that are received. */
  readonly #accepted: Sets = new Map();
  /** Symbols that are requested upstream: also those that are not received yet. */
  readonly #requested: Sets = new Map();
  /** Requests that were neither accepted nor canceled, the oldest first. */
  readonly #unanswered = new Set<Unanswered>();
  /** Up to which message those were published that symbols do not receive: while any are queued. */
  #receivedAfter: Sequences = new Map();

  constructor(options: RelayedStreamOptions) {
    this.#options = options;
    this.queue = options.relay.createQueue(() => this.#end());
  }

  /** The symbols that are received, in the order in which they were added. */
  get symbols(): SymbolSets {
    return this.#accepted;
  }

  /** The symbols that are requested: also those that are not received yet. */
  get requested(): SymbolSets {
    return this.#requested;
  }

  /** Whether a request that is neither accepted nor canceled has one of the symbols. */
  isPending(pairs: SymbolSets): boolean {
    return this.#unanswered.values().some(({ added }) =>
      pairs.entries().some(([channel, symbols]) =>
        !symbols.isDisjointFrom(added.get(channel) ?? new Set())
      )
    );
  }

  /** Number of symbols that are requested. */
  get size(): number {
    return sizeOf(this.#requested);
  }

  /** What is requested, for reports: "trades AAPL". */
  *names(): Generator<string> {
    for (const [channel, symbols] of this.#requested) {
      for (const symbol of symbols) yield `${channel} ${symbol}`;
    }
  }

  /**
   * Requests symbols upstream, those that are not requested yet. Several requests may be pending if
   * none has symbols of another one; they are to be accepted or canceled in order.
   *
   * @throws errors of the limits; nothing has changed then
   */
  request(pairs: SymbolSets): PendingSymbols {
    const { sink, holder, onChange } = this.#options;
    const added = this.#check(pairs);
    for (const [channel, symbols] of added) {
      sink.add(channel, symbols, "stream", holder);
      addAll(this.#requested, channel, symbols);
    }
    onChange(sizeOf(added));
    const answered = Promise.withResolvers<UpstreamError | undefined>();
    const request: Unanswered = { added, open: new Map(), answer: answered.resolve };
    for (const [channel, symbols] of added) {
      const open = this.#isCarried(channel) ? [] : symbols;
      for (const change of sink.statesOf(channel, open)) {
        const error = rejectionOf(change);
        if (change.state === "requested") addAll(request.open, channel, [change.symbol]);
        else if (error) request.answer(error);
      }
    }
    answerIfComplete(request);
    this.#unanswered.add(request);
    return {
      answered: answered.promise,
      accept: () => this.#accept(request),
      cancel: () => this.#cancel(request),
    };
  }

  /**
   * Checks the limits for symbols that upstream has refused: its answer may have made them known.
   *
   * @throws errors of the limits
   */
  checkRefused(pairs: SymbolSets): void {
    this.#check(pairs);
  }

  /**
   * Receives the given symbols no longer, nor what is queued of them; others than its own are
   * ignored.
   */
  remove(pairs: SymbolSets): void {
    const { relay, sink, holder, onChange } = this.#options;
    let hasRemoved = false;
    for (const [channel, symbols] of pairs) {
      const own = this.#accepted.get(channel);
      const removed = [...symbols].filter((symbol) => own?.delete(symbol));
      if (removed.length === 0) continue;
      hasRemoved = true;
      const requested = this.#requested.get(channel);
      for (const symbol of removed) {
        relay.remove(this.queue, channel, symbol);
        requested?.delete(symbol);
      }
      sink.remove(channel, removed, "stream", holder);
      onChange(-removed.length);
    }
    if (!hasRemoved) return;
    if (!this.queue.isChecked) this.#receivedAfter = new Map();
    this.queue.checkUpTo(relay.sequence, (envelope) => this.#isReceived(envelope));
  }

  /** Sends the whole order books of its pairs again: changes of them were dropped. */
  resendOrderBooks(): void {
    const { relay } = this.#options;
    for (const symbol of this.#accepted.get("orderbooks") ?? []) {
      relay.sendOrderBooks(this.queue, symbol);
    }
  }

  /** Takes changes of the states of symbols that any stream requests. */
  changed(channel: UpstreamChannel, changes: readonly SymbolChange[]): void {
    const requested = this.#requested.get(channel);
    if (requested === undefined) return;
    const late = new Map<string, UpstreamError>();
    for (const change of changes) {
      const { symbol, state } = change;
      if (state === "requested") continue;
      if (symbol === WILDCARD && state === "acknowledged") {
        for (const { open } of this.#unanswered) open.delete(channel);
      }
      if (!requested.has(symbol)) continue;
      const error = rejectionOf(change);
      const request = this.#unanswered.values()
        .find(({ open }) => open.get(channel)?.delete(symbol));
      if (request) { if (error) request.answer(error); }
      else if (error && this.#accepted.get(channel)?.has(symbol)) late.set(errorText(error), error);
    }
    // Once for all symbols: hundreds can exceed the quota.
    for (const error of late.values()) this.onRejected?.(error);
    for (const request of this.#unanswered) answerIfComplete(request);
  }

  [Symbol.dispose](): void {
    this.queue.end();
  }

  /** Returns the symbols that are not requested yet; throws when they exceed a limit. */
  #check(pairs: SymbolSets): Sets {
    const added = difference(pairs, this.#requested);
    this.#options.check(added, this.size);
    return added;
  }

  /** Whether upstream carries every symbol of a channel. */
  #isCarried(channel: UpstreamChannel): boolean {
    const [all] = this.#options.sink.statesOf(channel, [WILDCARD]);
    return all?.state === "acknowledged";
  }

  /** Whether a queued message was published for symbols that are received since then. */
  #isReceived({ channel, symbol, symbols, sequence }: RelayEnvelope): boolean {
    // Of an unknown type.
    if (channel === undefined) {
      return symbol === undefined ||
        UPSTREAM_CHANNELS.some((each) => this.#isReceivedBy(each, symbol, sequence));
    }
    return this.#isReceivedBy(channel, symbol, sequence) ||
      (symbols?.some((each) => this.#isReceivedBy(channel, each, sequence)) ?? false);
  }

  #isReceivedBy(channel: UpstreamChannel, symbol: string | undefined, sequence: number): boolean {
    const accepted = this.#accepted.get(channel);
    const after = this.#receivedAfter.get(channel);
    return [WILDCARD, symbol].some((name) =>
      name !== undefined && accepted?.has(name) && sequence > (after?.get(name) ?? 0)
    );
  }

  #accept(request: Unanswered): void {
    if (this.queue.isEnded) return;
    this.#unanswered.delete(request);
    const { added } = request;
    const { relay } = this.#options;
    for (const [channel, symbols] of added) {
      addAll(this.#accepted, channel, symbols);
      if (this.queue.isChecked) this.#receiveAfter(relay.sequence, channel, symbols);
      for (const symbol of symbols) relay.add(this.queue, channel, symbol);
    }
  }

  #receiveAfter(sequence: number, channel: UpstreamChannel, symbols: Iterable<string>): void {
    const after = this.#receivedAfter.get(channel) ?? new Map<string, number>();
    this.#receivedAfter.set(channel, after);
    for (const symbol of symbols) after.set(symbol, sequence);
  }

  #cancel(request: Unanswered): void {
    if (this.queue.isEnded) return;
    const { sink, holder, onChange } = this.#options;
    this.#unanswered.delete(request);
    const { added } = request;
    for (const [channel, symbols] of added) {
      for (const symbol of symbols) this.#requested.get(channel)?.delete(symbol);
      sink.remove(channel, symbols, "stream", holder);
    }
    onChange(-sizeOf(added));
  }

  #end(): void {
    const { relay, sink, holder, onEnd } = this.#options;
    for (const [channel, symbols] of this.#accepted) {
      for (const symbol of symbols) relay.remove(this.queue, channel, symbol);
    }
    for (const [channel, symbols] of this.#requested) {
      if (symbols.size > 0) sink.remove(channel, symbols, "stream", holder);
    }
    onEnd();
  }
}

/** The error of a symbol that is not subscribed; `undefined` for one without data or error. */
function rejectionOf({ symbol, state, reason }: SymbolChange): UpstreamError | undefined {
  if (state === "waiting") return OVER_LIMIT;
  if (state !== "rejected") return undefined;
  // Without an error of upstream, the quota does not allow every symbol, or a contract has ended.
  return parseErrorText(reason) ?? (symbol === WILDCARD ? OVER_LIMIT : undefined);
}

function answerIfComplete({ open, answer }: Unanswered): void {
  if (sizeOf(open) === 0) answer(undefined);
}

/** The pairs of the first sets that are not in the second ones. */
function difference(pairs: SymbolSets, others: SymbolSets): Sets {
  const result: Sets = new Map();
  for (const [channel, symbols] of pairs) {
    const added = symbols.difference(others.get(channel) ?? new Set());
    if (added.size > 0) result.set(channel, added);
  }
  return result;
}

function addAll(sets: Sets, channel: UpstreamChannel, symbols: Iterable<string>): void {
  const set = sets.get(channel) ?? new Set();
  sets.set(channel, set);
  for (const symbol of symbols) set.add(symbol);
}

function sizeOf(sets: SymbolSets): number {
  let size = 0;
  for (const symbols of sets.values()) size += symbols.size;
  return size;
}
