import assert from "node:assert/strict";
import { create, toJson, toJsonString } from "@bufbuild/protobuf";
import {
  OptionSelectionSchema,
  StreamOrderUpdatesResponseSchema,
  StreamProxyService,
  StreamQuotesResponseSchema,
} from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { Environment } from "../../../src/gen/cream/v1/common_pb.ts";
import { tail } from "../../../cli/tail.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { startGrpcHarness } from "../../support/grpc_client.ts";
import { RecordingTerminal } from "../../support/recording_terminal.ts";
import { ScriptedProxy } from "../../support/scripted_proxy.ts";

const { method } = StreamProxyService;

/** The contract's golden quote, with a given bid. */
function quote(symbol: string, bidPrice = 150.25) {
  return {
    quote: {
      symbol,
      timestamp: { seconds: 1705312800n, nanos: 123456789 },
      bidExchange: "Q",
      bidPrice,
      bidSize: 3,
      askExchange: "P",
      askPrice: 150.27,
      askSize: 4,
      conditions: ["R"],
      tape: "C",
    },
  };
}

Deno.test("tail prints quotes as aligned lines with their age", async () => {
  await using proxy = await ScriptedProxy.start();
  const clock = new ManualClock(Date.parse("2024-01-15T10:00:00.135Z"));
  const terminal = new RecordingTerminal({ clock });
  const done = tail(
    ["quotes", "aapl", "--address", proxy.address, "--count", "1"],
    terminal,
  );

  assert.deepEqual((await proxy.request(method.streamQuotes)).symbols, [
    "AAPL",
  ]);
  await proxy.send(method.streamQuotes, quote("AAPL"));

  assert.equal(await done, 0);
  assert.deepEqual(terminal.lines, [
    "10:00:00.123456789    12 ms  AAPL         3 ×  150.25    150.27   × 4       Q/P     C    [R]",
  ]);
});

Deno.test("on a narrow terminal a line has milliseconds and ends at the last column", async () => {
  await using proxy = await ScriptedProxy.start();
  const clock = new ManualClock(Date.parse("2024-01-15T10:15:00Z"));
  const options = { clock, isTerminal: true, columns: 60, env: { NO_COLOR: "1" } };
  const terminal = new RecordingTerminal(options);
  const done = tail(["quotes", "--address", proxy.address, "--count", "1"], terminal);
  await proxy.send(method.streamQuotes, quote("AAPL"));

  assert.equal(await done, 0);
  assert.deepEqual(terminal.lines, [
    "TIME (UTC)        AGE  SYMBOL    SIZE ×  BID       ASK      ",
    "10:00:00.123  14m 59s  AAPL         3 ×  150.25    150.27   ",
  ]);
});

Deno.test("every invalid field of a request has a line", async () => {
  await using harness = await startGrpcHarness();
  const terminal = new RecordingTerminal();
  const address = `127.0.0.1:${harness.server.port}`;
  const long = "A".repeat(80);
  const code = await tail(["quotes", long, "AAPL", long, "--address", address], terminal);

  assert.equal(code, 1);
  assert.deepEqual(terminal.errorLines, [
    [
      `tail: the proxy at ${address} refused the request (INVALID_ARGUMENT):`,
      ...[0, 2].map((at) =>
        `symbols[${at}]: ${
          JSON.stringify("A".repeat(32))
        } has 80 characters; at most 64 are allowed`
      ),
    ].join("\n  "),
  ]);
});

Deno.test("bars have no age: their time is the start of their minute", async () => {
  await using proxy = await ScriptedProxy.start();
  const terminal = new RecordingTerminal({ isTerminal: true, env: { NO_COLOR: "1" } });
  const done = tail(["bars", "--address", proxy.address, "--count", "1"], terminal);
  await proxy.send(method.streamBars, { bar: { symbol: "AAPL" } });

  assert.equal(await done, 0);
  assert.match(terminal.lines[0] ?? "", /^TIME \(UTC\) {10}SYMBOL/);
});

Deno.test("tail --json prints the canonical protobuf-JSON of each message", async () => {
  await using proxy = await ScriptedProxy.start();
  const terminal = new RecordingTerminal();
  const done = tail(
    ["quotes", "--json", "--address", `http://${proxy.address}`, "--count=2"],
    terminal,
  );
  await proxy.send(method.streamQuotes, quote("AAPL"), quote("MSFT"));

  assert.equal(await done, 0);
  assert.deepEqual(
    terminal.lines,
    ["AAPL", "MSFT"].map((symbol) =>
      toJsonString(
        StreamQuotesResponseSchema,
        create(StreamQuotesResponseSchema, quote(symbol)),
      )
    ),
  );
});

