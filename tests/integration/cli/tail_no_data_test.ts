/** What `tail` says of a stream that brings nothing. */
import assert from "node:assert/strict";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  ConnectionState,
  FeedType,
  StreamProxyService,
  SymbolState,
} from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { tail } from "../../../cli/tail.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { RecordingTerminal } from "../../support/recording_terminal.ts";
import { ScriptedProxy } from "../../support/scripted_proxy.ts";
import { startHarness } from "../../support/harness.ts";
import { until } from "../../support/until.ts";

const { method } = StreamProxyService;

/** A Wednesday at noon in New York. */
const OPEN = "2026-11-18T17:00:00Z";

Deno.test("a stream without data is explained, again when the reason changes", async () => {
  await using proxy = await ScriptedProxy.start();
  const clock = new ManualClock();
  const terminal = new RecordingTerminal({ clock });
  const done = tail(["quotes", "BAD", "--address", proxy.address], terminal);
  await proxy.request(method.streamQuotes);
  proxy.status = {
    status: {
      feeds: [{
        feedType: FeedType.SIP,
        state: ConnectionState.RECONNECTING,
        errorMessage: "the connection was lost",
      }],
    },
  };
  await until("the stream is open", () => clock.nextWakeIn === 3_000);
  await clock.advance(3_000);
  await terminal.until(() => terminal.errorLines.length > 0);
  assert.deepEqual(terminal.errorLines, [
    "tail: no data for 3 s: the feed Stocks (sip) is not connected (reconnecting): " +
    "the connection was lost",
  ]);
  assert.equal(proxy.statusRequests[0]?.includeSubscriptions, true);
  await until("it waits again", () => clock.sleepers > 0);
  await clock.advance(3_000);
  await until("it looked again", () => proxy.statusRequests.length === 2);
  await until("it waits again", () => clock.sleepers > 0);
  proxy.status = {
    status: {
      feeds: [{ feedType: FeedType.SIP, state: ConnectionState.CONNECTED }],
    },
  };
  for (let second = 6; second < 12; second += 3) {
    await until("it waits", () => clock.sleepers > 0);
    await clock.advance(3_000);
  }
  // Two questions show whether the feed receives data.
  await until("it asks again", () => proxy.statusRequests.length === 3);
  await until("it waits between the two", () => clock.sleepers > 0);
  await clock.advance(500);
  await terminal.until(() => terminal.errorLines.length === 2);
  assert.match(
    terminal.errorLines[1] ?? "",
    /no data for 12 s: Alpaca has acknowledged/,
  );
  terminal.interrupt.abort();
  assert.equal(await done, 0);
});

Deno.test("a stream that stops delivering is explained by the state of its feed", async () => {
  await using proxy = await ScriptedProxy.start();
  const clock = new ManualClock(Date.parse(OPEN));
  const terminal = new RecordingTerminal({ clock });
  const done = tail(["quotes", "AAPL", "--address", proxy.address], terminal);
  await proxy.send(method.streamQuotes, { quote: { symbol: "AAPL" } });
  await terminal.until(() => terminal.lines.length === 1);
  await until("the stream is open", () => clock.nextWakeIn === 3_000);
  const feed = (state: ConnectionState) => {
    proxy.status = { status: { feeds: [{ feedType: FeedType.SIP, state }] } };
  };
  feed(ConnectionState.CONNECTED);
  await clock.advance(3_000); // in which the message came
  await until("the proxy is asked", () => proxy.statusRequests.length === 1);
  await until("the next look is due", () => clock.nextWakeIn === 3_000);
  await clock.advance(3_000);
  await until("the proxy is asked again", () => proxy.statusRequests.length === 2);
  await until("it waits for a sample", () => clock.nextWakeIn === 500);
  await clock.advance(500);
  await until("the proxy is asked for a sample", () => proxy.statusRequests.length === 3);
  assert.deepEqual(terminal.errorLines, [], "symbols may have nothing to say");

  feed(ConnectionState.RECONNECTING);
  await until("the next look is due", () => clock.sleepers > 0);
  await clock.advance(3_000);
  await terminal.until(() => terminal.errorLines.length > 0);
  assert.deepEqual(terminal.errorLines, [
    "tail: no data for 6 s: the feed Stocks (sip) is not connected (reconnecting)",
  ]);
  terminal.interrupt.abort();
  assert.equal(await done, 0);
});

