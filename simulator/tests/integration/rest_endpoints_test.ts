import assert from "node:assert/strict";
import { type Simulator, startSimulator } from "../../src/simulator.ts";

const HEADERS = {
  "APCA-API-KEY-ID": "SIM_KEY",
  "APCA-API-SECRET-KEY": "SIM_SECRET",
};

async function get(simulator: Simulator, path: string) {
  const response = await fetch(simulator.url + path, { headers: HEADERS });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return { body: JSON.parse(text), text, headers: response.headers };
}

Deno.test("an option chain is listed page by page over HTTP", async () => {
  await using simulator = await startSimulator({ messagesPerSecond: 0 });
  const listed = simulator.market.optionContracts("SPY")
    .map(({ symbol }) => symbol);
  assert.ok(listed.length > 100);
  const seen: string[] = [];
  let token: string | null = "";
  while (token !== null) {
    const { body }: Awaited<ReturnType<typeof get>> = await get(
      simulator,
      "/v2/options/contracts?underlying_symbols=SPY&limit=500" +
        "&expiration_date_lte=2099-01-01" +
        (token === "" ? "" : `&page_token=${encodeURIComponent(token)}`),
    );
    for (const { symbol } of body.option_contracts) seen.push(symbol);
    token = body.next_page_token;
  }
  assert.deepEqual(seen, [...listed].sort());
});

Deno.test("emitted trades are the latest over HTTP, digit by digit", async () => {
  await using simulator = await startSimulator({ messagesPerSecond: 0 });
  const trade = {
    S: "AAPL",
    i: 9_007_199_254_740_993n,
    x: "V",
    p: 231.17,
    s: 5,
    c: ["@"],
    t: "2026-09-14T14:30:02.118450321Z",
    z: "C",
  };
  simulator.emit("sip", [{ T: "t", ...trade }]);
  const written = '"i":9007199254740993,"x":"V","p":231.17,"s":5,"c":["@"]';
  const path = "/v2/stocks/trades/latest?symbols=AAPL";
  const { text } = await get(simulator, path);
  assert.ok(text.includes(written), text);
  assert.ok(text.includes(trade.t));
});

Deno.test("an order over HTTP moves the position", async () => {
  await using simulator = await startSimulator({
    messagesPerSecond: 0,
    trading: { engine: { acceptDelayMs: 0, partialFillChance: 0 } },
  });
  const engine = simulator.trading.engineOf("SIM_KEY");
  const { promise: filled, resolve } = Promise.withResolvers<void>();
  using _listener = engine.onUpdate(({ event }) => event === "fill" && resolve());
  const response = await fetch(`${simulator.url}/v2/orders`, {
    method: "POST",
    headers: HEADERS,
    body: JSON.stringify({
      symbol: "AAPL",
      qty: 1,
      side: "sell",
      type: "market",
      time_in_force: "day",
    }),
  });
  assert.equal(response.status, 200);
  assert.equal((await response.json()).position_intent, "sell_to_open");
  await filled;
  assert.equal(engine.position("AAPL").toFixed(), "-1");
});

Deno.test("faults of REST are planned through the control API", async () => {
  await using simulator = await startSimulator({ messagesPerSecond: 0 });
  const control = (name: string, body: unknown) =>
    fetch(`${simulator.url}/_control/${name}`, {
      method: "POST",
      body: JSON.stringify(body),
    }).then((response) => response.json());
  await control("fail-requests", { status: 502 });
  const path = `${simulator.url}/v2/account`;
  const failed = await fetch(path, { headers: HEADERS });
  assert.equal(failed.status, 502);
  await failed.body?.cancel();
  const { headers } = await get(simulator, "/v2/account");
  assert.equal(headers.get("x-ratelimit-limit"), "200");
  assert.equal(headers.get("x-ratelimit-remaining"), "198");
  const refused = await control("fail-requests", { status: 200 });
  assert.match(refused.message, /400–599/);
});
