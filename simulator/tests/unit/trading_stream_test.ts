import assert from "node:assert/strict";
import { decode, encode } from "@msgpack/msgpack";
import { ManualClock } from "../../src/clock.ts";
import type { Account } from "../../src/accounts.ts";
import type { TradingSocket } from "../../src/trading/trading_session.ts";
import { TradingStream, type TradingStreamOptions } from "../../src/trading/trading_stream.ts";
import { ManualFaults } from "./trading_harness.ts";

const ACCOUNT: Account = {
  key: "PK1",
  secret: "shh",
  plan: "plus",
  token: "tok",
};
const OTHER: Account = { key: "PK2", secret: "psst", plan: "basic" };
const AUTHORIZED = {
  stream: "authorization",
  data: { status: "authorized", action: "authenticate" },
};
const LISTENING = { stream: "listening", data: { streams: ["trade_updates"] } };
const LISTEN = { action: "listen", data: { streams: ["trade_updates"] } };
const LOGIN = { action: "auth", key: "PK1", secret: "shh" };

/** A socket that records what was sent and how it ended. */
class RecordingSocket implements TradingSocket {
  readonly frames: (string | Uint8Array)[] = [];
  ended: { code: number; reason: string } | undefined;

  sendFrame(data: string | Uint8Array): boolean {
    this.frames.push(data);
    return true;
  }
  close(code: number, reason: string): void {
    this.ended = { code, reason };
  }
  messages(): unknown[] {
    return this.frames.map((frame) =>
      JSON.parse(
        typeof frame === "string" ? frame : new TextDecoder().decode(frame),
      )
    );
  }
}

function open(
  options: TradingStreamOptions & { frames?: "text" | "binary" } = {},
) {
  const clock = new ManualClock();
  const faults = new ManualFaults();
  const { frames = "binary", ...settings } = options;
  const stream = new TradingStream(
    { clock, faults, accounts: [ACCOUNT, OTHER], frames },
    settings,
  );
  const connect = (contentType?: string) => {
    const socket = new RecordingSocket();
    const connection = stream.connect(socket, { contentType });
    const say = (message: unknown) => connection.receive(JSON.stringify(message));
    return { socket, connection, say };
  };
  return { clock, faults, stream, connect };
}

function listening(options: Parameters<typeof open>[0] = {}) {
  const exchange = open(options);
  const client = exchange.connect();
  client.say(LOGIN);
  client.say(LISTEN);
  client.socket.frames.length = 0;
  return { ...exchange, ...client };
}

Deno.test("nothing is sent before the client logs in", () => {
  const { connect } = open();
  assert.deepEqual(connect().socket.frames, []);
});

for (
  const [name, message] of [
    ["the key pair", LOGIN],
    ["the older form", {
      action: "authenticate",
      data: { key_id: "PK1", secret_key: "shh" },
    }],
    ["an OAuth token", {
      action: "authenticate",
      data: { oauth_token: "tok" },
    }],
    ["a token in place of the secret", {
      action: "auth",
      key: "oauth",
      secret: "tok",
    }],
  ] as const
) {
  Deno.test(`a client logs in with ${name} and listens`, () => {
    const { connect, stream } = open();
    const { socket, say } = connect();
    say(message);
    say(LISTEN);
    assert.deepEqual(socket.messages(), [AUTHORIZED, LISTENING]);
    assert.equal(stream.listeners, 1);
  });
}

for (
  const [name, message] of [
    ["a wrong secret", { action: "auth", key: "PK1", secret: "x" }],
    ["an unknown key", { action: "auth", key: "PK9", secret: "shh" }],
    ["no credentials", { action: "auth" }],
    ["another account's secret", {
      action: "auth",
      key: "PK1",
      secret: "psst",
    }],
    ["an empty token", { action: "auth", key: "oauth", secret: "" }],
  ] as const
) {
  Deno.test(`${name} is unauthorized and the socket stays open`, () => {
    const { connect } = open();
    const { socket, say } = connect();
    say(message);
    assert.deepEqual(socket.messages(), [{
      stream: "authorization",
      data: {
        status: "unauthorized",
        action: "authenticate",
        message: "access key verification failed",
      },
    }]);
    assert.equal(socket.ended, undefined);
    say(LOGIN);
    assert.deepEqual(socket.messages()[1], AUTHORIZED);
  });
}

