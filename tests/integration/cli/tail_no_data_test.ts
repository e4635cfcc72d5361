/** What `tail` says of a stream that brings nothing. */
import assert from "node:assert/strict";
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
import { until } from "../../support/until.ts";

const { method } = StreamProxyService;

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
  const clock = new ManualClock();
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
  assert.deepEqual(terminal.errorLines, [`tail: no answer from ${address} for 2 s`]);
  terminal.interrupt.abort();
  conn.close();
  assert.equal(await done, 0);
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
