/**
 * What upstream carries, as a client reads it in the notices of its streams.
 *
 * @module
 */
import assert from "node:assert/strict";
import { GapReason, SymbolState } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import type {
  StreamOrderUpdatesResponse,
  StreamQuotesResponse,
} from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { type Harness, startHarness } from "../../support/harness.ts";
import { until } from "../../support/until.ts";
import { clientOf, collect, type Collected, METHODS } from "../../support/streams.ts";
import { statusOf } from "./kit.ts";

const OPTIONS = { notices: true };

const REASONS = namesOf(GapReason);
const STATES = namesOf(SymbolState);

function namesOf(values: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(values).map(([name, value]) => [value, name]));
}

type Response = StreamQuotesResponse | StreamOrderUpdatesResponse;

/** What a stream has received, in short; notices of the feed are left out. */
function lines(stream: Collected): string[] {
  return (stream.messages as Response[]).flatMap((response) => {
    const { notice } = response;
    if (!notice) return [describeData(response)];
    const { kind } = notice;
    if (kind.case === "gap") {
      return [`gap ${REASONS.get(kind.value.reason)} ${kind.value.symbols}`];
    }
    if (kind.case === "subscription") {
      return [`${kind.value.symbol} ${STATES.get(kind.value.state)}`];
    }
    return kind.case === "feed" ? [] : [String(kind.case)];
  });
}

function describeData(response: Response): string {
  return response.$typeName === "cream.v1.StreamQuotesResponse"
    ? `quote ${response.quote?.symbol}`
    : `order ${response.update?.order?.id}`;
}

function isGap(line: string): boolean {
  return line.startsWith("gap");
}

function emitQuote({ simulator }: Harness, symbol: string): void {
  simulator.emit("sip", [{
    T: "q",
    S: symbol,
    bx: "U",
    bp: 1,
    bs: 1,
    ax: "Q",
    ap: 2,
    as: 1,
    c: ["R"],
    t: "2026-09-14T14:30:02Z",
    z: "C",
  }]);
}

Deno.test("a client learns what is subscribed and rejected, and each outage once", async () => {
  await using harness = await startHarness({
    simulator: { stockSymbolPattern: /^(?!BAD)[A-Z0-9.]+$/ },
  });
  using client = clientOf(harness);
  await using stream = collect(client, METHODS.streamQuotes, {
    symbols: ["AAPL", "BAD"],
    options: OPTIONS,
  });
  const has = (line: string, count = 1) =>
    until(
      () => `${line} in ${lines(stream)}`,
      () => lines(stream).filter((each) => each === line).length === count,
    );
  await has("AAPL ACKNOWLEDGED");
  await has("BAD REFUSED");
  assert.deepEqual(lines(stream).slice(0, 3), ["hello", "AAPL REQUESTED", "BAD REQUESTED"]);
  emitQuote(harness, "AAPL");
  await has("quote AAPL");
  const before = lines(stream).length;
  harness.simulator.connections.drop({ endpoint: "sip" }, { clean: true });
  await has("gap UPSTREAM_LOST AAPL");
  emitQuote(harness, "AAPL");
  await has("quote AAPL", 2);
  const after = lines(stream).slice(before).filter((line) => !line.startsWith("BAD"));
  assert.deepEqual(after, ["gap UPSTREAM_LOST AAPL", "quote AAPL"]);
});

Deno.test("beside a stream of all symbols, an outage is one gap for each stream", async () => {
  await using harness = await startHarness({ env: { STREAM_PROXY_SUBSCRIBE_CHUNK_SYMBOLS: "1" } });
  using client = clientOf(harness);
  await using named = collect(client, METHODS.streamQuotes, {
    symbols: ["AAPL", "MSFT"],
    options: OPTIONS,
  });
  await until("the names", async () => (await statusOf(harness, "sip")).subscriptionCount === 2);
  await using all = collect(client, METHODS.streamQuotes, { options: OPTIONS });
  await until("all", async () => (await statusOf(harness, "sip")).subscriptionCount === 3);
  harness.simulator.connections.drop({ endpoint: "sip" }, { clean: true });
  await until("the gaps", () => [named, all].every((each) => lines(each).some(isGap)));
  await until("all again", async () => (await statusOf(harness, "sip")).subscriptionCount === 3);
  emitQuote(harness, "MSFT");
  await until("data", () => [named, all].every((each) => lines(each).at(-1) === "quote MSFT"));
  for (const stream of [named, all]) {
    assert.deepEqual(lines(stream).filter(isGap), ["gap UPSTREAM_LOST "]);
  }
});

Deno.test("a contradicting acknowledgement is a gap of that symbol alone", async () => {
  await using harness = await startHarness();
  using client = clientOf(harness);
  await using stream = collect(client, METHODS.streamQuotes, {
    symbols: ["AAPL", "MSFT"],
    options: OPTIONS,
  });
  await until("both are subscribed", async () => {
    return (await statusOf(harness, "sip")).subscriptionCount === 2;
  });
  harness.simulator.emitRaw(
    "sip",
    JSON.stringify([{ T: "subscription", trades: [], quotes: ["MSFT"] }]),
  );
  await until("the gap", () => lines(stream).some(isGap));
  const [, , , , , ...rest] = lines(stream);
  assert.deepEqual(rest, ["AAPL REQUESTED", "gap NOT_SUBSCRIBED AAPL", "AAPL ACKNOWLEDGED"]);
});

Deno.test("an outage in which an order vanished is one gap before the next update", async () => {
  await using harness = await startHarness();
  const { simulator } = harness;
  using client = clientOf(harness);
  const isUp = async () => {
    const response = await fetch(`${harness.health}/health`);
    return (await response.json()).status === "healthy";
  };
  await until("all feeds are connected", isUp);
  await using stream = collect(client, METHODS.streamOrderUpdates, { options: OPTIONS });
  await stream.opened;
  const emit = (id: string) =>
    simulator.trading.stream.emitTradeUpdate({ event: "new", order: { id, symbol: "AAPL" } });
  await until("hello", () => lines(stream).length === 1);
  emit("o1");
  await until("the order", () => lines(stream).includes("order o1"));
  simulator.connections.drop({ endpoint: "trading" }, { clean: true });
  await until("the gap", () => lines(stream).some(isGap));
  emit("o2");
  await until("the next order", () => lines(stream).includes("order o2"));
  assert.deepEqual(lines(stream), ["hello", "order o1", "gap UPSTREAM_LOST AAPL", "order o2"]);
});
