/**
 * Sessions over a real socket with an upstream that sends what breaks decoders:
 * the session lives, and the next message arrives.
 */
import assert from "node:assert/strict";
import { ScriptedExchange } from "../../support/scripted_exchange.ts";
import {
  acceptLogin,
  acceptTradingLogin,
  AUTHENTICATED,
  CONNECTED,
  Options,
  packed,
  quote,
  soon,
  Stocks,
  Trading,
} from "./connector_harness.ts";

const LONG = "x".repeat(130_000);

function hex(text: string): Uint8Array {
  return Uint8Array.fromHex(text);
}

/** An option quote, without its time's extension type. */
const OPTION_QUOTE = hex(
  "91" + "8aa154a171a153a141a26278a143a26270cb4010000000000000a2627305" +
    "a26178a143a26170cb4011000000000000a2617305a163a141a174d6ff6aa804ea",
);

Deno.test("option frames that end after the header of a str8 do not end the session", async () => {
  await using exchange = await ScriptedExchange.start();
  const options = new Options(exchange.url);
  const connecting = options.connect();
  const peer = await exchange.accept();
  // Before the login, in the middle of it and after it.
  peer.send(hex("9182a154a171a172d9"));
  peer.send(packed(CONNECTED));
  await peer.receive();
  peer.sendTogether(
    hex("9183a154a171a153a141a172d9"),
    packed(AUTHENTICATED),
    hex("9182a154a171a172d9"),
  );
  const session = await soon(connecting);
  peer.send(hex("9183a154a171a153a141a172d9"));
  peer.send(OPTION_QUOTE);
  await options.quotes.until(1);
  assert.equal(options.counters.errors.malformed_frame, 4);
  await session.close();
  assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
});

Deno.test("stock messages with texts of 130,000 characters leave the session up", async () => {
  await using exchange = await ScriptedExchange.start();
  const stocks = new Stocks(exchange.url);
  const connecting = stocks.connect();
  const peer = await exchange.accept();
  await acceptLogin(peer);
  const session = await soon(connecting);
  const odd = [{ bx: LONG }, { c: [LONG] }, { z: LONG }];
  for (const fields of odd) peer.send([{ ...quote(1), ...fields }]);
  peer.send([{ ...quote(1), S: LONG }]);
  peer.send([{ ...quote(2), news: LONG }]);
  peer.send([quote(3)]);
  await stocks.quotes.until(odd.length + 2);
  const bids = stocks.quotes.events.map((event) => event.bidPrice);
  assert.deepEqual(bids, [1, 1, 1, 2, 3]);
  assert.equal(stocks.counters.errors.malformed_element, 1);
  assert.equal(stocks.counters.inexact, odd.length);
  await session.close();
});

Deno.test("errors of a sink, a reply handler or a log leave a market session up", async () => {
  await using exchange = await ScriptedExchange.start();
  const stocks = new Stocks(exchange.url);
  const bug = () => {
    throw new Error("A bug in a handler");
  };
  stocks.events.acknowledged = bug;
  const connecting = stocks.connect();
  const peer = await exchange.accept();
  peer.send(CONNECTED);
  await peer.receive();
  // The acknowledgement is in one segment with the end of the login.
  peer.sendTogether(AUTHENTICATED, [{ T: "subscription", trades: ["A"] }]);
  const session = await soon(connecting);
  const { publish } = stocks.quotes;
  stocks.quotes.publish = bug;
  stocks.log.warn = bug;
  peer.send([quote(1)]);
  peer.send([{ T: "unknown" }]);
  peer.send([{ T: "subscription", trades: ["A"] }]);
  peer.send([{ T: "error", code: 400, msg: "marker" }]);
  await stocks.events.until(2);
  stocks.quotes.publish = publish;
  peer.send([quote(2)]);
  await stocks.quotes.until(1);
  assert.deepEqual(stocks.events.calls, ["opened", "rejected 400 marker"]);
  const { malformed_element, malformed_frame } = stocks.counters.errors;
  assert.ok(malformed_element + malformed_frame >= 4);
  await session.close();
});

Deno.test("an error of the order channel leaves a trading session up", async () => {
  await using exchange = await ScriptedExchange.start();
  const trading = new Trading(exchange.url);
  const connecting = trading.connect();
  const peer = await exchange.accept();
  await acceptTradingLogin(peer);
  const session = await soon(connecting);
  const { publish } = trading.orders;
  let thrown = 0;
  trading.orders.publish = (event) => {
    if (thrown++ === 0) throw new RangeError("A bug in a channel");
    publish.call(trading.orders, event);
  };
  const update = (id: string) => ({
    stream: "trade_updates",
    data: { event: "new", order: { id } },
  });
  const deep = "[".repeat(50_000) + "]".repeat(50_000);
  peer.send(update("o1"));
  peer.send(deep);
  peer.send(update("o2"));
  await trading.orders.until(1);
  assert.equal(trading.orders.events[0]?.order.id, "o2");
  const { malformed_element, malformed_frame } = trading.counters.errors;
  assert.deepEqual([malformed_element, malformed_frame], [1, 1]);
  await session.close();
});
