/** Logging in to the stock and option streams, step by step. */
import assert from "node:assert/strict";
import { ScriptedExchange } from "../../support/scripted_exchange.ts";
import {
  AUTHENTICATED,
  CONNECTED,
  DEADLINES,
  KEY,
  Options,
  packed,
  PROBE,
  quote,
  request,
  SECRET,
  soon,
  Stocks,
  turn,
} from "./connector_harness.ts";

const AUTH = `{"action":"auth","key":"${KEY}","secret":"${SECRET}"}`;

Deno.test("a stock login is JSON text: welcome, auth, authenticated", async () => {
  await using exchange = await ScriptedExchange.start();
  const stocks = new Stocks(exchange.url);
  const connecting = stocks.connect();
  const peer = await exchange.accept();
  assert.equal(peer.headers["content-type"], "application/json");
  await stocks.events.until(1);
  assert.equal(peer.unread, 0, "nothing is sent before the welcome");
  peer.send(CONNECTED);
  const auth = await peer.receive();
  assert.equal(auth.binary, false);
  assert.equal(auth.text, AUTH);
  peer.send(AUTHENTICATED);
  const session = await soon(connecting);
  assert.deepEqual(stocks.events.calls, ["opened"]);
  assert.equal(session.frames, 2);
  assert.equal(peer.unread, 0);
  await session.close();
  assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
  assert.deepEqual(stocks.counters.received.control, 2);
  assert.equal(stocks.clock.sleepers, 0);
});

Deno.test("an option login is the same transcript in MessagePack", async () => {
  await using exchange = await ScriptedExchange.start();
  const options = new Options(exchange.url);
  const connecting = options.connect();
  const peer = await exchange.accept();
  assert.equal(peer.headers["content-type"], "application/msgpack");
  peer.send(packed(CONNECTED));
  const auth = await peer.receive();
  assert.equal(auth.binary, true);
  const hex = (text: string) => new TextEncoder().encode(text).toHex();
  assert.equal(
    auth.bytes.toHex(),
    "83" + "a6" + hex("action") + "a4" + hex("auth") + "a3" + hex("key") +
      "ac" + hex(KEY) + "a6" + hex("secret") + "b0" + hex(SECRET),
  );
  peer.send(packed(AUTHENTICATED));
  const session = await soon(connecting);
  session.request(request("subscribe", { quotes: ["SPY261218C00650000"] }));
  const asked = await peer.receive();
  assert.equal(asked.binary, true);
  assert.equal(
    asked.bytes.toHex(),
    packed({ action: "subscribe", quotes: ["SPY261218C00650000"] }).toHex(),
  );
  session.request(PROBE);
  const probe = packed({ action: "subscribe", trades: [], quotes: [] });
  assert.equal((await peer.receive()).bytes.toHex(), probe.toHex());
  await session.close();
});

const error = (code: number, msg: string) => [{ T: "error", code, msg }];
const text = (value: unknown) => JSON.stringify(value);

/** Wrong replies, and the failure: message, errorType. */
const WRONG: readonly (readonly [string, string, string])[] = [
  [
    text(error(402, "auth failed")),
    "auth failed (code 402)",
    "auth",
  ],
  [
    text(error(409, "insufficient subscription")),
    "insufficient subscription (code 409)",
    "auth",
  ],
  [
    text(error(411, "insufficient scope")),
    "insufficient scope (code 411)",
    "auth",
  ],
  [
    text(error(412, "option messages are only available in MsgPack format")),
    "option messages are only available in MsgPack format (code 412)",
    "auth",
  ],
  [
    text(error(406, "connection limit exceeded")),
    "connection limit exceeded (code 406)",
    "connection_limit",
  ],
  [
    text(error(404, "auth timeout")),
    "auth timeout (code 404)",
    "upstream_error",
  ],
  [
    text(error(500, "internal error")),
    "internal error (code 500)",
    "upstream_error",
  ],
  [
    text([{ T: "error" }]),
    "unnamed error",
    "upstream_error",
  ],
  [
    text([{ T: "success", msg: "hello" }]),
    'Expected "STEP", received "hello"',
    "upstream_error",
  ],
  [
    text([{ T: "success" }]),
    'Expected "STEP", received ""',
    "upstream_error",
  ],
  [
    text([{ T: "subscription", trades: [] }]),
    'Expected "STEP", received subscription',
    "upstream_error",
  ],
];

