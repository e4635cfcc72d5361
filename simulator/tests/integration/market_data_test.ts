import assert from "node:assert/strict";
import { ManualClock } from "../../src/clock.ts";
import type { SimulatorOptions } from "../../src/options.ts";
import { type Simulator, startSimulator } from "../../src/simulator.ts";
import { RawClient } from "./raw_client.ts";

const HEADERS = { "APCA-API-KEY-ID": "SIM_KEY", "APCA-API-SECRET-KEY": "SIM_SECRET" };

type Element = Record<string, unknown> & { S: string; T: string };
type BySymbol = Record<string, Record<string, unknown>[]>;

/** A market of a thousand messages a second on a clock that the test advances. */
async function started(options: SimulatorOptions = {}) {
  const clock = new ManualClock();
  const simulator = await startSimulator({
    clock,
    messagesPerSecond: 1000,
    pingSeconds: 0,
    ghostSeconds: 0,
    ...options,
  });
  return { clock, simulator };
}

async function get(simulator: Simulator, path: string) {
  const response = await fetch(simulator.url + path, { headers: HEADERS });
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return body;
}

/** All pages of a history. */
async function allPages(simulator: Simulator, path: string, name: string): Promise<BySymbol> {
  const found: BySymbol = {};
  let token = "";
  do {
    const page = await get(simulator, path + token);
    for (const [symbol, items] of Object.entries(page[name] as BySymbol)) {
      (found[symbol] ??= []).push(...items);
    }
    if (page.next_page_token === null) return found;
    token = `&page_token=${encodeURIComponent(page.next_page_token)}`;
  } while (true);
}

/** What a client received until its acknowledgement of an unsubscribe. */
async function drain(client: RawClient): Promise<Element[]> {
  client.send({ action: "unsubscribe", quotes: ["*"] });
  const received: Element[] = [];
  for (;;) {
    const frame = await client.frame() as Element[];
    if (frame[0]?.T === "subscription") return received;
    received.push(...frame);
  }
}

function bySymbol(elements: readonly Element[], type: string): BySymbol {
  const found: BySymbol = {};
  for (const { T, S, ...rest } of elements) {
    if (T === type) (found[S] ??= []).push(rest);
  }
  return found;
}

function sortedByTime(found: BySymbol): BySymbol {
  const nanos = ({ t }: Record<string, unknown>) =>
    Temporal.Instant.from(String(t)).epochNanoseconds;
  return Object.fromEntries(
    Object.entries(found).sort().map(([symbol, items]) => [
      symbol,
      items.map((item, index) => ({ item, index })).sort((a, b) =>
        Number(nanos(a.item) - nanos(b.item)) || a.index - b.index
      ).map(({ item }) => item),
    ]),
  );
}

Deno.test("the history of trades is what a session received, page by page", async () => {
  const { clock, simulator: made } = await started();
  await using simulator = made;
  await using client = await RawClient.open(simulator.streamUrls.stocks());
  await client.ask({
    action: "subscribe",
    trades: ["AAPL", "MSFT"],
    quotes: ["AAPL"],
    bars: ["AAPL", "MSFT"],
  });
  simulator.faults.correctTrades(2);
  clock.advance(10_000);
  const received = await drain(client);
  const changes = new Map(
    received.filter(({ T }) => T === "c" || T === "x")
      .map(({ T, i, oi }) => T === "x" ? [i, "canceled"] : [oi, "incorrect"]),
  );
  const marked = received.map((one) =>
    one.T === "t" && changes.has(one["i"]) ? { ...one, u: changes.get(one["i"]) } : one
  );
  const sent = sortedByTime(bySymbol(marked, "t"));
  assert.ok(changes.size > 0 && (sent["AAPL"] ?? []).length > 1000);
  for (const limit of [10_000, 701]) {
    const path = `/v2/stocks/trades?symbols=MSFT,AAPL&start=2026-09-14T14:00:00Z&limit=${limit}`;
    const found = await allPages(simulator, path, "trades");
    const isCorrected = ({ u }: Record<string, unknown>) => u === "corrected";
    const corrected = Object.values(found).flat().filter(isCorrected);
    const corrections = bySymbol(received, "c");
    assert.deepEqual(
      new Set(corrected.map(({ i, p }) => `${i} ${p}`)),
      new Set(Object.values(corrections).flat().map(({ ci, cp }) => `${ci} ${cp}`)),
    );
    assert.ok(corrected.length > 0);
    const live = Object.entries(found)
      .map(([symbol, items]) => [symbol, items.filter((item) => !isCorrected(item))]);
    assert.deepEqual(Object.fromEntries(live), sent);
  }
  const { trades } = await get(simulator, "/v2/stocks/trades/latest?symbols=AAPL,MSFT");
  const latest = bySymbol(received, "t");
  assert.deepEqual(trades, { AAPL: latest["AAPL"]?.at(-1), MSFT: latest["MSFT"]?.at(-1) });
  const { quotes } = await get(simulator, "/v2/stocks/quotes/latest?symbols=AAPL");
  assert.deepEqual(quotes.AAPL, bySymbol(received, "q")["AAPL"]?.at(-1));
});

