/**
 * What the log says when several things fail within a second: rate limiting
 * hides repetitions, but no cause. The time of the log stands still unless a test advances it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parseConfig } from "../../src/infrastructure/config/parse_config.ts";
import { createJsonLog } from "../../src/infrastructure/logging/json_log.ts";
import { startProxy } from "../../src/composition/proxy.ts";
import { FaultyUpstream } from "../support/faulty_upstream.ts";
import { FREE_PORTS } from "../support/harness.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { until } from "../support/until.ts";
import { clientOf, collect, METHODS } from "../support/streams.ts";

/** A line of the log. */
type Line = Readonly<Record<string, unknown>>;

/** A proxy on a scripted stock stream, with its own log. */
async function setup() {
  await using resources = new AsyncDisposableStack();
  const upstream = resources.use(await FaultyUpstream.start());
  const lines: Line[] = [];
  const clock = new ManualClock();
  const log = resources.use(createJsonLog({
    level: "info",
    clock,
    write: (line) => void lines.push(JSON.parse(line)),
  }));
  const config = parseConfig({
    ...FREE_PORTS,
    ALPACA_KEY: "key",
    ALPACA_SECRET: "secret",
    ALPACA_STOCK_STREAM_URL: upstream.url,
    STREAM_PROXY_FEEDS: "sip",
    STREAM_PROXY_RECONNECT_DELAY_INITIAL_MS: "100",
  });
  const proxy = resources.use(await startProxy(config, { log }));
  await until("the feed is up", () => upstream.logins === 1);
  const moved = resources.move();
  return {
    upstream,
    /** The time of the log. */
    clock,
    address: `127.0.0.1:${proxy.ports.grpc}`,
    /** Lines with a message, without those that are repetitions. */
    lines: (message: string) => lines.filter(({ msg }) => msg === message),
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

for (
  const loginError of [
    { code: 402, msg: "auth failed" },
    { code: 406, msg: "connection limit exceeded" },
  ]
) {
  Deno.test(`a loss and then ${loginError.code} are two lines within a second`, async () => {
    await using proxy = await setup();
    const { upstream } = proxy;
    upstream.loginError = loginError;
    upstream.rejectedLogins = 1;
    upstream.drop();
    const lost = () => proxy.lines("Feed connection failed, retrying");
    await until("both are logged", () => lost().length === 2);
    const [first, second] = lost();
    assert.match(String(first?.cause), /closed|reset|1006/i);
    assert.match(String(second?.cause), new RegExp(`${loginError.msg}.*${loginError.code}`));
  });
}

Deno.test("two invalid messages 50 ms apart are two lines with their causes", async () => {
  await using proxy = await setup();
  const { upstream } = proxy;
  using client = clientOf(proxy);
  const symbols = ["AAPL"];
  await using trades = collect(client, METHODS.streamTrades, { symbols });
  await using bars = collect(client, METHODS.streamBars, { symbols });
  await Promise.all([trades.opened, bars.opened]);
  await until("both are subscribed", () => upstream.asked.flat().length === 2);
  const t = "2024-01-15T10:00:00.5Z";
  upstream.send({ T: "t", S: "AAPL", i: 1, x: "V", p: "twelve", s: 1, c: ["@"], t, z: "C" });
  await proxy.clock.advance(50);
  upstream.send({ T: "b", S: "AAPL", o: 1, h: 2, l: 1, v: 10, t });
  const invalid = () => proxy.lines("Invalid message");
  await until("both are logged", () => invalid().length === 2);
  const [trade, bar] = invalid();
  assert.match(String(trade?.cause), /\bp\b/);
  assert.match(String(bar?.cause), /\bc\b/);
});

Deno.test("repetitions are counted in a line that follows within two seconds", async () => {
  await using proxy = await setup();
  const { upstream, clock } = proxy;
  using client = clientOf(proxy);
  await using trades = collect(client, METHODS.streamTrades, { symbols: ["AAPL"] });
  await trades.opened;
  await until("it is subscribed", () => upstream.asked.flat().length === 1);
  const t = "2024-01-15T10:00:00.5Z";
  const trade = { T: "t", S: "AAPL", i: 1, x: "V", p: 12, s: 1, c: ["@"], t, z: "C" };
  for (let i = 0; i < 5; i++) upstream.send({ ...trade, p: "twelve" });
  upstream.send({ ...trade, s: "one" });
  const invalid = () => proxy.lines("Invalid message");
  await until("all have arrived", () => invalid().length === 2);
  await clock.advance(1_999);
  assert.deepEqual(invalid().map(({ repeated }) => repeated), [undefined, undefined, 4]);
});
