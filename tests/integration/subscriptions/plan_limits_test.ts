/**
 * The plans' limits, end to end: what is subscribed, what is refused, and the
 * errors of refused streams.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { DescMethodServerStreaming } from "@bufbuild/protobuf";
import { SymbolState } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import type { PlanName } from "@alpaca-stream-proxy/simulator";
import { type Harness, startHarness } from "../../support/harness.ts";
import { until } from "../../support/until.ts";
import { clientOf, collect, METHODS } from "../../support/streams.ts";
import { changes, contracts, refusal, statusOf, stocks, subscribed } from "./kit.ts";

function startPlanHarness(account: PlanName, plan: string): Promise<Harness> {
  return startHarness({
    simulator: {
      accounts: [{ key: "SIM_KEY", secret: "SIM_SECRET", plan: account }],
    },
    env: { ALPACA_PLAN: plan },
  });
}

interface Limit {
  readonly account: PlanName;
  readonly plan: string;
  readonly endpoint: string;
  readonly feed: "sip" | "opra";
  readonly method: DescMethodServerStreaming;
  readonly names: (count: number, from?: number) => string[];
  readonly limit: number;
}

const stockQuotes = {
  feed: "sip",
  method: METHODS.streamQuotes,
  names: stocks,
} as const;
const optionQuotes = {
  feed: "opra",
  method: METHODS.streamOptionQuotes,
  names: contracts,
} as const;

const KNOWN: readonly Limit[] = [
  {
    ...stockQuotes,
    account: "basic",
    plan: "basic",
    endpoint: "iex",
    limit: 30,
  },
  {
    ...optionQuotes,
    account: "basic",
    plan: "basic",
    endpoint: "indicative",
    limit: 200,
  },
  {
    ...optionQuotes,
    account: "plus",
    plan: "plus",
    endpoint: "opra",
    limit: 1000,
  },
  {
    ...stockQuotes,
    account: "plus",
    plan: "stocks=12,options=7",
    endpoint: "sip",
    limit: 12,
  },
  {
    ...optionQuotes,
    account: "plus",
    plan: "stocks=12,options=7",
    endpoint: "opra",
    limit: 7,
  },
];

for (const { account, plan, endpoint, feed, method, names, limit } of KNOWN) {
  Deno.test(`ALPACA_PLAN=${plan} allows ${limit} symbols on ${endpoint}`, async () => {
    await using harness = await startPlanHarness(account, plan);
    const { simulator } = harness;
    const place = { endpoint, channel: "quotes" };
    using client = clientOf(harness);
    await using first = collect(client, method, { symbols: names(limit - 1) });
    await first.opened;
    await until(
      "one place is left",
      () => subscribed(simulator, place).size === limit - 1,
    );

    await using tooMany = collect(client, method, {
      symbols: names(3, limit - 2),
    });
    await tooMany.opened;
    const description = `The symbol quota of feed ${feed} is exceeded by 1: ` +
      `${limit} allowed, ${limit - 1} used, 2 more requested`;
    const told = refusal(tooMany.ending());
    assert.equal(told.code, "RESOURCE_EXHAUSTED");
    assert.ok(told.details.startsWith(description), told.details);
    assert.deepEqual(told.violations, [
      { subject: `feed:${feed} symbols`, description },
    ]);

    await using fits = collect(client, method, {
      symbols: names(2, limit - 2),
    });
    await fits.opened;
    await until(
      "all places are taken",
      () => subscribed(simulator, place).size === limit,
    );
    await using shared = collect(client, method, { symbols: names(limit) });
    await using everything = collect(client, method);
    await Promise.all([shared.opened, everything.opened]);
    for (const stream of [first, fits, shared, everything]) {
      assert.equal(stream.ending(), undefined);
    }
    const { subscriptions } = await statusOf(harness, feed);
    assert.equal(subscriptions?.budget?.limit, limit);
    assert.equal(subscriptions?.budget?.learned, false);
    assert.equal(subscriptions?.budget?.used, limit);
    const refused = changes(harness, endpoint).filter(({ error }) => error);
    assert.deepEqual(refused, [], "Alpaca rejected nothing");
  });
}

Deno.test("trades and quotes of a stock use a slot each, bars use none", async () => {
  await using harness = await startPlanHarness("basic", "basic");
  const { simulator } = harness;
  using client = clientOf(harness);
  await using streams = new AsyncDisposableStack();
  const open = (method: DescMethodServerStreaming, symbols: string[]) =>
    streams.use(collect(client, method, { symbols }));
  const running = [
    open(METHODS.streamQuotes, stocks(15)),
    open(METHODS.streamTrades, stocks(15)),
    open(METHODS.streamBars, stocks(50)),
  ];
  await Promise.all(running.map(({ opened }) => opened));
  const size = (channel: string) => subscribed(simulator, { endpoint: "iex", channel }).size;
  await until(
    "all is subscribed",
    () => size("quotes") + size("trades") + size("bars") === 80,
  );
  const over = open(METHODS.streamTrades, ["S99"]);
  await over.opened;
  assert.equal(refusal(over.ending()).code, "RESOURCE_EXHAUSTED");
  for (const stream of running) assert.equal(stream.ending(), undefined);
});

Deno.test("an unknown limit is learned from the first refusal; streams continue", async () => {
  await using harness = await startPlanHarness("basic", "auto");
  const { simulator } = harness;
  const place = { endpoint: "iex", channel: "quotes" };
  using client = clientOf(harness);
  await using first = collect(client, METHODS.streamQuotes, {
    symbols: stocks(25),
  });
  await until("the first", () => subscribed(simulator, place).size === 25);
  await using second = collect(client, METHODS.streamQuotes, {
    symbols: stocks(15, 25),
  });
  await until("every place", () => subscribed(simulator, place).size === 30);
  await until("the limit", async () => {
    const { subscriptions } = await statusOf(harness, "sip");
    return subscriptions?.budget?.limit === 30;
  });
  const { subscriptions, errorMessage } = await statusOf(harness, "sip");
  assert.deepEqual(subscriptions?.budget?.learned, true);
  assert.match(errorMessage ?? "", /^symbol limit exceeded/);
  const quotes = subscriptions?.channels.find(({ channel }) => channel === "quotes");
  const waiting = quotes?.symbols.filter(({ state }) => state === SymbolState.WAITING) ?? [];
  assert.deepEqual(
    waiting.map(({ symbol }) => symbol),
    stocks(10, 30),
    "the latest stream waits",
  );
  assert.equal(waiting[0]?.reason, "all 30 slots are in use");

  await using third = collect(client, METHODS.streamQuotes, {
    symbols: ["S99"],
  });
  await third.opened;
  assert.match(
    refusal(third.ending()).details,
    /exceeded by 11: 30 allowed, 40 used, 1 more requested/,
  );
  const lost = changes(harness, "iex").at(-1)?.connection;
  simulator.connections.drop({ endpoint: "iex" }, { clean: true });
  await until(
    "another connection has subscribed it",
    () =>
      changes(harness, "iex").at(-1)?.connection !== lost &&
      subscribed(simulator, place).size === 30,
  );
  const connection = changes(harness, "iex").at(-1)?.connection;
  const again = changes(harness, "iex").filter((each) => each.connection === connection);
  assert.equal(again.length, 1, "what was learned is remembered");

  await first.close();
  await until(
    "the stream that waited is admitted",
    () => stocks(15, 25).every((symbol) => subscribed(simulator, place).has(symbol)),
  );
  assert.equal(second.ending(), undefined);
});

Deno.test("where * is not offered, a stream without symbols receives what others do", async () => {
  await using harness = await startPlanHarness("basic", "basic");
  const { simulator } = harness;
  using client = clientOf(harness);
  await using everything = collect(client, METHODS.streamQuotes);
  await using named = collect(client, METHODS.streamQuotes, {
    symbols: ["AAPL"],
  });
  await Promise.all([everything.opened, named.opened]);
  const place = { endpoint: "iex", channel: "quotes" };
  await until("subscribed", () => subscribed(simulator, place).has("AAPL"));
  simulator.emit("iex", [{
    T: "q",
    S: "AAPL",
    bx: "V",
    bp: 1.5,
    bs: 1,
    ax: "V",
    ap: 1.75,
    as: 2,
    c: ["R"],
    t: "2024-01-15T10:00:00.5Z",
    z: "C",
  }]);
  await until(
    "both have it",
    () => everything.messages.length === 1 && named.messages.length === 1,
  );
  const { subscriptions } = await statusOf(harness, "sip");
  const [quotes] = subscriptions?.channels ?? [];
  assert.equal(quotes?.unfilteredStreams, 1);
  assert.deepEqual(quotes?.symbols.map(({ symbol }) => symbol), ["AAPL"]);
});
