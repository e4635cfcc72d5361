/** Dialing and closing, against a peer that misbehaves. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate } from "node:timers";
import { FeedFailure } from "../../../src/domain/connection/failure.ts";
import {
  type Frame,
  MAX_MESSAGE_BYTES,
  Session,
} from "../../../src/infrastructure/alpaca/session.ts";
import type { Clock } from "../../../src/application/ports/clock.ts";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { ManualClock, settle } from "../../support/manual_clock.ts";
import { ScriptedExchange, type UpgradeAnswer } from "../../support/scripted_exchange.ts";
import { soon, turn } from "./connector_harness.ts";

/** A session that does not log in. */
class OpenSession extends Session<never> {
  protected logIn(): Promise<void> {
    return Promise.resolve();
  }

  protected readonly onReply = () => {};

  request(): void {}

  send(text: string): void {
    this.socket.send(text);
  }
}

/** Opens a session whose frames go to a function. */
async function dial(
  url: string,
  { onFrame, clock, signal = new AbortController().signal }: {
    readonly onFrame: (frame: Frame) => void;
    readonly clock: Clock;
    readonly signal?: AbortSignal;
  },
): Promise<OpenSession> {
  const decoder = {
    receive: onFrame,
    fail(error: unknown) {
      throw error;
    },
  };
  const session = new OpenSession({
    url,
    headers: { "Content-Type": "application/json", "X-Extra": "1" },
    decoder,
    clock,
    deadlines: { dialMs: 3_000, replyMs: 3_000 },
  }, {
    onOpened: () => {},
    subscriptions: { acknowledged: () => {}, rejected: () => {} },
    signal,
  });
  return await session.open();
}

/** Everything for one dial. */
function dialing(url: string) {
  const clock = new ManualClock();
  const abort = new AbortController();
  const frames: Frame[] = [];
  const connecting = dial(url, {
    onFrame: (frame) => frames.push(frame),
    clock,
    signal: abort.signal,
  });
  connecting.catch(() => {}); // Each test says what it expects of it.
  return { clock, abort, frames, connecting };
}

Deno.test("headers go with the upgrade request", async () => {
  await using exchange = await ScriptedExchange.start();
  const { connecting, clock } = dialing(exchange.url);
  const peer = await exchange.accept();
  assert.equal(peer.headers["content-type"], "application/json");
  assert.equal(peer.headers["x-extra"], "1");
  assert.equal(peer.path, "/v2/sip");
  await (await connecting).close();
  assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
  assert.equal(clock.sleepers, 0);
});

const REFUSALS: readonly (readonly [UpgradeAnswer, string])[] = [
  [429, "rate_limited"],
  [502, "dial"],
  [503, "dial"],
  [404, "dial"],
  [403, "dial"],
  [401, "dial"],
  [402, "dial"],
  [200, "dial"],
];

