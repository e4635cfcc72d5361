/**
 * Ten minutes of the simulated market, on each of its streams: every message is documented, so no
 * error is counted.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { encode } from "@msgpack/msgpack";
import {
  ManualClock,
  type Simulator,
  startSimulator,
  type TradingOptions,
} from "@alpaca-stream-proxy/simulator";
import { WebSocket } from "ws";
import { DATA_TYPES, ORDER_VALUES } from "../../support/alpaca_vocabulary.ts";
import { settle } from "../../support/manual_clock.ts";
import {
  OptionHarness,
  OrderHarness,
  StockHarness,
} from "../../unit/infrastructure/alpaca/decoder_harness.ts";

const MINUTES = 10;
const TICK_MS = 250;
/** Monday 10:30 and 22:00 in New York. */
const DAY = Date.parse("2026-09-14T14:30:00Z");
const NIGHT = Date.parse("2026-09-15T02:00:00Z");

const STOCK_CHANNELS = [
  "trades",
  "quotes",
  "bars",
  "updatedBars",
  "dailyBars",
  "statuses",
  "lulds",
  "imbalances",
];
const AUTH = { action: "auth", key: "SIM_KEY", secret: "SIM_SECRET" };

/** Passes the frames of a stream to a decoder, from the login on. */
async function follow(
  url: string,
  harness: StockHarness | OptionHarness | OrderHarness,
  requests: readonly unknown[],
): Promise<WebSocket> {
  const socket = new WebSocket(url);
  socket.on("message", (data: Uint8Array) => harness.receive(data));
  await once(socket, "open");
  for (const request of requests) {
    socket.send(harness instanceof OptionHarness ? encode(request) : JSON.stringify(request));
  }
  return socket;
}

/** Turns the clock by ten minutes. */
async function runMarket(clock: ManualClock): Promise<void> {
  for (let second = 0; second < MINUTES * 60; second++) {
    clock.advance(1_000);
    await settle();
  }
}

async function simulate(clock: ManualClock, trading: TradingOptions = {}): Promise<Simulator> {
  return await startSimulator({
    clock,
    messagesPerSecond: 40,
    tickMs: TICK_MS,
    haltEverySeconds: 20,
    pingSeconds: 0,
    trading,
  });
}

/** Makes an exchange send every event that it can cause. */
function causeRareEvents(simulator: Simulator, clock: ManualClock): void {
  const engine = simulator.trading.engineOf("SIM_KEY");
  const { manualFills } = engine;
  const order = { symbol: "AAPL", qty: "10", side: "buy", type: "limit", time_in_force: "day" };
  const submit = (fields: Record<string, unknown> = {}) => {
    const { id } = engine.submit({ ...order, limit_price: "1.00", ...fields });
    clock.advance(1_000);
    return id;
  };
  const executions: string[] = [];
  engine.onUpdate(({ event, execution_id }) => {
    if (event === "fill" && execution_id) executions.push(execution_id);
  });
  manualFills.stop(submit());
  for (const act of ["suspend", "calculate", "doneForDay"] as const) {
    const id = submit();
    manualFills[act](id);
    manualFills.resume(id);
  }
  manualFills.restate(submit(), { qty: "5" });
  manualFills.reject(submit());
  manualFills.expire(submit());
  for (const act of ["bust", "correct"] as const) {
    const fill = { qty: "10", price: "1.00" };
    manualFills.fill(submit(), fill);
    const execution = executions.pop() ?? "";
    if (act === "bust") manualFills.bust(execution);
    else manualFills.correct(execution, { ...fill, price: "0.99" });
  }
  manualFills.rejectNextCancels();
  engine.cancel(submit());
  clock.advance(1_000);
  manualFills.rejectNextReplaces();
  engine.replace(submit(), { limit_price: "1.01" });
  clock.advance(1_000);
  submit({
    order_class: "bracket",
    take_profit: { limit_price: "300.00" },
    stop_loss: { stop_price: "0.50" },
  });
}

const MARKER = {
  T: "q",
  S: "ZMARK",
  bp: 1,
  bs: 1,
  ap: 2,
  as: 1,
  t: "2026-09-14T14:30:00Z",
};

for (
  const [stream, start] of [
    ["sip", DAY],
    ["iex", DAY],
    ["delayed_sip", DAY],
    ["test", DAY],
    ["boats", NIGHT],
    ["overnight", NIGHT],
  ] as const
) {
  Deno.test(`ten minutes of ${stream} count no error`, async () => {
    const clock = new ManualClock(start);
    await using simulator = await simulate(clock);
    const harness = new StockHarness();
    const channels = Object.fromEntries(STOCK_CHANNELS.map((channel) => [channel, ["*"]]));
    const url = simulator.streamUrls.stocks(stream);
    const socket = await follow(url, harness, [AUTH, { action: "subscribe", ...channels }]);
    while (harness.controls.length < 3) await settle();
    await runMarket(clock);
    simulator.emit(stream, [MARKER]);
    while (harness.quotes.events.at(-1)?.symbol !== MARKER.S) await settle();
    socket.terminate();
    assert.deepEqual(harness.errors, {});
    assert.deepEqual(harness.log.records, []);
    if (stream === "sip") {
      assert.equal(Object.keys(harness.received).length, DATA_TYPES.stocks.length + 1);
    }
  });
}

for (const stream of ["opra", "indicative"]) {
  Deno.test(`ten minutes of ${stream} count no error`, async () => {
    const clock = new ManualClock(DAY);
    await using simulator = await simulate(clock);
    const harness = new OptionHarness();
    const symbols = simulator.market.optionContracts("SPY").slice(0, 500).map(({ symbol }) =>
      symbol
    );
    const url = simulator.streamUrls.options(stream);
    const requests = [AUTH, { action: "subscribe", quotes: symbols, trades: ["*"] }];
    const socket = await follow(url, harness, requests);
    while (harness.controls.length < 3) await settle();
    await runMarket(clock);
    const trades = harness.trades.events.length;
    simulator.emit(stream, [{ T: "t", S: MARKER.S, p: 1, s: 1, x: "N", c: "I", t: MARKER.t }]);
    while (harness.trades.events.at(-1)?.symbol !== MARKER.S) await settle();
    socket.terminate();
    assert.deepEqual(harness.errors, {});
    assert.deepEqual(harness.log.records, []);
    assert.ok(trades > 0);
  });
}

Deno.test("ten minutes of orders and every event of an exchange count no error", async () => {
  const clock = new ManualClock(DAY);
  await using simulator = await simulate(clock, {
    engine: { pendingChangeEvents: true },
    autoTrader: { ordersPerSecond: 2 },
  });
  const harness = new OrderHarness();
  const data = { key_id: "SIM_KEY", secret_key: "SIM_SECRET" };
  const socket = await follow(simulator.streamUrls.trading, harness, [
    { action: "authenticate", data },
    { action: "listen", data: { streams: ["trade_updates"] } },
  ]);
  while (harness.replies.length < 2) await settle();
  causeRareEvents(simulator, clock);
  await runMarket(clock);
  simulator.trading.stream.emitTradeUpdate({ event: "new", order: { id: "marker" } });
  while (harness.orders.events.at(-1)?.order.id !== "marker") await settle();
  socket.terminate();
  assert.deepEqual(harness.errors, {});
  assert.deepEqual(harness.log.records, []);
  const events = new Set(harness.orders.events.map(({ event }) => event));
  const never = ["accepted", "partially_filled", "pending_review"];
  const expected = ORDER_VALUES.event.filter((event) => !never.includes(event));
  assert.deepEqual([...events].toSorted(), expected.toSorted());
});
