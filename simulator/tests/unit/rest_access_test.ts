import assert from "node:assert/strict";
import { BASIC, keys, restHarness } from "./rest_harness.ts";

const DATA = "/v2/stocks/trades/latest?symbols=MSFT";

for (
  const [name, headers] of [
    ["no credentials", {}],
    ["a wrong secret", {
      "APCA-API-KEY-ID": "PK1",
      "APCA-API-SECRET-KEY": "x",
    }],
    ["a wrong token", { authorization: "Bearer nope" }],
  ] as const
) {
  Deno.test(`${name} are answered with 401 in the host's shape`, async () => {
    using api = restHarness();
    const trading = await api.send("/v2/account", { headers });
    assert.equal(trading.status, 401);
    assert.deepEqual(await trading.json(), {
      code: 40110000,
      message: "unauthorized.",
    });
    const data = await api.send(DATA, { headers });
    assert.equal(data.status, 401);
    assert.deepEqual(await data.json(), { message: "unauthorized." });
  });
}

Deno.test("a token replaces the key pair", async () => {
  using api = restHarness();
  const response = await api.send("/v2/account", {
    headers: { authorization: "Bearer tok" },
  });
  assert.equal(response.status, 200);
  await response.body?.cancel();
});

Deno.test("requests beyond the limit get 429 until the window ends", async () => {
  using api = restHarness({ tradingRequestsPerMinute: 3 });
  const statuses: number[] = [];
  const remaining: (string | null)[] = [];
  for (let count = 0; count < 5; count++) {
    const response = await api.send("/v2/account");
    statuses.push(response.status);
    remaining.push(response.headers.get("x-ratelimit-remaining"));
    assert.equal(response.headers.get("x-ratelimit-limit"), "3");
    await response.body?.cancel();
    api.clock.advance(10_000);
  }
  assert.deepEqual(statuses, [200, 200, 200, 429, 429]);
  assert.deepEqual(remaining, ["2", "1", "0", "0", "0"]);
  const refused = await api.send("/v2/account");
  assert.equal(refused.headers.get("retry-after"), "10");
  const reset = Number(refused.headers.get("x-ratelimit-reset"));
  assert.equal(reset * 1_000 - api.clock.now(), 10_000);
  assert.deepEqual(await refused.json(), {
    code: 42910000,
    message: "too many requests.",
  });
  api.clock.advance(10_000);
  assert.equal((await api.send("/v2/account")).status, 200);
});

Deno.test("hosts and accounts have separate limits, data by plan", async () => {
  using api = restHarness({ tradingRequestsPerMinute: 1 });
  const status = async (path: string, headers?: Record<string, string>) =>
    (await api.send(path, headers ? { headers } : {})).status;
  assert.equal(await status("/v2/account"), 200);
  assert.equal(await status("/v2/account"), 429);
  assert.equal(await status("/v2/account", keys(BASIC)), 200);
  const plus = await api.send(DATA);
  assert.equal(plus.headers.get("x-ratelimit-limit"), "10000");
  const basic = await api.send(DATA, { headers: keys(BASIC) });
  assert.equal(basic.headers.get("x-ratelimit-limit"), "200");
});

Deno.test("planned statuses answer the next requests only", async () => {
  using api = restHarness();
  api.faults.failRequests(429);
  api.faults.failRequests(500, 2);
  const first = await api.send("/v2/account");
  assert.equal(first.status, 429);
  assert.equal(first.headers.get("retry-after"), "1");
  const statuses: number[] = [];
  for (let count = 0; count < 3; count++) {
    statuses.push((await api.send(DATA)).status);
  }
  assert.deepEqual(statuses, [500, 500, 200]);
});

Deno.test("a planned delay delays the reply", async () => {
  using api = restHarness();
  api.faults.delayRequests(2_000);
  let done = false;
  const reply = api.send("/v2/account").then((response) => {
    done = true;
    return response.status;
  });
  api.clock.advance(1_999);
  await Promise.resolve();
  assert.equal(done, false);
  api.clock.advance(1);
  assert.equal(await reply, 200);
});

Deno.test("every reply carries a request id of its own", async () => {
  using api = restHarness();
  const ids: string[] = [];
  for (const path of ["/v2/account", "/v2/account", "/v2/orders/x"]) {
    const response = await api.send(path);
    ids.push(response.headers.get("x-request-id") ?? "");
  }
  assert.equal(new Set(ids).size, 3);
  for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
});

Deno.test("an unknown path has no reply", async () => {
  using api = restHarness();
  for (const path of ["/", "/v2", "/v2/order", "/_control/sessions"]) {
    assert.equal((await api.send(path)).status, 599);
  }
});
