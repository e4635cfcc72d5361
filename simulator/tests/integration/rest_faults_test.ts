import assert from "node:assert/strict";
import { startSimulator } from "../../src/simulator.ts";

const HEADERS = { "APCA-API-KEY-ID": "SIM_KEY", "APCA-API-SECRET-KEY": "SIM_SECRET" };
const SILENT = { messagesPerSecond: 0 };
const TRADES = "/v2/stocks/trades?symbols=F&start=2026-09-14&limit=2";

async function started() {
  const simulator = await startSimulator(SILENT);
  simulator.emit(
    "sip",
    [1, 2, 3].map((i) => ({ T: "t", S: "F", i, p: 1, t: `2026-09-14T14:30:0${i}Z` })),
  );
  const get = (path: string, init: RequestInit = {}) =>
    fetch(simulator.url + path, { headers: HEADERS, ...init });
  return { simulator, get };
}

Deno.test("a status applies to a path and a number of requests", async () => {
  const { simulator: made, get } = await started();
  await using simulator = made;
  simulator.faults.failRest({
    kind: "status",
    path: "/v2/stocks/*",
    status: 429,
    retryAfterSeconds: 7,
    count: 2,
  });
  const statuses: number[] = [];
  for (const path of ["/v2/orders", TRADES, TRADES, TRADES]) {
    const response = await get(path);
    statuses.push(response.status);
    if (response.status === 429) assert.equal(response.headers.get("retry-after"), "7");
    await response.body?.cancel();
  }
  assert.deepEqual(statuses, [200, 429, 429, 200]);
});

Deno.test("a fault without a count lasts until it is cleared", async () => {
  const { simulator: made, get } = await started();
  await using simulator = made;
  simulator.faults.failRest({ kind: "status", count: 0 });
  for (let request = 0; request < 5; request++) {
    const response = await get(TRADES);
    assert.equal(response.status, 500);
    await response.body?.cancel();
  }
  simulator.faults.clearRest();
  const response = await get(TRADES);
  assert.equal(response.status, 200);
  await response.body?.cancel();
});

Deno.test("a body that is cut has half of its bytes and an error", async () => {
  const { simulator: made, get } = await started();
  await using simulator = made;
  const whole = await (await get(TRADES)).text();
  simulator.faults.failRest({ kind: "cut" });
  const response = await get(TRADES);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-length"), String(whole.length));
  let received = "";
  await assert.rejects(async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) received += decoder.decode(chunk);
  });
  assert.ok(received.length < whole.length && whole.startsWith(received), received);
  assert.equal(await (await get(TRADES)).text(), whole);
});

Deno.test("a request that is never answered is executed", async () => {
  const { simulator: made, get } = await started();
  await using simulator = made;
  simulator.faults.failRest({ kind: "timeout", path: "/v2/orders" });
  const controller = new AbortController();
  const engine = simulator.trading.engineOf("SIM_KEY");
  using _listener = engine.onUpdate(({ event }) => event === "pending_new" && controller.abort());
  const order = { symbol: "F", qty: 1, side: "buy", type: "market", time_in_force: "day" };
  const body = JSON.stringify(order);
  const { signal } = controller;
  await assert.rejects(get("/v2/orders", { method: "POST", body, signal }), /abort/i);
  assert.equal((await (await get("/v2/orders?status=all")).json()).length, 1);
});

Deno.test("an empty page has a token that leads to the items", async () => {
  const { simulator: made, get } = await started();
  await using simulator = made;
  simulator.faults.failRest({ kind: "empty_page", count: 2 });
  const ids: number[] = [];
  let token = "";
  let pages = 0;
  for (;;) {
    const page = await (await get(TRADES + token)).json();
    pages++;
    ids.push(...(page.trades.F ?? []).map(({ i }: { i: number }) => i));
    if (page.next_page_token === null) break;
    token = `&page_token=${encodeURIComponent(page.next_page_token)}`;
  }
  assert.deepEqual([ids, pages], [[1, 2, 3], 4]);
});
