/**
 * Alpaca's own npm SDK, unmodified, reads market data, orders and activities of
 * the simulator.
 */
import assert from "node:assert/strict";
import { marketData, trading } from "@alpacahq/alpaca-trade-api";
import { ManualClock } from "../../src/clock.ts";
import { type Simulator, startSimulator } from "../../src/simulator.ts";

const CREDENTIALS = { keyId: "SIM_KEY", secret: "SIM_SECRET" };
const TIMES = [1, 2, 3].map((second) => `2026-09-14T14:30:0${second}.5Z`);

/** Three trades, a quote and two bars of F, an option trade and quote. */
async function started() {
  const clock = new ManualClock(Date.parse("2026-09-14T14:35:00Z"));
  const simulator = await startSimulator({ clock, messagesPerSecond: 0, pingSeconds: 0 });
  const option = simulator.market.optionContracts("F")[0]?.symbol ?? "";
  simulator.emit("sip", [
    ...TIMES.map((t, i) => ({ T: "t", S: "F", i, x: "V", p: 11 + i, s: 5, c: ["@"], t, z: "A" })),
    {
      T: "q",
      S: "F",
      bx: "V",
      bp: 11,
      bs: 1,
      ax: "V",
      ap: 12,
      as: 2,
      c: ["R"],
      t: "2026-09-14T14:30:01Z",
      z: "A",
    },
    ...["14:30", "14:31"].map((minute) => ({
      T: "b",
      S: "F",
      o: 11,
      h: 13,
      l: 11,
      c: 13,
      v: 15,
      n: 3,
      vw: 12,
      t: `2026-09-14T${minute}:00Z`,
    })),
  ]);
  simulator.emit("opra", [
    ...TIMES.map((t, index) => ({ T: "t", S: option, p: 1 + index, s: 2, x: "C", c: "I", t })),
    {
      T: "q",
      S: option,
      bx: "C",
      bp: 1,
      bs: 1,
      ax: "C",
      ap: 2,
      as: 2,
      c: "A",
      t: "2026-09-14T14:30:01Z",
    },
  ]);
  return { clock, simulator, option };
}

function config(simulator: Simulator) {
  return new marketData.Configuration({ ...CREDENTIALS, basePath: simulator.url });
}

Deno.test("the official SDK reads latest stock data and its history", async () => {
  const { simulator: made } = await started();
  await using simulator = made;
  const api = new marketData.StockApi(config(simulator));
  const { trades } = await api.stockLatestTrades({ symbols: "F" });
  assert.equal(trades["F"]?.p, 13);
  const { quotes } = await api.stockLatestQuotes({ symbols: "F" });
  assert.deepEqual([quotes["F"]?.bp, quotes["F"]?.t], [11, new Date("2026-09-14T14:30:01Z")]);
  const { bars } = await api.stockLatestBars({ symbols: "F" });
  assert.deepEqual(bars["F"]?.t, new Date("2026-09-14T14:31:00Z"));
  const start = new Date("2026-09-14T14:30:00Z");
  const end = new Date("2026-09-14T14:35:00Z");
  const ids: number[] = [];
  let pageToken: string | null | undefined;
  do {
    const page = await api.stockTrades({
      symbols: "F,AAPL",
      start,
      end,
      limit: 2,
      ...(pageToken ? { pageToken } : {}),
    });
    ids.push(...(page.trades["F"] ?? []).map(({ i }) => i));
    pageToken = page.nextPageToken;
  } while (pageToken);
  assert.deepEqual(ids, [0, 1, 2]);
  const history = await api.stockBars({ symbols: "F", timeframe: "1Min", start, end });
  assert.deepEqual(history.bars["F"]?.map(({ v }) => v), [15, 15]);
  const snapshots = await api.stockSnapshots({ symbols: "F" });
  assert.equal(snapshots["F"]?.latestTrade?.p, 13);
});

Deno.test("the official SDK reads latest option data and its history", async () => {
  const { simulator: made, option } = await started();
  await using simulator = made;
  const api = new marketData.OptionApi(config(simulator));
  const { trades } = await api.optionLatestTrades({ symbols: option });
  assert.equal(trades[option]?.p, 3);
  const { quotes } = await api.optionLatestQuotes({ symbols: option, feed: "opra" });
  assert.equal(quotes[option]?.ap, 2);
  const history = await api.optionTrades({
    symbols: option,
    start: new Date("2026-09-14T14:30:00Z"),
    end: new Date("2026-09-14T14:30:03Z"),
  });
  assert.deepEqual(history.trades[option]?.map(({ p }) => p), [1, 2]);
  assert.equal(history.nextPageToken, null);
});

Deno.test("the official SDK reads fills of orders of weeks ago", async () => {
  const { clock, simulator: made } = await started();
  await using simulator = made;
  const engine = simulator.trading.engineOf("SIM_KEY");
  const old = engine.inject({
    symbol: "F",
    qty: "10",
    side: "sell",
    type: "limit",
    limit_price: "99",
    time_in_force: "gtc",
  }, { submittedAt: clock.now() - 40 * 86_400_000 });
  clock.advance(1_000);
  engine.manualFills.fill(old.id, { qty: "4", price: "99.5" });
  clock.advance(1_000);
  engine.manualFills.fill(old.id, { price: "100" });
  const api = new trading.AccountActivitiesApi(
    new trading.Configuration({ ...CREDENTIALS, basePath: simulator.url }),
  );
  const after = new Date("2026-09-14T14:35:00Z");
  const all = await api.getAccountActivities({ activityTypes: ["FILL"], after, direction: "asc" });
  const fills = all.map((fill) => "orderId" in fill ? fill : undefined);
  assert.deepEqual(
    fills.map((fill) => [fill?.orderId, fill?.type, fill?.cumQty, fill?.leavesQty, fill?.price]),
    [[old.id, "partial_fill", "4", "6", "99.5"], [old.id, "fill", "10", "0", "100"]],
  );
  assert.deepEqual(fills[0]?.transactionTime, new Date("2026-09-14T14:35:01Z"));
  const page = await api.getAccountActivitiesByActivityType({
    activityType: "FILL",
    pageSize: 1,
    ...(all[1]?.id === undefined ? {} : { pageToken: all[1].id }),
  });
  assert.deepEqual(page.map(({ id }) => id), [all[0]?.id]);
});
