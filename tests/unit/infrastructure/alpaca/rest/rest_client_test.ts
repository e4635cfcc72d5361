import assert from "node:assert/strict";
import type { RestPurpose } from "../../../../../src/application/status/counters.ts";
import { RateShare } from "../../../../../src/infrastructure/alpaca/rest/rate_share.ts";
import { RestClient } from "../../../../../src/infrastructure/alpaca/rest/rest_client.ts";
import { ApiUnavailable } from "../../../../../src/application/ports/api_unavailable.ts";
import { until } from "../../../../support/until.ts";
import { json, ScriptedApi } from "./scripted_api.ts";

const NOW = Date.UTC(2026, 8, 14, 14, 30, 0);
const OK = json({ fine: true });

function status(code: number, headers?: Record<string, string>) {
  return json({ message: `said ${code}` }, {
    status: code,
    ...(headers && { headers }),
  });
}

Deno.test("a request sends the key pair and returns JSON", async () => {
  await using api = new ScriptedApi([OK]);
  assert.deepEqual(await api.get("/v2/thing?a=1"), { fine: true });
  const [request] = api.requests;
  assert.equal(request?.headers.get("APCA-API-KEY-ID"), "KEY-1");
  assert.equal(request?.headers.get("APCA-API-SECRET-KEY"), "SECRET-1");
  assert.equal(request?.url.search, "?a=1");
});

Deno.test("requests are sent one at a time in the order of the calls", async () => {
  const gate = Promise.withResolvers<void>();
  await using api = new ScriptedApi([
    async () => (await gate.promise, Response.json(1)),
    json(2),
  ]);
  const both = Promise.all([api.get("/a"), api.get("/b")]);
  await api.arrived(1);
  await api.clock.advance(0);
  assert.equal(api.requests.length, 1);
  gate.resolve();
  assert.deepEqual(await both, [1, 2]);
});

const PAUSES: readonly (readonly [
  what: string,
  headers: Record<string, string>,
  ms: number,
])[] = [
  ["seconds", { "retry-after": "7" }, 7_000],
  ["a date", { "retry-after": "Mon, 14 Sep 2026 14:30:09 GMT" }, 9_000],
  [
    "the end of the window",
    { "x-ratelimit-reset": `${NOW / 1000 + 11}` },
    11_000,
  ],
  [
    "Retry-After before the end of the window",
    { "retry-after": "3", "x-ratelimit-reset": `${NOW / 1000 + 50}` },
    3_000,
  ],
  ["nothing", {}, 1_000],
  ["nothing that can be read", { "retry-after": "" }, 1_000],
  ["no pause at all", { "retry-after": "0" }, 1_000],
  ["an hour, which is too long", { "retry-after": "3600" }, 60_000],
];

for (const [what, headers, ms] of PAUSES) {
  Deno.test(`a 429 with ${what} is followed by ${ms} ms without requests`, async () => {
    await using api = new ScriptedApi([status(429, headers), OK], { now: NOW });
    const answer = api.get();
    await api.pass(ms);
    assert.deepEqual(await answer, { fine: true });
    assert.equal(api.requests.length, 2);
  });
}

Deno.test("after the last request of a window the next one waits for the next window", async () => {
  const headers = {
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": `${NOW / 1000 + 20}`,
  };
  await using api = new ScriptedApi([json(1, { headers }), json(2)], {
    now: NOW,
  });
  assert.equal(await api.get(), 1, "the answer itself is not kept back");
  const next = api.get();
  await api.pass(20_000);
  assert.equal(await next, 2);
});

Deno.test("server errors are retried with exponential backoff, then thrown", async () => {
  await using api = new ScriptedApi([status(503)]);
  const failed = assert.rejects(api.get("/v2/thing"), (error) => {
    assert.ok(error instanceof ApiUnavailable);
    assert.equal(error.status, 503);
    assert.match(error.message, /^127.*\/v2\/thing: HTTP 503 said 503$/);
    return true;
  });
  for (const ms of [1_000, 2_000, 4_000, 8_000]) await api.pass(ms);
  await failed;
  assert.equal(api.requests.length, 5);
});

Deno.test("a server error may have a Retry-After", async () => {
  await using api = new ScriptedApi([status(503, { "retry-after": "30" }), OK]);
  const answer = api.get();
  await api.pass(30_000);
  await answer;
});

