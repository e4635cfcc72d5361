/**
 * Plays a recording through the endpoints of a simulator: each message goes to the sessions that
 * subscribe to it, at the pace at which the frames arrived.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { type Clock, systemClock } from "../clock.ts";
import type { Encoded, Encoding } from "../protocol/encoding.ts";
import type { EndpointName } from "../protocol/endpoints.ts";
import type { StreamMessage } from "../protocol/messages.ts";
import type { Simulator } from "../simulator.ts";
import { TRADE_UPDATES } from "../trading/trading_session.ts";
import { type Batch, DamagedBatch, readBatch } from "./batch.ts";
import { FeedOrder, type Hole, type WholeFrame } from "./feed_order.ts";
import {
  type DecodedMessage,
  readTradingFrame,
  splitFrame,
  UnreadableFrame,
} from "./recorded_frame.ts";
import { DamagedRecording, RecordingReader, type RecordingSource } from "./recording.ts";

/** A time in a recording: ms since the Unix epoch, or since its first entry. */
export type Moment = { readonly time: number } | { readonly offset: number };

/** How a recording is played. */
export interface ReplayOptions {
  /** Pauses are divided by it; 1 is the recorded pace. Default 1. */
  readonly speed?: number;
  /** Begins again at the end, until `signal` fires. Default false. */
  readonly loop?: boolean;
  /** First moment to play. Default: the beginning. */
  readonly from?: Moment;
  /** Last moment to play. Default: the end. */
  readonly to?: Moment;
  /** Longest pause of the recording in ms, before it is divided. Default: unlimited. */
  readonly maxPauseMs?: number;
  /** Feeds to play. Default: all. */
  readonly feeds?: ReadonlySet<string>;
  /** Waits for the first subscription. Default true. */
  readonly wait?: boolean;
  /** Time after the first subscription, in which others can follow. Default 1000 ms. */
  readonly delayMs?: number;
  /** Runs when it begins to play. */
  readonly started?: () => void;
  /** Ends the replay. */
  readonly signal?: AbortSignal;
  /** Source of time. Default: the system's. */
  readonly clock?: Clock;
}

/** What became of the messages of one feed. */
export interface PlayedFeed {
  /** Messages that were played. */
  messages: number;
  /** Those of them without a subscriber. */
  unsubscribed: number;
  /** Messages and frames that cannot be decoded. */
  unreadable: number;
  /** Entries that are missing in the recording. */
  missing: number;
  /** The first of its holes. */
  holes: readonly Hole[];
}

/** What was played. */
export interface ReplayReport {
  /** By the name of the feed. */
  readonly feeds: ReadonlyMap<string, PlayedFeed>;
  /** Arrival of the first and the last frame that were played, in ms since the Unix epoch. */
  readonly span: { readonly from: number; readonly to: number } | undefined;
  /** Time from the first to the last message. */
  readonly elapsedMs: number;
  /** How far it was behind the recorded pace, at most. */
  readonly lateMs: number;
  /** Times that the recording was played, with the last one that was ended. */
  readonly rounds: number;
  /** Records that are no batches. */
  readonly damagedBatches: number;
  /** Bytes of the incomplete record at the end. */
  readonly truncatedBytes: number;
  /** Why the rest of the file could not be read. */
  readonly damage: string | undefined;
}

/** Market-data streams of each feed: a client of any of them receives what was recorded. */
const STREAMS: Readonly<Record<string, readonly EndpointName[]>> = {
  sip: ["sip", "iex", "delayed_sip", "boats", "overnight"],
  opra: ["opra", "indicative"],
  crypto: ["crypto/us", "crypto/us-1", "crypto/eu-1"],
  news: ["news"],
};
const TRADING = "trading";
/** Messages about the sender's own session. */
const REPLIES: ReadonlySet<unknown> = new Set(["success", "error", "subscription"]);
/** Feeds arrive separately; entries this much later than `to` end the replay. */
const TO_SLACK_MS = 5_000;
const POLL_MS = 20;
/** Time after which sockets are written and read. */
const TURN_MS = 8;

