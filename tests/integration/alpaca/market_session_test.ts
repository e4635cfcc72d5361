/** Sessions with the stock and option streams, once they are up. */
import assert from "node:assert/strict";
import { FeedFailure } from "../../../src/domain/connection/failure.ts";
import { ScriptedExchange } from "../../support/scripted_exchange.ts";
import { until } from "../../support/until.ts";
import {
  acceptLogin,
  AUTHENTICATED,
  CONNECTED,
  PROBE,
  quote,
  request,
  SECRET,
  soon,
  Stocks,
} from "./connector_harness.ts";

const error = (code: number, msg: string) => [{ T: "error", code, msg }];
const text = (value: unknown) => JSON.stringify(value);

/** A stock session that is up, and the server's side of it. */
async function stockSession(exchange: ScriptedExchange) {
  const stocks = new Stocks(exchange.url);
  const connecting = stocks.connect();
  const peer = await exchange.accept();
  await acceptLogin(peer);
  return { stocks, peer, session: await connecting };
}

Deno.test("an abort after the login does not end the session", async () => {
  await using exchange = await ScriptedExchange.start();
  const { stocks, peer, session } = await stockSession(exchange);
  stocks.abort.abort();
  peer.send([quote(1)]);
  await stocks.quotes.until(1);
  await session.close();
  assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
  assert.match((await soon(session.ended)).message, /code 1000/);
});

Deno.test("requests are exactly the JSON that upstream documents", async () => {
  await using exchange = await ScriptedExchange.start();
  const { peer, session } = await stockSession(exchange);
  const cases = [
    [
      request("subscribe", { bars: ["*"], trades: ["AAPL", "MSFT"] }),
      '{"action":"subscribe","trades":["AAPL","MSFT"],"bars":["*"]}',
    ],
    [
      request("unsubscribe", { quotes: ["*", "BRK.B"] }),
      '{"action":"unsubscribe","quotes":["*","BRK.B"]}',
    ],
    [
      { ...request("subscribe", { trades: ["AAPL"] }), probe: true },
      '{"action":"subscribe","trades":["AAPL"]}',
    ],
    [PROBE, '{"action":"subscribe","trades":[],"quotes":[],"bars":[]}'],
  ] as const;
  for (const [asked, json] of cases) {
    session.request(asked);
    const { text, binary } = await peer.receive();
    assert.deepEqual({ text, binary }, { text: json, binary: false });
  }
  await session.close();
  session.request(PROBE);
  assert.equal(peer.unread, 0);
});

Deno.test("acknowledgements and rejections are reported in order", async () => {
  await using exchange = await ScriptedExchange.start();
  const { stocks, peer, session } = await stockSession(exchange);
  peer.send([{ T: "subscription", trades: ["AAPL"], quotes: [], bars: ["*"] }]);
  for (const code of [400, 403, 405, 409, 410, 412, 413, 500, 599]) {
    peer.send(error(code, `e${code}`));
  }
  peer.send([{ T: "success", msg: "authenticated" }]);
  peer.send([{ T: "subscription" }]);
  await stocks.events.until(11);
  assert.deepEqual(stocks.events.calls, [
    "opened",
    "acknowledged trades=AAPL bars=*",
    "rejected 400 e400",
    "rejected 405 e405",
    "rejected 409 e409",
    "rejected 410 e410",
    "rejected 412 e412",
    "rejected 413 e413",
    "rejected 500 e500",
    "rejected 599 e599",
    "acknowledged",
  ]);
  await session.close();
});

Deno.test("a secret in a rejection does not reach the subscriptions", async () => {
  await using exchange = await ScriptedExchange.start();
  const { stocks, peer, session } = await stockSession(exchange);
  peer.send(error(400, `no ${SECRET}`));
  await stocks.events.until(2);
  assert.deepEqual(stocks.events.calls, ["opened", "rejected 400 no <secret>"]);
  await session.close();
});

for (
  const [code, errorType] of [
    [401, "upstream_error"],
    [402, "auth"],
    [404, "upstream_error"],
    [406, "connection_limit"],
    [407, "upstream_error"],
    [411, "auth"],
  ] as const
) {
  Deno.test(`error ${code} after the login ends the session`, async () => {
    await using exchange = await ScriptedExchange.start();
    const { stocks, peer, session } = await stockSession(exchange);
    peer.send(error(code, "no more"));
    const failure = await soon(session.ended);
    assert.equal(failure.message, `no more (code ${code})`);
    assert.equal(failure.errorType, errorType);
    assert.deepEqual(stocks.events.calls, ["opened"]);
    await session.close();
    assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
    assert.equal(await soon(session.ended), failure);
  });
}

Deno.test("nothing that arrives with the last login reply is lost", async () => {
  await using exchange = await ScriptedExchange.start();
  const stocks = new Stocks(exchange.url);
  const connecting = stocks.connect();
  const peer = await exchange.accept();
  peer.send(CONNECTED);
  await peer.receive();
  peer.sendTogether(
    [...AUTHENTICATED, quote(0), { T: "subscription", trades: ["A"] }],
    [{ T: "subscription", trades: ["A"], quotes: ["B"] }],
    ...Array.from({ length: 20 }, (_, i) => [quote(i + 1)]),
    error(405, "symbol limit exceeded"),
  );
  const session = await soon(connecting);
  await stocks.events.until(4);
  assert.deepEqual(stocks.events.calls, [
    "opened",
    "acknowledged trades=A",
    "acknowledged trades=A quotes=B",
    "rejected 405 symbol limit exceeded",
  ]);
  const bids = stocks.quotes.events.map((event) => event.bidPrice);
  assert.deepEqual(bids, Array.from({ length: 21 }, (_, i) => i));
  await session.close();
});

