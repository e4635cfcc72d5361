import assert from "node:assert/strict";
import { BASIC, keys, type RestHarness, restHarness } from "./rest_harness.ts";
import { HIGH_CALL, LOW_CALL, order } from "./trading_harness.ts";

const RESTING = order({ type: "limit", limit_price: "300" });

interface Listed {
  readonly id: string;
  readonly symbol: string;
  readonly status: string;
  readonly legs: Listed[] | null;
}

async function placed(api: RestHarness, body: unknown): Promise<Listed> {
  const response = await api.place(body);
  assert.equal(response.status, 200);
  const listed: Listed = await response.json();
  return listed;
}

Deno.test("an order is placed, read, replaced and canceled over REST", async () => {
  using api = restHarness();
  const { id, status } = await placed(
    api,
    order({ type: "limit", limit_price: "300", client_order_id: "mine" }),
  );
  assert.equal(status, "pending_new");
  api.clock.advance(10);
  assert.equal((await api.get(`/v2/orders/${id}`)).status, "new");
  assert.equal(
    (await api.get("/v2/orders:by_client_order_id?client_order_id=mine")).id,
    id,
  );
  const patched = await api.send(`/v2/orders/${id}`, {
    method: "PATCH",
    body: JSON.stringify({ limit_price: "301" }),
  });
  const next: Listed = await patched.json();
  api.clock.advance(10);
  assert.equal((await api.get(`/v2/orders/${id}`)).replaced_by, next.id);
  const gone = await api.send(`/v2/orders/${next.id}`, { method: "DELETE" });
  assert.equal(gone.status, 204);
  assert.equal(await gone.text(), "");
  api.clock.advance(10);
  assert.equal((await api.get(`/v2/orders/${next.id}`)).status, "canceled");
});

for (
  const [name, method, path, body, status, code, text] of [
    [
      "an unknown id",
      "GET",
      "/v2/orders/x",
      undefined,
      404,
      40410000,
      /not found for x/,
    ],
    [
      "cancel of an unknown id",
      "DELETE",
      "/v2/orders/x",
      undefined,
      404,
      40410000,
      /not found/,
    ],
    ["no JSON", "POST", "/v2/orders", "{", 400, 40010000, /body format/],
    [
      "a bad order",
      "POST",
      "/v2/orders",
      "{}",
      400,
      40010001,
      /symbol is required/,
    ],
    [
      "a foreign type",
      "POST",
      "/v2/orders",
      JSON.stringify(order({ type: "x" })),
      422,
      42210000,
      /invalid type/,
    ],
    [
      "no client id",
      "GET",
      "/v2/orders:by_client_order_id",
      undefined,
      400,
      40010000,
      /client_order_id/,
    ],
    [
      "a bad status",
      "GET",
      "/v2/orders?status=lost",
      undefined,
      400,
      40010000,
      /open, closed, all/,
    ],
    [
      "limit 501",
      "GET",
      "/v2/orders?limit=501",
      undefined,
      400,
      40010000,
      /from 1 to 500/,
    ],
    [
      "limit zero",
      "GET",
      "/v2/orders?limit=0",
      undefined,
      400,
      40010000,
      /limit/,
    ],
    [
      "a bad time",
      "GET",
      "/v2/orders?after=soon",
      undefined,
      400,
      40010000,
      /invalid after/,
    ],
    [
      "a bad side",
      "GET",
      "/v2/orders?side=both",
      undefined,
      400,
      40010000,
      /buy, sell/,
    ],
    [
      "a bad nested",
      "GET",
      "/v2/orders?nested=1",
      undefined,
      400,
      40010000,
      /true, false/,
    ],
    ["a foreign method", "PUT", "/v2/orders", "{}", 405, undefined, /method/],
  ] as const
) {
  Deno.test(`${name} is answered with ${status} and the reason`, async () => {
    using api = restHarness();
    const response = await api.send(path, {
      method,
      ...(body === undefined ? {} : { body }),
    });
    const reply = await response.json();
    assert.equal(response.status, status);
    assert.equal(reply.code, code);
    assert.match(reply.message, text);
  });
}

Deno.test("a finished order cannot be canceled over REST", async () => {
  using api = restHarness();
  const { id } = await placed(api, order());
  api.clock.advance(50);
  const response = await api.send(`/v2/orders/${id}`, { method: "DELETE" });
  assert.equal(response.status, 422);
  assert.match((await response.json()).message, /"filled" state/);
});

Deno.test("orders are listed by status, side, symbol, time and direction", async () => {
  using api = restHarness();
  const bodies = [
    RESTING,
    order({ symbol: "SPY", side: "sell", type: "limit", limit_price: "900" }),
    order({ symbol: LOW_CALL, qty: "1" }),
    order(),
  ];
  const ids: string[] = [];
  const times: string[] = [];
  for (const body of bodies) {
    const { id } = await placed(api, body);
    ids.push(id);
    times.push(new Date(api.clock.now()).toISOString());
    api.clock.advance(1_000);
  }
  const list = async (query: string) => {
    const found: Listed[] = await api.get(`/v2/orders?direction=asc&${query}`);
    return found.map(({ id }) => ids.indexOf(id));
  };
  assert.deepEqual(await list(""), [0, 1]);
  assert.deepEqual(await list("status=closed"), [2, 3]);
  assert.deepEqual(await list("status=all"), [0, 1, 2, 3]);
  assert.deepEqual(await list("status=all&limit=2"), [0, 1]);
  assert.deepEqual(await list("status=all&side=sell"), [1]);
  assert.deepEqual(await list("status=all&symbols=spy,MSFT"), [0, 1, 3]);
  assert.deepEqual(await list(`status=all&after=${times[1]}`), [2, 3]);
  assert.deepEqual(await list(`status=all&until=${times[1]}`), [0]);
  const newestFirst: Listed[] = await api.get("/v2/orders?status=all");
  assert.deepEqual(
    newestFirst.map(({ id }) => ids.indexOf(id)),
    [3, 2, 1, 0],
  );
});

Deno.test("legs are nested or listed flat", async () => {
  using api = restHarness();
  await placed(api, {
    order_class: "mleg",
    type: "market",
    qty: "1",
    time_in_force: "day",
    legs: [
      { symbol: LOW_CALL, ratio_qty: "1", side: "buy" },
      { symbol: HIGH_CALL, ratio_qty: "1", side: "sell" },
    ],
  });
  const nested: Listed[] = await api.get("/v2/orders?nested=true");
  assert.deepEqual(nested.map(({ legs }) => legs?.length), [2]);
  const flat: Listed[] = await api.get("/v2/orders?nested=false");
  assert.deepEqual(flat.map(({ legs }) => legs), [null, null, null]);
  const bySymbol: Listed[] = await api.get(
    `/v2/orders?nested=true&symbols=${HIGH_CALL}`,
  );
  assert.equal(bySymbol.length, 1);
});

Deno.test("cancel all answers 207 with every open order", async () => {
  using api = restHarness();
  const { id } = await placed(api, RESTING);
  api.clock.advance(10);
  const response = await api.send("/v2/orders", { method: "DELETE" });
  assert.equal(response.status, 207);
  assert.deepEqual(await response.json(), [{ id, status: 200 }]);
});

Deno.test("each account has its own orders", async () => {
  using api = restHarness();
  const { id } = await placed(api, RESTING);
  const response = await api.send(`/v2/orders/${id}`, { headers: keys(BASIC) });
  assert.equal(response.status, 404);
});