for (const code of [400, 401, 403, 404, 422]) {
  Deno.test(`a ${code} is final and quotes the message of Alpaca`, async () => {
    await using api = new ScriptedApi([status(code)]);
    await assert.rejects(api.get(), (error) => {
      assert.ok(error instanceof ApiUnavailable);
      assert.equal(error.status, code);
      assert.ok(error.message.endsWith(`: HTTP ${code} said ${code}`));
      return true;
    });
    assert.equal(api.requests.length, 1);
  });
}

Deno.test("a failed request does not affect the next one", async () => {
  await using api = new ScriptedApi([status(403), OK]);
  const first = assert.rejects(api.get());
  const second = api.get();
  await first;
  assert.deepEqual(await second, { fine: true });
});

Deno.test("redirects are not followed: the credentials would follow", async () => {
  let isGivenBack = false;
  // A body without an end shows that the connection is released.
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(100_000)),
    cancel: () => {
      isGivenBack = true;
    },
  });
  const moved = () => new Response(body, { status: 302, headers: { location: "/other" } });
  await using api = new ScriptedApi([moved, OK]);
  await assert.rejects(
    api.get(),
    /HTTP 302: redirects are not followed/,
  );
  assert.equal(api.requests.length, 1);
  await until("the connection is released", () => isGivenBack);
});

Deno.test("a missing response times out", async () => {
  const gate = Promise.withResolvers<void>();
  await using api = new ScriptedApi([
    async () => (await gate.promise, new Response()),
    OK,
  ]);
  const answer = api.get("/", api.signal, "prices");
  await api.arrived(1);
  await api.pass(15_000);
  await api.pass(1_000);
  assert.deepEqual(await answer, { fine: true });
  gate.resolve();
});

Deno.test("an incomplete body times out", async () => {
  const stuck = () => {
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode("{")),
    });
    return new Response(body);
  };
  await using api = new ScriptedApi([stuck, OK]);
  const answer = api.get("/", api.signal, "prices");
  await api.arrived(1);
  await api.pass(15_000);
  await api.pass(1_000);
  assert.deepEqual(await answer, { fine: true });
});

Deno.test("an error after only timeouts names the timeout", async () => {
  const gate = Promise.withResolvers<void>();
  await using api = new ScriptedApi([
    async () => (await gate.promise, new Response()),
  ]);
  const failed = assert.rejects(
    api.get("/", api.signal, "prices"),
    /no complete response within 15000 ms/,
  );
  for (const pauseMs of [1_000, 2_000, 4_000, 8_000, undefined]) {
    await api.pass(15_000);
    if (pauseMs !== undefined) await api.pass(pauseMs);
  }
  await failed;
  gate.resolve();
});

Deno.test("a list is requested once again after a timeout from its second page on", async () => {
  const gate = Promise.withResolvers<void>();
  const stuck = async () => (await gate.promise, new Response());
  await using api = new ScriptedApi([stuck, OK, stuck, OK]);
  const first = assert.rejects(api.get("/list?limit=1000"), /no complete response within 15000 ms/);
  const next = api.get("/other?limit=1000");
  await api.arrived(1);
  await api.pass(15_000);
  await first;
  assert.deepEqual(await next, { fine: true }, "it waits for no retry");
  const later = api.get("/list?limit=1000&page_token=2");
  await api.arrived(3);
  await api.pass(15_000);
  await api.pass(1_000);
  assert.deepEqual(await later, { fine: true });
  gate.resolve();
});

Deno.test("an endless body is an error and takes no memory", async () => {
  let sent = 0;
  const endless = () => {
    const chunk = new Uint8Array(1024 * 1024).fill(32);
    const body = new ReadableStream({
      pull: (controller) => {
        sent++;
        controller.enqueue(chunk);
      },
    });
    return new Response(body);
  };
  await using api = new ScriptedApi([endless]);
  await assert.rejects(api.get(), /longer than 4194304 bytes/);
  assert.equal(api.requests.length, 1);
  assert.ok(sent < 100, `${sent} MiB were sent`);
});

Deno.test("a long error body is not read to the end", async () => {
  await using api = new ScriptedApi([
    () => new Response("x".repeat(1_000_000), { status: 403 }),
  ]);
  await assert.rejects(api.get(), /: HTTP 403$/);
});

Deno.test("a body that is not JSON is an error that says so", async () => {
  await using api = new ScriptedApi([() => new Response("<html>"), OK]);
  const answer = api.get();
  await api.pass(1_000);
  await answer;
  const [line] = api.log.records;
  assert.equal(line?.fields["cause"], "the response is not JSON");
});

