/** Edges read what the program itself reads, with the credentials of the hub. */
import assert from "node:assert/strict";
import type { RestReply, RestRequest } from "../../../../src/application/cluster/messages.ts";
import {
  type ApiReader,
  type ApiText,
  RestResponder,
} from "../../../../src/application/cluster/rest_responder.ts";
import { ApiUnavailable } from "../../../../src/application/ports/api_unavailable.ts";
import { settle } from "../../../support/manual_clock.ts";

const SECRET = "planted-secret";
const QUOTES: RestRequest = {
  edge: "a",
  api: "data",
  path: "/v2/stocks/quotes",
  query: "symbols=AAPL",
  purpose: "backfill",
};

/** An API whose responses a test gives. */
class ScriptedApi implements ApiReader {
  readonly requests: { readonly path: string; readonly reply: PromiseWithResolvers<ApiText> }[] =
    [];

  read({ path, query }: Omit<RestRequest, "edge">): Promise<ApiText> {
    const reply = Promise.withResolvers<ApiText>();
    this.requests.push({ path: `${path}?${query}`, reply });
    return reply.promise;
  }
}

function responder() {
  const api = new ScriptedApi();
  const rest = new RestResponder(api, {
    redact: (text) => text.replaceAll(SECRET, "<secret>"),
    isIn: (text) => text.includes(SECRET),
  }, (edge) => !edge.startsWith("invented"));
  const ask = (changes: Partial<RestRequest> = {}): Promise<RestReply> =>
    rest.respond({ ...QUOTES, ...changes }, AbortSignal.any([]));
  return { api, ask };
}

Deno.test("equal requests in flight are one, and not afterwards", async () => {
  const { api, ask } = responder();
  const replies = [ask(), ask({ edge: "b", purpose: "snapshot" }), ask({ query: "symbols=MSFT" })];
  assert.deepEqual(api.requests.map(({ path }) => path), [
    "/v2/stocks/quotes?symbols=AAPL",
    "/v2/stocks/quotes?symbols=MSFT",
  ]);
  const text = { body: `{"quotes":{}}`, serverTime: 1 };
  for (const { reply } of api.requests) reply.resolve(text);
  assert.deepEqual(await Promise.all(replies), [text, text, text]);
  ask();
  assert.equal(api.requests.length, 3);
});

Deno.test("only what the program reads may be requested", async () => {
  const { api, ask } = responder();
  const allowed: readonly (readonly ["data" | "trading", string])[] = [
    ["data", "/v2/stocks/trades"],
    ["data", "/v2/stocks/trades/latest"],
    ["data", "/v2/stocks/bars"],
    ["data", "/v1beta1/options/quotes/latest"],
    ["data", "/v1beta1/options/trades"],
    ["data", "/v1beta1/options/snapshots/BRK.B"],
    ["trading", "/v2/options/contracts"],
    ["trading", "/v2/orders"],
    ["trading", "/v2/orders/904837e3-3b76-47ec-b432-046db621571b"],
    ["trading", "/v2/account/activities/FILL"],
  ];
  for (const [api, path] of allowed) ask({ api, path });
  assert.equal(api.requests.length, allowed.length);
  const refused: readonly (readonly ["data" | "trading", string])[] = [
    ["data", "/v2/orders"],
    ["trading", "/v2/stocks/trades"],
    ["trading", "/v2/account"],
    ["trading", "/v2/account/activities"],
    ["trading", "/v2/positions"],
    ["trading", "/v2/orders/.."],
    ["trading", "/v2/orders/a/b"],
    ["data", "/v1beta1/options/snapshots/.."],
    ["data", "/v1beta1/options/snapshots/A.."],
    ["data", "/v2/stocks/trades/latest/x"],
    ["data", "//v2/stocks/trades"],
  ];
  for (const [api, path] of refused) {
    const reply = await ask({ api, path });
    assert.deepEqual(reply, { error: { status: 403, message: `${path} may not be requested` } });
  }
  assert.equal(api.requests.length, allowed.length);
});

Deno.test("an error keeps its status, and no reply has a secret", async () => {
  const { api, ask } = responder();
  const failed = ask();
  api.requests[0]?.reply.reject(new ApiUnavailable(`key ${SECRET} is rejected`, 401));
  assert.deepEqual(await failed, { error: { status: 401, message: "key <secret> is rejected" } });
  const broken = ask();
  api.requests[1]?.reply.reject(new TypeError("no status"));
  assert.deepEqual(await broken, { error: { status: undefined, message: "no status" } });
  const echoed = ask();
  api.requests[2]?.reply.resolve({ body: `{"headers":"${SECRET}"}`, serverTime: 0 });
  const reply = await echoed;
  assert(!JSON.stringify(reply).includes(SECRET));
  assert("error" in reply && reply.error.status === 403);
});

Deno.test("requests of one edge and of all are bounded", async () => {
  const { api, ask } = responder();
  const waiting: Promise<RestReply>[] = [];
  const query = () => `symbols=S${waiting.length}`;
  for (let i = 0; i < 16; i++) waiting.push(ask({ query: query() }));
  const OVER = { busy: true };
  assert.deepEqual(await ask({ query: query() }), OVER);
  const repeated = ask({ query: "symbols=S0" });
  for (const edge of ["b", "c"]) {
    for (let i = 0; i < 16; i++) waiting.push(ask({ edge, query: query() }));
  }
  for (let edge = 0; edge < 16; edge++) {
    waiting.push(ask({ edge: `d${edge}`, query: query() }));
    assert.deepEqual(await ask({ edge: `d${edge}`, query: query() }), OVER, "one each");
  }
  assert.equal(api.requests.length, 64);
  assert.deepEqual(await ask({ edge: "e", query: query() }), OVER);
  api.requests[0]?.reply.resolve({ body: "{}", serverTime: 0 });
  await settle();
  assert.deepEqual(await repeated, { body: "{}", serverTime: 0 });
  ask({ edge: "e", query: query() });
  assert.equal(api.requests.length, 65);
});

Deno.test("requests of invented edges leave room for those that are attached", async () => {
  const { api, ask } = responder();
  for (let i = 0; i < 100; i++) ask({ edge: `invented${i}`, query: `symbols=S${i}` });
  assert.equal(api.requests.length, 16);
  ask({ edge: "a", query: "symbols=AAPL" });
  assert.equal(api.requests.length, 17);
  assert.deepEqual(await ask({ edge: "invented", query: "symbols=MSFT" }), { busy: true });
});
