/** The status page with an access policy. */
import assert from "node:assert/strict";
import type { ServeHttpOptions } from "../../../src/infrastructure/http/serve_http.ts";
import { accessOf, digestOf } from "../../support/access.ts";
import { serveConnected } from "../../support/http_dependencies.ts";
import { AUDIENCE, ISSUER, JwtIssuer } from "../../support/jwt_issuer.ts";
import { ManualClock } from "../../support/manual_clock.ts";

const VIEWER = `asp_${"V".repeat(43)}`;
const TRADER = `asp_${"T".repeat(43)}`;
const LIMITED = `asp_${"L".repeat(43)}`;
const POLICY = {
  roles: { viewer: {}, trader: { orders: true }, limited: { symbols: ["AAPL"] } },
  identities: [
    { name: "viewer", role: "viewer", tokens: [digestOf(VIEWER)] },
    { name: "trader", role: "trader", tokens: [digestOf(TRADER)] },
    { name: "limited", role: "limited", tokens: [digestOf(LIMITED)] },
  ],
};

async function serve(policy: object = POLICY, options: Partial<ServeHttpOptions> = {}) {
  const made = await accessOf(policy, options.clock && { clock: options.clock });
  const servers = await serveConnected({
    access: made.access,
    ...options,
  });
  const request = (path: string, authorization?: string, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${servers.healthPort}${path}`, {
      ...init,
      headers: authorization === undefined ? {} : { authorization },
    });
  /** Status and text. */
  const get = async (path: string, authorization?: string) => {
    const response = await request(path, authorization);
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  return {
    request,
    get,
    counters: made.counters,
    async [Symbol.asyncDispose]() {
      made[Symbol.dispose]();
      await servers[Symbol.asyncDispose]();
    },
  };
}

Deno.test("the status page and its events ask for a token; probes and metrics do not", async () => {
  await using http = await serve();
  for (const path of ["/", "/events", "/icon.svg"]) {
    const { status, headers, text } = await http.get(path);
    assert.equal(status, 401, path);
    assert.match(headers.get("www-authenticate") ?? "", /^Basic realm="[^"]+", charset="UTF-8"$/);
    assert.equal(text, "The request needs a bearer token\n");
  }
  for (const path of ["/healthz", "/readyz", "/health", "/metrics"]) {
    assert.equal((await http.get(path)).status, 200, path);
  }
  assert.equal(http.counters.access.missing, 3);
});

Deno.test("the token is accepted as bearer, and as the password of a browser", async () => {
  await using http = await serve();
  for (const header of [`Bearer ${VIEWER}`, `Basic ${btoa(`anyone:${VIEWER}`)}`]) {
    const { status, text } = await http.get("/", header);
    assert.equal(status, 200);
    assert.match(text, /<html/);
    const leave = new AbortController();
    const events = await http.request("/events", header, { signal: leave.signal });
    assert.equal(events.headers.get("content-type"), "text/event-stream");
    await events.body?.cancel();
    leave.abort();
  }
});

Deno.test("a wrong token is refused, and a limited identity is denied", async () => {
  await using http = await serve();
  assert.equal((await http.get("/", `Basic ${btoa(`${VIEWER}:wrong`)}`)).status, 401);
  const { status, text } = await http.get("/", `Bearer ${LIMITED}`);
  assert.equal(status, 403);
  assert.match(text, /may not read the status page/);
  assert.equal(http.counters.access.denied, 1);
  for (let i = 0; i < 19; i++) await http.get("/", "Bearer wrong");
  const blocked = await http.get("/", "Bearer wrong");
  assert.equal(blocked.status, 429);
  assert.equal(blocked.headers.get("retry-after"), "3");
  assert.equal((await http.get("/", `Bearer ${VIEWER}`)).status, 200);
});

Deno.test("events end within a second after a JWT has expired", async () => {
  const clock = new ManualClock();
  await using issuer = await JwtIssuer.start(() => clock.now());
  const policy = {
    ...POLICY,
    jwt: { jwksUrl: issuer.url, issuer: ISSUER, audience: AUDIENCE, roleClaim: "role" },
  };
  let tick = () => {};
  await using http = await serve(policy, {
    clock,
    interval: (_ms, next) => {
      tick = next;
      return { [Symbol.dispose]() {} };
    },
  });
  const token = await issuer.sign({
    claims: { role: "viewer" },
    expiresAt: clock.now() / 1_000 + 60,
  });
  const events = await http.request("/events", `Bearer ${token}`);
  const reader = events.body?.getReader();
  assert.equal((await reader?.read())?.done, false);
  await clock.advance(89_000);
  tick();
  assert.equal((await reader?.read())?.done, false);
  await clock.advance(1_000);
  tick();
  let end = await reader?.read();
  while (end?.done === false) end = await reader?.read();
  assert.equal(end?.done, true);
  assert.equal((await http.get("/events", `Bearer ${token}`)).status, 401);
});

Deno.test("filters and errors of orders are shown only to viewers with the grant", async () => {
  const stream = { sent: 0, queued: 0, dropped: 0, openedAt: 0, filterSize: 1 };
  const cause = 'The field "filled_qty" is invalid: "77777"';
  const error = { level: "warn", message: "Invalid message", at: 0, times: 1, cause } as const;
  await using http = await serve(POLICY, {
    streams: () => [
      { ...stream, id: "a-1", channel: "orderUpdates", filter: "TSLA, order 5f3c" },
      { ...stream, id: "a-2", channel: "stockTrades", filter: "NVDA" },
    ],
    errors: () => [{ ...error, feed: "trading" }, { ...error, feed: "sip", cause: "88888" }],
  });
  const shown = async (token: string) => {
    const page = (await http.get("/", `Bearer ${token}`)).text;
    const leave = new AbortController();
    const events = await http.request("/events", `Bearer ${token}`, { signal: leave.signal });
    const first = await events.body?.getReader().read();
    leave.abort();
    return [page, new TextDecoder().decode(first?.value)];
  };
  for (const text of await shown(TRADER)) {
    for (const word of ["TSLA", "5f3c", "NVDA", "77777", "88888"]) assert.match(text, RegExp(word));
  }
  // Rendered for others a moment before.
  for (const text of await shown(VIEWER)) {
    assert.doesNotMatch(text, /TSLA|5f3c|77777/);
    for (const word of ["hidden: orders are not granted", "NVDA", "88888"]) {
      assert.match(text, RegExp(word));
    }
  }
});
