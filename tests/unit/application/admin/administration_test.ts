import assert from "node:assert/strict";
import { AdminError } from "../../../../src/application/admin/administration.ts";
import { Draining } from "../../../../src/application/streaming/market_streams.ts";
import { administered } from "../../../support/administered.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

const OPERATOR = { identity: "operator", peer: "10.0.0.1:9" };

function managed(options: { readonly hasSession?: boolean } = {}) {
  const clock = new ManualClock();
  const made = administered(clock, options);
  /** Opens a stream; the texts with which it was ended are collected. */
  const open = (symbols: string[], client: { identity?: string; peer?: string } = {}) => {
    const ends: string[] = [];
    const stream = made.streams.open("stockQuotes", { symbols }, {
      ...client,
      onEnd: (reason) => ends.push(reason),
    });
    return { stream, ends };
  };
  /** Lines about administration. */
  const lines = () => made.log.records.filter(({ fields }) => fields["audit"] === "admin");
  return { ...made, clock, lines, open };
}

function fails(run: () => unknown, kind: AdminError["failure"]["kind"], message: RegExp): void {
  assert.throws(run, (error: unknown) => {
    assert.ok(error instanceof AdminError);
    assert.equal(error.failure.kind, kind);
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("pages have every stream once, in order, and filter by identity", () => {
  const { admin, open } = managed();
  for (let i = 0; i < 25; i++) open([`S${i}`], { identity: i % 2 === 0 ? "even" : "odd" });
  const filters: string[] = [];
  for (let token = ""; filters.length < 25;) {
    const page = admin.listStreams({ size: 10, token });
    assert.equal(page.total, 25);
    filters.push(...page.entries.map(({ filter }) => filter));
    token = page.nextToken;
    assert.equal(token === "", filters.length === 25);
  }
  assert.deepEqual(filters, Array.from({ length: 25 }, (_, i) => `S${i}`));
  const even = admin.listStreams({ size: 0, token: "" }, "even");
  assert.equal(even.entries.length, 13);
  assert.equal(even.nextToken, "");
});

Deno.test("a page that begins after an ended stream has no stream twice", () => {
  const { admin, open } = managed();
  const streams = ["A", "B", "C"].map((symbol) => open([symbol]).stream);
  const first = admin.listStreams({ size: 2, token: "" });
  streams[1]?.[Symbol.dispose]();
  const second = admin.listStreams({ size: 2, token: first.nextToken });
  assert.deepEqual(second.entries.map(({ filter }) => filter), ["C"]);
});

Deno.test("sizes and tokens that are not valid are refused", () => {
  const { admin } = managed();
  fails(() => admin.listStreams({ size: 1_001, token: "" }), "invalid", /0 to 1000/);
  for (const token of ["abcdef-", "abcdef-0", "000000-1", "abcdef-c1", "abcdef-1x", "17"]) {
    fails(() => admin.listStreams({ size: 1, token }), "invalid", /not of this process/);
  }
});

Deno.test("a stream is ended by its id, with the reason for its client", () => {
  const { admin, lines, open } = managed();
  const { ends } = open(["AAPL"], { identity: "dashboard", peer: "10.0.0.9:1" });
  const other = open(["MSFT"]);
  const [{ id = "" } = {}] = admin.listStreams({ size: 1, token: "" }).entries;
  assert.equal(id, "abcdef-1");
  admin.endStream(OPERATOR, id, "maintenance");
  assert.deepEqual(ends, ["Ended by the operator: maintenance"]);
  assert.deepEqual(other.ends, []);
  assert.deepEqual(lines(), [{
    level: "info",
    message: "Administration",
    fields: {
      audit: "admin",
      action: "end_stream",
      identity: "operator",
      credential: undefined,
      peer: "10.0.0.1:9",
      outcome: "done",
      stream: id,
      reason: "maintenance",
      stream_identity: "dashboard",
      stream_peer: "10.0.0.9:1",
      rpc: undefined,
      filter: "AAPL",
    },
  }]);
});

Deno.test("what is refused is logged too, with the cause", () => {
  const { admin, lines } = managed();
  fails(() => admin.endStream(OPERATOR, "abcdef-9", ""), "not_found", /No stream with this id/);
  fails(() => admin.endStream(OPERATOR, "abcdef-9", "a\nb"), "invalid", /control character/);
  fails(() => admin.endStream(OPERATOR, "x", "r".repeat(201)), "invalid", /200 characters/);
  assert.deepEqual(
    lines().map(({ fields }) => [fields["outcome"], fields["cause"]]),
    [
      ["refused", "No stream with this id is open; list the streams"],
      ["refused", "contains a control character"],
      ["refused", "has more than 200 characters"],
    ],
  );
});

Deno.test("connections are listed with their streams, and closed after these ended", async () => {
  const { admin, clock, connections, open } = managed();
  const closes: string[] = [];
  for (const port of [1, 2]) {
    connections.admit("grpc", {
      address: "10.0.0.9",
      port,
      close: () => closes.push(`reset ${port}`),
      announceClose: () => closes.push(`goaway ${port}`),
      bytes: () => ({ received: 10, sent: 20 }),
    });
  }
  const { ends } = open(["A"], { identity: "one", peer: "10.0.0.9:1" });
  open(["B"], { identity: "two", peer: "10.0.0.9:1" });
  const [first, second] = admin.listConnections({ size: 0, token: "" }).entries;
  assert.deepEqual([first?.streams, first?.identities], [2, ["one", "two"]]);
  assert.deepEqual([first?.received, first?.sent, first?.peer], [10, 20, "10.0.0.9:1"]);
  assert.deepEqual([second?.streams, second?.identities], [0, []]);

  assert.equal(admin.closeConnection(OPERATOR, first?.id ?? "", "too many"), 2);
  assert.deepEqual(ends, ["Its connection was closed by the operator: too many"]);
  assert.deepEqual(closes, []);
  await clock.advance(100);
  assert.deepEqual(closes, ["goaway 1"]);
  await clock.advance(1_000);
  assert.deepEqual(closes, ["goaway 1", "reset 1"]);
  assert.equal(admin.listConnections({ size: 0, token: "" }).total, 1);
  fails(
    () => admin.closeConnection(OPERATOR, first?.id ?? "", ""),
    "not_found",
    /^No connection with the id "\w+-c1" is open; list the connections$/,
  );
  fails(
    () => admin.closeConnection(OPERATOR, "x\n".repeat(50), ""),
    "invalid",
    /^"(x\\n){20}…" is not the id of a connection of this process; list the connections$/,
  );
  assert.equal(clock.sleepers, 0);
});

Deno.test("draining refuses new streams and is undone; open ones continue", () => {
  const { admin, open } = managed();
  const { ends } = open(["A"]);
  admin.drain(OPERATOR, { reason: "moving", endStreams: false });
  assert.deepEqual(admin.drainState, { isDraining: true, streams: 1 });
  assert.throws(() => open(["B"]), new Draining("The proxy accepts no new streams: moving"));
  assert.deepEqual(ends, []);
  admin.undrain(OPERATOR);
  open(["B"]);
  assert.deepEqual(admin.drainState, { isDraining: false, streams: 2 });
});

Deno.test("streams that a drain has not ended yet stay open when it is undone", async () => {
  const { admin, clock, open } = managed();
  let ended = 0;
  for (let i = 0; i < 100; i++) {
    const { stream, ends } = open([`S${i}`]);
    Object.defineProperty(ends, "push", {
      value: () => {
        ended++;
        stream[Symbol.dispose]();
      },
    });
  }
  admin.drain(OPERATOR, { reason: "", endStreams: true });
  await clock.advance(500);
  admin.undrain(OPERATOR);
  await clock.advance(10_000);
  assert.ok(ended >= 40 && ended <= 60, `${ended}`);
  assert.deepEqual(admin.drainState, { isDraining: false, streams: 100 - ended });
  admin.drain(OPERATOR, { reason: "", endStreams: true });
  await clock.advance(10_000);
  assert.equal(ended, 100);
});

Deno.test("draining ends the open streams on request, one after the other", async () => {
  const { admin, clock, open } = managed();
  const ends: number[] = [];
  for (let i = 0; i < 100; i++) {
    const { stream, ends: own } = open([`S${i}`]);
    Object.defineProperty(own, "push", {
      value: () => {
        ends.push(clock.monotonic());
        stream[Symbol.dispose]();
      },
    });
  }
  admin.drain(OPERATOR, { reason: "", endStreams: true });
  await clock.advance(10_000);
  assert.equal(ends.length, 100);
  assert.ok(Math.max(...ends) >= 900, "1 s for 100 streams");
});

Deno.test("nothing undoes the shutdown", () => {
  const { admin, drain } = managed();
  drain.stop("the proxy is shutting down");
  fails(() => admin.undrain(OPERATOR), "precondition", /stopping/);
  fails(() => admin.drain(OPERATOR, { reason: "", endStreams: true }), "precondition", /stopping/);
  assert.equal(drain.reason, "the proxy is shutting down");
});

Deno.test("a feed is reconnected at most once in 30 seconds", async () => {
  const { admin, clock, reconnects } = managed();
  admin.reconnectFeed(OPERATOR, "sip");
  await clock.advance(29_000);
  fails(() => admin.reconnectFeed(OPERATOR, "sip"), "too_soon", /retry in 1 s/);
  admin.reconnectFeed(OPERATOR, "opra");
  await clock.advance(1_000);
  admin.reconnectFeed(OPERATOR, "sip");
  assert.deepEqual(reconnects, ["sip", "opra", "sip"]);
  fails(
    () => admin.reconnectFeed(OPERATOR, "trading"),
    "invalid",
    /"trading" .* use one of sip, opra$/,
  );
});

Deno.test("a feed without a session is not reconnected, which counts as no attempt", () => {
  const { admin } = managed({ hasSession: false });
  for (let i = 0; i < 2; i++) {
    fails(() => admin.reconnectFeed(OPERATOR, "sip"), "precondition", /it is connecting/);
  }
});

Deno.test("the log level returns to that of the settings after its time", async () => {
  const { admin, clock, lines, logControl } = managed();
  const report = admin.setLogLevel(OPERATOR, "debug", 60_000);
  assert.deepEqual(report, { level: "debug", until: clock.now() + 60_000 });
  await clock.advance(59_999);
  assert.equal(logControl.level, "debug");
  await clock.advance(1);
  assert.equal(logControl.level, "info");
  assert.deepEqual(admin.logLevel, { level: "info", until: undefined });
  assert.equal(lines().at(-1)?.message, "The log level of the settings applies again");
});

Deno.test("a later level replaces an earlier one and its time", async () => {
  const { admin, clock, logControl } = managed();
  admin.setLogLevel(OPERATOR, "debug", 60_000);
  admin.setLogLevel(OPERATOR, "off");
  await clock.advance(120_000);
  assert.equal(logControl.level, "off");
  admin.setLogLevel(OPERATOR, "");
  assert.equal(logControl.level, "info");
  assert.equal(clock.sleepers, 0);
  fails(() => admin.setLogLevel(OPERATOR, "loud"), "invalid", /not a log level/);
  fails(() => admin.setLogLevel(OPERATOR, "warn", 0), "invalid", /above 0/);
  fails(() => admin.setLogLevel(OPERATOR, "warn", 86_400_001), "invalid", /at most a day/);
});
