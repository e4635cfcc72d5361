/** Dialing and closing, against a peer that misbehaves. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate } from "node:timers";
import { FeedFailure } from "../../../src/application/feeds/feed_failure.ts";
import {
  Pulse,
  WireSession,
} from "../../../src/infrastructure/alpaca/session.ts";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import {
  dial,
  type Frame,
  MAX_MESSAGE_BYTES,
} from "../../../src/infrastructure/alpaca/wire.ts";
import { ManualClock, settle } from "../../support/manual_clock.ts";
import {
  ScriptedExchange,
  type UpgradeAnswer,
} from "../../support/scripted_exchange.ts";
import { soon, turn } from "./kit.ts";

function unexpected(error: unknown): never {
  throw error;
}

/** Everything for one dial; frames are kept as text. */
function dialing(url: string) {
  const clock = new ManualClock();
  const abort = new AbortController();
  const frames: Frame[] = [];
  const faults: unknown[] = [];
  const wire = dial({
    url,
    headers: { "Content-Type": "application/json", "X-Extra": "1" },
    onFrame: (frame) => frames.push(frame),
    onFault: (error) => faults.push(error),
    clock,
    timeoutMs: 3_000,
    signal: abort.signal,
  });
  wire.catch(() => {}); // Each test says what it expects of it.
  return { clock, abort, frames, faults, wire };
}

Deno.test("headers go with the upgrade request", async () => {
  await using exchange = await ScriptedExchange.start();
  const { wire, clock } = dialing(exchange.url);
  const peer = await exchange.accept();
  assert.equal(peer.headers["content-type"], "application/json");
  assert.equal(peer.headers["x-extra"], "1");
  assert.equal(peer.path, "/v2/sip");
  await (await wire).close();
  assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
  assert.equal(clock.sleepers, 0);
});

const REFUSALS: readonly (readonly [UpgradeAnswer, string, string])[] = [
  [429, "rate_limited", "rate_limited"],
  [502, "transient", "dial"],
  [503, "transient", "dial"],
  [404, "transient", "dial"],
  [403, "transient", "dial"],
  [401, "transient", "dial"],
  [402, "transient", "dial"],
  [200, "transient", "dial"],
];

for (const [status, kind, errorType] of REFUSALS) {
  Deno.test(`HTTP ${status} on the upgrade is ${kind}`, async () => {
    await using exchange = await ScriptedExchange.start();
    exchange.upgrades = status;
    const { wire, clock } = dialing(exchange.url);
    await assert.rejects(wire, {
      name: "FeedFailure",
      message: `Cannot connect to ${exchange.host}/v2/sip: HTTP ${status}`,
      kind,
      errorType,
    });
    assert.equal(clock.sleepers, 0);
  });
}

const IN_NINE_SECONDS = new Date(new ManualClock().now() + 9_000);
const ASKED: readonly (readonly [number, string, number | undefined])[] = [
  [429, "7", 7_000],
  [503, IN_NINE_SECONDS.toUTCString(), 9_000],
  [429, "soon", undefined],
];

for (const [status, retryAfter, expected] of ASKED) {
  Deno.test(`HTTP ${status} with Retry-After: ${retryAfter} asks for ${expected} ms`, async () => {
    await using exchange = await ScriptedExchange.start();
    exchange.upgrades = status;
    exchange.retryAfter = retryAfter;
    const { wire } = dialing(exchange.url);
    await assert.rejects(wire, { name: "FeedFailure", retryAfterMs: expected });
  });
}

Deno.test("a port that nobody listens on is a transient failure to dial", async () => {
  const exchange = await ScriptedExchange.start();
  const { url, host } = exchange;
  await exchange[Symbol.asyncDispose]();
  const { wire } = dialing(url);
  const failure = await wire.catch((error) => error);
  assert.ok(failure instanceof FeedFailure);
  assert.ok(failure.message.startsWith(`Cannot connect to ${host}`));
  assert.equal(failure.kind, "transient");
  assert.equal(failure.errorType, "dial");
});

Deno.test("an upgrade that is never answered is given up in time", async () => {
  await using exchange = await ScriptedExchange.start();
  exchange.upgrades = "never";
  const { wire, clock } = dialing(exchange.url);
  await exchange.requested();
  await turn(clock, 2_999);
  assert.equal(exchange.connections, 1);
  await clock.advance(1);
  await assert.rejects(wire, {
    message: `No connection to ${exchange.host}/v2/sip in 3000 ms`,
    kind: "transient",
    errorType: "timeout",
  });
  await exchange.transportEnded();
  assert.equal(clock.sleepers, 0);
});