Deno.test("tail --count ends within a batch that holds more", async () => {
  await using proxy = await ScriptedProxy.start();
  const terminal = new RecordingTerminal();
  const done = tail(
    ["quotes", "--json", "--address", proxy.address, "--count", "3"],
    terminal,
  );
  await proxy.send(
    method.streamQuotes,
    ...["A", "B", "C", "D", "E"].map((symbol) => quote(symbol)),
  );

  assert.equal(await done, 0);
  assert.equal(terminal.lines.length, 3);
  assert.match(terminal.lines[2] ?? "", /"symbol":"C"/);
});

Deno.test("tail orders sends order ids and symbols", async () => {
  await using proxy = await ScriptedProxy.start();
  const terminal = new RecordingTerminal();
  const update = {
    update: { event: 3, order: { id: "o-1", symbol: "AAPL" } },
  } as const;
  const done = tail([
    ...["orders", "AAPL", "--order-id", "o-1", "--order-id=o-2"],
    ...["--json", "--count=1", "--address", proxy.address],
  ], terminal);

  const request = await proxy.request(method.streamOrderUpdates);
  await proxy.send(method.streamOrderUpdates, update);

  assert.deepEqual(request.orderIds, ["o-1", "o-2"]);
  assert.deepEqual(request.symbols, ["AAPL"]);
  assert.equal(await done, 0);
  assert.deepEqual(terminal.lines, [
    toJsonString(
      StreamOrderUpdatesResponseSchema,
      create(StreamOrderUpdatesResponseSchema, update),
    ),
  ]);
});

Deno.test("tail comes back after the proxy ends its stream", async () => {
  await using proxy = await ScriptedProxy.start();
  const terminal = new RecordingTerminal();
  const done = tail(
    ["quotes", "--json", "--address", proxy.address, "--count", "2"],
    terminal,
  );
  await proxy.send(method.streamQuotes, quote("AAPL"));
  await terminal.until(() => terminal.lines.length === 1);
  proxy.endStreams("UNAVAILABLE", "the proxy is stopping");
  await proxy.send(method.streamQuotes, quote("MSFT"));

  assert.equal(await done, 0);
  assert.equal(terminal.lines.length, 2);
  assert.match(
    terminal.errorLines[0] ?? "",
    new RegExp(
      "^tail: the proxy at 127\\.0\\.0\\.1:\\d+ ended the stream " +
        "\\(UNAVAILABLE: the proxy is stopping\\); next attempt in 0\\.\\d s$",
    ),
  );
  assert.equal(terminal.errorLines[1], `tail: connected to ${proxy.address}`);
});

Deno.test("tail waits for a proxy that does not run yet", async () => {
  const { port } = await (async () => {
    await using gone = await ScriptedProxy.start();
    return gone;
  })();
  const terminal = new RecordingTerminal();
  const done = tail(
    ["quotes", "--json", "--address", `127.0.0.1:${port}`, "--count", "1"],
    terminal,
  );
  await terminal.until(() => terminal.errorLines.length > 0);
  assert.match(
    terminal.errorLines[0] ?? "",
    /^tail: no proxy answers at 127\.0\.0\.1:\d+ \(connection refused\); next attempt in/,
  );
  await using proxy = await ScriptedProxy.start(port);
  await proxy.send(method.streamQuotes, quote("AAPL"));

  assert.equal(await done, 0);
});

Deno.test(
  "tail --no-reconnect fails immediately and says what to do",
  async () => {
    const { port } = await (async () => {
      await using gone = await ScriptedProxy.start();
      return gone;
    })();
    const terminal = new RecordingTerminal();

    const code = await tail(
      ["trades", "--no-reconnect", "--address", `127.0.0.1:${port}`],
      terminal,
    );

    assert.equal(code, 1);
    assert.equal(terminal.output, "");
    assert.match(terminal.errorLines[0] ?? "", /connection refused/);
    assert.match(terminal.errorLines[0] ?? "", /deno task demo/);
  },
);

Deno.test("tail does not repeat a request that was refused", async () => {
  await using proxy = await ScriptedProxy.start();
  const terminal = new RecordingTerminal();
  const done = tail(["quotes", "--address", proxy.address], terminal);
  await proxy.request(method.streamQuotes);
  proxy.endStreams("INVALID_ARGUMENT", "no such symbol");

  assert.equal(await done, 1);
  assert.match(
    terminal.errorLines[0] ?? "",
    /INVALID_ARGUMENT: no such symbol/,
  );
});

