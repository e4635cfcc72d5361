/** Order streams with options over outages of the trading stream, end to end. */
import assert from "node:assert/strict";
import { Freshness, Origin } from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import type { StreamOrderUpdatesResponse } from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import { type Harness, startHarness } from "../support/harness.ts";
import { clientOf, collect, type Collected, METHODS } from "../support/streams.ts";
import { tail } from "../../cli/tail.ts";
import { RecordingTerminal } from "../support/recording_terminal.ts";
import { until } from "../support/until.ts";

const OPTIONS = { meta: true, notices: true };
const BUY = { symbol: "AAPL", qty: "100", side: "buy", type: "limit", time_in_force: "gtc" };
const DAY_MS = 86_400_000;

const ORIGINS = namesOf(Origin);
const FRESHNESS = namesOf(Freshness);

function namesOf(values: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(values).map(([name, value]) => [value, name]));
}

function responses(stream: Collected): StreamOrderUpdatesResponse[] {
  return stream.messages as StreamOrderUpdatesResponse[];
}

/** The updates and the notices but those of the feed, in short. */
function lines(stream: Collected): string[] {
  return responses(stream).flatMap(({ update, meta, notice }) => {
    if (!notice) {
      const from = meta?.origin === Origin.LIVE ? "" : `${ORIGINS.get(meta?.origin ?? 0)} `;
      return [`${from}${meta?.eventWord} ${update?.qty ?? ""}`.trim()];
    }
    return notice.kind.case === "feed" ? [] : [String(notice.kind.case)];
  });
}

/** The states of the feed. */
function states(stream: Collected): string[] {
  return responses(stream).flatMap(({ notice }) => {
    const kind = notice?.kind;
    return kind?.case === "feed" ? [String(FRESHNESS.get(kind.value.freshness))] : [];
  });
}

async function isLive(harness: Harness): Promise<void> {
  await until(
    "orders were reconciled",
    () => harness.log.records.some(({ message }) => message === "Reconciled orders"),
  );
}

Deno.test("an outage in which an order of weeks ago fills is no gap", async () => {
  await using harness = await startHarness({
    simulator: { trading: { engine: { acceptDelayMs: 0 } } },
  });
  const { simulator } = harness;
  const engine = simulator.trading.engineOf("SIM_KEY");
  const submittedAt = Date.now() - 30 * DAY_MS;
  const old = engine.inject({ ...BUY, limit_price: "1.00" }, { submittedAt });
  await isLive(harness);
  using client = clientOf(harness);
  // The state of the order is read when the session starts.
  simulator.connections.drop({ endpoint: "trading" }, { clean: true });
  const reconciled = () =>
    harness.log.records.filter(({ message }) => message === "Reconciled orders").length;
  await until("orders are reconciled again", () => reconciled() === 2);
  await using stream = collect(client, METHODS.streamOrderUpdates, { options: OPTIONS });
  await using plain = collect(client, METHODS.streamOrderUpdates, {});
  await Promise.all([stream.opened, plain.opened]);
  await until("hello", () => stream.messages.length > 0);
  engine.manualFills.fill(old.id, { qty: "10", price: "0.99" });
  await until("the first fill", () => lines(stream).length === 2);
  simulator.faults.rejectUpgrades("trading", 503, 3);
  simulator.connections.drop({ endpoint: "trading" }, { clean: true });
  await until("the session is lost", () => states(stream).includes("STALE"));
  engine.manualFills.fill(old.id, { qty: "20", price: "0.98" });
  engine.manualFills.fill(old.id, { qty: "70", price: "0.97" });
  await until("the last fill", () => lines(stream).length === 4);
  assert.deepEqual(lines(stream), [
    "hello",
    "partial_fill 10",
    "RECONCILED partial_fill 20",
    "RECONCILED fill 70",
  ]);
  await until("the feed is live", () => states(stream).at(-1) === "LIVE");
  assert.ok(states(stream).includes("RECOVERING"));
  const sequences = responses(stream).flatMap(({ meta }) => meta?.sequence ?? []);
  assert.deepEqual(sequences, [1n, 2n, 3n].map((each) => each + (sequences[0] ?? 0n) - 1n));
  // Streams without options have what Alpaca sent, nothing derived.
  assert.equal(plain.messages.length, 1);
  await using resumed = collect(client, METHODS.streamOrderUpdates, {
    options: {
      ...OPTIONS,
      resume: { eventId: responses(stream)[1]?.update?.eventId ?? "none" },
    },
  });
  await until("caught up", () => lines(resumed).includes("caughtUp"));
  assert.deepEqual(lines(resumed), [
    "hello",
    "REPLAY partial_fill 20",
    "REPLAY fill 70",
    "caughtUp",
  ]);
  const terminal = new RecordingTerminal();
  const flags = [
    "--resume",
    responses(stream)[1]?.update?.eventId ?? "none",
    "--meta",
    "--notices",
  ];
  const tailing = tail(["orders", ...flags, "--address", harness.address], terminal);
  await terminal.until(() => terminal.output.includes("caught up"));
  terminal.interrupt.abort();
  assert.equal(await tailing, 0);
  assert.equal(terminal.lines.filter((line) => / replay /.test(line)).length, 2);
  const text = await (await fetch(`${harness.health}/metrics`)).text();
  assert.match(text, /^alpaca_proxy_order_updates_derived_total 2$/m);
  assert.match(text, /^alpaca_proxy_order_reconciliations_total\{result="completed"\} 3$/m);
});

Deno.test("a snapshot of orders has the open ones, then live updates", async () => {
  await using harness = await startHarness({
    simulator: { trading: { engine: { acceptDelayMs: 0 } } },
  });
  const engine = harness.simulator.trading.engineOf("SIM_KEY");
  await isLive(harness);
  using client = clientOf(harness);
  const [open, done] = ["1.00", "1.01"].map((price) =>
    engine.submit({ ...BUY, limit_price: price })
  );
  await new Promise((resolve) => setTimeout(resolve, 50));
  engine.manualFills.fill(done?.id ?? "none", { price: "1" });
  const other = collect(client, METHODS.streamOrderUpdates, {});
  await using _other = other;
  await other.opened;
  engine.manualFills.fill(open?.id ?? "none", { qty: "1", price: "1" });
  // The fill of the other order may arrive on this stream too.
  await until("the update", () => responses(other).some(({ update }) => update?.qty === "1"));
  await using stream = collect(client, METHODS.streamOrderUpdates, {
    options: { ...OPTIONS, snapshot: true },
  });
  await until("caught up", () => lines(stream).includes("caughtUp"));
  engine.manualFills.fill(open?.id ?? "none", { qty: "2", price: "1" });
  await until("a live update", () => lines(stream).length === 4);
  assert.deepEqual(lines(stream), [
    "hello",
    "SNAPSHOT partial_fill 1",
    "caughtUp",
    "partial_fill 2",
  ]);
});
