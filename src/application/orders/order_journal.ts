/**
 * Receives the order updates of the trading stream and completes them for streams with options.
 *
 * A repeated update is published to streams without options only. Whenever the trading stream is
 * connected, the orders and executions of the account are read over REST; what was missed is
 * derived and published with the next positions of the channel. Updates that arrive until then are
 * held for streams with options, and merged by time; streams without options receive them
 * immediately.
 *
 * While REST fails, nothing is derived: reading is repeated until it succeeds. After a time, or
 * with too many updates to hold, updates are delivered again, after a gap; what is missing is
 * derived as soon as REST can be read.
 *
 * With a store, what streams with options receive is stored too, and a restart of the process is an
 * outage like any other: what was stored is retained again ({@linkcode OrderJournal.restore}), and
 * what was missed since then is derived.
 *
 * @module
 */
import type { GapReason } from "../../domain/market/notices.ts";
import type { OrderDetails, OrderUpdate } from "../../domain/market/order_events.ts";
import {
  compareTimestamps,
  type Timestamp,
  toMilliseconds,
} from "../../domain/market/timestamp.ts";
import {
  type Execution,
  isBefore,
  isCorrection,
  isFinal,
  mergeByTime,
  missedEvents,
  occasionOf,
  presumed,
  type RestOrder,
} from "../../domain/orders/reconcile.ts";
import type { Channel } from "../broadcast/channel.ts";
import type { ChannelFilter } from "../broadcast/channel_gaps.ts";
import type { Envelope } from "../broadcast/envelope.ts";
import { ApiUnavailable } from "../ports/api_unavailable.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventSink } from "../ports/event_sink.ts";
import type { Log } from "../ports/log.ts";
import { type OrderHistory, TooManyEntries } from "../ports/order_history.ts";
import type { OrderStore, StoredEntry, StoredGap, StoredUpdate } from "../ports/order_store.ts";
import type { OrderCounters } from "../status/counters.ts";
import { WallStamp } from "../status/wall_stamp.ts";
import { fromRest, type PresentState } from "../streaming/opening.ts";
import { isEarlier, KnownOrders } from "./known_orders.ts";
import { type AccountOrders, isAfter, OrderReader } from "./order_reader.ts";

/** Time before a repetition after an error of REST; it doubles. */
const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 30_000;
const SETTLE_MS = 250;
/** Longest time in which updates are held because REST fails. */
const MAX_HOLD_MS = 600_000;
/** Time before REST is read again because executions are missing in it. */
const LAG_MS = 1_000;
/** Readings in which executions may be missing. */
const MAX_LAGS = 5;
/** How far back orders are read at the start. */
const START_MS = 86_400_000;
/** Difference of clocks that reading allows for. */
const CLOCK_SKEW_MS = 10_000;
/** Streams that take the state of all orders in one turn of the event loop. */
const WOKEN_PER_TURN = 4;
/** Symbols that a gap of some orders lists. */
const MAX_LOST_SYMBOLS = 1_000;

/** What a journal needs. */
interface OrderJournalOptions {
  readonly channel: Channel<OrderUpdate>;
  /** Most updates and finished orders that are remembered, and updates that are held. */
  readonly capacity: number;
  readonly history: OrderHistory;
  /** Where updates are stored for the next process. @default nowhere */
  readonly store?: OrderStore | undefined;
  /** Longest time without a frame after which a session is ended, in ms. */
  readonly maxSilenceMs: number;
  /** Time in which updates arrive that were sent before REST was read. @default 250 ms */
  readonly settleMs?: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: OrderCounters;
}

/** An update that was derived or held. */
interface Entry {
  readonly update: OrderUpdate;
  /** When it arrived; `undefined` for a derived one. */
  readonly receivedAt: number | undefined;
}

/** What is missing according to REST. */
interface Difference {
  readonly derived: readonly Entry[];
  /** Orders whose executions are not all known. */
  readonly incomplete: readonly OrderDetails[];
}

/** Completes the order updates of one account. */
export class OrderJournal implements EventSink<OrderUpdate>, PresentState<OrderUpdate> {
  readonly #options: OrderJournalOptions;
  readonly #known: KnownOrders;
  readonly #reader: OrderReader;
  /** Keys of received updates, oldest first. */
  readonly #seen: RecentKeys;
  /**
   * Updates that were derived and may still arrive, by what they report, with the time of the state
   * from which they were derived.
   */
  readonly #expected = new Map<string, Timestamp | undefined>();
  /** Updates that arrived since the stream was connected. */
  #held: Entry[] = [];
  #isHolding = true;
  /** Whether the state of all orders is known, and no update is missing that can be derived. */
  #isComplete = false;
  /** Whether a state of all orders is known from which updates can be derived. */
  #hasStarted = false;
  /** Since when updates may be missing. */
  #lost: { readonly at: number } | undefined;
  #session: AbortController | undefined;
  #waiting: (() => void)[] = [];