/**
 * Plays a recording on a simulator with the option `emittedOnly`. Resolves at the end, or when the
 * signal fires; a file that is damaged is played up to there.
 *
 * @throws {DamagedRecording} for a file that is no recording
 */
export async function replay(
  simulator: Simulator,
  source: RecordingSource,
  options: ReplayOptions = {},
): Promise<ReplayReport> {
  return await new Replay(simulator, source, options).run();
}

class Replay {
  readonly #simulator: Simulator;
  readonly #source: RecordingSource;
  readonly #options: ReplayOptions;
  readonly #clock: Clock;
  readonly #feeds = new Map<string, PlayedFeed>();
  /** Those of the present round. */
  #orders = new Map<string, FeedOrder>();
  #pace: Pace;
  #first: number | undefined;
  #last = 0;
  #rounds = 0;
  #damagedBatches = 0;
  #truncatedBytes = 0;
  #damage: string | undefined;

  constructor(simulator: Simulator, source: RecordingSource, options: ReplayOptions) {
    this.#simulator = simulator;
    this.#source = source;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#pace = new Pace(this.#clock, options);
  }

  async run(): Promise<ReplayReport> {
    const { loop = false, started } = this.#options;
    if (this.#options.wait ?? true) await this.#waitForSubscription();
    if (!this.#isOver) started?.();
    const startedAt = this.#clock.now();
    while (!this.#isOver) {
      const before = this.#messages;
      this.#rounds++;
      await this.#playRound();
      // A span without messages would be played without an end.
      if (!loop || this.#messages === before) break;
    }
    const span = this.#first === undefined ? undefined : { from: this.#first, to: this.#last };
    return {
      feeds: this.#feeds,
      span,
      elapsedMs: this.#clock.now() - startedAt,
      lateMs: this.#pace.lateMs,
      rounds: this.#rounds,
      damagedBatches: this.#damagedBatches,
      truncatedBytes: this.#truncatedBytes,
      damage: this.#damage,
    };
  }

  get #isOver(): boolean {
    return this.#options.signal?.aborted ?? false;
  }

  get #messages(): number {
    return this.#feeds.values().reduce((sum, { messages }) => sum + messages, 0);
  }

  /** Waits for a subscription to market data; of a recording without any, for a listener. */
  async #waitForSubscription(): Promise<void> {
    const hasMarketData = await this.#hasMarketData();
    const isAwaited = () =>
      hasMarketData
        ? Object.values(STREAMS).flat().some((name) => this.#simulator.hasSubscribers(name))
        : this.#simulator.trading.stream.listeners > 0;
    while (!this.#isOver && !isAwaited()) await this.#pace.sleep(POLL_MS);
    if (!this.#isOver) await this.#pace.sleep(this.#options.delayMs ?? 1_000);
  }

  /** Reads up to the first record of market data. */
  async #hasMarketData(): Promise<boolean> {
    await this.#source.rewind();
    const reader = new RecordingReader(this.#source);
    for (;;) {
      const record = await nextOf(reader, () => {});
      if (!record || this.#isOver) return false;
      if (this.#isPlayed(record.feed) && record.feed in STREAMS) return true;
    }
  }

  #isPlayed(feed: string): boolean {
    return this.#options.feeds?.has(feed) ?? true;
  }

  async #playRound(): Promise<void> {
    await this.#source.rewind();
    const reader = new RecordingReader(this.#source);
    this.#orders = new Map();
    this.#pace.restart();
    let bounds: Bounds | undefined;
    this.#damagedBatches = 0;
    for (;;) {
      const record = await nextOf(reader, (damage) => this.#damage = damage);
      if (!record || this.#isOver) break;
      const batch = this.#batchOf(record.bytes);
      if (!batch) continue;
      bounds ??= boundsOf(this.#options, batch);
      if (bounds && !await this.#playBatch(record.feed, batch, bounds)) break;
    }
    this.#truncatedBytes = reader.truncatedBytes;
    for (const [feed, order] of this.#orders) {
      const before = order.holes.filter(({ at }) => at < (bounds?.from ?? -Infinity));
      const played = this.#feedOf(feed);
      played.holes = order.holes.slice(before.length);
      played.missing = order.missing - before.reduce((sum, { missing }) => sum + missing, 0);
    }
  }

  #batchOf(bytes: Uint8Array): Batch | undefined {
    try {
      return readBatch(bytes);
    } catch (error) {
      if (!(error instanceof DamagedBatch)) throw error;
      this.#damagedBatches++;
      return undefined;
    }
  }

  /** Plays the frames of a batch; false when everything is played. */
  async #playBatch(feed: string, { term, entries }: Batch, bounds: Bounds): Promise<boolean> {
    if (!this.#isPlayed(feed)) return true;
    const order = this.#orders.get(feed) ?? new FeedOrder();
    this.#orders.set(feed, order);
    for (const entry of entries) {
      if (entry.receivedAt > bounds.to + TO_SLACK_MS) return false;
      if (entry.receivedAt > bounds.to) continue;
      const frame = order.add(term, entry);
      if (!frame) continue;
      if (frame.receivedAt < bounds.from) {
        // What came before is known to REST, and order books are complete.
        this.#observe(feed, frame);
        await this.#pace.giveTurn();
        continue;
      }
      await this.#pace.until(frame.receivedAt);
      if (this.#isOver) return false;
      this.#first ??= frame.receivedAt;
      this.#last = frame.receivedAt;
      this.#play(feed, frame);
    }
    return true;
  }

  #observe(feed: string, { bytes }: WholeFrame): void {
    const [endpoint] = STREAMS[feed] ?? [];
    if (!endpoint) return;
    const { messages } = readOr(() => splitFrame(bytes)) ?? { messages: [] };
    for (const { message } of messages) {
      if (isPublishable(message)) this.#simulator.market.observe(endpoint, message);
    }
  }

  #play(feed: string, { bytes }: WholeFrame): void {
    const played = this.#feedOf(feed);
    if (feed === TRADING) return this.#playUpdate(bytes, played);
    const frame = readOr(() => splitFrame(bytes));
    if (!frame) {
      played.unreadable++;
      return;
    }
    played.unreadable += frame.unreadable;
    const { encoding } = frame;
    const endpoints = this.#endpointsOf(feed);
    for (const { message, encoded } of frame.messages) {
      if (REPLIES.has(message["T"])) continue;
      played.messages++;
      const known = { [encoding]: encoded };
      if (!this.#publish(endpoints, message, known)) played.unsubscribed++;
    }
    for (const endpoint of endpoints) this.#simulator.flush(endpoint);
  }

  /** The first stream of a feed, which REST has, and the others that are in use. */
  #endpointsOf(feed: string): readonly EndpointName[] {
    const streams = STREAMS[feed] ?? [];
    return streams.filter((name, index) => index === 0 || this.#simulator.hasSubscribers(name));
  }

  #publish(
    endpoints: readonly EndpointName[],
    message: DecodedMessage,
    known: Partial<Record<Encoding, Encoded>>,
  ): boolean {
    if (!isPublishable(message)) return false;
    let delivered = 0;
    for (const endpoint of endpoints) {
      delivered += this.#simulator.publishRecorded(endpoint, message, known);
    }
    return delivered > 0;
  }

  #playUpdate(bytes: Uint8Array, played: PlayedFeed): void {
    const frame = readOr(() => readTradingFrame(bytes));
    if (!frame) {
      played.unreadable++;
      return;
    }
    const { message, encoded } = frame;
    if (message["stream"] !== TRADE_UPDATES) return;
    played.messages++;
    const json = typeof encoded === "string" ? encoded : undefined;
    const deliveries = this.#simulator.trading.stream.emitRecorded(message, json);
    if (deliveries.length === 0) played.unsubscribed++;
  }

  #feedOf(feed: string): PlayedFeed {
    let played = this.#feeds.get(feed);
    if (!played) {
      played = { messages: 0, unsubscribed: 0, unreadable: 0, missing: 0, holes: [] };
      this.#feeds.set(feed, played);
    }
    return played;
  }
}

/** The first and the last arrival to play, in ms since the Unix epoch. */
interface Bounds {
  readonly from: number;
  readonly to: number;
}

/** Undefined for a batch without entries. */
function boundsOf({ from, to }: ReplayOptions, { entries }: Batch): Bounds | undefined {
  const [first] = entries;
  if (!first) return undefined;
  const timeOf = (moment: Moment) =>
    "time" in moment ? moment.time : first.receivedAt + moment.offset;
  return { from: from ? timeOf(from) : -Infinity, to: to ? timeOf(to) : Infinity };
}

/** The next record; undefined at the end, and where the file is damaged. */
async function nextOf(reader: RecordingReader, report: (damage: string) => void) {
  try {
    return await reader.next();
  } catch (error) {
    if (!(error instanceof DamagedRecording) || reader.offset === 0) throw error;
    report(error.message);
    return undefined;
  }
}

/** Undefined for a frame that cannot be read. */
function readOr<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof UnreadableFrame) return undefined;
    throw error;
  }
}

/** Whether a message says which subscribers receive it. */
function isPublishable(message: DecodedMessage): message is DecodedMessage & StreamMessage {
  const { T, S, symbols } = message;
  if (typeof T !== "string") return false;
  return typeof S === "string" || (S === undefined && Array.isArray(symbols));
}

/** When the frames are due. */
class Pace {
  /** How far it was behind, at most. */
  lateMs = 0;
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  readonly #speed: number;
  readonly #maxPauseMs: number;
  /** When the first frame was played; undefined before it. */
  #startedAt: number | undefined;
  #latest = 0;
  /** Time after the first frame at which the next one is due. */
  #dueMs = 0;
  #turnAt: number;

