/**
 * An account of the simulator behind a trading stream that a test cuts, in front of the proxy's
 * journal and of its streams, in one process and on one virtual clock. REST is real HTTP.
 *
 * @module
 */
import {
  ManualClock,
  type RestFault,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
  type TradeUpdate,
} from "@alpaca-stream-proxy/simulator";
import { Channel } from "../../src/application/broadcast/channel.ts";
import type { Envelope } from "../../src/application/broadcast/envelope.ts";
import { QueueMemory } from "../../src/application/broadcast/queue_memory.ts";
import { OrderJournal } from "../../src/application/orders/order_journal.ts";
import type { Clock } from "../../src/application/ports/clock.ts";
import type { StoredEntry } from "../../src/application/ports/order_store.ts";
import { createCounters } from "../../src/application/status/counters.ts";
import { AnnotatedStream } from "../../src/application/streaming/annotated_stream.ts";
import type { Notice, StreamOptions } from "../../src/application/streaming/stream_options.ts";
import type { OrderUpdate } from "../../src/domain/market/order_events.ts";
import { RestOrderHistory } from "../../src/infrastructure/alpaca/rest/order_history.ts";
import { RestClient } from "../../src/infrastructure/alpaca/rest/rest_client.ts";
import { LIVE } from "../support/live_feed.ts";
import { RecordingLog } from "../support/recording_log.ts";
import { asRead } from "./order_oracle.ts";
import { NO_OPTIONS } from "../support/stream_options.ts";

const KEY = "SIM_KEY";
const SECRET = "SIM_SECRET";
const EVERYTHING = { symbols: new Set<string>(), secondary: new Set<string>() };

/** How long an update is on its way at most, unless the link is slow. */
const MAX_DELAY_MS = 40;

const OPTIONS: StreamOptions = {
  ...NO_OPTIONS,
  meta: true,
  notices: true,
  delivery: "every_or_end",
};

/** Numbers in [0, 1) that follow from a seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 4_294_967_296;
  };
}

/** The time of a simulator as the proxy's clock. */
function clockOf(time: ManualClock): Clock {
  return {
    now: () => time.now(),
    monotonic: () => time.now(),
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const timer = time.setTimer(ms, resolve);
        signal?.addEventListener("abort", () => {
          timer.cancel();
          resolve();
        }, { once: true });
      });
    },
  };
}

/** Limits of a proxy, and what outlives it. */
interface Limits {
  readonly capacity: number;
  readonly queue: number;
  /** What proxies have stored. @default nothing is stored */
  readonly stored: StoredEntry[] | undefined;
}

/** One proxy: it ends when it is replaced. */
class Proxy {
  readonly channel: Channel<OrderUpdate>;
  readonly journal: OrderJournal;
  readonly counters = createCounters();
  readonly log = new RecordingLog();
  readonly memory = new QueueMemory();
  readonly clock: Clock;
  readonly epoch: string;

  constructor(
    clock: Clock,
    epoch: string,
    url: string,
    { capacity, queue, stored }: Limits,
  ) {
    this.clock = clock;
    this.epoch = epoch;
    this.channel = new Channel<OrderUpdate>(
      { symbol: ({ order }) => order.symbol, secondary: ({ order }) => order.id },
      {
        capacity: queue,
        retained: capacity,
        counters: this.counters.channels.orderUpdates,
        memory: this.memory,
      },
    );
    const client = new RestClient({
      credentials: () => ({ key: KEY, secret: SECRET }),
      clock,
      log: this.log,
      counters: this.counters.rest,
    });
    this.journal = new OrderJournal({
      channel: this.channel,
      capacity,
      history: new RestOrderHistory({ client, url }),
      store: stored && { add: (entry) => stored.push(entry) },
      maxSilenceMs: 1_000,
      settleMs: MAX_DELAY_MS,
      clock,
      log: this.log,
      counters: this.counters.orders,
    });
    if (stored) this.journal.restore([...stored]);
  }
}

/** A stream of one proxy with what it has received. */
export class OrderStream {
  readonly updates: Envelope<OrderUpdate>[] = [];
  readonly notices: Notice[] = [];
  readonly stream: AnnotatedStream<OrderUpdate>;

  constructor(proxy: Proxy, options: Partial<StreamOptions>) {
    this.stream = new AnnotatedStream<OrderUpdate>({
      id: "id",
      channel: proxy.channel,
      filter: EVERYTHING,
      options: { ...OPTIONS, ...options },
      epoch: proxy.epoch,
      feed: LIVE,
      eventId: ({ eventId }) => eventId,
      state: proxy.journal,
      clock: proxy.clock,
      memory: proxy.memory,
      counters: proxy.counters.streams,
      onEnd: () => {},
    });
  }

  /** Takes what is ready. */
  read(): void {
    for (const item of this.stream.take()) {
      if ("notice" in item) this.notices.push(item.notice);
      else this.updates.push(item);
    }
  }

  /** Notices of one type. */
  of<T extends Notice["type"]>(type: T): readonly Extract<Notice, { type: T }>[] {
    return this.notices.filter((one): one is Extract<Notice, { type: T }> => one.type === type);
  }
}

