/**
 * Limits of what clients of the WebSocket API send, with the state that `ws` keeps of it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { WebSocketServer } from "ws";
import { ReceiverLimits } from "../../../src/infrastructure/websocket/receiver_limits.ts";
import { AlpacaClient } from "../../support/alpaca_client.ts";
import { fastClock } from "../../support/fast_clock.ts";
import { type Harness, startHarness } from "../../support/harness.ts";
import { until } from "../../support/until.ts";

/** More than a client may send before its login. */
const ABOVE_LOGIN = 17_000;
/** Offers compression, and compresses every message. */
const COMPRESSED = { perMessageDeflate: { threshold: 0 } };
const PLAIN = { perMessageDeflate: false };
const SYMBOLS = Array.from({ length: 8_000 }, (_, i) => `S${i}`);

const refusals = async ({ health }: Harness, limit: string) => {
  const text = await (await fetch(`${health}/metrics`)).text();
  return Number(new RegExp(`refusals_total\\{limit="${limit}"\\} (\\d+)`).exec(text)?.[1]);
};

Deno.test("before the login a message has at most 16 KiB, however it is sent", async () => {
  await using harness = await startHarness({ websocket: true });
  const text = JSON.stringify({ action: "auth", key: "K", secret: "x".repeat(ABOVE_LOGIN) });
  const sends: readonly ((client: AlpacaClient) => void)[] = [
    ({ socket }) => socket.send(text),
    ({ socket }) => {
      for (let at = 0; at < text.length; at += 3_000) {
        socket.send(text.slice(at, at + 3_000), { fin: false });
      }
    },
    ({ socket }) => {
      for (let i = 0; i < 200; i++) socket.send("x", { fin: false });
    },
  ];
  let refused = 0;
  for (const path of ["/v2/sip", "/stream"]) {
    for (const send of sends) {
      await using client = new AlpacaClient(`${harness.websocket}${path}`, PLAIN);
      await client.opened();
      send(client);
      assert.equal((await client.closed).code, 1009);
      assert.equal(await refusals(harness, "request_bytes"), ++refused);
    }
    for (const clientNoContextTakeover of [true, false]) {
      const perMessageDeflate = { threshold: 0, clientNoContextTakeover };
      await using client = new AlpacaClient(`${harness.websocket}${path}`, { perMessageDeflate });
      client.socket.once("upgrade", ({ headers }) => {
        const extensions = headers["sec-websocket-extensions"] ?? "";
        assert.equal(extensions.includes("client_no_context_takeover"), clientNoContextTakeover);
      });
      await client.opened();
      client.socket.send(text);
      assert.equal((await client.closed).code, 1009);
      assert.equal(await refusals(harness, "request_bytes"), ++refused);
    }
  }
});

Deno.test("after the login requests for thousands of symbols are accepted", async () => {
  await using harness = await startHarness({ websocket: true });
  const request = { action: "subscribe", trades: SYMBOLS };
  assert.ok(JSON.stringify(request).length > 3 * ABOVE_LOGIN);
  for (const options of [PLAIN, COMPRESSED]) {
    await using client = await AlpacaClient.logIn(`${harness.websocket}/v2/sip`, options);
    assert.deepEqual((await client.request(request)).trades, SYMBOLS);
  }
});

Deno.test("a message that unpacks to more than the limit is not unpacked", async () => {
  await using harness = await startHarness({
    websocket: true,
    env: { STREAM_PROXY_WEBSOCKET_MAX_MESSAGE_KB: "64" },
  });
  await using client = await AlpacaClient.logIn(`${harness.websocket}/v2/sip`, COMPRESSED);
  assert.equal((await client.request({ action: "x".repeat(60_000) })).code, 400);
  client.send({ action: "x".repeat(10_000_000) });
  const { code, reason } = await client.closed;
  assert.deepEqual([code, reason], [1009, "A message exceeds 65536 bytes"]);
  assert.equal(await refusals(harness, "request_bytes"), 1);
});