Deno.test("a fatal error in the frame of the login ends the new session", async () => {
  await using exchange = await ScriptedExchange.start();
  const stocks = new Stocks(exchange.url);
  const connecting = stocks.connect();
  const peer = await exchange.accept();
  peer.send(CONNECTED);
  await peer.receive();
  peer.send([...AUTHENTICATED, ...error(406, "connection limit exceeded")]);
  const session = await soon(connecting);
  assert.equal((await soon(session.ended)).errorType, "connection_limit");
  await session.close();
});

Deno.test("100 invalid messages and a malformed frame leave the socket open", async () => {
  await using exchange = await ScriptedExchange.start();
  const { stocks, peer, session } = await stockSession(exchange);
  const mixed = Array.from({ length: 100 }, (_, i) => [
    quote(i),
    i % 2 ? { T: "?", S: "AAPL" } : { ...quote(i), bs: "many" },
  ]);
  peer.send(mixed.flat());
  peer.send("[");
  peer.send(new Uint8Array([0xc1]));
  peer.send([quote(100)]);
  await stocks.quotes.until(101);
  const bids = stocks.quotes.events.map((event) => event.bidPrice);
  assert.deepEqual(bids, Array.from({ length: 101 }, (_, i) => i));
  const { malformed_element, unknown_type, malformed_frame } = stocks.counters.errors;
  assert.deepEqual([malformed_element, unknown_type, malformed_frame], [
    50,
    50,
    2,
  ]);
  session.request(PROBE);
  await peer.receive();
  await session.close();
});

Deno.test("a frame of several megabytes, or in fragments, is one frame", async () => {
  await using exchange = await ScriptedExchange.start();
  const { stocks, peer, session } = await stockSession(exchange);
  const many = Array.from({ length: 25_000 }, (_, i) => quote(i));
  peer.send(many);
  peer.sendInFragments(text([quote(-1), quote(-2)]), 7);
  await stocks.quotes.until(25_002);
  assert.equal(stocks.quotes.events.at(-1)?.bidPrice, -2);
  assert.equal(session.frames, 4);
  await session.close();
});

Deno.test("pings of the server are answered", async () => {
  await using exchange = await ScriptedExchange.start();
  const { peer, session } = await stockSession(exchange);
  await peer.ping();
  await session.close();
});

Deno.test("every frame counts as activity", async () => {
  await using exchange = await ScriptedExchange.start();
  const { stocks, peer, session } = await stockSession(exchange);
  assert.equal(session.frames, 2);
  await stocks.clock.advance(750);
  peer.send("nonsense");
  peer.send([quote(1)]);
  await stocks.quotes.until(1);
  assert.equal(session.frames, 4);
  assert.equal(session.lastFrameAt, 750);
  await session.close();
});

Deno.test("fail ends a session with its first reason", async () => {
  await using exchange = await ScriptedExchange.start();
  const { peer, session } = await stockSession(exchange);
  const mute = new FeedFailure("mute", { errorType: "heartbeat" });
  session.fail(mute);
  session.fail(new FeedFailure("later", { errorType: "closed" }));
  assert.equal(await soon(session.ended), mute);
  await Promise.all([session.close(), session.close()]);
  assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
  assert.equal(await soon(session.ended), mute);
});

Deno.test("a revoked session ends without the reply to its close frame", async (t) => {
  const states = {
    "while it is up": () => {},
    "while it is closed": (session: { close(): Promise<void> }) => void session.close(),
  };
  for (const [state, prepare] of Object.entries(states)) {
    await t.step(state, async () => {
      await using exchange = await ScriptedExchange.start();
      const { stocks, peer, session } = await stockSession(exchange);
      peer.ignoreClose();
      prepare(session);
      stocks.revocation.abort();
      await stocks.clock.advance(50);
      await exchange.transportEnded();
      assert.equal((await soon(session.ended)).errorType, "closed");
      await soon(session.close());
      assert.equal(stocks.clock.sleepers, 0);
    });
  }
});

Deno.test("a revoked session sends its close frame", async () => {
  await using exchange = await ScriptedExchange.start();
  const { stocks, peer, session } = await stockSession(exchange);
  stocks.revocation.abort();
  assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
  await soon(session.close());
});

Deno.test("a session is not opened once it is revoked", async (t) => {
  await t.step("while it is dialed", async () => {
    await using exchange = await ScriptedExchange.start();
    exchange.upgrades = "never";
    const stocks = new Stocks(exchange.url);
    const connecting = stocks.connect();
    await exchange.requested();
    stocks.revocation.abort();
    await assert.rejects(soon(connecting), FeedFailure);
    await exchange.transportEnded();
  });
  await t.step("during its login", async () => {
    await using exchange = await ScriptedExchange.start();
    const stocks = new Stocks(exchange.url);
    const connecting = stocks.connect();
    const peer = await exchange.accept();
    peer.ignoreClose();
    peer.send(CONNECTED);
    await until("it logs in", () => stocks.events.calls.length > 0);
    stocks.revocation.abort();
    const failed = assert.rejects(connecting, FeedFailure);
    await stocks.clock.advance(50);
    await exchange.transportEnded();
    await soon(failed);
  });
});

Deno.test("one connector opens one session after another", async () => {
  await using exchange = await ScriptedExchange.start();
  const stocks = new Stocks(exchange.url);
  for (let i = 0; i < 3; i++) {
    const connecting = stocks.connect();
    const peer = await exchange.accept();
    await acceptLogin(peer);
    const session = await soon(connecting);
    assert.equal(session.frames, 2);
    peer.drop();
    assert.equal((await soon(session.ended)).errorType, "closed");
    await session.close();
  }
  assert.equal(stocks.clock.sleepers, 0);
});