/** Options of the simulator and limits of the proxy. */
interface OrderOutagesOptions extends SimulatorOptions {
  /** Updates that the journal keeps. */
  readonly capacity?: number;
  /** Updates that a stream may fall behind. */
  readonly queue?: number;
  /** Whether updates are stored for the proxy that takes the place of another one. */
  readonly isStored?: boolean;
}

/** An account, its trading stream and the proxy that reads both. */
export class OrderOutages implements AsyncDisposable {
  readonly time: ManualClock;
  readonly simulator: Simulator;
  readonly random: () => number;
  readonly clock: Clock;
  readonly #limits: Limits;
  proxy: Proxy;
  /** Received by the proxy, in order, repeats included. */
  readonly received: TradeUpdate[] = [];
  /** Those of them that arrived while nothing was being read from REST. */
  readonly receivedLive: TradeUpdate[] = [];
  /** Chance that an update is sent twice. */
  repeatChance = 0;
  /** How long an update is on its way at most. */
  delayMs = MAX_DELAY_MS;
  #isConnected = false;
  /** Updates that are on their way. */
  #waiting: { readonly update: TradeUpdate; readonly at: number }[] = [];
  #proxies = 0;

  static async start(
    seed: number,
    { capacity = 10_000, queue = 10_000, isStored, ...options }: OrderOutagesOptions = {},
  ): Promise<OrderOutages> {
    const time = new ManualClock();
    const simulator = await startSimulator({
      clock: time,
      seed,
      messagesPerSecond: 0,
      pingSeconds: 0,
      ledgerCapacity: 100_000,
      rest: { tradingRequestsPerMinute: 100_000 },
      ...options,
    });
    const stored = isStored ? [] : undefined;
    return new OrderOutages(time, simulator, randomOf(seed), { capacity, queue, stored });
  }

  private constructor(
    time: ManualClock,
    simulator: Simulator,
    random: () => number,
    limits: Limits,
  ) {
    this.time = time;
    this.simulator = simulator;
    this.random = random;
    this.#limits = limits;
    this.clock = clockOf(time);
    this.proxy = this.#newProxy();
    this.engine.onUpdate((update) => this.#send(update));
  }

  get engine() {
    return this.simulator.trading.engineOf(KEY);
  }

  /** Every event of the account, in order. */
  get ledger(): readonly TradeUpdate[] {
    return this.simulator.trading.ledger.events().map(({ update }) => update);
  }

  open(options: Partial<StreamOptions> = {}): OrderStream {
    return new OrderStream(this.proxy, options);
  }

  connect(): void {
    this.#isConnected = true;
    this.proxy.journal.carried();
  }

  /** What is on its way is lost. */
  cut(): void {
    if (!this.#isConnected) return;
    this.#isConnected = false;
    this.#waiting = [];
    this.proxy.journal.notCarried("upstream_lost");
  }

  /** The proxy ends, and another one takes its place. */
  restartProxy(): void {
    this.cut();
    this.proxy = this.#newProxy();
  }

  fail(fault: RestFault): void {
    this.simulator.faults.failRest(fault);
  }

  /** Lets time pass. */
  pass(ms: number): void {
    this.time.advance(ms);
  }

  /** Lets time pass, with REST being read, until the journal is complete. */
  async untilComplete(): Promise<void> {
    for (let turn = 0; !this.proxy.journal.isComplete; turn++) {
      if (turn > 20_000) throw new Error("Not complete");
      await new Promise((resolve) => setTimeout(resolve, 0));
      this.pass(turn > 300 ? 500 : Math.floor(this.random() * 12));
    }
    await Promise.resolve();
  }

  /** Lets time pass until updates are delivered though REST cannot be read. */
  async untilDelivered(): Promise<void> {
    const { reconciliations } = this.proxy.counters.orders;
    for (let turn = 0; reconciliations.abandoned === 0; turn++) {
      if (turn > 20_000) throw new Error("Not delivered");
      await new Promise((resolve) => setTimeout(resolve, 0));
      this.pass(turn > 300 ? 500 : Math.floor(this.random() * 12));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await this.simulator[Symbol.asyncDispose]();
  }

  #newProxy(): Proxy {
    return new Proxy(this.clock, `epoch ${++this.#proxies}`, this.simulator.url, this.#limits);
  }

  #send(update: TradeUpdate): void {
    if (!this.#isConnected) return;
    const last = this.#waiting.at(-1)?.at ?? 0;
    const copies = this.random() < this.repeatChance ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const at = Math.max(last, this.time.now() + Math.floor(this.random() * this.delayMs));
      const sent = { update, at };
      this.#waiting.push(sent);
      this.time.setTimer(at - this.time.now(), () => this.#arrive(sent));
    }
  }

  #arrive(sent: { readonly update: TradeUpdate; readonly at: number }): void {
    // Timers of equal times fire in the order in which they were set.
    while (this.#waiting.includes(sent)) {
      const next = this.#waiting.shift();
      if (!next) return;
      this.received.push(next.update);
      if (this.proxy.journal.isComplete) this.receivedLive.push(next.update);
      this.proxy.journal.publish(
        asRead(next.update),
        this.time.now() + this.received.length / 1e6,
      );
    }
  }
}