for (const [answer, message, errorType] of WRONG) {
  for (const step of ["connected", "authenticated"]) {
    Deno.test(`${answer} in place of "${step}" is ${errorType}`, async () => {
      await using exchange = await ScriptedExchange.start();
      const stocks = new Stocks(exchange.url);
      const connecting = stocks.connect();
      const failing = assert.rejects(connecting, {
        name: "FeedFailure",
        message: message.replace("STEP", step),
        errorType,
      });
      const peer = await exchange.accept();
      if (step === "authenticated") {
        peer.send(CONNECTED);
        await peer.receive();
      }
      peer.send(answer);
      await soon(failing);
      assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
      assert.equal(peer.unread, 0);
      assert.equal(stocks.clock.sleepers, 0);
      assert.ok(!text(stocks.log.records).includes(SECRET));
    });
  }
}

Deno.test("`authenticated` before the welcome message is not a login", async () => {
  await using exchange = await ScriptedExchange.start();
  const failing = assert.rejects(new Stocks(exchange.url).connect(), {
    message: 'Expected "connected", received "authenticated"',
  });
  const peer = await exchange.accept();
  peer.send(AUTHENTICATED);
  await soon(failing);
});

Deno.test("a second welcome message is ignored, a third one fails the login", async () => {
  await using exchange = await ScriptedExchange.start();
  const connecting = new Stocks(exchange.url).connect();
  const peer = await exchange.accept();
  peer.sendTogether(CONNECTED, CONNECTED);
  await peer.receive();
  peer.send(AUTHENTICATED);
  await (await soon(connecting)).close();

  const failing = assert.rejects(new Stocks(exchange.url).connect(), {
    message: 'Expected "authenticated", received "connected"',
  });
  const insistent = await exchange.accept();
  insistent.sendTogether(CONNECTED, CONNECTED, CONNECTED);
  await soon(failing);
});

Deno.test("error 403 (already authenticated) is a successful login", async () => {
  await using exchange = await ScriptedExchange.start();
  const stocks = new Stocks(exchange.url);
  const connecting = stocks.connect();
  const peer = await exchange.accept();
  peer.send(CONNECTED);
  await peer.receive();
  peer.send(error(403, "already authenticated"));
  const session = await soon(connecting);
  peer.sendTogether(AUTHENTICATED, AUTHENTICATED, [quote(1)]);
  await stocks.quotes.until(1);
  await session.close();
});

Deno.test("data, unknown types and broken frames do not disturb a login", async () => {
  await using exchange = await ScriptedExchange.start();
  const stocks = new Stocks(exchange.url);
  const connecting = stocks.connect();
  const peer = await exchange.accept();
  peer.send("not json");
  peer.send([{ T: "maintenance", msg: "soon" }]);
  peer.send(CONNECTED);
  await peer.receive();
  peer.send([quote(1), ...AUTHENTICATED, quote(2)]);
  const session = await soon(connecting);
  assert.deepEqual(stocks.quotes.events.map((event) => event.bidPrice), [1, 2]);
  assert.equal(stocks.counters.errors.malformed_frame, 1);
  assert.equal(stocks.counters.errors.unknown_type, 1);
  await session.close();
});

Deno.test("a missing welcome message times out", async () => {
  await using exchange = await ScriptedExchange.start();
  const stocks = new Stocks(exchange.url);
  const failing = assert.rejects(stocks.connect(), {
    message: `No welcome message within ${DEADLINES.replyMs} ms`,
    errorType: "timeout",
  });
  const peer = await exchange.accept();
  await stocks.events.until(1);
  await turn(stocks.clock, DEADLINES.replyMs);
  await soon(failing);
  assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
  assert.equal(stocks.clock.sleepers, 0);
});