Deno.test("bars are those of the stream, with their updates", async () => {
  const { clock, simulator: made } = await started({ barSeconds: 2 });
  await using simulator = made;
  await using client = await RawClient.open(simulator.streamUrls.stocks());
  await client.ask({
    action: "subscribe",
    trades: ["AAPL"],
    bars: ["AAPL"],
    updatedBars: ["AAPL"],
    dailyBars: ["AAPL"],
  });
  clock.advance(5_000);
  simulator.faults.lateTrades(3);
  clock.advance(15_000);
  const received = await drain(client);
  const updates = new Map((bySymbol(received, "u")["AAPL"] ?? []).map((bar) => [bar["t"], bar]));
  assert.ok(updates.size > 0);
  const expected = (bySymbol(received, "b")["AAPL"] ?? [])
    .map((bar) => updates.get(bar["t"]) ?? bar);
  const path = "/v2/stocks/bars?symbols=AAPL&timeframe=1Min&limit=3";
  assert.deepEqual(await allPages(simulator, path, "bars"), { AAPL: expected });
  const { bars } = await get(simulator, "/v2/stocks/bars/latest?symbols=AAPL");
  assert.deepEqual(bars.AAPL, expected.at(-1));
  const days = await get(
    simulator,
    "/v2/stocks/bars?symbols=AAPL&timeframe=1Day&start=2026-09-14T00:00:00Z",
  );
  assert.deepEqual(days.bars.AAPL, [bySymbol(received, "d")["AAPL"]?.at(-1)]);
  const snapshots = await get(simulator, "/v2/stocks/snapshots?symbols=AAPL");
  assert.deepEqual(snapshots.AAPL.minuteBar, expected.at(-1));
  assert.deepEqual(snapshots.AAPL.dailyBar, days.bars.AAPL[0]);
});