/** Advances a clock from sleep to sleep until the condition holds. */
async function advanceUntil(clock: ManualClock, condition: () => boolean): Promise<void> {
  for (;;) {
    await until("it sleeps or is done", () => condition() || clock.nextWakeIn !== undefined);
    if (condition()) return;
    assert.ok(clock.monotonic() < 600_000, "nothing happens within ten minutes");
    await clock.advance(clock.nextWakeIn ?? 0);
  }
}

/** A response of a proxy whose feed has this state, at this time of its clock. */
function statusAt(
  text: string,
  feedType: FeedType,
  state: ConnectionState = ConnectionState.CONNECTED,
) {
  const currentTime = timestampFromMs(Date.parse(text));
  return { status: { currentTime, feeds: [{ feedType, state }] } };
}

const PAUSES = [
  {
    what: "quotes",
    send: (proxy: ScriptedProxy) => proxy.send(method.streamQuotes, { quote: { symbol: "AAPL" } }),
    feed: FeedType.SIP,
    reason: /no data for 30 s: .*the symbols are quiet/,
  },
  {
    what: "bars",
    send: (proxy: ScriptedProxy) => proxy.send(method.streamBars, { bar: { symbol: "AAPL" } }),
    feed: FeedType.SIP,
    reason: /no data for 120 s: .*a bar arrives after each minute/,
  },
  {
    what: "option-trades",
    send: (proxy: ScriptedProxy) =>
      proxy.send(method.streamOptionTrades, { trade: { symbol: "AAPL270115C00250000" } }),
    feed: FeedType.OPRA,
    reason: /no data for 30 s: .*contracts can go untraded for hours/,
  },
  {
    what: "orders",
    send: (proxy: ScriptedProxy) =>
      proxy.send(method.streamOrderUpdates, { update: { order: { id: "1" } } }),
    feed: FeedType.TRADE_UPDATES,
    reason: /no data for 30 s: an update arrives when/,
  },
];

for (const { what, send, feed, reason } of PAUSES) {
  Deno.test(`a long pause after data is explained: ${what}`, async () => {
    await using proxy = await ScriptedProxy.start();
    proxy.status = statusAt(OPEN, feed);
    const clock = new ManualClock();
    const terminal = new RecordingTerminal({ clock });
    const done = tail([what, "--address", proxy.address], terminal);
    await send(proxy);
    await terminal.until(() => terminal.lines.length === 1);
    await advanceUntil(clock, () => terminal.errorLines.length > 0);
    assert.match(terminal.errorLines[0] ?? "", reason);
    // The first interval has the message; the last question may take a sample of 500 ms.
    const idleMs = Number(/for (\d+) s/.exec(terminal.errorLines[0] ?? "")?.[1]) * 1_000;
    const lateMs = clock.monotonic() - 3_000 - idleMs;
    assert.ok(lateMs >= 0 && lateMs <= 500, `the line is ${lateMs} ms late`);
    terminal.interrupt.abort();
    assert.equal(await done, 0);
  });
}