Deno.test("an abort while dialing closes the socket and says so", async () => {
  await using exchange = await ScriptedExchange.start();
  exchange.upgrades = "never";
  const { wire, clock, abort } = dialing(exchange.url);
  await exchange.requested();
  abort.abort();
  await assert.rejects(wire, {
    name: "FeedFailure",
    message: "Dialing was given up",
  });
  await exchange.transportEnded();
  assert.equal(clock.sleepers, 0);
});

Deno.test("an abort before dialing opens nothing", async () => {
  await using exchange = await ScriptedExchange.start();
  const frames: Frame[] = [];
  const dialed = dial({
    url: exchange.url,
    headers: {},
    onFrame: (frame) => frames.push(frame),
    onFault: unexpected,
    clock: new ManualClock(),
    timeoutMs: 1_000,
    signal: AbortSignal.abort(),
  });
  await assert.rejects(dialed, { name: "FeedFailure", errorType: "closed" });
  assert.equal(exchange.connections, 0);
});

Deno.test("frames arrive as bytes and in order, from the first one on", async () => {
  await using exchange = await ScriptedExchange.start();
  const { wire, frames } = dialing(exchange.url);
  const peer = await exchange.accept();
  peer.sendTogether("one", new Uint8Array([2]), "three");
  const open = await wire;
  open.send("got it");
  await peer.receive();
  while (frames.length < 3) await settle();
  await open.close();
  assert.deepEqual(
    frames.map((frame) => String.fromCharCode(...frame)),
    ["one", "\u0002", "three"],
  );
});

const ENDS = [
  [1000, "", "Connection closed with code 1000"],
  [1008, "slow down", "Connection closed with code 1008: slow down"],
  [4001, "", "Connection closed with code 4001"],
] as const;

for (const [code, reason, message] of ENDS) {
  Deno.test(`a close with ${code} "${reason}" by the peer is told as it is`, async () => {
    await using exchange = await ScriptedExchange.start();
    const { wire } = dialing(exchange.url);
    const peer = await exchange.accept();
    const open = await wire;
    peer.close(code, reason);
    const failure = await soon(open.ended);
    assert.equal(failure.message, message);
    assert.equal(failure.errorType, "closed");
    assert.equal(failure.kind, "transient");
    open.send("into the void");
    await open.close();
  });
}

Deno.test("a transport that is cut ends the wire", async () => {
  await using exchange = await ScriptedExchange.start();
  const { wire } = dialing(exchange.url);
  const peer = await exchange.accept();
  const open = await wire;
  peer.drop();
  const failure = await soon(open.ended);
  assert.equal(failure.errorType, "closed");
  assert.match(failure.message, /^Connection closed with code \d+/);
  await open.close();
});

Deno.test("closing twice is one goodbye", async () => {
  await using exchange = await ScriptedExchange.start();
  const { wire, clock } = dialing(exchange.url);
  const peer = await exchange.accept();
  const open = await wire;
  await Promise.all([open.close(), open.close()]);
  await open.close();
  assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
  assert.equal(clock.sleepers, 0);
});

Deno.test("a peer that never answers the goodbye is waited for two seconds, unheard", async () => {
  await using exchange = await ScriptedExchange.start();
  const { wire, clock, frames } = dialing(exchange.url);
  const peer = await exchange.accept();
  const open = await wire;
  const session = new WireSession(open, {
    pulse: new Pulse(clock),
    encode: () => "",
  });
  peer.turnDeaf();
  let closed = false;
  const closing = Promise.all([session.close(), session.close()])
    .then(() => closed = true);
  await turn(clock, 1_999);
  assert.equal(closed, false);
  peer.send("still talking");
  await clock.advance(1);
  await soon(closing);
  assert.equal((await soon(session.ended)).message, "Closed by us");
  assert.equal(clock.sleepers, 0);
  peer.drop();
  await soon(open.ended);
  assert.deepEqual(frames, []);
});

Deno.test("a flood of frames lets the rest of the program have its turns", async () => {
  await using exchange = await ScriptedExchange.start();
  const FRAMES = 600;
  const all = Promise.withResolvers<void>();
  let frames = 0;
  let seen = 0;
  /** Most frames that were handled between two turns. */
  let most = 0;
  const turn = () => {
    most = Math.max(most, frames - seen);
    seen = frames;
    if (frames < FRAMES) setImmediate(turn);
    else all.resolve();
  };
  const dialed = dial({
    url: exchange.url,
    headers: {},
    onFrame() {
      const busy = performance.now() + 0.2;
      while (performance.now() < busy);
      frames++;
    },
    onFault: unexpected,
    clock: systemClock,
    timeoutMs: 3_000,
    signal: new AbortController().signal,
  });
  const peer = await exchange.accept();
  const wire = await dialed;
  const frame = "x".repeat(8_192);
  peer.sendTogether(...Array.from({ length: FRAMES }, () => frame));
  setImmediate(turn);
  await all.promise;
  // A read of the socket brings eight, and a few reads come after a pause.
  assert.ok(most <= 64, `${most} frames without a turn`);
  await wire.close();
});