Deno.test("the market goes on while the session is down, then ends", async () => {
  const { clock, simulator: made } = await started();
  await using simulator = made;
  const subscribe = { action: "subscribe", trades: ["AAPL"], quotes: ["AAPL"] };
  const first = await RawClient.open(simulator.streamUrls.stocks());
  await first.ask(subscribe);
  clock.advance(1_000);
  const before = await drain(first);
  simulator.connections.drop();
  await first.closed;
  while (simulator.sessions().length > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  clock.advance(3_000);
  await using second = await RawClient.open(simulator.streamUrls.stocks());
  await second.ask(subscribe);
  clock.advance(1_000);
  const after = await drain(second);
  const path = "/v2/stocks/trades?symbols=AAPL&limit=10000&start=2026-09-14T14:00:00Z";
  const all = await allPages(simulator, path, "trades");
  const ids = (items: readonly Record<string, unknown>[]) =>
    items.filter(({ u }) => u !== "corrected").map(({ i }) => Number(i));
  const received = ids([...before, ...after].filter(({ T }) => T === "t"));
  const produced = ids(all["AAPL"] ?? []).sort((a, b) => a - b);
  // The ids of a symbol count up, so that none is missing.
  const [firstId = 0] = produced;
  assert.deepEqual(produced, produced.map((_, index) => firstId + index));
  const missed = new Set(produced).difference(new Set(received));
  assert.ok(missed.size > 300 && received.length > 300);
  assert.equal(missed.size + received.length, produced.length);
  second.ws.terminate();
  await second.closed;
  while (simulator.sessions().length > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  clock.advance(130_000);
  const count = simulator.market.history("sip", "trades", new Set(["AAPL"])).length;
  clock.advance(10_000);
  assert.equal(simulator.market.history("sip", "trades", new Set(["AAPL"])).length, count);
});

Deno.test("option trades have a history and latest values", async () => {
  const { clock, simulator: made } = await started();
  await using simulator = made;
  const [contract] = simulator.market.optionContracts("AAPL");
  assert.ok(contract);
  const { symbol } = contract;
  await using client = await RawClient.open(simulator.streamUrls.options(), { msgpack: true });
  await client.ask({ action: "subscribe", trades: [symbol], quotes: [symbol] });
  clock.advance(2_000);
  client.send({ action: "unsubscribe", trades: [symbol], quotes: [symbol] });
  const received: Element[] = [];
  for (;;) {
    const frame = await client.frame() as Element[];
    if (frame[0]?.T === "subscription") break;
    received.push(...frame);
  }
  const path = `/v1beta1/options/trades?symbols=${symbol}&limit=50`;
  const { [symbol]: trades = [] } = await allPages(simulator, path, "trades");
  const sent = received.filter(({ T }) => T === "t");
  assert.deepEqual(trades.map(({ p }) => p), sent.map(({ p }) => p));
  const latest = await get(simulator, `/v1beta1/options/quotes/latest?symbols=${symbol}&feed=opra`);
  const lastQuote = received.filter(({ T }) => T === "q").at(-1);
  assert.equal(latest.quotes[symbol].bp, lastQuote?.["bp"]);
});

Deno.test("emitted messages are the history, long ids and nanoseconds included", async () => {
  await using simulator = await startSimulator({ messagesPerSecond: 0 });
  const t = "2026-09-14T14:30:02.118450321Z";
  const trade = { x: "V", p: 1.5, s: 5, i: 9_007_199_254_740_993n, c: ["@"], t, z: "C" };
  simulator.emit("sip", [{ T: "t", S: "NEWCO", ...trade }, { T: "t", S: "NEWCO", ...trade, i: 2 }]);
  simulator.emit("sip", [{ T: "x", S: "NEWCO", i: 2, x: "V", p: 1.5, s: 5, a: "C", t, z: "C" }]);
  const url = `${simulator.url}/v2/stocks/trades?symbols=NEWCO&start=${t}&end=${t}`;
  const text = await (await fetch(url, { headers: HEADERS })).text();
  const head = '{"x":"V","p":1.5,"s":5,';
  assert.equal(
    text,
    `{"trades":{"NEWCO":[${head}"i":9007199254740993,"c":["@"],"t":"${t}","z":"C"},` +
      `${head}"i":2,"c":["@"],"t":"${t}","z":"C","u":"canceled"}]},"next_page_token":null}`,
  );
  const { trades } = await get(simulator, "/v2/stocks/trades/latest?symbols=NEWCO");
  assert.equal(trades.NEWCO.i, 2);
});

Deno.test("pages come in descending order on request", async () => {
  await using simulator = await startSimulator({ messagesPerSecond: 0 });
  simulator.emit("sip", [1, 2, 3].map((i) => ({ T: "t", S: "F", i, t: "2026-09-14T14:30:00Z" })));
  const path = "/v2/stocks/trades?symbols=F&start=2026-09-14&sort=desc&limit=2";
  const found = await allPages(simulator, path, "trades");
  assert.deepEqual(found["F"]?.map(({ i }) => i), [3, 2, 1]);
});

Deno.test("a plan without SIP may query what is older than fifteen minutes", async () => {
  const clock = new ManualClock();
  await using simulator = await startSimulator({
    clock,
    messagesPerSecond: 0,
    accounts: [{ key: "SIM_KEY", secret: "SIM_SECRET", plan: "basic" }],
  });
  simulator.emit("sip", [{ T: "t", S: "F", i: 1, t: "2026-09-14T14:30:00Z" }]);
  clock.advance(20 * 60_000);
  const path = "/v2/stocks/trades?symbols=F&feed=sip&start=2026-09-14T14:00:00Z";
  const { trades } = await get(simulator, path);
  assert.equal(trades.F.length, 1);
  const recent = await fetch(`${simulator.url}${path}&end=2026-09-14T14:45:00Z`, {
    headers: HEADERS,
  });
  assert.equal(recent.status, 403);
  assert.deepEqual(await recent.json(), {
    message: "subscription does not permit querying recent SIP data",
  });
});

Deno.test("invalid queries of a history are answered with the reason", async () => {
  await using simulator = await startSimulator({ messagesPerSecond: 0 });
  for (
    const [path, text] of [
      ["/v2/stocks/bars?symbols=F", /timeframe: it is required/],
      ["/v2/stocks/bars?symbols=F&timeframe=7Min", /1Min and 1Day/],
      ["/v2/stocks/trades", /symbols: it is required/],
      ["/v2/stocks/trades?symbols=F&limit=10001", /from 1 to 10000/],
      ["/v2/stocks/trades?symbols=F&sort=up", /asc, desc/],
      ["/v2/stocks/trades?symbols=F&page_token=%21", /page_token/],
      ["/v1beta1/options/trades?symbols=F&feed=sip", /opra, indicative/],
    ] as const
  ) {
    const response = await fetch(simulator.url + path, { headers: HEADERS });
    assert.equal(response.status, 400, path);
    assert.match((await response.json()).message, text);
  }
});
