/** Sessions with the trading stream, step by step. */
import assert from "node:assert/strict";
import { ScriptedExchange, type ScriptedPeer } from "../../support/scripted_exchange.ts";
import {
  acceptTradingLogin,
  AUTHORIZED,
  DEADLINES,
  KEY,
  LISTENING,
  PROBE,
  SECRET,
  soon,
  Trading,
  turn,
} from "./connector_harness.ts";

const AUTHENTICATE =
  `{"action":"authenticate","data":{"key_id":"${KEY}","secret_key":"${SECRET}"}}`;
const LISTEN = '{"action":"listen","data":{"streams":["trade_updates"]}}';

function binary(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function update(id: string): Record<string, unknown> {
  return { stream: "trade_updates", data: { event: "new", order: { id } } };
}

async function tradingSession(exchange: ScriptedExchange) {
  const trading = new Trading(exchange.url);
  const connecting = trading.connect();
  const peer = await exchange.accept();
  await acceptTradingLogin(peer);
  return { trading, peer, session: await connecting };
}

for (const form of ["text", "binary"]) {
  Deno.test(`a trading login in ${form} frames: authenticate, then listen`, async () => {
    await using exchange = await ScriptedExchange.start();
    const trading = new Trading(exchange.url);
    const say = (peer: ScriptedPeer, value: object) =>
      peer.send(form === "text" ? value : binary(value));
    const connecting = trading.connect();
    const peer = await exchange.accept();
    assert.equal(peer.headers["content-type"], undefined);
    const auth = await peer.receive();
    assert.deepEqual([auth.text, auth.binary], [AUTHENTICATE, false]);
    assert.equal(peer.unread, 0, "listen waits for the login reply");
    say(peer, AUTHORIZED);
    const listen = await peer.receive();
    assert.deepEqual([listen.text, listen.binary], [LISTEN, false]);
    say(peer, LISTENING);
    const session = await soon(connecting);
    assert.deepEqual(trading.events.calls, ["opened", "acknowledged"]);
    say(peer, update("o1"));
    await trading.orders.until(1);
    session.request(PROBE);
    assert.equal((await peer.receive()).text, LISTEN);
    await session.close();
    assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
    assert.equal(trading.clock.sleepers, 0);
  });
}

const unauthorized = (action: string, message?: string) => ({
  stream: "authorization",
  data: { status: "unauthorized", action, message },
});

const LISTENING_TO_NOTHING = { stream: "listening", data: { streams: [] } };
const LISTENING_TO_OTHERS = {
  stream: "listening",
  data: { streams: ["account_updates"] },
};
const OLD_ERROR = { stream: "listening", data: { error: "not allowed" } };
const SERVER_ERROR = {
  action: "error",
  data: { error_message: "internal server error" },
};

/** A reply, and the failure: message, errorType. */
type Row = readonly [object, string, string];

/** In place of `authorized`. */
const WRONG_LOGIN: readonly Row[] = [
  [unauthorized("authenticate"), "unauthorized", "auth"],
  [
    unauthorized("authenticate", "access key verification failed"),
    "unauthorized: access key verification failed",
    "auth",
  ],
  [
    unauthorized("authenticate", "connection limit exceeded"),
    "unauthorized: connection limit exceeded",
    "connection_limit",
  ],
  [{ stream: "authorization" }, "unauthorized", "auth"],
  [
    LISTENING,
    "Unexpected reply of the trading stream: listening to [trade_updates]",
    "upstream_error",
  ],
  [
    SERVER_ERROR,
    'Unexpected reply of the trading stream: error "internal server error"',
    "upstream_error",
  ],
  [
    { action: "error" },
    'Unexpected reply of the trading stream: error ""',
    "upstream_error",
  ],
];

/** In place of `listening`, and after the login. */
const WRONG_LISTENING: readonly Row[] = [
  [unauthorized("listen"), "unauthorized", "auth"],
  [
    LISTENING_TO_NOTHING,
    "Unexpected reply of the trading stream: listening to []",
    "upstream_error",
  ],
  [
    LISTENING_TO_OTHERS,
    "Unexpected reply of the trading stream: listening to [account_updates]",
    "upstream_error",
  ],
  [
    OLD_ERROR,
    'Unexpected reply of the trading stream: error "not allowed"',
    "upstream_error",
  ],
  [
    SERVER_ERROR,
    'Unexpected reply of the trading stream: error "internal server error"',
    "upstream_error",
  ],
];

for (const [answer, message, errorType] of WRONG_LOGIN) {
  Deno.test(`${JSON.stringify(answer)} to the login is ${errorType}`, async () => {
    await using exchange = await ScriptedExchange.start();
    const trading = new Trading(exchange.url);
    const failure = { name: "FeedFailure", message, errorType };
    const failing = assert.rejects(trading.connect(), failure);
    const peer = await exchange.accept();
    await peer.receive();
    peer.send(answer);
    await soon(failing);
    assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
    assert.equal(peer.unread, 0);
    assert.equal(trading.clock.sleepers, 0);
  });
}

for (const [answer, message, errorType] of WRONG_LISTENING) {
  const said = JSON.stringify(answer);

  Deno.test(`${said} to listen is ${errorType}`, async () => {
    await using exchange = await ScriptedExchange.start();
    const trading = new Trading(exchange.url);
    const failure = { name: "FeedFailure", message, errorType };
    const failing = assert.rejects(trading.connect(), failure);
    const peer = await exchange.accept();
    await peer.receive();
    peer.send(AUTHORIZED);
    await peer.receive();
    peer.send(answer);
    await soon(failing);
    assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
  });

  Deno.test(`${said} after the login ends the session`, async () => {
    await using exchange = await ScriptedExchange.start();
    const { peer, session } = await tradingSession(exchange);
    peer.send(answer);
    const failure = await soon(session.ended);
    assert.deepEqual(
      [failure.message, failure.errorType],
      [message, errorType],
    );
    await session.close();
    assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
  });
}

Deno.test("a repeated `listening` or `authorized` changes nothing", async () => {
  await using exchange = await ScriptedExchange.start();
  const { trading, peer, session } = await tradingSession(exchange);
  peer.send(LISTENING);
  peer.send(AUTHORIZED);
  peer.send({ stream: "unheard_of" });
  peer.send(new Uint8Array([1]));
  peer.send(update("after"));
  await trading.orders.until(1);
  assert.equal(session.frames, 7);
  assert.equal(trading.counters.errors.unknown_type, 1);
  await session.close();
  assert.match((await soon(session.ended)).message, /code 1000/);
});

Deno.test("a repeated `authorized` before `listening` is ignored", async () => {
  await using exchange = await ScriptedExchange.start();
  const connecting = new Trading(exchange.url).connect();
  const peer = await exchange.accept();
  await peer.receive();
  peer.sendTogether(AUTHORIZED, AUTHORIZED);
  await peer.receive();
  peer.send(LISTENING);
  await (await soon(connecting)).close();
});

Deno.test("updates between authorized and listening are not lost", async () => {
  await using exchange = await ScriptedExchange.start();
  const trading = new Trading(exchange.url);
  const connecting = trading.connect();
  const peer = await exchange.accept();
  await peer.receive();
  peer.send(AUTHORIZED);
  await peer.receive();
  peer.sendTogether(update("before"), LISTENING, update("with"), [
    update("after"),
  ]);
  const session = await soon(connecting);
  await trading.orders.until(3);
  const ids = trading.orders.events.map(({ order }) => order.id);
  assert.deepEqual(ids, ["before", "with", "after"]);
  await session.close();
});

for (const answered of ["login", "listen"]) {
  Deno.test(`a ${answered} reply that never comes ends the attempt in time`, async () => {
    await using exchange = await ScriptedExchange.start();
    const trading = new Trading(exchange.url);
    const failing = assert.rejects(trading.connect(), {
      message: `No ${answered} reply within ${DEADLINES.replyMs} ms`,
      errorType: "timeout",
    });
    const peer = await exchange.accept();
    await peer.receive();
    if (answered === "listen") {
      peer.send(AUTHORIZED);
      await peer.receive();
    }
    await turn(trading.clock, DEADLINES.replyMs);
    await soon(failing);
    assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
    assert.equal(trading.clock.sleepers, 0);
  });
}

Deno.test("an abort during the login closes the socket with 1000", async () => {
  await using exchange = await ScriptedExchange.start();
  const trading = new Trading(exchange.url);
  const failing = assert.rejects(trading.connect(), {
    message: "Login aborted",
  });
  const peer = await exchange.accept();
  await peer.receive();
  trading.abort.abort();
  await soon(failing);
  assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
  assert.equal(trading.clock.sleepers, 0);
});

Deno.test("a connection that drops during the login ends the attempt", async () => {
  await using exchange = await ScriptedExchange.start();
  const failing = assert.rejects(new Trading(exchange.url).connect(), {
    message: /^Connection closed with code/,
    errorType: "closed",
  });
  const peer = await exchange.accept();
  await peer.receive();
  peer.drop();
  await soon(failing);
});

Deno.test("HTTP 429 on the upgrade of the trading stream is rate limiting", async () => {
  await using exchange = await ScriptedExchange.start();
  exchange.upgrades = 429;
  const trading = new Trading(exchange.url);
  await assert.rejects(trading.connect(), { errorType: "rate_limited" });
  assert.deepEqual(trading.events.calls, []);
});

Deno.test("a message over 512 KiB ends a trading session with that cause", async () => {
  await using exchange = await ScriptedExchange.start();
  const { session, peer } = await tradingSession(exchange);
  peer.send(new Uint8Array(512 * 1024 + 1));
  const failure = await soon(session.ended);
  assert.match(failure.message, /a message is larger than 524288 bytes$/);
  await session.close();
});
