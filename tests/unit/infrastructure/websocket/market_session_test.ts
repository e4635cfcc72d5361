import assert from "node:assert/strict";
import { MarketClient } from "../../../support/market_client.ts";

const subscribe = (trades: readonly string[]) => ({ action: "subscribe", trades });

/** The symbols of messages, the numbers of errors, and the trades of acknowledgements. */
const contentOf = (client: MarketClient) =>
  client.take().map(({ message: { S, code, trades } }) => S ?? code ?? trades);

Deno.test("requests that are sent together are acknowledged within two seconds", async () => {
  const client = await MarketClient.logIn();
  const number = 60;
  const symbols = Array.from({ length: number }, (_, i) => `S${i}`);
  client.send(...symbols.map((symbol) => subscribe([symbol])));
  await client.clock.advance(500);
  // One that arrives later has its own time.
  client.send({ action: "auth", key: "K", secret: "S" }, {
    action: "unsubscribe",
    trades: ["S0"],
  });
  await client.clock.advance(1_499);
  assert.deepEqual(client.take(), []);
  await client.clock.advance(1);
  const replies = client.take();
  const states = replies.map(({ message }) => message.trades ?? message.code);
  assert.deepEqual(states, [
    ...symbols.map((_, i) => symbols.slice(0, i + 1)),
    403,
    symbols.slice(1),
  ]);
  assert.deepEqual(new Set(replies.map(({ at }) => at)), new Set([2_000]));
});

Deno.test("requests that are sent together are requested upstream together", async () => {
  const client = await MarketClient.logIn();
  const requests = [["A"], ["B", "C"], ["D"], ["A", "E"], ["F"]].map(subscribe);
  client.send(...requests);
  await client.clock.advance(0);
  // One that repeats a symbol waits: its own would be left out if the first one is refused.
  assert.deepEqual(client.requested, ["A", "B,C", "D"]);
  client.send(...Array.from({ length: 40 }, (_, i) => subscribe([`S${i}`])));
  await client.clock.advance(1_999);
  assert.deepEqual(client.requested.length, 3);
  await client.clock.advance(1);
  assert.deepEqual(client.requested.slice(3, 5), ["E", "F"]);
  const states = client.take().map(({ message: { trades } }) => (trades as string[]).length);
  assert.deepEqual(states.slice(0, 5), [1, 3, 4, 5, 6]);
});

Deno.test("a refusal is answered after the requests before it", async () => {
  const client = await MarketClient.logIn();
  const foreign = { action: "subscribe", news: ["*"] };
  client.send(subscribe(["A"]), foreign, subscribe(["not valid"]), subscribe(["B"]));
  await client.clock.advance(1_999);
  assert.deepEqual(client.take(), []);
  await client.clock.advance(1);
  assert.deepEqual(contentOf(client), [["A"], 410, 400, ["A", "B"]]);
});

Deno.test("a request that arrives later waits for what is left of its own time", async () => {
  const client = await MarketClient.logIn();
  client.send(subscribe(["A"]));
  await client.clock.advance(1_500);
  client.send(subscribe(["B"]));
  await client.clock.advance(500);
  await client.clock.advance(1_500);
  assert.deepEqual(client.take().map(({ at }) => at), [2_000, 3_500]);
  client.send(subscribe(["C"]));
  await client.clock.advance(2_000);
  assert.deepEqual(client.take().map(({ at }) => at), [5_500]);
});

Deno.test("a request that was paused is acknowledged in time, the next has all of it", async () => {
  const client = await MarketClient.logIn();
  client.send(...Array.from({ length: 40 }, (_, i) => subscribe([`S${i}`])));
  await client.clock.advance(3_000);
  assert.equal(client.take().length, 40);
  client.send(subscribe(["LAST"]));
  await client.clock.advance(1_999);
  assert.deepEqual(client.take(), []);
  await client.clock.advance(1);
  assert.equal(client.take().length, 1);
});

Deno.test("what follows the trades of stocks is ignored there, and refused elsewhere", async () => {
  for (const action of ["subscribe", "unsubscribe"]) {
    for (const channel of ["corrections", "cancelErrors"]) {
      for (const feed of ["sip", "crypto", "news"] as const) {
        const client = await MarketClient.logIn({ feed });
        client.send({ action, [channel]: ["BTC/USD"] });
        await client.clock.advance(0);
        const [reply] = client.take();
        const expected = feed === "sip" ? undefined : 410;
        assert.equal(reply?.message.code, expected, `${action} ${channel} of ${feed}`);
      }
    }
  }
});