Deno.test("a signal ends a delay, and queued requests are not sent", async () => {
  await using api = new ScriptedApi([status(429, { "retry-after": "30" })]);
  const end = new AbortController();
  const first = assert.rejects(api.get("/", end.signal), ApiUnavailable);
  const second = assert.rejects(api.get("/", end.signal), /aborted/);
  await until("the client pauses", () => api.clock.nextWakeIn === 30_000);
  end.abort();
  await Promise.all([first, second]);
  assert.equal(api.requests.length, 1);
});

Deno.test("a signal aborts a request in flight", async () => {
  const gate = Promise.withResolvers<void>();
  await using api = new ScriptedApi([
    async () => (await gate.promise, new Response()),
  ]);
  const end = new AbortController();
  const failed = assert.rejects(api.get("/", end.signal), ApiUnavailable);
  await api.arrived(1);
  end.abort();
  await failed;
  gate.resolve();
});

const SECRETS = { key: "PKVERYSECRET", secret: "s3cr3t/with+signs" };

/** Everything that was said: the error and every line of the log. */
async function said(
  api: ScriptedApi,
  request: Promise<unknown>,
): Promise<string> {
  const outcome = request.then(
    () => "no error",
    (error: Error) => `${error.message} ${error.stack} ${String(error.cause)}`,
  );
  let words: string | undefined;
  outcome.then((text) => words = text);
  await until("the request ends", () => {
    const pause = api.clock.nextWakeIn ?? Infinity;
    if (pause < 15_000) api.clock.advance(pause);
    return words !== undefined;
  });
  return `${words} ${JSON.stringify(api.log.records)}`;
}

Deno.test("credentials that Alpaca quotes are not part of an error", async () => {
  await using api = new ScriptedApi([
    json({
      message: `no such key: ${SECRETS.key}, ${SECRETS.secret}, ` +
        "see https://me:pa55word@internal/keys for more",
    }, { status: 500 }),
  ], SECRETS);
  const words = await said(api, api.get());
  assert.match(words, /no such key: <secret>, <secret>, see for more/);
  assert.ok(!words.includes("pa55word"), words);
  for (const secret of Object.values(SECRETS)) {
    assert.ok(!words.includes(secret), words);
  }
});

Deno.test("credentials that are invalid in a header are not part of an error", async () => {
  await using api = new ScriptedApi([OK], { ...SECRETS, key: "bad\nPKSECRET" });
  const words = await said(api, api.get());
  assert.match(words, /not valid in an HTTP header/);
  assert.ok(!words.includes("PKSECRET"), words);
  assert.equal(api.requests.length, 0);
});

Deno.test("an address with a password is not part of an error", async () => {
  await using api = new ScriptedApi([OK], SECRETS);
  const gone = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = gone.addr;
  gone.close();
  const url = new URL(`http://me:pa55word@127.0.0.1:${port}/v2/x?page=1`);
  const words = await said(api, api.client.get(url, api.signal, "catalog"));
  assert.match(words, /127\.0\.0\.1:\d+\/v2\/x: .*(refused|connect)/i);
  assert.ok(!words.includes("pa55word"), words);
});

/** Requests that are answered, a minute at a time, until all are. */
async function perMinute(api: ScriptedApi, requests: readonly Promise<unknown>[]) {
  let isDone = false;
  Promise.all(requests).then(() => isDone = true);
  const counts: number[] = [];
  let before = api.requests.length;
  while (!isDone) {
    await until("all that may be sent is answered", () => {
      const pause = api.clock.nextWakeIn;
      // Not the timeout of a request in flight.
      return isDone || (pause !== undefined && pause !== 15_000);
    });
    counts.push(api.requests.length - before);
    before = api.requests.length;
    if (!isDone) await api.clock.advance(api.clock.nextWakeIn ?? 0);
  }
  return counts;
}

const limited = (limit: string) => json({}, { headers: { "x-ratelimit-limit": limit } });

Deno.test("requests for options take a quarter of the limit that headers name", async () => {
  await using api = new ScriptedApi([limited("40")]);
  const get = (purpose: RestPurpose) => api.client.get(new URL(api.url), api.signal, purpose);
  assert.deepEqual(
    await perMinute(api, Array.from({ length: 20 }, () => get("catalog"))),
    [8, 8, 4],
    "a fifth for the catalog",
  );
  assert.deepEqual(
    await perMinute(api, Array.from({ length: 20 }, () => get("prices"))),
    [6, 10, 4],
    "a quarter for both: the last 4 of the catalog count",
  );
});

Deno.test("without headers the limit is taken as 200 requests a minute", async () => {
  await using api = new ScriptedApi([OK]);
  const all = Array.from(
    { length: 120 },
    () => api.client.get(new URL(api.url), api.signal, "prices"),
  );
  assert.deepEqual(await perMinute(api, all), [50, 50, 20]);
});

