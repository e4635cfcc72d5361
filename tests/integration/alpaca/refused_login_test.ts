/** One refused login of a key that worked before, on the market and the trading stream. */
import assert from "node:assert/strict";
import { TradeUpdatesSubscription } from "../../../src/application/feeds/upstream_subscriptions.ts";
import type { FeedConnector } from "../../../src/application/ports/feed_connector.ts";
import { until } from "../../support/until.ts";
import { ScriptedExchange, type ScriptedPeer } from "../../support/scripted_exchange.ts";
import {
  acceptLogin,
  acceptTradingLogin,
  CONNECTED,
  Stocks,
  Trading,
} from "./connector_harness.ts";
import { LinkedFeed } from "./linked_feed.ts";

const HOUR = 3_600_000;
/** Longest time without a session that one refusal may cost, in ms. */
const MAX_DARK_MS = 2_000;
const WORST_LUCK = 1 - Number.EPSILON;

interface Stream {
  readonly name: string;
  connector(url: string): FeedConnector;
  accept(peer: ScriptedPeer): Promise<void>;
  refuse(peer: ScriptedPeer): Promise<void>;
  /** What ends an open session with the same error as a refused login. */
  readonly revocation: object;
}

const STREAMS: readonly Stream[] = [
  {
    name: "market",
    connector: (url) => new Stocks(url).connector,
    accept: acceptLogin,
    async refuse(peer) {
      peer.send(CONNECTED);
      await peer.receive();
      peer.send([{ T: "error", code: 402, msg: "auth failed" }]);
    },
    revocation: [{ T: "error", code: 402, msg: "auth failed" }],
  },
  {
    name: "trading",
    connector: (url) => new Trading(url).connector,
    accept: acceptTradingLogin,
    async refuse(peer) {
      await peer.receive();
      peer.send({
        stream: "authorization",
        data: { status: "unauthorized", action: "authenticate" },
      });
    },
    revocation: {
      stream: "authorization",
      data: { status: "unauthorized", action: "listen" },
    },
  },
];

/** A link whose session has been open for twelve hours, and its peer. */
async function linked(stream: Stream, exchange: ScriptedExchange) {
  const feed = new LinkedFeed(
    stream.connector(exchange.url),
    ({ events }) => new TradeUpdatesSubscription(events),
    { random: WORST_LUCK, heartbeatMs: 24 * HOUR },
  );
  const peer = await exchange.accept();
  await stream.accept(peer);
  await until("the session is open", () => feed.link.status.state === "connected");
  await feed.clock.advance(12 * HOUR);
  return { feed, peer };
}

/** Advances to the next attempt and returns its peer. */
async function nextAttempt(feed: LinkedFeed, exchange: ScriptedExchange): Promise<ScriptedPeer> {
  await until("the link waits", () => feed.link.status.state === "reconnecting");
  await until("the wait has begun", () => feed.link.status.nextAttemptAt !== undefined);
  const { nextAttemptAt = 0 } = feed.link.status;
  await feed.clock.advance(nextAttemptAt - feed.clock.now() + 1);
  return await exchange.accept();
}

for (const stream of STREAMS) {
  Deno.test(`${stream.name}: a refused login after hours costs two seconds`, async () => {
    await using exchange = await ScriptedExchange.start();
    const { feed, peer } = await linked(stream, exchange);
    await using _ = feed;
    const lostAt = feed.clock.now();
    peer.close(1001, "restart");
    await stream.refuse(await nextAttempt(feed, exchange));
    const { remedy } = feed.link.status;
    assert.equal(remedy, undefined, "the key is not the cause");
    await stream.accept(await nextAttempt(feed, exchange));
    await until("the session is open", () => feed.link.status.state === "connected");
    const darkMs = feed.clock.now() - lostAt;
    assert.ok(darkMs <= MAX_DARK_MS, `${darkMs} ms without a session`);
    assert.deepEqual(feed.events.take(), [
      "carried updates *",
      "upstream_lost updates *",
      "carried updates *",
    ]);
  });

  Deno.test(`${stream.name}: a refusal that ends the session costs two seconds`, async () => {
    await using exchange = await ScriptedExchange.start();
    const { feed, peer } = await linked(stream, exchange);
    await using _ = feed;
    const lostAt = feed.clock.now();
    peer.send(stream.revocation);
    await stream.refuse(await nextAttempt(feed, exchange));
    await stream.accept(await nextAttempt(feed, exchange));
    await until("the session is open", () => feed.link.status.state === "connected");
    const darkMs = feed.clock.now() - lostAt;
    assert.ok(darkMs <= MAX_DARK_MS, `${darkMs} ms without a session`);
  });
}
