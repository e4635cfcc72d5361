/** Outages of a session with Alpaca, filled from its REST API while trades flow. */
import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Simulator } from "@alpaca-stream-proxy/simulator";
import { Origin, StreamProxyService } from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import { type Connected, connectTo } from "../support/grpc_client.ts";
import { startHarness } from "../support/harness.ts";
import { settle } from "../support/manual_clock.ts";
import { until } from "../support/until.ts";

const BUSY = {
  messagesPerSecond: 400,
  haltEverySeconds: 0,
  ghostSeconds: 0,
  ledgerCapacity: 100_000,
};
const SYMBOLS = ["AAPL", "MSFT"];

/** What a stream of trades with backfill has received. */
class Reading {
  /** Symbol, exchange, id and time of each trade. */
  readonly trades: string[] = [];
  readonly backfilled: string[] = [];
  readonly notices: string[] = [];
  readonly #leave = new AbortController();
  readonly #ended: Promise<void>;

  constructor(client: Connected<typeof StreamProxyService>, symbols: readonly string[]) {
    this.#ended = this.#read(client, [...symbols]);
  }

  /** Cancels the stream and waits for its end. */
  async end(): Promise<void> {
    this.#leave.abort();
    await this.#ended;
    await settle();
  }

  async #read(client: Connected<typeof StreamProxyService>, symbols: string[]): Promise<void> {
    const options = { meta: true, notices: true, backfill: true };
    const { signal } = this.#leave;
    try {
      for await (const response of client.streamTrades({ symbols, options }, { signal })) {
        const { trade, meta, notice } = response;
        if (notice?.kind.case === "gap") this.notices.push("gap");
        if (!trade) continue;
        const { seconds = 0n, nanos = 0 } = trade.timestamp ?? {};
        if (Date.now() - Number(seconds) * 1_000 > LATE_MS) continue;
        const key = `${trade.symbol} ${trade.exchange} ${trade.tradeId} ${seconds} ${nanos}`;
        this.trades.push(key);
        if (meta?.origin !== Origin.BACKFILL) continue;
        assert.equal(meta.sequence, 0n);
        this.backfilled.push(key);
      }
    } catch (error) {
      assert.equal(ConnectError.from(error).code, Code.Canceled);
    }
  }
}

/**
 * Trades that are reported later than this after their time are not compared: the simulator makes
 * some that are 18 s late or later, and what was missed is found by time.
 */
const LATE_MS = 10_000;

/**
 * The trades of a symbol since it was first subscribed, as `Reading` writes them, without those
 * that were reported late.
 */
function ledgerOf({ ledger }: Simulator, symbol: string): readonly string[] {
  const place = { endpoint: "sip", channel: "trades", symbol };
  const [added] = ledger.subscriptions(place);
  assert.ok(added, `${symbol} was subscribed`);
  return ledger.produced({ ...place, after: added.number }).flatMap(({ message, at }) => {
    const { x, i, t } = message as Record<string, unknown>;
    const { seconds, nanos } = t as { seconds: number; nanos: number };
    if (at - seconds * 1_000 > LATE_MS) return [];
    return `${symbol} ${x} ${i} ${seconds} ${nanos}`;
  });
}

/** The trades of a symbol in the order in which they were received. */
function ofSymbol(trades: readonly string[], symbol: string): readonly string[] {
  return trades.filter((trade) => trade.startsWith(`${symbol} `));
}

Deno.test("across two outages a stream with backfill has every trade once, in order", async () => {
  await using harness = await startHarness({
    simulator: BUSY,
    env: {
      STREAM_PROXY_RECONNECT_DELAY_INITIAL_MS: "300",
      STREAM_PROXY_RECONNECT_DELAY_MAX_SECS: "1",
    },
  });
  const { simulator, address } = harness;
  using client = connectTo({ url: `http://${address}` }, StreamProxyService);
  const both = new Reading(client, SYMBOLS);
  const one = new Reading(client, ["MSFT"]);
  await until("trades of both streams", () => both.trades.length > 20 && one.trades.length > 10);
  for (const outage of [1, 2]) {
    const before = both.backfilled.length;
    simulator.faults.rejectUpgrades("sip", 503);
    simulator.connections.drop({ endpoint: "sip" });
    await until(`outage ${outage} is filled`, () => both.backfilled.length > before);
    const filled = both.trades.length;
    await until("live trades follow", () => both.trades.length > filled + 20);
  }
  simulator.market.messagesPerSecond = 0;
  const total = SYMBOLS.reduce((sum, symbol) => sum + ledgerOf(simulator, symbol).length, 0);
  await until(
    () => `${total} trades, there are ${both.trades.length}`,
    () => both.trades.length >= total,
  );
  for (const symbol of SYMBOLS) {
    assert.deepEqual(ofSymbol(both.trades, symbol), ledgerOf(simulator, symbol));
  }
  assert.deepEqual(one.trades, ledgerOf(simulator, "MSFT"));
  assert.deepEqual([...both.notices, ...one.notices], []);
  assert.ok(one.backfilled.length > 0);
  await Promise.all([both.end(), one.end()]);
});

Deno.test("backfill fills named symbols while another stream has all symbols", async () => {
  await using harness = await startHarness({
    simulator: BUSY,
    env: {
      STREAM_PROXY_RECONNECT_DELAY_INITIAL_MS: "1000",
      STREAM_PROXY_RECONNECT_DELAY_MAX_SECS: "1",
    },
  });
  const { simulator, address } = harness;
  using client = connectTo({ url: `http://${address}` }, StreamProxyService);
  const named = new Reading(client, ["MSFT"]);
  const unfiltered = new Reading(client, []);
  const readings = [named, unfiltered];
  await until("trades of both", () => readings.every(({ trades }) => trades.length > 20));
  simulator.faults.rejectUpgrades("sip", 503, 4);
  simulator.connections.drop({ endpoint: "sip" });
  await until("the outage is filled", () => named.backfilled.length > 0);
  await until("a gap without a filter", () => unfiltered.notices.length > 0);
  simulator.market.messagesPerSecond = 0;
  const expected = ledgerOf(simulator, "MSFT");
  await until(
    () => `${expected.length} trades, there are ${named.trades.length}`,
    () => named.trades.length >= expected.length,
  );
  assert.deepEqual(named.trades, expected);
  assert.deepEqual(named.notices, []);
  assert.deepEqual(unfiltered.backfilled, []);
  await Promise.all(readings.map((reading) => reading.end()));
});

Deno.test("an outage that REST cannot fill is a gap, and live trades go on", async () => {
  await using harness = await startHarness({ simulator: BUSY });
  const { simulator, address, log } = harness;
  simulator.faults.failRest({ kind: "status", path: "/v2/stocks/trades", status: 403, count: 0 });
  using client = connectTo({ url: `http://${address}` }, StreamProxyService);
  const reading = new Reading(client, SYMBOLS);
  await until("trades", () => reading.trades.length > 20);
  simulator.connections.drop({ endpoint: "sip" });
  await until("a gap", () => reading.notices.length > 0);
  const before = reading.trades.length;
  await until("live trades follow", () => reading.trades.length > before + 20);
  assert.deepEqual(reading.notices, ["gap"]);
  assert.equal(new Set(reading.trades).size, reading.trades.length);
  assert.deepEqual(reading.backfilled, []);
  const line = log.records.find(({ message }) => message === "Filled an outage from REST");
  assert.match(JSON.stringify(line?.fields), /HTTP 403.*the plan includes ALPACA_FEED/);
  await reading.end();
});