  constructor(options: OrderJournalOptions) {
    this.#options = options;
    this.#known = new KnownOrders(options.capacity);
    this.#reader = new OrderReader(options.history, this.#known);
    this.#seen = new RecentKeys(options.capacity);
    options.channel.startRetaining(options.clock.now());
  }

  /** Whether updates that were missed are being read; streams are complete when it ends. */
  get isReconciling(): boolean {
    return this.#session !== undefined;
  }

  get isComplete(): boolean {
    return this.#isComplete;
  }

  async whenComplete(signal: AbortSignal): Promise<void> {
    while (!this.isComplete && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        signal.addEventListener("abort", () => {
          this.#waiting = this.#waiting.filter((each) => each !== resolve);
          resolve();
        }, { once: true });
      });
    }
  }

  present(filter: ChannelFilter, which: "open" | "all"): readonly Envelope<OrderUpdate>[] {
    const { channel } = this.#options;
    const ofState = { ...filter, accepts: filter.acceptsState ?? filter.accepts };
    const present: Envelope<OrderUpdate>[] = [];
    for (const entry of this.#known.entries(which)) {
      const envelope = entry.last ?? (entry.state ??= this.#stateOf(entry.known.order));
      if (channel.matchesEvent(ofState, envelope.event)) present.push(envelope);
    }
    return present;
  }

  mayHaveSubscribers(): boolean {
    return true;
  }

  publish(update: OrderUpdate, receivedAt: number): void {
    const { channel, counters } = this.#options;
    if (!this.#seen.add(keyOf(update)) || this.#wasDerived(update) || this.#isLate(update)) {
      counters.duplicates++;
      return channel.publishPlain(update, receivedAt);
    }
    if (!this.#isHolding) {
      this.#known.add(channel.publish(update, receivedAt));
      this.#options.store?.add({ update, receivedAt, origin: "live" });
      return;
    }
    channel.publishPlain(update, receivedAt);
    this.#held.push({ update, receivedAt });
    if (this.#held.length > this.#options.capacity) this.#deliverHeld("too many updates are held");
  }

  unreadable(symbol: string | undefined): void {
    const { channel, clock } = this.#options;
    channel.unreadable(symbol);
    const now = clock.now();
    const symbols = symbol === undefined ? undefined : [symbol];
    this.#storeGap("unreadable", symbols, { startTime: now, endTime: now });
  }

  /**
   * Continues after what an earlier process has stored, before the first stream is opened: streams
   * can be resumed after each of these updates, and what was missed since the last one is derived
   * when the trading stream is connected.
   *
   * @param entries oldest first; without any, the journal starts as without a store
   */
  restore(entries: readonly StoredEntry[]): void {
    const { channel, clock } = this.#options;
    const last = entries.at(-1);
    if (!last) return;
    channel.carried(["*"], startOf(entries[0] ?? last));
    for (const entry of entries) {
      if ("reason" in entry) this.#restoreGap(entry);
      else this.#restoreUpdate(entry);
    }
    const until = Math.min(missingAfter(last), clock.now());
    channel.notCarried(["*"], "upstream_lost", until);
    this.#lost = { at: until };
    this.#hasStarted = true;
  }

  #restoreUpdate({ update, receivedAt, origin }: StoredUpdate): void {
    this.#known.forgetUntil(update.order.updatedAt);
    // Two processes may have stored the same update while one took the place of the other.
    if (!this.#seen.add(keyOf(update))) return;
    this.#known.add(this.#options.channel.publishWithOptions(update, { receivedAt, origin }));
  }

  #restoreGap({ reason, symbols, startTime, endTime }: StoredGap): void {
    const { channel } = this.#options;
    if (reason === "upstream_lost") channel.lost(symbols, { startTime, endTime });
    else channel.unreadable(symbols?.[0]);
  }

  /** The trading stream delivers updates: reads what was missed. */
  carried(): void {
    this.#session?.abort();
    const session = this.#session = new AbortController();
    this.#isHolding = true;
    this.#isComplete = false;
    this.#lost ??= new WallStamp(this.#options.clock);
    this.#reconcile(session.signal);
  }

  /** The trading stream delivers no updates any more. */
  notCarried(reason: GapReason | undefined): void {
    const { channel, clock } = this.#options;
    this.#session?.abort();
    this.#session = undefined;
    this.#lost ??= new WallStamp(clock);
    this.#isHolding = true;
    this.#isComplete = false;
    channel.notCarried(["*"], reason, clock.now());
  }

  /** Since when updates may be missing, in ms of Alpaca's clock. */
  #missingSince(): number {
    const { clock, maxSilenceMs, history } = this.#options;
    const aheadMs = Math.max(0, history.clockAheadMs) + CLOCK_SKEW_MS;
    if (!this.#hasStarted) return clock.now() - START_MS - aheadMs;
    return (this.#lost?.at ?? clock.now()) - maxSilenceMs - aheadMs;
  }

  /** Reads and compares until that succeeds; never rejects. */
  async #reconcile(signal: AbortSignal): Promise<void> {
    const { clock, log, counters, settleMs = SETTLE_MS } = this.#options;
    let delayMs = FIRST_DELAY_MS;
    let lags = 0;
    const started = clock.monotonic();
    while (!signal.aborted) {
      try {
        const found = await this.#reader.read({
          since: () => this.#missingSince(),
          isStart: !this.#hasStarted,
          signal,
        });
        await clock.sleep(settleMs, signal);
        if (signal.aborted) return;
        const difference = this.#compare(found);
        // REST can have an order before it has the order's executions.
        if (difference.incomplete.length === 0 || ++lags > MAX_LAGS) {
          return this.#finish(found, difference);
        }
        await clock.sleep(LAG_MS, signal);
      } catch (error) {
        if (signal.aborted) return;
        const isExpected = error instanceof ApiUnavailable;
        if (!isExpected) log.error("Failed to reconcile orders", { cause: error });
        const cause = isExpected ? error.message : "an internal error";
        counters.reconciliations.failed++;
        const isUseless = !isExpected || error instanceof TooManyEntries;
        if (isUseless || clock.monotonic() - started > MAX_HOLD_MS) this.#deliverHeld(cause);
        // The next reading shows the state, from which later outages are compared.
        if (isUseless) this.#hasStarted = false;
        log.warn("Cannot read the orders of an outage, retrying", { cause, delay_ms: delayMs });
        await clock.sleep(delayMs, signal);
        delayMs = Math.min(2 * delayMs, MAX_DELAY_MS);
      }
    }
  }

  #compare({ orders, executions, since }: AccountOrders): Difference {
    const derived: Entry[] = [];
    const incomplete: OrderDetails[] = [];
    if (!this.#hasStarted) return { derived, incomplete };
    const byOrder = groupByOrder(executions);
    for (const current of orders.values()) {
      const { order } = current;
      const own = [order.id, ...order.legs.map(({ id }) => id)]
        .flatMap((id) => byOrder.get(id) ?? []);
      let known = this.#known.get(order.id);
      if (known && isEarlier(order, known.order)) continue;
      if (!known) {
        if (isFinal(order) && this.#known.mayBeForgotten(order)) continue;
        const isNew = isAfter(order.submittedAt, since);
        if (!isNew && own.length === 0 && !isAfter(order.updatedAt, since)) continue;
        // For example an exit of a bracket of which no event was sent before.
        if (!isNew) known = presumed(current, own);
      }
      const inherited = this.#inherited(current, orders);
      const inputs = { known, current, executions: own };
      let missed = missedEvents({ ...inputs, inherited });
      if (!missed.isComplete && inherited !== "0") {
        missed = missedEvents({ ...inputs, inherited: "0" });
      }
      if (!missed.isComplete) incomplete.push(order);
      for (const update of missed.events) derived.push({ update, receivedAt: undefined });
    }
    return { derived: sortByTime(derived), incomplete };
  }

  /** The executed quantity that a replacement starts with. */
  #inherited({ replaces }: RestOrder, orders: ReadonlyMap<string, RestOrder>): string {
    if (replaces === undefined) return "0";
    const replaced = orders.get(replaces)?.order ?? this.#known.get(replaces)?.order;
    return replaced?.filledQty || "0";
  }

  /** Publishes what was derived, merged with what arrived meanwhile. */
  #finish(found: AccountOrders, { derived, incomplete }: Difference): void {
    const { channel, clock, log, counters } = this.#options;
    const now = clock.now();
    const { orders, since, vanished, isUnexplained } = found;
    const lost = [
      ...incomplete,
      ...vanished.flatMap((id) => this.#known.get(id)?.order ?? []),
    ];
    const arrived = new Map(this.#held.map((each) => [occasionOf(each.update), each.update]));
    const missing = derived.filter(({ update }) => {
      const occasion = occasionOf(update);
      const state = orders.get(update.order.id)?.order;
      const other = arrived.get(occasion);
      if (other && isCoveredBy(other, state?.updatedAt, state)) return false;
      this.#expect(occasion, state?.updatedAt);
      return true;
    });
    // Without an earlier state nothing can be derived for an outage before the first reading.
    if (!this.#hasStarted) {
      channel.carried(["*"], now);
      if (this.#isHolding) this.#storeOutage(now);
    }
    const span = { startTime: since, endTime: now };
    if (isUnexplained) this.#announce(undefined, span);
    else if (lost.length > 0) this.#announce(symbolsOf(lost), span);
    for (const { update, receivedAt } of mergeByTime(missing, this.#held)) {
      const origin = receivedAt === undefined ? "reconciled" : "live";
      this.#publishMerged({ update, receivedAt: receivedAt ?? now, origin });
    }
    for (const { order } of orders.values()) this.#known.addState(order);
    for (const id of vanished) this.#known.delete(id);
    counters.reconciliations.completed++;
    counters.checked += orders.size;
    counters.derived += missing.length;
    log.info("Reconciled orders", {
      orders: orders.size,
      executions: found.executions.length,
      derived: missing.length,
      held: this.#held.length,
      incomplete: lost.length,
      outage_ms: this.#hasStarted && this.#lost ? now - this.#lost.at : undefined,
    });
    if (this.#hasStarted) channel.filled(["*"]);
    this.#hasStarted = this.#isComplete = true;
    this.#held = [];
    this.#isHolding = false;
    this.#lost = undefined;
    this.#session = undefined;
    this.#wakeWaiting();
  }

  /** Resumes the streams that wait, some of them per turn: each takes the state of all orders. */
  async #wakeWaiting(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const [index, resolve] of waiting.entries()) {
      if (index > 0 && index % WOKEN_PER_TURN === 0) await this.#options.clock.sleep(0);
      resolve();
    }
  }

  #stateOf(order: OrderDetails): Envelope<OrderUpdate> {
    const { channel, clock } = this.#options;
    const update = stateOf(order);
    const bytes = channel.bytesOf(update);
    return fromRest(update, { origin: "snapshot", receivedAt: clock.now(), bytes });
  }

  /** Publishes what arrived meanwhile, after a gap, and what arrives from now on. */
  #deliverHeld(cause: string): void {
    if (!this.#isHolding) return;
    const { channel, clock, log, counters } = this.#options;
    log.error("Orders cannot be reconciled yet; updates of the outage are missing", {
      cause,
      held: this.#held.length,
    });
    counters.reconciliations.abandoned++;
    const now = clock.now();
    channel.carried(["*"], now);
    this.#storeOutage(now);
    for (const { update, receivedAt = now } of this.#held) {
      this.#publishMerged({ update, receivedAt, origin: "live" });
    }
    this.#held = [];
    this.#isHolding = false;
  }

  /** Publishes an update to streams with options, and stores it. */
  #publishMerged(entry: StoredUpdate): void {
    const { channel, store } = this.#options;
    this.#known.add(channel.publishWithOptions(entry.update, entry));
    store?.add(entry);
  }

  #announce(symbols: readonly string[] | undefined, span: Span): void {
    this.#options.channel.lost(symbols, span);
    this.#storeGap("upstream_lost", symbols, span);
  }

  /** Stores that nothing could be derived for an outage that ends now. */
  #storeOutage(now: number): void {
    this.#storeGap("upstream_lost", undefined, { startTime: this.#lost?.at ?? now, endTime: now });
  }

  #storeGap(reason: StoredGap["reason"], symbols: StoredGap["symbols"], span: Span): void {
    // Before the first update, streams have no position to resume at.
    if (this.#options.channel.sequence > 0) this.#options.store?.add({ reason, symbols, ...span });
  }

  #expect(occasion: string, state: Timestamp | undefined): void {
    this.#expected.set(occasion, state);
    if (this.#expected.size <= this.#options.capacity) return;
    for (const oldest of this.#expected.keys()) {
      this.#expected.delete(oldest);
      return;
    }
  }

  /** Whether a later update of the order was derived already. */
  #isLate(update: OrderUpdate): boolean {
    const { timestamp, order } = update;
    const derived = this.#known.derived(order.id);
    if (!derived || isCorrection(update.event)) return false;
    if (isFinal(derived.order)) return isCoveredBy(update, derived.order.updatedAt, derived.order);
    const at = timestamp ?? order.updatedAt;
    const known = this.#known.get(order.id)?.order.updatedAt;
    return at !== undefined && known !== undefined && compareTimestamps(at, known) <= 0 &&
      isBefore(update, derived);
  }

  /** Whether an update was derived before it arrived. */
  #wasDerived(update: OrderUpdate): boolean {
    const occasion = occasionOf(update);
    if (!this.#expected.has(occasion)) return false;
    const state = this.#expected.get(occasion);
    this.#expected.delete(occasion);
    return isCoveredBy(update, state, this.#known.get(update.order.id)?.order);
  }
}

