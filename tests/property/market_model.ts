/**
 * A market with one session to it, whose messages reach the real decoder and
 * whose sessions fail in every way that a script can choose.
 *
 * It records each message that the market has produced and what became of it,
 * independently of the proxy.
 *
 * @module
 */
import type { EventSink } from "../../src/application/ports/event_sink.ts";
import type { ConnectOptions, FeedConnector } from "../../src/application/ports/feed_connector.ts";
import { createCounters } from "../../src/application/status/counters.ts";
import { failureOfUpstream, FeedFailure } from "../../src/domain/connection/failure.ts";
import type { StockBar, StockQuote, StockTrade } from "../../src/domain/market/stock_events.ts";
import {
  hasPair,
  type SymbolSets,
  type UpstreamChannel,
  WILDCARD,
} from "../../src/domain/subscription/pairs.ts";
import { FrameDecoder } from "../../src/infrastructure/alpaca/decode.ts";
import { stockFormat } from "../../src/infrastructure/alpaca/market.ts";
import type { Control, StockSinks } from "../../src/infrastructure/alpaca/messages.ts";
import type { ManualClock } from "../support/manual_clock.ts";
import { RecordingLog } from "../support/recording_log.ts";
import {
  type Answer,
  ModelUpstream,
  type Truth,
} from "../unit/application/feeds/model_upstream.ts";
import { ScriptedSession } from "../unit/application/feeds/scripted_feed.ts";

/** Channels of the stock stream that the model produces. */
export const MARKET_CHANNELS = ["quotes", "trades", "bars"] as const satisfies UpstreamChannel[];

/** One of {@linkcode MARKET_CHANNELS}. */
export type MarketChannel = typeof MARKET_CHANNELS[number];

/** A channel and a symbol of a message. */
export interface Tick {
  readonly channel: MarketChannel;
  readonly symbol: string;
}

/**
 * What became of a message: sent and valid; sent with an invalid value; in a frame that is not
 * JSON; not sent because no session was up, the pair was not subscribed, or the session was mute.
 */
export type Outcome = "sent" | "invalid" | "unreadable" | "no_session" | "unsubscribed" | "mute";

/** One message of the market. */
export interface Produced extends Tick {
  /** 1, 2, 3, … in the order of production; found again in what streams receive. */
  readonly id: number;
  /** Wall clock ms. */
  readonly at: number;
  readonly outcome: Outcome;
  /** Which session it belongs to; 0 for none. */
  readonly session: number;
  /** Position in the channel, and among those of its symbol; 0 while it was not published. */
  sequence: number;
  symbolSequence: number;
}

/** Ends the session after a login: Alpaca has dropped data for a slow client. */
const SLOW_CLIENT = { code: 407, message: "slow client" };

/** A connection that was refused. */
const REFUSED = new FeedFailure("Connection refused", { errorType: "dial" });

/** The market, its one account and the sessions of it. */
export class MarketModel implements FeedConnector {
  readonly upstream: ModelUpstream;
  readonly log = new RecordingLog();
  readonly counters = createCounters().feeds.sip;
  /** Everything that was produced, oldest first. */
  readonly produced: Produced[] = [];
  /** Published messages of each channel; the first has position 1. */
  readonly published: Record<MarketChannel, Produced[]> = { quotes: [], trades: [], bars: [] };
  /** Called before a message is handed to a channel. */
  onPublish: (message: Produced) => void = () => {};
  /** Dials to come that are refused. */
  refusedDials = 0;
  /** Whether requests wait until `release`. */
  isHeld = false;
  /** Acknowledgements to come that are lost, or come twice. */
  lostAcks = 0;
  doubledAcks = 0;
  /** What was acknowledged last, with the number of messages produced before; oldest first. */
  readonly #states: { readonly after: number; readonly state: SymbolSets }[] = [];
  /** Sessions so far. */
  sessions = 0;
  readonly #clock: ManualClock;
  readonly #decoder: FrameDecoder<Control>;
  readonly #symbolSequences = new Map<string, number>();
  #session: ScriptedSession | undefined;
  #options: ConnectOptions | undefined;
  #isMute = false;
  /** How many messages had been produced when the session became mute. */
  #muteAfter = 0;
  /** Ids of messages after which a session ended that was mute since then. */
  readonly #mutes: { readonly after: number; readonly until: number }[] = [];