Deno.test("a market that closes after data is reported after 3 s, and once", async () => {
  await using proxy = await ScriptedProxy.start();
  proxy.status = statusAt("2026-11-19T01:00:01Z", FeedType.SIP);
  const clock = new ManualClock();
  const terminal = new RecordingTerminal({ clock });
  const done = tail(["quotes", "--address", proxy.address], terminal);
  await proxy.send(method.streamQuotes, { quote: { symbol: "AAPL" } });
  await terminal.until(() => terminal.lines.length === 1);
  await advanceUntil(clock, () => terminal.errorLines.length > 0);
  const closed = /no data for 3 s: .*the market is closed until Thu 04:00 .*\(in 7h 59m\)/;
  assert.match(terminal.errorLines[0] ?? "", closed);

  proxy.status = statusAt("2026-11-19T02:00:00Z", FeedType.SIP);
  const asked = proxy.statusRequests.length;
  await advanceUntil(clock, () => proxy.statusRequests.length >= asked + 4);
  await proxy.send(method.streamQuotes, { quote: { symbol: "AAPL" } });
  await terminal.until(() => terminal.lines.length === 2);
  await advanceUntil(clock, () => proxy.statusRequests.length >= asked + 6);
  proxy.status = statusAt(OPEN, FeedType.SIP, ConnectionState.RECONNECTING);
  await advanceUntil(clock, () => terminal.errorLines.length > 1);
  assert.match(terminal.errorLines[1] ?? "", /the feed Stocks \(sip\) is not connected/);
  terminal.interrupt.abort();
  assert.equal(await done, 0);
});

Deno.test("symbols without a subscription are reported beside the data of others", async () => {
  await using proxy = await ScriptedProxy.start();
  const clock = new ManualClock();
  const terminal = new RecordingTerminal({ clock });
  const done = tail(["quotes", "AAPL", "MSFT", "--address", proxy.address], terminal);
  await proxy.send(method.streamQuotes, { quote: { symbol: "AAPL" } });
  await terminal.until(() => terminal.lines.length === 1);
  const symbols = [
    { symbol: "AAPL", state: SymbolState.ACKNOWLEDGED },
    { symbol: "MSFT", state: SymbolState.WAITING, reason: "all 30 slots are in use" },
  ];
  const subscriptions = { channels: [{ channel: "quotes", symbols }] };
  const feed = { feedType: FeedType.SIP, state: ConnectionState.CONNECTED, subscriptions };
  proxy.status = { status: { feeds: [feed] } };
  await until("the stream is open", () => clock.nextWakeIn === 3_000);
  await clock.advance(3_000);
  await terminal.until(() => terminal.errorLines.length > 0);
  assert.deepEqual(terminal.errorLines, [
    "tail: data is incomplete: MSFT is waiting (all 30 slots are in use)",
  ]);
  terminal.interrupt.abort();
  assert.equal(await done, 0);
});

Deno.test("a server that does not accept the stream is reported", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${listener.addr.port}`;
  const clock = new ManualClock();
  const terminal = new RecordingTerminal({ clock });
  const done = tail(["quotes", "AAPL", "--address", address], terminal);
  using conn = await listener.accept();
  await until("it waits", () => clock.sleepers > 0);
  await clock.advance(2_000);
  assert.deepEqual(terminal.errorLines, [
    `tail: no answer from ${address} for 2 s; check that a proxy runs there and that no ` +
    "firewall is between; the proxy's gRPC port is STREAM_PROXY_GRPC_PORT, 50052 by default",
  ]);
  terminal.interrupt.abort();
  conn.close();
  assert.equal(await done, 0);
});

Deno.test("the HTTP port of a proxy is recognized as no gRPC port", async () => {
  await using harness = await startHarness();
  const address = new URL(harness.health).host;
  for (const args of [["quotes", "AAPL", "--no-reconnect"], ["status"]]) {
    const terminal = new RecordingTerminal();
    assert.equal(await tail([...args, "--address", address], terminal), 1);
    assert.match(
      terminal.errorLines[0] ?? "",
      /closed the connection without an answer: it is not a gRPC port.* 50052 by default/,
    );
  }
});

Deno.test("a proxy whose status fails is reported", async () => {
  await using proxy = await ScriptedProxy.start();
  const clock = new ManualClock();
  const terminal = new RecordingTerminal({ clock });
  const done = tail(["orders", "--address", proxy.address], terminal);
  await proxy.request(method.streamOrderUpdates);
  proxy.status = {};
  await until("the stream is open", () => clock.nextWakeIn === 3_000);
  await clock.advance(3_000);
  await terminal.until(() => terminal.errorLines.length > 0);
  assert.deepEqual(terminal.errorLines, [
    "tail: no data for 3 s: the proxy reports no status",
  ]);
  terminal.interrupt.abort();
  assert.equal(await done, 0);
});