/** A span in wall clock ms. */
type Span = Pick<StoredGap, "startTime" | "endTime">;

/**
 * Returns since when updates may be missing that follow the last stored entry, in wall clock ms.
 * Updates that were derived or held are received together and later than they were sent, and only
 * the first of them may be stored; also, the clock of that process may have been ahead.
 */
function missingAfter(last: StoredEntry): number {
  if ("reason" in last) return last.startTime;
  const { receivedAt, update: { timestamp } } = last;
  const sentAt = timestamp ? toMilliseconds(timestamp) : receivedAt;
  return Math.min(receivedAt, Math.max(sentAt, receivedAt - START_MS));
}

function startOf(entry: StoredEntry): number {
  return "reason" in entry ? entry.startTime : entry.receivedAt;
}

/** The symbols of orders; `undefined` for too many, or where one is not known. */
function symbolsOf(orders: readonly OrderDetails[]): readonly string[] | undefined {
  const symbols = [...new Set(orders.map(({ symbol }) => symbol))];
  // The order of several legs has no symbol.
  return symbols.length <= MAX_LOST_SYMBOLS && !symbols.includes("") ? symbols : undefined;
}

/** Keys of the latest updates. */
class RecentKeys {
  readonly #capacity: number;
  readonly #keys = new Set<string>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Adds a key; returns false when it is there already. */
  add(key: string): boolean {
    if (this.#keys.has(key)) return false;
    this.#keys.add(key);
    if (this.#keys.size <= this.#capacity) return true;
    for (const oldest of this.#keys) {
      this.#keys.delete(oldest);
      return true;
    }
    return true;
  }
}

/** Equal for repeats of an event. */
function keyOf({ event, eventId, order, executionId }: OrderUpdate): string {
  // An execution can be corrected several times.
  return executionId === undefined || isCorrection(event)
    ? eventId
    : `${order.id} ${event} ${executionId}`;
}

/**
 * Whether an update reports what was derived: it is not later than the state from which that was
 * derived, or it is the word of the present status.
 */
function isCoveredBy(
  { event, timestamp, order }: OrderUpdate,
  derivedFrom: Timestamp | undefined,
  state: OrderDetails | undefined,
): boolean {
  const at = timestamp ?? order.updatedAt;
  return !at || !derivedFrom || compareTimestamps(at, derivedFrom) <= 0 || event === state?.status;
}

function groupByOrder(executions: readonly Execution[]): ReadonlyMap<string, Execution[]> {
  const groups = new Map<string, Execution[]>();
  for (const execution of executions) {
    const group = groups.get(execution.orderId);
    if (group) group.push(execution);
    else groups.set(execution.orderId, [execution]);
  }
  return groups;
}

/** Sorts the updates of several orders by time; those of one order keep their order. */
function sortByTime(entries: readonly Entry[]): readonly Entry[] {
  const latest = new Map<string, Timestamp>();
  const timed = entries.map((entry) => {
    const { id } = entry.update.order;
    const before = latest.get(id);
    const own = entry.update.timestamp;
    const at = own && before && compareTimestamps(own, before) < 0 ? before : own ?? before;
    if (at) latest.set(id, at);
    return { entry, at };
  });
  timed.sort((a, b) => a.at && b.at ? compareTimestamps(a.at, b.at) : 0);
  return timed.map(({ entry }) => entry);
}

/** The state of an order as an update. */
function stateOf(order: OrderDetails): OrderUpdate {
  const at = order.updatedAt;
  return {
    event: order.status,
    eventId: `${order.id}:${order.status}:${at ? `${at.seconds}.${at.nanos}` : ""}`,
    timestamp: at,
    order,
    executionId: undefined,
    price: undefined,
    qty: undefined,
    positionQty: undefined,
  };
}