  constructor(truth: Truth, sinks: StockSinks, clock: ManualClock) {
    this.#clock = clock;
    this.upstream = new ModelUpstream(truth);
    const idOf = {
      quotes: ({ bidPrice }: StockQuote) => bidPrice,
      trades: ({ tradeId }: StockTrade) => Number(tradeId),
      bars: ({ volume }: StockBar) => Number(volume),
    };
    const format = stockFormat({
      ...sinks,
      quotes: this.#tap(sinks.quotes, "quotes", idOf.quotes),
      trades: this.#tap(sinks.trades, "trades", idOf.trades),
      bars: this.#tap(sinks.bars, "bars", idOf.bars),
    });
    const { counters, log } = this;
    this.#decoder = new FrameDecoder({ format, counters, clock, log });
  }

  /** Whether a session is up. */
  get isConnected(): boolean {
    return this.#session !== undefined;
  }

  async connect(options: ConnectOptions): Promise<ScriptedSession> {
    if (this.#session) throw new Error("Dialed while a session was open");
    // A dial never succeeds in the turn in which it is begun.
    await Promise.resolve();
    if (this.refusedDials > 0) {
      this.refusedDials--;
      throw REFUSED;
    }
    options.onOpened();
    const session = new ScriptedSession(this.#clock);
    this.sessions++;
    this.#options = options;
    this.#session = session;
    this.#isMute = false;
    session.onRequest = (request) => {
      if (session !== this.#session) return;
      this.upstream.requests.push(request);
      if (!this.isHeld) this.release();
    };
    session.ended.then(() => {
      if (session === this.#session) this.#end();
    });
    return session;
  }

  /** Produces messages in one frame, all valid, one invalid, or a frame that is not JSON. */
  produce(ticks: readonly Tick[], fault: "none" | "invalid" | "unreadable" = "none"): void {
    const elements: object[] = [];
    for (const [index, tick] of ticks.entries()) {
      const isInvalid = fault === "invalid" && index === 0;
      const outcome = this.#outcomeOf(tick) ?? (isInvalid ? "invalid" : undefined) ??
        (fault === "unreadable" ? "unreadable" : "sent");
      const message: Produced = {
        ...tick,
        id: this.produced.length + 1,
        at: this.#clock.now(),
        outcome,
        session: this.#session ? this.sessions : 0,
        sequence: 0,
        symbolSequence: 0,
      };
      this.produced.push(message);
      if (outcome === "sent" || outcome === "unreadable") elements.push(elementOf(message));
      if (outcome === "invalid") {
        elements.push({ ...elementOf(message), [INVALID[tick.channel]]: "x" });
      }
    }
    if (elements.length > 0) this.#send(elements, fault === "unreadable" ? 1 : 0);
  }

  /** Ends the session as the network does. */
  cut(): void {
    this.#session?.drop();
    this.#end();
  }

  /** Alpaca drops data and ends the session with 407. */
  dropSlow(): void {
    this.#send([{ T: "error", code: SLOW_CLIENT.code, msg: SLOW_CLIENT.message }]);
  }

  /** The connection stays open, and nothing is received any more. */
  mute(): void {
    if (!this.#session || this.#isMute) return;
    this.#isMute = true;
    this.#muteAfter = this.produced.length;
  }

  /** Ends {@linkcode MarketModel.mute}. */
  unmute(): void {
    this.#isMute = false;
  }

  /** Executes and answers all requests that wait. */
  release(): void {
    while (this.upstream.requests.length > 0) {
      this.upstream.process();
      const answer = this.upstream.answers.shift();
      if (!answer) continue;
      if (this.lostAcks > 0) {
        this.lostAcks--;
        continue;
      }
      const copies = this.doubledAcks > 0 ? 2 : 1;
      this.doubledAcks -= copies - 1;
      for (let copy = 0; copy < copies; copy++) this.#answer(answer);
    }
  }

  /** Acknowledges a state that lacks one pair, which upstream has. */
  contradict(which: number): void {
    const state = new Map(this.upstream.state);
    const [channel, symbols] = [...state][which % Math.max(1, state.size)] ?? [];
    if (!channel || !symbols) return;
    state.set(channel, new Set([...symbols].slice(1)));
    this.#answer({ state });
  }

  /** Drops one pair without a message. */
  forget(which: number): void {
    this.upstream.forget(which);
  }

  /** Whether the proxy could not notice that a message was not sent: its pair was acknowledged. */
  isUnnoticed(message: Produced): boolean {
    const { id } = message;
    if (message.outcome === "mute") {
      return !this.#mutes.some(({ after, until }) => after < id && id <= until);
    }
    return message.outcome === "unsubscribed" && this.wasCarried(message);
  }

  /** Whether the pair of a message was acknowledged when it was produced. */
  wasCarried(message: Produced): boolean {
    const last = this.#states.findLast(({ after }) => after < message.id);
    return covers(last?.state, message);
  }

  /** Whether the pair of a message is acknowledged now. */
  isCarried(message: Produced): boolean {
    return covers(this.#states.at(-1)?.state, message);
  }

  /**
   * Whether a message falls into an interruption, which is over by now, of a pair that was
   * acknowledged before it and after `since` messages.
   */
  isInterrupted(message: Produced, since: number): boolean {
    if (this.isUnnoticed(message) || !this.isCarried(message)) return false;
    const start = this.#states.findLastIndex(({ after }) => after <= since);
    const states = this.#states.slice(Math.max(0, start));
    return states.some(({ after, state }) => after < message.id && covers(state, message));
  }

  #tap<T>(
    sink: EventSink<T>,
    channel: MarketChannel,
    idOf: (event: T) => number,
  ): EventSink<T> {
    return {
      mayHaveSubscribers: (symbol) => sink.mayHaveSubscribers(symbol),
      unreadable: (symbol) => sink.unreadable(symbol),
      publish: (event, receivedAt) => {
        const message = this.produced[idOf(event) - 1];
        if (!message || message.sequence !== 0) throw new Error("Published what was not produced");
        const { symbol } = message;
        const key = `${channel} ${symbol}`;
        message.sequence = this.published[channel].push(message);
        message.symbolSequence = (this.#symbolSequences.get(key) ?? 0) + 1;
        this.#symbolSequences.set(key, message.symbolSequence);
        this.onPublish(message);
        sink.publish(event, receivedAt);
      },
    };
  }

  /** Why a message is not sent; `undefined` when it is. */
  #outcomeOf(tick: Tick): Outcome | undefined {
    if (!this.#session) return "no_session";
    if (!this.upstream.covers(tick)) return "unsubscribed";
    return this.#isMute ? "mute" : undefined;
  }

  #answer(answer: Answer): void {
    if ("error" in answer) {
      const { code, message } = answer.error;
      return this.#send([{ T: "error", code, msg: message }]);
    }
    const lists = Array.from(answer.state, ([channel, symbols]) => [channel, [...symbols]]);
    this.#send([{ T: "subscription", ...Object.fromEntries(lists) }]);
  }

  /** @param cutBytes bytes that are missing at the end of the frame */
  #send(elements: readonly object[], cutBytes = 0): void {
    const session = this.#session;
    if (!session || this.#isMute) return;
    const frame = new TextEncoder().encode(JSON.stringify(elements));
    session.hear();
    this.#decoder.receive(frame.subarray(0, frame.length - cutBytes), (reply) => {
      if (session !== this.#session) return;
      if (reply.type === "subscription") {
        this.#states.push({ after: this.produced.length, state: reply.state });
        this.#options?.subscriptions.acknowledged(reply.state);
      }
      if (reply.type !== "error") return;
      if (reply.error.code !== SLOW_CLIENT.code) {
        return this.#options?.subscriptions.rejected(reply.error);
      }
      session.fail(failureOfUpstream(reply.error));
      this.#end();
    });
  }

  #end(): void {
    this.#session = undefined;
    const until = this.produced.length;
    if (this.#isMute) this.#mutes.push({ after: this.#muteAfter, until });
    this.#isMute = false;
    this.#states.push({ after: this.produced.length, state: new Map() });
    this.upstream.disconnect();
  }
}

function covers(state: SymbolSets | undefined, { channel, symbol }: Tick): boolean {
  return state !== undefined &&
    (hasPair(state, { channel, symbol }) || hasPair(state, { channel, symbol: WILDCARD }));
}

/** The field that is not a number in an invalid message. */
const INVALID: Readonly<Record<MarketChannel, string>> = { quotes: "bp", trades: "p", bars: "o" };

/** A message as Alpaca sends it, with its id in a field that is passed on. */
function elementOf({ channel, symbol, id, at }: Produced): object {
  const common = { S: symbol, t: new Date(at).toISOString() };
  switch (channel) {
    case "quotes": {
      const quote = { bx: "Q", bp: id, bs: 1, ax: "Q", ap: id, as: 1, c: ["R"], z: "C" };
      return { T: "q", ...quote, ...common };
    }
    case "trades":
      return { T: "t", i: id, x: "Q", p: 1, s: 1, c: ["@"], z: "C", ...common };
    default:
      return { T: "b", o: 1, h: 1, l: 1, c: 1, v: id, vw: 1, n: 1, ...common };
  }
}
