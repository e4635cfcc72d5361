/** The order of data and of the events that say which data is carried, over real sockets. */
import assert from "node:assert/strict";
import { SubscriptionManager } from "../../../src/application/feeds/subscription_manager.ts";
import { TradeUpdatesSubscription } from "../../../src/application/feeds/upstream_subscriptions.ts";
import { createSubscriptions } from "../../../src/domain/subscription/reconciler.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { ScriptedExchange, type ScriptedPeer } from "../../support/scripted_exchange.ts";
import { NO_LIMIT } from "../../support/subscriptions.ts";
import {
  acceptLogin,
  AUTHORIZED,
  LISTENING,
  quote,
  Stocks,
  Trading,
  turn,
} from "./connector_harness.ts";
import { LinkedFeed, TRACING } from "./linked_feed.ts";

function managerOf({ clock, events }: LinkedFeed): SubscriptionManager {
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
    tracing: TRACING,
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
  await using feed = new LinkedFeed(stocks.connector, managerOf);
  stocks.quotes.publish = ({ bidPrice }) => feed.lines.push(`quote ${bidPrice}`);
  const peer = await exchange.accept();
  await subscribe(peer);
  peer.send([ACKNOWLEDGED, quote(1)]);
  await peer.ping();
  assert.deepEqual(feed.lines, [
    "carried quotes AAPL",
    "quotes AAPL acknowledged",
    "quote 1",
  ]);
});

Deno.test("a session that error 407 ends is lost once, after its last data", async () => {
  await using exchange = await ScriptedExchange.start();
  const stocks = new Stocks(exchange.url);
  await using feed = new LinkedFeed(stocks.connector, managerOf);
  stocks.quotes.publish = ({ bidPrice }) => feed.lines.push(`quote ${bidPrice}`);
  const peer = await exchange.accept();
  await subscribe(peer);
  peer.send([ACKNOWLEDGED]);
  await peer.ping();
  feed.events.take();
  peer.sendTogether([quote(1), SLOW_CLIENT, quote(2)], [quote(3)]);
  peer.send([quote(4)]);
  await peer.closed();
  const lines = feed.events.take();
  assert.deepEqual(lines.slice(0, 2), ["quote 1", "quote 2"]);
  assert.equal(lines.at(-1), "upstream_lost quotes AAPL");
  assert.equal(lines.filter((line) => line.startsWith("upstream_lost")).length, 1);
  await turn(feed.clock, 500);
  const next = await exchange.accept();
  await subscribe(next);
  assert.deepEqual(feed.lines, []);
  next.send([ACKNOWLEDGED, quote(5)]);
  await next.ping();
  assert.deepEqual(feed.events.take(), ["carried quotes AAPL", "quote 5"]);
});

Deno.test("order updates are carried before one that follows the reply to listen", async () => {
  await using exchange = await ScriptedExchange.start();
  const trading = new Trading(exchange.url);
  await using feed = new LinkedFeed(
    trading.connector,
    ({ events }) => new TradeUpdatesSubscription(events),
  );
  trading.orders.publish = ({ order }) => feed.lines.push(`order ${order?.id}`);
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
  assert.deepEqual(feed.events.take(), ["carried updates *", "order o1"]);
  peer.sendTogether({ stream: "listening", data: { streams: [] } }, update("o2"));
  await peer.closed();
  assert.deepEqual(feed.events.take(), ["order o2", "upstream_lost updates *"]);
});