Deno.test("listening before the login is unauthorized", () => {
  const { connect, stream } = open();
  const { socket, say } = connect();
  say(LISTEN);
  assert.deepEqual(socket.messages(), [{
    stream: "authorization",
    data: { status: "unauthorized", action: "listen" },
  }]);
  assert.equal(stream.listeners, 0);
});

Deno.test("listen replaces the whole set and leaves out unknown names", () => {
  const { socket, say, stream } = listening();
  say({
    action: "listen",
    data: { streams: ["account_updates", "trade_updates"] },
  });
  say({ action: "listen", data: { streams: ["account_updates"] } });
  say({ action: "listen", data: { streams: [] } });
  assert.deepEqual(socket.messages(), [
    LISTENING,
    { stream: "listening", data: { streams: [] } },
    { stream: "listening", data: { streams: [] } },
  ]);
  stream.emitTradeUpdate({ event: "new" });
  assert.equal(socket.frames.length, 3);
});

Deno.test("frames are JSON in binary unless set to text", () => {
  for (const frames of ["binary", "text"] as const) {
    const { socket, stream } = listening({ frames });
    stream.emitTradeUpdate({ event: "fill", qty: "1" });
    assert.equal(
      typeof socket.frames[0],
      frames === "text" ? "string" : "object",
    );
    assert.deepEqual(socket.messages(), [
      { stream: "trade_updates", data: { event: "fill", qty: "1" } },
    ]);
  }
});

Deno.test("a MessagePack upgrade uses MessagePack in both directions", () => {
  const { connect, stream } = open();
  const { socket, connection } = connect("application/msgpack; v=1");
  connection.receive(encode(LOGIN));
  connection.receive(encode(LISTEN));
  stream.emitTradeUpdate({ event: "new" });
  assert.deepEqual(
    socket.frames.map((frame) => decode(frame as Uint8Array)),
    [AUTHORIZED, LISTENING, {
      stream: "trade_updates",
      data: { event: "new" },
    }],
  );
});

Deno.test("requests are read from text, binary JSON and MessagePack alike", () => {
  for (
    const data of [
      JSON.stringify(LOGIN),
      new TextEncoder().encode(`\n ${JSON.stringify(LOGIN)}`),
      encode(LOGIN),
    ]
  ) {
    const { connect } = open();
    const { socket, connection } = connect();
    connection.receive(data);
    assert.deepEqual(socket.messages(), [AUTHORIZED]);
  }
});

for (
  const [name, data] of [
    ["no JSON", "{nonsense"],
    ["no object", "17"],
    ["no known action", '{"action":"dance"}'],
    ["no MessagePack", new Uint8Array([0xc1])],
  ] as const
) {
  Deno.test(`a message that is ${name} gets an error and a close`, () => {
    const { socket, connection, stream } = listening();
    connection.receive(data);
    assert.deepEqual(socket.messages(), [
      { action: "error", data: { error_message: "invalid syntax" } },
    ]);
    assert.deepEqual(socket.ended, { code: 1011, reason: "invalid syntax" });
    assert.equal(stream.connections, 0);
  });
}

Deno.test("a client that does not log in is closed after the timeout", () => {
  const { connect, clock, stream } = open({ authTimeoutMs: 10_000 });
  const silent = connect();
  const quick = connect();
  quick.say(LOGIN);
  clock.advance(10_000);
  assert.deepEqual(silent.socket.ended, { code: 1008, reason: "auth timeout" });
  assert.equal(quick.socket.ended, undefined);
  assert.equal(stream.connections, 1);
});

Deno.test("a second session of the account is unauthorized, the first stays open", () => {
  const { connect, stream } = open();
  const first = connect();
  first.say(LOGIN);
  const second = connect();
  second.say(LOGIN);
  assert.deepEqual(second.socket.messages(), [{
    stream: "authorization",
    data: {
      status: "unauthorized",
      action: "authenticate",
      message: "connection limit exceeded",
    },
  }]);
  const foreign = connect();
  foreign.say({ action: "auth", key: "PK2", secret: "psst" });
  assert.deepEqual(foreign.socket.messages(), [AUTHORIZED]);
  first.connection.closed(true);
  second.say(LOGIN);
  assert.deepEqual(second.socket.messages()[1], AUTHORIZED);
  assert.equal(stream.connections, 2);
});