Deno.test("tail prints that the proxy is at a limit and retries", async () => {
  await using proxy = await ScriptedProxy.start();
  const terminal = new RecordingTerminal();
  const args = ["quotes", "A", "--json", "--address", proxy.address];
  const done = tail([...args, "--count", "1"], terminal);
  await proxy.refuse(
    method.streamQuotes,
    "RESOURCE_EXHAUSTED",
    "The symbol budget of feed sip is exceeded by 1: 30 allowed, 30 used, " +
      "1 more requested; name fewer symbols",
  );
  await proxy.send(method.streamQuotes, quote("A"));

  assert.equal(await done, 0);
  assert.equal(
    terminal.errorLines[0]?.replace(/\d\.\d s$/, "N s"),
    `tail: the proxy at ${proxy.address} is at a limit: the symbol budget of ` +
      "feed sip is exceeded by 1: 30 allowed, 30 used, 1 more requested; " +
      "name fewer symbols; next attempt in N s",
  );
});

Deno.test("tail --no-reconnect ends when the proxy is at a limit", async () => {
  await using proxy = await ScriptedProxy.start();
  const terminal = new RecordingTerminal();
  const args = ["quotes", "A", "--no-reconnect", "--address", proxy.address];
  const done = tail(args, terminal);
  await proxy.refuse(method.streamQuotes, "RESOURCE_EXHAUSTED", "Full");

  assert.equal(await done, 1);
  assert.deepEqual(terminal.errorLines, [
    `tail: the proxy at ${proxy.address} is at a limit: full`,
  ]);
});

Deno.test("tail sends the selection of contracts, and only the flags that were set", async () => {
  await using proxy = await ScriptedProxy.start();
  const terminal = new RecordingTerminal();
  const done = tail([
    ...["option-quotes", "--underlying", "SPY", "--address", proxy.address],
    ...["--min-days", "0", "--window", "2.5", "--right", "put"],
  ], terminal);
  const { underlyings, optionSelection } = await proxy.request(
    method.streamOptionQuotes,
  );
  terminal.interrupt.abort();
  assert.equal(await done, 0);
  assert.deepEqual(underlyings, ["SPY"]);
  assert.ok(optionSelection);
  assert.deepEqual(toJson(OptionSelectionSchema, optionSelection), {
    minDays: 0,
    strikeWindowPercent: 2.5,
    right: "OPTION_RIGHT_PUT",
  });
});

Deno.test("tail without contract flags sends no selection", async () => {
  await using proxy = await ScriptedProxy.start();
  const terminal = new RecordingTerminal();
  const done = tail(
    ["option-trades", "--underlying", "SPY", "--address", proxy.address],
    terminal,
  );
  const request = await proxy.request(method.streamOptionTrades);
  terminal.interrupt.abort();
  assert.equal(await done, 0);
  assert.equal(request.optionSelection, undefined);
});

Deno.test("an interrupt ends tail with 0 and closes its stream", async () => {
  await using proxy = await ScriptedProxy.start();
  const terminal = new RecordingTerminal();
  const done = tail(["quotes", "--address", proxy.address], terminal);
  await proxy.request(method.streamQuotes);
  terminal.interrupt.abort();

  assert.equal(await done, 0);
  assert.deepEqual(terminal.errorLines, []);
});

Deno.test("tail --seconds ends a quiet stream with 0", async () => {
  await using proxy = await ScriptedProxy.start();
  const terminal = new RecordingTerminal();

  const code = await tail(
    ["bars", "--seconds", "0.05", "--address", proxy.address],
    terminal,
  );

  assert.equal(code, 0);
  assert.equal(terminal.output, "");
});

Deno.test("a closed pipe is a normal end of tail", async () => {
  await using proxy = await ScriptedProxy.start();
  const terminal = new RecordingTerminal();
  terminal.broken = true;
  const done = tail(["quotes", "--address", proxy.address], terminal);
  await proxy.send(method.streamQuotes, quote("AAPL"));

  assert.equal(await done, 0);
});

Deno.test("on a terminal tail names its columns once and colours its lines", async () => {
  await using proxy = await ScriptedProxy.start();
  const terminal = new RecordingTerminal({ isTerminal: true });
  const done = tail(
    ["quotes", "--address", proxy.address, "--count", "2"],
    terminal,
  );
  await proxy.send(method.streamQuotes, quote("AAPL"), quote("MSFT"));

  assert.equal(await done, 0);
  assert.equal(terminal.lines.length, 3);
  assert.match(terminal.lines[0] ?? "", /TIME \(UTC\)/);
  assert.ok(terminal.lines[1]?.includes("\x1b[1mAAPL"));
});