Deno.test("a compressed message that is not valid closes its connection only", async () => {
  await using harness = await startHarness({ websocket: true });
  await using client = await AlpacaClient.logIn(`${harness.websocket}/v2/sip`, COMPRESSED);
  await using other = await AlpacaClient.logIn(`${harness.websocket}/v2/sip`, COMPRESSED);
  // A frame that is marked as compressed, with bytes that are no block of deflate.
  const raw = (client.socket as unknown as { _socket: { write(bytes: Uint8Array): void } })._socket;
  raw.write(Uint8Array.from([0xc1, 0x83, 0, 0, 0, 0, 0xff, 0xff, 0xff]));
  assert.equal((await client.closed).code, 1007);
  assert.deepEqual((await other.request({ action: "subscribe", bars: ["A"] })).bars, ["A"]);
});

Deno.test("unfinished messages have a total; a client that fills it is closed", async () => {
  await using harness = await startHarness({
    websocket: true,
    env: { STREAM_PROXY_MAX_PENDING_REQUEST_MB: "8" },
  });
  const url = `${harness.websocket}/v2/sip`;
  await using stack = new AsyncDisposableStack();
  const part = "x".repeat(1_000_000);
  const codes: number[] = [];
  for (let i = 0; i < 8; i++) {
    const client = stack.use(await AlpacaClient.logIn(url, PLAIN));
    void client.closed.then(({ code }) => codes.push(code));
    client.socket.send(part, { fin: false });
    await new Promise<void>((resolve) => client.socket.ping(resolve));
    await new Promise((resolve) => client.socket.once("pong", resolve));
  }
  assert.deepEqual(codes, []);
  // Each request needs the place of an unfinished message.
  for (let i = 0; i < 3; i++) {
    await using good = await AlpacaClient.logIn(url, PLAIN);
    good.socket.send(`{"action":"subscribe","trades":["A"],"x":"${"x".repeat(950_000)}"}`);
    assert.deepEqual((await good.next()).trades, ["A"]);
  }
  await until("the first of them is closed", () => codes.length > 0);
  assert.deepEqual(codes, [1013]);
  assert.equal(await refusals(harness, "request_bytes"), 1);
});

Deno.test("what is kept of compressed messages has a total, then no more is kept", async () => {
  // A quarter of it is kept: 64 contexts of 32 KiB, or 63 and the small ones of logins.
  await using harness = await startHarness({
    websocket: true,
    env: { STREAM_PROXY_MAX_PENDING_REQUEST_MB: "8" },
  });
  const url = `${harness.websocket}/v2/sip`;
  const large = { action: "x".repeat(33_000) };
  const closed: number[] = [];
  {
    await using stack = new AsyncDisposableStack();
    const all: AlpacaClient[] = [];
    for (let i = 0; i < 66; i++) {
      const client = stack.use(await AlpacaClient.logIn(url, COMPRESSED));
      void client.closed.then(({ code }) => closed.push(code));
      all.push(client);
    }
    for (const client of all.slice(0, 63)) {
      assert.equal((await client.request(large)).code, 400);
    }
    await using small = stack.use(await AlpacaClient.logIn(url, COMPRESSED));
    assert.equal(small.socket.extensions, "");
    assert.equal((await small.request({ action: "explode" })).code, 400);
    const without = { perMessageDeflate: { threshold: 0, clientNoContextTakeover: true } };
    await using other = stack.use(await AlpacaClient.logIn(url, without));
    assert.match(other.socket.extensions, /permessage-deflate/);
    assert.equal((await other.request(large)).code, 400);
    assert.deepEqual(closed, []);
    for (const client of all.slice(63)) client.send(large);
    await until("two clients are closed", () => closed.length === 2);
    assert.deepEqual(closed, [1013, 1013]);
    assert.equal(await refusals(harness, "request_bytes"), 2);
  }
  await until("there is room for a context", async () => {
    await using client = await AlpacaClient.logIn(url, COMPRESSED);
    return client.socket.extensions !== "";
  });
});