Deno.test("a missing login reply times out, with a deadline per reply", async () => {
  await using exchange = await ScriptedExchange.start();
  const stocks = new Stocks(exchange.url);
  const failing = assert.rejects(stocks.connect(), {
    message: `No login reply within ${DEADLINES.replyMs} ms`,
    errorType: "timeout",
  });
  const peer = await exchange.accept();
  await stocks.events.until(1);
  await turn(stocks.clock, DEADLINES.replyMs - 1);
  peer.send(CONNECTED);
  await peer.receive();
  await turn(stocks.clock, DEADLINES.replyMs - 1);
  assert.equal(stocks.clock.sleepers, 1);
  await stocks.clock.advance(1);
  await soon(failing);
  assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
});

Deno.test("a socket that ends during the login ends the attempt", async () => {
  await using exchange = await ScriptedExchange.start();
  for (const end of ["drop", "close"]) {
    const stocks = new Stocks(exchange.url);
    const failing = assert.rejects(stocks.connect(), {
      name: "FeedFailure",
      message: /^Connection closed with code/,
      errorType: "closed",
    });
    const peer = await exchange.accept();
    peer.send(CONNECTED);
    await peer.receive();
    if (end === "drop") peer.drop();
    else peer.close(1001, "restarting");
    await soon(failing);
    assert.equal(stocks.clock.sleepers, 0);
  }
});

Deno.test("an error that is followed by the end of the socket is the reason", async () => {
  await using exchange = await ScriptedExchange.start();
  const failing = assert.rejects(new Stocks(exchange.url).connect(), {
    message: "connection limit exceeded (code 406)",
  });
  const peer = await exchange.accept();
  peer.send(CONNECTED);
  await peer.receive();
  peer.send(error(406, "connection limit exceeded"));
  peer.close(1000);
  await soon(failing);
});

Deno.test("an abort during the login closes the socket with 1000", async () => {
  await using exchange = await ScriptedExchange.start();
  for (const step of ["welcome", "answer"]) {
    const stocks = new Stocks(exchange.url);
    const failing = assert.rejects(stocks.connect(), {
      message: "Login aborted",
      errorType: "closed",
    });
    const peer = await exchange.accept();
    await stocks.events.until(1);
    if (step === "answer") {
      peer.send(CONNECTED);
      await peer.receive();
    }
    stocks.abort.abort();
    await soon(failing);
    assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
    assert.equal(stocks.clock.sleepers, 0);
  }
});

Deno.test("an abort during `opened` ends the login", async () => {
  await using exchange = await ScriptedExchange.start();
  const stocks = new Stocks(exchange.url);
  const connecting = stocks.connector.connect({
    onOpened: () => stocks.abort.abort(),
    subscriptions: stocks.events,
    signal: stocks.abort.signal,
  });
  const failing = assert.rejects(connecting, {
    message: "Login aborted",
  });
  const peer = await exchange.accept();
  await soon(failing);
  assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
});

Deno.test("an abort between opening and login ends the attempt", async () => {
  await using exchange = await ScriptedExchange.start();
  const stocks = new Stocks(exchange.url);
  const { clock, abort } = stocks;
  const sleep = clock.sleep.bind(clock);
  clock.sleep = (ms, signal) => {
    // The wait for the socket is over as soon as that is open.
    if (ms === DEADLINES.dialMs) {
      signal?.addEventListener("abort", () => abort.abort(), { once: true });
    }
    return sleep(ms, signal);
  };
  const failing = assert.rejects(stocks.connect(), {
    name: "FeedFailure",
    message: /aborted$/,
  });
  const peer = await exchange.accept();
  await soon(failing);
  assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
  assert.equal(clock.sleepers, 0);
});