Deno.test("tail status shows every feed with its state and last error", async () => {
  await using proxy = await ScriptedProxy.start();
  proxy.status = {
    status: {
      version: "0.1.0",
      startedAt: { seconds: 1705312800n, nanos: 0 },
      currentTime: { seconds: 1705313100n, nanos: 0 },
      feeds: [
        {
          feedType: 1,
          state: 4,
          lastConnectedAt: { seconds: 1705312801n, nanos: 0 },
          subscriptionCount: 2,
          messagesReceived: 1234567n,
        },
        {
          feedType: 3,
          state: 6,
          errorMessage: "auth failed",
          reconnectAttempts: 3,
        },
        { feedType: 5, state: 5 },
      ],
      clientCount: 5,
      environment: Environment.PAPER,
    },
  };
  const terminal = new RecordingTerminal();

  const code = await tail(["status", "--address", proxy.address], terminal);

  assert.equal(code, 0);
  assert.deepEqual(terminal.lines, [
    "proxy 0.1.0  paper  up 5m 00s  5 streams",
    "FEED            STATE         LAST CONNECTED (UTC)   SUBS  TRIES   MESSAGES  LAST ERROR",
    "Stocks (sip)    connected     10:00:01 (4m 59s ago)     2      0  1 234 567",
    "Options (opra)  error         never                     0      3          0  auth failed",
    "Trade updates   reconnecting  never                     0      0          0",
  ]);
});

Deno.test(
  "tail status of an unreachable proxy fails immediately",
  async () => {
    const { port } = await (async () => {
      await using gone = await ScriptedProxy.start();
      return gone;
    })();
    const terminal = new RecordingTerminal();

    const code = await tail(
      ["status", "--json", "--address", `127.0.0.1:${port}`],
      terminal,
    );

    assert.equal(code, 1);
    assert.match(terminal.errorLines[0] ?? "", /connection refused/);
  },
);

Deno.test("tail status --watch --json repeats until it is interrupted", async () => {
  await using proxy = await ScriptedProxy.start();
  const terminal = new RecordingTerminal();
  const done = tail(
    ["status", "--watch", "--json", "--address", proxy.address],
    terminal,
  );
  await terminal.until(() => terminal.lines.length === 2);
  terminal.interrupt.abort();

  assert.equal(await done, 0);
  assert.deepEqual(JSON.parse(terminal.lines[1] ?? ""), {
    status: { version: "9.9.9" },
  });
});

const SUBSCRIBED: ScriptedProxy["status"] = {
  status: {
    version: "0.1.0",
    feeds: [{
      feedType: 1,
      state: 4,
      subscriptions: {
        budget: { limit: 3, learned: true, used: 3 },
        channels: [{
          channel: "quotes",
          symbols: [
            { symbol: "AAPL", state: 1, streams: 2 },
            {
              symbol: "XXXX",
              state: 4,
              streams: 1,
              reason: "invalid syntax (code 400)",
            },
            { symbol: "MSFT", state: 5 },
          ],
          unfilteredStreams: 1,
        }],
      },
    }, { feedType: 5, state: 4 }],
  },
};

Deno.test("tail status --subscriptions lists the subscriptions at Alpaca", async () => {
  await using proxy = await ScriptedProxy.start();
  proxy.status = SUBSCRIBED;
  const terminal = new RecordingTerminal();
  const args = ["status", "--subscriptions", "--address", proxy.address];

  assert.equal(await tail(args, terminal), 0);
  assert.equal(proxy.statusRequests.at(-1)?.includeSubscriptions, true);
  assert.deepEqual(terminal.output.split("\n").slice(4), [
    "",
    "Stocks (sip)  3 of 3 used, 0 left, limit learned from a rejection",
    "  quotes: 2 requested by streams, 1 acknowledged, 1 rejected, " +
    "1 lingering, 1 stream without a filter, receiving what others request",
    "  CHANNEL  SYMBOL  STATE         STREAMS  REASON",
    "  quotes   AAPL    acknowledged        2",
    "  quotes   XXXX    rejected            1  invalid syntax (code 400)",
    "  quotes   MSFT    lingering           0",
    "",
  ]);
});

Deno.test("tail status --subscriptions --json has them too", async () => {
  await using proxy = await ScriptedProxy.start();
  proxy.status = SUBSCRIBED;
  const terminal = new RecordingTerminal();
  const args = ["status", "--subscriptions", "--json"];

  assert.equal(await tail([...args, "--address", proxy.address], terminal), 0);
  const { status } = JSON.parse(terminal.output);
  assert.equal(
    status.feeds[0].subscriptions.channels[0].symbols[1].reason,
    "invalid syntax (code 400)",
  );
});

Deno.test("tail status alone asks for no subscriptions", async () => {
  await using proxy = await ScriptedProxy.start();
  const terminal = new RecordingTerminal();

  assert.equal(
    await tail(["status", "--address", proxy.address], terminal),
    0,
  );
  assert.equal(proxy.statusRequests.at(-1)?.includeSubscriptions, false);
});