for (const [status, errorType] of REFUSALS) {
  Deno.test(`HTTP ${status} on the upgrade is ${errorType}`, async () => {
    await using exchange = await ScriptedExchange.start();
    exchange.upgrades = status;
    const { connecting, clock } = dialing(exchange.url);
    await assert.rejects(connecting, {
      name: "FeedFailure",
      message: `Cannot connect to ${exchange.host}/v2/sip: HTTP ${status}`,
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
    const { connecting } = dialing(exchange.url);
    await assert.rejects(connecting, {
      name: "FeedFailure",
      retryAfterMs: expected,
    });
  });
}

Deno.test("a closed port is a dial failure", async () => {
  const exchange = await ScriptedExchange.start();
  const { url, host } = exchange;
  await exchange[Symbol.asyncDispose]();
  const { connecting } = dialing(url);
  const failure = await connecting.catch((error) => error);
  assert.ok(failure instanceof FeedFailure);
  assert.ok(failure.message.startsWith(`Cannot connect to ${host}`));
  assert.equal(failure.errorType, "dial");
});

Deno.test("an upgrade without a response times out", async () => {
  await using exchange = await ScriptedExchange.start();
  exchange.upgrades = "never";
  const { connecting, clock } = dialing(exchange.url);
  await exchange.requested();
  await turn(clock, 2_999);
  assert.equal(exchange.connections, 1);
  await clock.advance(1);
  await assert.rejects(connecting, {
    message: `No connection to ${exchange.host}/v2/sip within 3000 ms`,
    errorType: "timeout",
  });
  await exchange.transportEnded();
  assert.equal(clock.sleepers, 0);
});

Deno.test("an abort while connecting closes the socket and is the reason", async () => {
  await using exchange = await ScriptedExchange.start();
  exchange.upgrades = "never";
  const { connecting, clock, abort } = dialing(exchange.url);
  await exchange.requested();
  abort.abort();
  await assert.rejects(connecting, {
    name: "FeedFailure",
    message: "Connection attempt aborted",
  });
  await exchange.transportEnded();
  assert.equal(clock.sleepers, 0);
});

Deno.test("an abort before connecting opens no socket", async () => {
  await using exchange = await ScriptedExchange.start();
  const frames: Frame[] = [];
  const dialed = dial(exchange.url, {
    onFrame: (frame) => frames.push(frame),
    clock: new ManualClock(),
    signal: AbortSignal.abort(),
  });
  await assert.rejects(dialed, { name: "FeedFailure", errorType: "closed" });
  assert.equal(exchange.connections, 0);
});

Deno.test("frames arrive as bytes and in order, from the first one on", async () => {
  await using exchange = await ScriptedExchange.start();
  const { connecting, frames } = dialing(exchange.url);
  const peer = await exchange.accept();
  peer.sendTogether("one", new Uint8Array([2]), "three");
  const open = await connecting;
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
  Deno.test(`a close with ${code} "${reason}" by the peer is reported unchanged`, async () => {
    await using exchange = await ScriptedExchange.start();
    const { connecting } = dialing(exchange.url);
    const peer = await exchange.accept();
    const open = await connecting;
    peer.close(code, reason);
    const failure = await soon(open.ended);
    assert.equal(failure.message, message);
    assert.equal(failure.errorType, "closed");
    open.send("into the void");
    await open.close();
  });
}

Deno.test("a transport that is cut ends the connection", async () => {
  await using exchange = await ScriptedExchange.start();
  const { connecting } = dialing(exchange.url);
  const peer = await exchange.accept();
  const open = await connecting;
  peer.drop();
  const failure = await soon(open.ended);
  assert.equal(failure.errorType, "closed");
  assert.match(failure.message, /^Connection closed with code \d+/);
  await open.close();
});

Deno.test("close is idempotent", async () => {
  await using exchange = await ScriptedExchange.start();
  const { connecting, clock } = dialing(exchange.url);
  const peer = await exchange.accept();
  const open = await connecting;
  await Promise.all([open.close(), open.close()]);
  await open.close();
  assert.deepEqual(await peer.closed(), { code: 1000, reason: "" });
  assert.equal(clock.sleepers, 0);
});

Deno.test("close waits two seconds for a reply and ignores further frames", async () => {
  await using exchange = await ScriptedExchange.start();
  const { connecting, clock, frames } = dialing(exchange.url);
  const peer = await exchange.accept();
  const open = await connecting;
  peer.turnDeaf();
  let closed = false;
  const closing = Promise.all([open.close(), open.close()])
    .then(() => closed = true);
  await turn(clock, 1_999);
  assert.equal(closed, false);
  peer.send("still talking");
  await clock.advance(1);
  await soon(closing);
  assert.equal((await soon(open.ended)).message, "Closed by the proxy");
  assert.equal(clock.sleepers, 0);
  peer.drop();
  assert.deepEqual(frames, []);
});

Deno.test("a flood of frames leaves turns of the event loop to others", async () => {
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
  const dialed = dial(exchange.url, {
    onFrame() {
      const busy = performance.now() + 0.2;
      while (performance.now() < busy);
      frames++;
    },
    clock: systemClock,
  });
  const peer = await exchange.accept();
  const connection = await dialed;
  const frame = "x".repeat(8_192);
  peer.sendTogether(...Array.from({ length: FRAMES }, () => frame));
  setImmediate(turn);
  await all.promise;
  // A read of the socket brings eight, and a few reads come after a pause.
  assert.ok(most <= 64, `${most} frames without a turn`);
  await connection.close();
});

Deno.test("a message over 4 MiB ends the session with that cause", async () => {
  await using exchange = await ScriptedExchange.start();
  const { connecting, frames } = dialing(exchange.url);
  const peer = await exchange.accept();
  const open = await connecting;
  peer.send(new Uint8Array(MAX_MESSAGE_BYTES));
  while (frames.length < 1) await settle();
  assert.equal(frames[0]?.length, MAX_MESSAGE_BYTES);
  peer.send(new Uint8Array(MAX_MESSAGE_BYTES + 1));
  const failure = await soon(open.ended);
  assert.match(failure.message, /a message is larger than 4194304 bytes$/);
  assert.equal(frames.length, 1);
  await open.close();
});

Deno.test("many fragments of one message are limited in sum", async () => {
  await using exchange = await ScriptedExchange.start();
  const { connecting, frames } = dialing(exchange.url);
  const peer = await exchange.accept();
  const open = await connecting;
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

Deno.test("a server that compresses without an offer is rejected", async () => {
  const header = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
  await using server = await upgradedByHand(header, []);
  const { connecting, frames } = dialing(server.url);
  await assert.rejects(soon(connecting), {
    name: "FeedFailure",
    errorType: "dial",
  });
  assert.deepEqual(frames, []);
});

Deno.test("a compressed message ends the session", async () => {
  // FIN, RSV1 (compressed), text, three bytes.
  await using server = await upgradedByHand("", [0xc1, 0x03, 0x4b, 0x04, 0x00]);
  const { connecting, frames } = dialing(server.url);
  const open = await soon(connecting);
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
    const { connecting, clock } = dialing(server.url);
    await assert.rejects(soon(connecting), { message });
    assert.equal(clock.sleepers, 0);
  });
}
