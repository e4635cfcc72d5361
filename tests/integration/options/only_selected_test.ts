/**
 * A stream that receives only its selection, from a client's request to a simulated Alpaca.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  DeliveryPolicy,
  ExpansionState,
  OptionRight,
  StreamProxyService,
  UnderlyingPriceSource,
} from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { connectTo } from "../../support/grpc_client.ts";
import { startHarness } from "../../support/harness.ts";
import { until } from "../../support/until.ts";
import { emit, SelectionStream, subscribed } from "./selection_stream.ts";

const CALLS = { maxContracts: 2, maxExpiries: 1, right: OptionRight.CALL };

Deno.test("two calls are all that a stream receives while others have 40 contracts", async () => {
  await using harness = await startHarness();
  const { simulator, address } = harness;
  using client = connectTo({ url: `http://${address}` }, StreamProxyService);
  await using all = new SelectionStream(client, {
    underlyings: ["SPY"],
    optionSelection: { maxContracts: 40 },
  });
  await until("40 contracts are subscribed", () => subscribed(simulator).length >= 40);
  const policies = [DeliveryPolicy.EVERY, DeliveryPolicy.LATEST, DeliveryPolicy.EVERY_OR_END];
  const options = { meta: true, notices: true };
  await using streams = new AsyncDisposableStack();
  const only = [
    {},
    ...policies.map((delivery) => ({ options: { ...options, delivery } })),
    { options: { ...options, maxUnacknowledged: 1_000 } },
  ].map((more) =>
    streams.use(
      new SelectionStream(client, {
        underlyings: ["SPY"],
        optionSelection: { ...CALLS, onlySelected: true },
        ...more,
      }),
    )
  );
  const [, ...withNotices] = only;
  await until("two are selected", () => withNotices.every(({ selected }) => selected.size === 2));
  const two = [...withNotices[0]?.selected ?? []];
  const quoted = [...new Set([...subscribed(simulator), ...two])];
  assert.ok(quoted.length >= 40);
  await until(
    "they are subscribed",
    () => two.every((each) => subscribed(simulator).includes(each)),
  );
  emit(simulator, quoted, 5);
  await until("all are received", () => all.quotes.length === quoted.length);
  await until("two are received", () => only.every(({ quotes }) => quotes.length >= 2));
  const expected = two.map((symbol) => `${symbol} 5`).sort();
  for (const { quotes } of only) assert.deepEqual(quotes.sort(), expected);
});

Deno.test("contracts that enter and leave are visible, with their first quotes", async () => {
  await using harness = await startHarness({
    env: { STREAM_PROXY_OPTION_PRICE_INTERVAL_SECS: "1" },
  });
  const { simulator, address } = harness;
  const trade = (p: number) =>
    simulator.emit("sip", [{ T: "t", S: "SPY", p, s: 1, t: new Date().toISOString() }]);
  trade(571.9);
  using client = connectTo({ url: `http://${address}` }, StreamProxyService);
  await using stream = new SelectionStream(client, {
    underlyings: ["SPY"],
    optionSelection: { ...CALLS, onlySelected: true },
    options: { meta: true, notices: true, snapshot: true },
  });
  const hasFirst = () =>
    [...stream.selected].every((symbol) =>
      stream.quotes.some((quote) => quote.startsWith(`snapshot ${symbol} `))
    );
  await until("two have entered, with quotes", () => stream.selected.size === 2 && hasFirst());
  const before = [...stream.selected].sort();
  assert.deepEqual(before.map((symbol) => Number(symbol.slice(-8)) / 1_000), [571, 572]);
  const expansion = async () => {
    const { status } = await client.getConnectionStatus({ includeSubscriptions: true });
    return status?.feeds.flatMap(({ subscriptions }) => subscriptions?.expansions ?? [])[0];
  };
  const { selected, centre, priceSource, priceTime, state, wanted } = await expansion() ?? {};
  assert.deepEqual(selected, before);
  assert.deepEqual([centre, priceSource, state, wanted], [
    571.9,
    UnderlyingPriceSource.TRADE,
    ExpansionState.READY,
    2,
  ]);
  const ageMs = Date.now() - Number(priceTime?.seconds ?? 0n) * 1_000;
  assert.ok(ageMs < 60_000, `${ageMs} ms old`);
  trade(575.4);
  await until("others have entered", () => !before.some((symbol) => stream.selected.has(symbol)));
  await until("with their quotes", () => stream.selected.size === 2 && hasFirst());
  assert.deepEqual((await expansion())?.selected, [...stream.selected].sort());
  const left = stream.changes.filter((change) => change.startsWith("left"));
  assert.deepEqual(
    left.sort(),
    before.map((symbol) =>
      `left ${symbol} of SPY, lingering: the price has moved from 571.90 to 575.40`
    ),
  );
});

Deno.test("a stream whose selection has no slots is informed, also in the status", async () => {
  await using harness = await startHarness({ env: { ALPACA_PLAN: "options=2" } });
  const { address } = harness;
  using client = connectTo({ url: `http://${address}` }, StreamProxyService);
  await using _named = new SelectionStream(client, {
    symbols: ["AAPL990315C00172500", "AAPL990315P00172500"],
  });
  await using stream = new SelectionStream(client, {
    underlyings: ["SPY"],
    optionSelection: CALLS,
    options: { meta: true, notices: true },
  });
  await until("it is informed", () => stream.changes.length > 0);
  const [change = ""] = stream.changes;
  assert.match(change, /^short SPY of SPY, waiting: .* slots for 0 of 2 contracts/);
  const { status } = await client.getConnectionStatus({ includeSubscriptions: true });
  const [expansion] =
    status?.feeds.flatMap(({ subscriptions }) => subscriptions?.expansions ?? []) ?? [];
  assert.deepEqual([expansion?.selected, expansion?.wanted], [[], 2]);
  assert.match(expansion?.reason ?? "", /slots for 0 of 2 contracts/);
});