Deno.test("a limit that no header repeats is forgotten after ten minutes", async () => {
  await using api = new ScriptedApi([limited("10000"), OK]);
  const all = (length: number) =>
    Array.from({ length }, () => api.client.get(new URL(api.url), api.signal, "prices"));
  assert.deepEqual(await perMinute(api, all(100)), [100]);
  await api.clock.advance(601_000);
  assert.deepEqual(await perMinute(api, all(60)), [50, 10]);
});

Deno.test("one request a minute is possible however small the limit is", async () => {
  await using api = new ScriptedApi([limited("1")]);
  const all = Array.from(
    { length: 3 },
    () => api.client.get(new URL(api.url), api.signal, "catalog"),
  );
  assert.deepEqual(await perMinute(api, all), [1, 1, 1]);
});

Deno.test("orders come before what streams wait for, and that before options", async () => {
  const gate = Promise.withResolvers<void>();
  await using api = new ScriptedApi([async () => (await gate.promise, Response.json({})), OK]);
  const get = (path: string, purpose: RestPurpose) =>
    api.client.get(new URL(path, api.url), api.signal, purpose);
  const all = [
    get("/first", "catalog"),
    get("/chain", "catalog"),
    get("/entered", "first_events"),
    get("/prices", "prices"),
    get("/trades", "backfill"),
    get("/quotes", "snapshot"),
    get("/orders", "orders"),
    get("/fills", "orders"),
  ];
  await api.arrived(1);
  gate.resolve();
  await Promise.all(all);
  assert.deepEqual(api.requests.map(({ url }) => url.pathname), [
    "/first",
    "/orders",
    "/fills",
    "/quotes",
    "/trades",
    "/prices",
    "/entered",
    "/chain",
  ]);
});

Deno.test("first events wait for their share, a snapshot and a chain do not", async () => {
  await using api = new ScriptedApi([limited("200")]);
  const get = (path: string, purpose: RestPurpose) =>
    api.client.get(new URL(path, api.url), api.signal, purpose);
  const entered = Array.from({ length: 11 }, () => get("/entered", "first_events"));
  await Promise.all(entered.slice(0, 10));
  await Promise.all([get("/quotes", "snapshot"), get("/chain", "catalog")]);
  assert.equal(api.requests.length, 12, "ten first events are a twentieth of the limit");
  await api.pass(60_000);
  await Promise.all(entered);
});

Deno.test("a retry and a used share of options delay no order", async () => {
  await using api = new ScriptedApi([
    (url) => url.pathname === "/chain" ? status(503)(url) : OK(url),
  ]);
  const chain = assert.rejects(api.get("/chain"), /HTTP 503/);
  const next = api.get("/next");
  await until("the chain waits for a retry", () => api.clock.nextWakeIn === 1_000);
  await api.client.get(new URL("/orders", api.url), api.signal, "orders");
  assert.deepEqual(api.requests.map(({ url }) => url.pathname), ["/chain", "/orders"]);
  for (const ms of [1_000, 2_000, 4_000, 8_000]) await api.pass(ms);
  await Promise.all([chain, next]);
  assert.equal(api.requests.at(-1)?.url.pathname, "/next", "after those called before");
});

Deno.test("a 429 delays orders too", async () => {
  await using api = new ScriptedApi([status(429, { "retry-after": "30" }), OK]);
  const chain = api.get("/chain");
  await api.arrived(1);
  const orders = api.client.get(new URL("/orders", api.url), api.signal, "orders");
  await api.pass(30_000);
  await Promise.all([chain, orders]);
  assert.deepEqual(api.requests.map(({ url }) => url.pathname), ["/chain", "/orders", "/chain"]);
});

Deno.test("clients that share stay within a quarter together", async () => {
  await using trading = new ScriptedApi([limited("40")]);
  const { clock, log, counters } = trading;
  const share = new RateShare(clock);
  const credentials = () => ({ key: "KEY-1", secret: "SECRET-1" });
  const [first, second] = [1, 2].map(() =>
    new RestClient({ clock, log, counters, credentials, share })
  );
  assert.ok(first && second);
  const all = Array.from(
    { length: 20 },
    (_, at) => (at % 2 === 0 ? first : second).get(new URL(trading.url), trading.signal, "prices"),
  );
  const counts = await perMinute(trading, all);
  assert.ok(counts.slice(1).every((count) => count <= 10), counts.join());
});