Deno.test("after an unsubscribe nothing follows that is queued", async () => {
  const client = await MarketClient.logIn({ state: "acknowledged" });
  client.send(subscribe(["A", "B"]));
  await client.clock.advance(0);
  client.take();
  client.isSlow = true;
  client.publishTrades("A");
  await client.clock.advance(0);
  client.publishTrades("A", "B", "A");
  client.send({ action: "unsubscribe", trades: ["A"] });
  await client.clock.advance(0);
  // It is being written.
  assert.deepEqual(contentOf(client), ["A"]);
  client.isSlow = false;
  await client.clock.advance(0);
  assert.deepEqual(contentOf(client), [["B"], "B"]);
});

Deno.test("a client that loses what cannot be converted receives error 407 once", async () => {
  const client = await MarketClient.logIn({
    state: "acknowledged",
    format: "msgpack",
    maxSlowMs: 5_000,
  });
  client.send(subscribe(["*"]));
  await client.clock.advance(0);
  client.take();
  client.publishTrades("A", "!B", "C");
  await client.clock.advance(0);
  assert.deepEqual(contentOf(client), [407, "A", "C"]);
  // One after the other: the same losses.
  client.publishTrades("!D");
  await client.clock.advance(0);
  assert.deepEqual(contentOf(client), []);
  client.publishTrades("E");
  await client.clock.advance(0);
  client.publishTrades("F", "!G");
  await client.clock.advance(0);
  assert.deepEqual(contentOf(client), ["E", 407, "F"]);
  const { sent, dropped } = client.counters.relays.stockMessages;
  assert.deepEqual([sent, dropped], [4, 3]);
});

Deno.test("a lost frame of upstream is error 407, and does not make a client slow", async () => {
  const client = await MarketClient.logIn({ state: "acknowledged", maxSlowMs: 5_000 });
  client.send(subscribe(["*"]));
  await client.clock.advance(0);
  client.take();
  client.relay.unreadable();
  client.tick();
  await client.clock.advance(60_000);
  client.tick();
  assert.equal(client.isTerminated, false);
  client.publishTrades("A", "B");
  await client.clock.advance(0);
  assert.deepEqual(contentOf(client), [407, "A", "B"]);
});

Deno.test("the span of a session has what was sent, and who ended it", async () => {
  const ends: [string, (client: MarketClient) => void][] = [
    ["client", (client) => client.disconnect()],
    ["proxy", (client) => client.shutDown("draining")],
  ];
  for (const [by, end] of ends) {
    const client = await MarketClient.logIn({ state: "acknowledged" });
    client.send(subscribe(["*"]));
    client.publishTrades("A");
    await client.clock.advance(0);
    client.publishTrades("B", "C");
    await client.clock.advance(0);
    end(client);
    const [span] = client.tracing.spans;
    const { "websocket.bytes": bytes, ...attributes } = span?.attributes ?? {};
    assert.ok(Number(bytes) > 0);
    assert.deepEqual(attributes, {
      "url.path": "/v2/sip",
      "stream.sent": 2,
      "stream.dropped": 0,
      "stream.discarded": 0,
      "stream.end": by,
    });
    assert.deepEqual([span?.failure, span?.ended], [undefined, true]);
  }
});

Deno.test("a session that ends by a fault is an error of its span", async () => {
  const client = await MarketClient.logIn({ state: "acknowledged" });
  client.send(subscribe(["*"]));
  await client.clock.advance(0);
  const place = { frame: undefined as never, start: 0, end: 1 };
  client.relay.publish({ ...place, type: "t", symbol: "A", symbols: undefined }, 0);
  await client.clock.advance(0);
  const [span] = client.tracing.spans;
  assert.ok(span?.failure instanceof TypeError);
  assert.deepEqual([span.attributes["stream.end"], span.ended], ["fault", true]);
  assert.deepEqual(client.closes, [[1011, "internal error"]]);
  assert.equal(client.log.records[0]?.level, "error");
});