  constructor(clock: Clock, { signal, speed = 1, maxPauseMs = Infinity }: ReplayOptions) {
    this.#clock = clock;
    this.#signal = signal;
    this.#speed = speed;
    this.#maxPauseMs = maxPauseMs;
    this.#turnAt = clock.now();
  }

  /** The next frame is the first one again. */
  restart(): void {
    this.#startedAt = undefined;
  }

  /** Resolves when a frame of this arrival is due. */
  async until(receivedAt: number): Promise<void> {
    const now = this.#clock.now();
    if (this.#startedAt === undefined) {
      this.#startedAt = now;
      this.#latest = receivedAt;
      this.#dueMs = 0;
    }
    const pauseMs = Math.min(Math.max(0, receivedAt - this.#latest), this.#maxPauseMs);
    this.#latest = Math.max(this.#latest, receivedAt);
    this.#dueMs += pauseMs / this.#speed;
    const waitMs = this.#startedAt + this.#dueMs - now;
    // Timers have whole milliseconds.
    if (waitMs >= 1) return await this.sleep(waitMs);
    this.lateMs = Math.max(this.lateMs, -waitMs);
    await this.giveTurn();
  }

  /** Lets sockets be written and read if they have waited. */
  async giveTurn(): Promise<void> {
    if (this.#clock.now() - this.#turnAt < TURN_MS) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#turnAt = this.#clock.now();
  }

  /** Resolves after a time, or when the signal fires. */
  async sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#signal?.aborted) resolve();
    using _timer = this.#clock.setTimer(ms, resolve);
    const stop = () => resolve();
    this.#signal?.addEventListener("abort", stop, { once: true });
    await promise;
    this.#signal?.removeEventListener("abort", stop);
    this.#turnAt = this.#clock.now();
  }
}
