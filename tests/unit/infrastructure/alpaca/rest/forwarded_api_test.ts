/** Alpaca's REST API by way of a hub. */
import assert from "node:assert/strict";
import { ApiUnavailable } from "../../../../../src/application/ports/api_unavailable.ts";
import type {
  ForwardedRequest,
  ForwardedResponse,
} from "../../../../../src/application/ports/rest_forwarder.ts";
import { createCounters } from "../../../../../src/application/status/counters.ts";
import { forwardedApi } from "../../../../../src/infrastructure/alpaca/rest/forwarded_api.ts";
import { isBadRequest } from "../../../../../src/infrastructure/alpaca/rest/responses.ts";

const never = new AbortController().signal;

/** An API whose requests a test answers. */
function api(answer: () => ForwardedResponse | Error) {
  const requests: ForwardedRequest[] = [];
  const counters = createCounters().rest;
  const host = forwardedApi({
    api: "trading",
    counters,
    forwarder: {
      get(request) {
        requests.push(request);
        const response = answer();
        if (response instanceof Error) return Promise.reject(response);
        return Promise.resolve(response);
      },
    },
  });
  const get = () => {
    const url = new URL(`${host.url}/v2/orders`);
    url.searchParams.set("status", "open");
    return host.client.get(url, never, "orders");
  };
  return { get, requests, counters: counters.orders, client: host.client };
}

Deno.test("a request has path, query and purpose, and no address", async () => {
  const { get, requests } = api(() => ({ body: "[]", clockAheadMs: undefined }));
  assert.deepEqual(await get(), []);
  assert.deepEqual(requests, [
    { api: "trading", path: "/v2/orders", query: "status=open", purpose: "orders" },
  ]);
});

Deno.test("integers that a double cannot hold are exact", async () => {
  const { get } = api(() => ({ body: '{"id":12345678901234567890}', clockAheadMs: undefined }));
  assert.deepEqual(await get(), { id: 12345678901234567890n });
});

Deno.test("the clock is compared by way of the hub, and kept while that has no time", async () => {
  const answers = [{ body: "1", clockAheadMs: 250 }, { body: "1", clockAheadMs: undefined }];
  const { get, client } = api(() => answers.shift() as ForwardedResponse);
  assert.equal(client.clockAheadMs, 0);
  await get();
  await get();
  assert.equal(client.clockAheadMs, 250);
});

Deno.test("a rejection of Alpaca keeps its status and is counted", async () => {
  const { get, counters } = api(() => new ApiUnavailable("host/v2/orders: HTTP 422", 422));
  await assert.rejects(get(), isBadRequest);
  assert.deepEqual(counters, { ok: 0, rate_limited: 0, rejected: 1, failed: 0 });
});

Deno.test("without a hub the API is not available", async () => {
  const { get, counters } = api(() => new ApiUnavailable("No hub answers"));
  await assert.rejects(get(), { name: "ApiUnavailable", message: "No hub answers" });
  assert.equal(counters.failed, 1);
});

Deno.test("a body that is not JSON is an error", async () => {
  const { get } = api(() => ({ body: "<html>", clockAheadMs: undefined }));
  await assert.rejects(get(), { name: "ApiUnavailable" });
});