Deno.test("a message that does not arrive in time closes its connection", async () => {
  await using time = fastClock();
  await using harness = await startHarness({ websocket: true, clock: time.clock });
  const url = `${harness.websocket}/v2/sip`;
  await using slow = await AlpacaClient.logIn(url, PLAIN);
  await using idle = await AlpacaClient.logIn(url, PLAIN);
  const from = time.clock.monotonic();
  slow.socket.send("{", { fin: false });
  const { code, reason } = await slow.closed;
  assert.deepEqual([code, reason], [1008, "A message has not arrived in time"]);
  assert.ok(time.clock.monotonic() - from > 9_000);
  assert.equal(await refusals(harness, "request_time"), 1);
  assert.deepEqual((await idle.request({ action: "subscribe", bars: ["A"] })).bars, ["A"]);
});

Deno.test("a client that sends faster than it is handled is read more slowly", async () => {
  await using harness = await startHarness({
    websocket: true,
    env: {
      STREAM_PROXY_MAX_PENDING_REQUEST_MB: "8",
      // So that the limit of bytes per second is high.
      STREAM_PROXY_WEBSOCKET_MAX_MESSAGE_KB: "8192",
    },
  });
  const url = `${harness.websocket}/v2/sip`;
  for (const options of [PLAIN, COMPRESSED]) {
    await using client = await AlpacaClient.logIn(url, options);
    const text = JSON.stringify({ action: "x".repeat(500_000) });
    for (let i = 0; i < 40; i++) client.socket.send(text);
    const answers = await client.take(40);
    assert.ok(answers.every(({ code }) => code === 400));
  }
  assert.equal(await refusals(harness, "request_bytes"), 0);
});

Deno.test("compressed messages that follow one another are no larger message", async () => {
  await using harness = await startHarness({
    websocket: true,
    env: { STREAM_PROXY_WEBSOCKET_MAX_MESSAGE_KB: "16" },
  });
  await using client = await AlpacaClient.logIn(`${harness.websocket}/v2/sip`, COMPRESSED);
  // Random, so that they stay as large.
  const action = crypto.getRandomValues(new Uint8Array(6_000)).toHex();
  for (let i = 0; i < 40; i++) client.send({ action });
  assert.ok((await client.take(40)).every(({ code }) => code === 400));
});

Deno.test("what a client sends is read at a limited rate", async () => {
  await using time = fastClock();
  await using harness = await startHarness({ websocket: true, clock: time.clock });
  await using client = await AlpacaClient.logIn(`${harness.websocket}/v2/sip`, PLAIN);
  const text = JSON.stringify({ action: "x".repeat(1_000_000) });
  const from = time.clock.monotonic();
  for (let i = 0; i < 8; i++) client.socket.send(text);
  assert.ok((await client.take(8)).every(({ code }) => code === 400));
  const seconds = (time.clock.monotonic() - from) / 1_000;
  assert.ok(seconds > 5, `8 MB in ${seconds} s`);
});

Deno.test("the receiver of ws has the state that the limits need", async () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { readonly port: number };
  const checked = new Promise<void>((resolve, reject) => {
    server.once("connection", (ws) => {
      const options = { maxBytes: 100, onInvalid: () => {} };
      try {
        const limits = new ReceiverLimits(ws, options as never);
        assert.equal(limits.heldBytes, 0);
        assert.equal(limits.maxBytes, 100);
        assert.throws(() => new ReceiverLimits({} as never, options as never), /8\.23/);
        resolve();
      } catch (error) {
        reject(error);
      }
    });
  });
  {
    await using _client = new AlpacaClient(`ws://127.0.0.1:${port}`);
    await checked;
  }
  await new Promise((resolve) => server.close(resolve));
});