Deno.test("a session may log in again on its own socket", () => {
  const { socket, say } = listening();
  say(LOGIN);
  assert.deepEqual(socket.messages(), [AUTHORIZED]);
});

Deno.test("the limit of sessions can be disabled", () => {
  const free = open({ tradingSessionLimit: 0 });
  const clients = [free.connect(), free.connect()];
  for (const { say, socket } of clients) {
    say(LOGIN);
    assert.deepEqual(socket.messages(), [AUTHORIZED]);
  }
});

Deno.test("events go to the sessions of their account only", () => {
  const { connect, stream } = open();
  const mine = connect();
  mine.say(LOGIN);
  mine.say(LISTEN);
  const theirs = connect();
  theirs.say({ action: "auth", key: "PK2", secret: "psst" });
  theirs.say(LISTEN);
  stream.emitTradeUpdate({ event: "new" }, "PK2");
  assert.equal(mine.socket.frames.length, 2);
  assert.equal(theirs.socket.frames.length, 3);
  stream.emitTradeUpdate({ event: "new" });
  assert.equal(mine.socket.frames.length, 3);
});

Deno.test("updates and frames of a test are sent unchanged", () => {
  const { socket, stream } = listening({ frames: "text" });
  for (const data of [null, 17, { order: "no" }, []]) {
    stream.emitTradeUpdate(data);
  }
  stream.emitFrame("{broken");
  stream.emitFrame(new Uint8Array([1]));
  assert.deepEqual(socket.frames.slice(0, 5), [
    '{"stream":"trade_updates","data":null}',
    '{"stream":"trade_updates","data":17}',
    '{"stream":"trade_updates","data":{"order":"no"}}',
    '{"stream":"trade_updates","data":[]}',
    "{broken",
  ]);
  assert.deepEqual(socket.frames[5], new Uint8Array([1]));
});

Deno.test("faults duplicate, drop and delay order events in order", () => {
  const { socket, stream, faults, clock } = listening();
  faults.copies = 2;
  stream.emitTradeUpdate({ event: "fill" });
  assert.equal(socket.frames.length, 2);
  faults.copies = 0;
  stream.emitTradeUpdate({ event: "lost" });
  assert.equal(socket.frames.length, 2);
  faults.copies = 1;
  faults.delayMs = 500;
  stream.emitTradeUpdate({ event: "late" });
  faults.delayMs = 0;
  stream.emitTradeUpdate({ event: "next" });
  assert.equal(socket.frames.length, 2);
  clock.advance(500);
  assert.deepEqual(
    socket.messages().slice(2).map((message) =>
      (message as { data: { event: string } }).data.event
    ),
    ["late", "next"],
  );
});

Deno.test("faults reject logins, drop acknowledgements and fail listening", () => {
  const { connect, faults, stream } = open();
  const { socket, say } = connect();
  faults.authError = 500;
  say(LOGIN);
  assert.match(JSON.stringify(socket.messages()[0]), /unauthorized/);
  faults.authError = undefined;
  say(LOGIN);
  faults.ackCopies = 0;
  say(LISTEN);
  assert.equal(socket.frames.length, 2);
  assert.equal(stream.listeners, 1);
  faults.listenError = 500;
  say(LISTEN);
  assert.deepEqual(socket.messages()[2], {
    action: "error",
    data: { error_message: "internal server error" },
  });
  assert.notEqual(socket.ended, undefined);
});

Deno.test("a server error is sent to every client and closes it", () => {
  const { socket, stream } = listening();
  stream.failConnections();
  assert.deepEqual(socket.messages(), [
    { action: "error", data: { error_message: "internal server error" } },
  ]);
  assert.deepEqual(socket.ended, {
    code: 1011,
    reason: "internal server error",
  });
});

Deno.test("a client that cannot take ten thousand waiting events is closed", () => {
  const { socket, stream, faults } = listening();
  faults.delayMs = 60_000;
  for (let count = 0; count <= 10_000; count++) {
    stream.emitTradeUpdate({ event: "new" });
  }
  assert.deepEqual(socket.ended, { code: 1008, reason: "slow client" });
});
