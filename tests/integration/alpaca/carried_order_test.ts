/** The order of data and of the events that say which data is carried, over real sockets. */
import assert from "node:assert/strict";
import { FeedLink } from "../../../src/application/feeds/feed_link.ts";
import { SubscriptionManager } from "../../../src/application/feeds/subscription_manager.ts";
import {
  TradeUpdatesSubscription,
  type UpstreamSubscriptions,
} from "../../../src/application/feeds/upstream_subscriptions.ts";
import type { FeedConnector } from "../../../src/application/ports/feed_connector.ts";
import type { Tracing } from "../../../src/application/ports/tracing.ts";
import { createCounters } from "../../../src/application/status/counters.ts";
import { createSubscriptions } from "../../../src/domain/subscription/reconciler.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { RecordingEvents } from "../../support/recording_events.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { ScriptedExchange, type ScriptedPeer } from "../../support/scripted_exchange.ts";
import { NO_LIMIT } from "../../support/subscriptions.ts";
import {
  acceptLogin,
  AUTHORIZED,
  LISTENING,
  quote,
  soon,
  Stocks,
  Trading,
  turn,
} from "./connector_harness.ts";

const tracing: Tracing = {
  span: () => ({ event: () => {}, set: () => {}, fail: () => {}, end: () => {} }),
};

/** A link over a connector, and one list of its data and its events in order. */
class Carrier {
  readonly clock = new ManualClock();
  readonly events = new RecordingEvents();
  readonly lines: string[] = this.events.lines;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(
    connector: FeedConnector,
    subscriptions: (carrier: Carrier) => UpstreamSubscriptions,
  ) {
    const link = new FeedLink({
      feed: "sip",
      kind: "sip",
      connector,
      subscriptions: subscriptions(this),
      counters: createCounters().feeds.sip,
      clock: this.clock,
      random: () => 0.5,
      log: new RecordingLog(),
      tracing,
      redact: (text) => text,
      remedies: {},
      heartbeat: { intervalMs: 30_000, timeoutMs: 60_000 },
      reconnect: { initialDelayMs: 500, maxDelayMs: 30_000, multiplier: 2, maxAttempts: 0 },
    });
    this.#done = link.run(this.#stop.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await soon(this.#done);
  }
}

function managerOf({ clock, events }: Carrier): SubscriptionManager {
  const manager = new SubscriptionManager({
    feed: "sip",
    subscriptions: createSubscriptions({
      plan: NO_LIMIT,
      limits: { maxPairs: 100, maxBytes: 10_000 },
      graceMs: 0,
      now: () => clock.monotonic(),
    }),
    replyTimeoutMs: 10_000,
    clock,
    log: new RecordingLog(),
    tracing,
    onRejection: () => {},
    events,
  });
  manager.add("quotes", ["AAPL"]);
  return manager;
}

const ACKNOWLEDGED = { T: "subscription", trades: [], quotes: ["AAPL"], bars: [] };
const SLOW_CLIENT = { T: "error", code: 407, msg: "slow client" };

async function subscribe(peer: ScriptedPeer): Promise<void> {
  await acceptLogin(peer);
  await peer.receive();
}

Deno.test("a symbol is carried before data that follows in the same frame", async () => {
  await using exchange = await ScriptedExchange.start();
  const stocks = new Stocks(exchange.url);
  await using carrier = new Carrier(stocks.connector, managerOf);
  stocks.quotes.publish = ({ bidPrice }) => carrier.lines.push(`quote ${bidPrice}`);
  const peer = await exchange.accept();
  await subscribe(peer);
  peer.send([ACKNOWLEDGED, quote(1)]);
  await peer.ping();
  assert.deepEqual(carrier.lines, [
    "carried quotes AAPL",
    "quotes AAPL acknowledged",
    "quote 1",
  ]);
});

Deno.test("a session that error 407 ends is lost once, after its last data", async () => {
  await using exchange = await ScriptedExchange.start();
  const stocks = new Stocks(exchange.url);
  await using carrier = new Carrier(stocks.connector, managerOf);
  stocks.quotes.publish = ({ bidPrice }) => carrier.lines.push(`quote ${bidPrice}`);
  const peer = await exchange.accept();
  await subscribe(peer);
  peer.send([ACKNOWLEDGED]);
  await peer.ping();
  carrier.events.take();
  peer.sendTogether([quote(1), SLOW_CLIENT, quote(2)], [quote(3)]);
  peer.send([quote(4)]);
  await peer.closed();
  const lines = carrier.events.take();
  assert.deepEqual(lines.slice(0, 2), ["quote 1", "quote 2"]);
  assert.equal(lines.at(-1), "upstream_lost quotes AAPL");
  assert.equal(lines.filter((line) => line.startsWith("upstream_lost")).length, 1);
  await turn(carrier.clock, 500);
  const next = await exchange.accept();
  await subscribe(next);
  assert.deepEqual(carrier.lines, []);
  next.send([ACKNOWLEDGED, quote(5)]);
  await next.ping();
  assert.deepEqual(carrier.events.take(), ["carried quotes AAPL", "quote 5"]);
});

Deno.test("order updates are carried before one that follows the reply to listen", async () => {
  await using exchange = await ScriptedExchange.start();
  const trading = new Trading(exchange.url);
  await using carrier = new Carrier(
    trading.connector,
    ({ events }) => new TradeUpdatesSubscription(events),
  );
  trading.orders.publish = ({ order }) => carrier.lines.push(`order ${order?.id}`);
  const update = (id: string) => ({
    stream: "trade_updates",
    data: { event: "new", order: { id } },
  });
  const peer = await exchange.accept();
  await peer.receive();
  peer.send(AUTHORIZED);
  await peer.receive();
  peer.sendTogether(LISTENING, update("o1"));
  await peer.ping();
  assert.deepEqual(carrier.events.take(), ["carried updates *", "order o1"]);
  peer.sendTogether({ stream: "listening", data: { streams: [] } }, update("o2"));
  await peer.closed();
  assert.deepEqual(carrier.events.take(), ["order o2", "upstream_lost updates *"]);
});