Deno.test("what the handler of a frame throws costs that frame, not the socket", async () => {
  await using exchange = await ScriptedExchange.start();
  const frames: string[] = [];
  const faults: unknown[] = [];
  const bug = new Error("A bug in a handler");
  const dialed = dial({
    url: exchange.url,
    headers: {},
    onFrame(frame) {
      const text = new TextDecoder().decode(frame);
      if (text === "bad") throw bug;
      frames.push(text);
    },
    onFault: (error) => faults.push(error),
    clock: systemClock,
    timeoutMs: 3_000,
    signal: new AbortController().signal,
  });
  const peer = await exchange.accept();
  const wire = await dialed;
  peer.sendTogether("one", "bad", "two");
  while (frames.length < 2) await settle();
  assert.deepEqual([frames, faults], [["one", "two"], [bug]]);
  await wire.close();
  assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
});

Deno.test("a message over 4 MiB ends the session with that cause", async () => {
  await using exchange = await ScriptedExchange.start();
  const { wire, frames } = dialing(exchange.url);
  const peer = await exchange.accept();
  const open = await wire;
  peer.send(new Uint8Array(MAX_MESSAGE_BYTES));
  while (frames.length < 1) await settle();
  assert.equal(frames[0]?.length, MAX_MESSAGE_BYTES);
  peer.send(new Uint8Array(MAX_MESSAGE_BYTES + 1));
  const failure = await soon(open.ended);
  assert.match(failure.message, /a message is larger than 4194304 bytes$/);
  assert.equal(failure.kind, "transient");
  assert.equal(frames.length, 1);
  await open.close();
});

Deno.test("many fragments of one message are limited in sum", async () => {
  await using exchange = await ScriptedExchange.start();
  const { wire, frames } = dialing(exchange.url);
  const peer = await exchange.accept();
  const open = await wire;
  peer.sendInFragments("x".repeat(MAX_MESSAGE_BYTES + 1), 1024 * 1024);
  const failure = await soon(open.ended);
  assert.match(failure.message, /a message is larger than 4194304 bytes$/);
  assert.deepEqual(frames, []);
  await open.close();
});

/** A server that answers an upgrade by hand and then sends the given bytes. */
async function upgradedByHand(header: string, bytes: readonly number[]) {
  const server = createServer();
  const sockets: Duplex[] = [];
  server.on("upgrade", (request, socket) => {
    sockets.push(socket);
    const key = request.headers["sec-websocket-key"];
    const accept = createHash("sha1")
      .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.on("error", () => {});
    socket.on("data", () => socket.end()); // The close frame of the client.
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
        `Connection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n` +
        `${header}\r\n`,
    );
    socket.write(Uint8Array.from(bytes));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}/v2/sip`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

Deno.test("a server that compresses although it was not offered is refused", async () => {
  const header = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
  await using server = await upgradedByHand(header, []);
  const { wire, frames } = dialing(server.url);
  await assert.rejects(soon(wire), { name: "FeedFailure", errorType: "dial" });
  assert.deepEqual(frames, []);
});

Deno.test("a compressed message ends the session", async () => {
  // FIN, RSV1 (compressed), text, three bytes.
  await using server = await upgradedByHand("", [0xc1, 0x03, 0x4b, 0x04, 0x00]);
  const { wire, frames } = dialing(server.url);
  const open = await soon(wire);
  const failure = await soon(open.ended);
  assert.match(failure.message, /RSV1 must be clear/);
  assert.deepEqual(frames, []);
  await open.close();
});

/** A server that answers an upgrade with the same bytes again and again. */
async function answeringWith(head: string, repeated: string) {
  const server = createServer();
  const sockets: Duplex[] = [];
  server.on("upgrade", (_request, socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    const send = () => {
      while (!socket.destroyed && socket.write(repeated.repeat(100)));
      if (!socket.destroyed) socket.once("drain", send);
    };
    socket.write(head);
    send();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}/v2/sip`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

const ENDLESS: readonly (readonly [string, string, string, RegExp])[] = [
  [
    "informational responses",
    "",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    /too many informational responses$/,
  ],
  ["headers", "HTTP/1.1 101 S\r\n", "X-A: b\r\n", /Header overflow$/],
  ["body", "HTTP/1.1 301 M\r\nLocation: /\r\n\r\n", "x", /HTTP 301$/],
];

for (const [what, head, repeated, message] of ENDLESS) {
  Deno.test(`an upgrade that is answered by endless ${what} fails soon`, async () => {
    await using server = await answeringWith(head, repeated);
    const { wire, clock } = dialing(server.url);
    await assert.rejects(soon(wire), { message });
    assert.equal(clock.sleepers, 0);
  });
}
