/** Limits of calls over HTTP/1.1. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { OPEN_ACCESS, Unauthenticated } from "../../../src/application/access/access.ts";
import { ANONYMOUS } from "../../../src/domain/access/grants.ts";
import {
  StreamProxyService,
  StreamQuotesResponseSchema,
} from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { AdminService } from "../../../src/gen/cream/v1/admin_pb.ts";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { adminService } from "../../../src/infrastructure/grpc/admin_service.ts";
import { administered, NAMED_ACCESS } from "../../support/administered.ts";
import { Health } from "../../../src/gen/grpc/health/v1/health_pb.ts";
import { connectClient, DEFAULT_ADMISSION } from "../../support/grpc_client.ts";
import { GOLDEN_QUOTE } from "../../support/grpc_events.ts";
import { MemoryMarket } from "../../support/grpc_market.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { RawConnection, rawRequest } from "../../support/raw_http.ts";
import { until } from "../../support/until.ts";
import {
  startWebHarness,
  WEB_PROTOCOLS,
  webClient,
  type WebHarness,
} from "../../support/web_client.ts";

const QUOTES = "/cream.v1.StreamProxyService/StreamQuotes";
const STATUS = "/cream.v1.StreamProxyService/GetConnectionStatus";
/** A request for all symbols. */
const EVERYTHING = "\0\0\0\0\0";

/** More than a kilobyte. */
const LARGE_QUOTE = { ...GOLDEN_QUOTE, conditions: new Array<string>(300).fill("RR") };

/** A request as text. */
function post(path: string, type: string, body: string, more = ""): string {
  return `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: ${type}\r\n` +
    `content-length: ${body.length}\r\n${more}\r\n${body}`;
}

/** Opens a stream on a connection of its own. */
async function openStream({ webPort }: WebHarness): Promise<RawConnection> {
  const connection = await RawConnection.open(webPort);
  await connection.send(post(QUOTES, "application/grpc-web+proto", EVERYTHING));
  await connection.readUntil(/\r\n\r\n$/);
  return connection;
}

/** Accepts the tokens `right` and `other`, of an identity each. */
const TOKEN_ACCESS = {
  ...OPEN_ACCESS,
  isOn: true,
  authenticate: ({ token = "" }: { readonly token?: string | undefined }) => {
    if (token === "right" || token === "other") {
      return { ...ANONYMOUS, name: token };
    }
    throw new Unauthenticated("missing", "The request needs a bearer token");
  },
};

/** A client that sends a token of {@linkcode TOKEN_ACCESS}. */
function withToken(harness: WebHarness, protocol: typeof WEB_PROTOCOLS[number], token = "right") {
  return webClient(harness, protocol, StreamProxyService, [(next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  }]);
}

async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  const error = await call.then(() => undefined, (cause: unknown) => cause);
  assert(error instanceof ConnectError, `ended with ${error}`);
  return error;
}

/** Opens a stream; resolves to its error. */
function streamError(harness: WebHarness, signal?: AbortSignal): Promise<ConnectError> {
  const client = webClient(harness, "connect", StreamProxyService);
  const stream = client.streamQuotes({}, signal ? { signal } : {});
  return errorOf(stream[Symbol.asyncIterator]().next());
}

/** The messages in the chunks of a response; a last frame of trailers is left out. */
function messagesOf(text: string) {
  const found = [];
  const bytes = Buffer.from(dechunk(text), "latin1");
  for (let at = 0; at + 5 <= bytes.length;) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    if (bytes[at] === 0) {
      found.push(fromBinary(StreamQuotesResponseSchema, bytes.subarray(at + 5, end)));
    }
    at = end;
  }
  return found;
}

/** Joins the chunks of a chunked body. */
function dechunk(text: string): string {
  let joined = "";
  for (let at = 0; at < text.length;) {
    const line = text.indexOf("\r\n", at);
    if (line < 0) break;
    const length = parseInt(text.slice(at, line), 16);
    joined += text.slice(line + 2, line + 2 + length);
    at = line + 2 + length + 2;
  }
  return joined;
}

Deno.test("a client that does not read loses its own oldest messages, counted", async () => {
  await using harness = await startWebHarness({ market: new MemoryMarket({ capacity: 1_000 }) });
  using slow = await openStream(harness);
  await harness.market.untilOpen(1);
  const [slowStream] = harness.market.streams;
  const grpc = connectClient(harness);
  const leave = new AbortController();
  let received = 0;
  const fast = errorOf((async () => {
    for await (const _ of grpc.streamQuotes({}, leave)) received++;
  })());
  await harness.market.untilOpen(2);
  const total = 20_000;
  for (let i = 1; i <= total; i++) {
    harness.market.publish("stockQuotes", { ...LARGE_QUOTE, bidSize: i });
    if (i % 500 > 0) continue;
    await until("the other stream has everything", () => received === i);
  }
  leave.abort();
  await fast;
  await harness.market.untilOpen(1);
  // A client on Deno 2.9.6 can crash the process at a GOAWAY while it has no call.
  grpc[Symbol.dispose]();
  const { dropped = 0, sent = 0 } = slowStream ?? {};
  // One write of at most 512 KB in the process, and what the sockets hold.
  assert(dropped > total / 4, `${dropped} dropped, ${sent} sent`);
  const ended = harness.server.stop(2_000);
  const { text } = await slow.readUntil();
  await ended;
  const sizes = messagesOf(text).map(({ quote }) => quote?.bidSize ?? 0);
  // What was taken of the queue for a write that the end has cut.
  const cut = (slowStream?.sent ?? 0) - sizes.length;
  assert(cut >= 0 && cut <= 1_000, `${cut} of ${slowStream?.sent}`);
  assert(sizes.every((size, i) => i === 0 || size > (sizes[i - 1] ?? 0)), "in order");
});

Deno.test("a stalled stream whose client reads no end is disconnected after 5 s", async () => {
  const clock = new ManualClock();
  await using harness = await startWebHarness({
    clock,
    market: new MemoryMarket({ capacity: 1_000 }),
  });
  using _client = await openStream(harness);
  await harness.market.untilOpen(1);
  const [stream] = harness.market.streams;
  // The sockets are full once messages are dropped, so that the status cannot be sent.
  await until("messages are dropped", () => {
    for (let i = 0; i < 500; i++) harness.market.publish("stockQuotes", LARGE_QUOTE);
    return (stream?.dropped ?? 0) > 3_000;
  });
  stream?.stall({ queued: 1, stalledMs: 300_000 });
  await harness.market.untilOpen(0);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(harness.server.openCalls, 1);
  await clock.advance(5_000);
  await until("the call is over", () => harness.server.openCalls === 0);
});

Deno.test("streams of both ports count in STREAM_PROXY_MAX_STREAMS", async () => {
  const admission = { ...DEFAULT_ADMISSION, maxStreams: 2 };
  await using harness = await startWebHarness({ admission });
  using grpc = connectClient(harness);
  const leave = new AbortController();
  const first = errorOf(grpc.streamQuotes({}, leave)[Symbol.asyncIterator]().next());
  const second = streamError(harness, leave.signal);
  await harness.market.untilOpen(2);
  const third = await streamError(harness);
  assert.equal(third.code, Code.ResourceExhausted);
  assert.match(third.rawMessage, /STREAM_PROXY_MAX_STREAMS/);
  assert.equal(harness.refusals.streams, 1);
  // Unary calls have a reserve.
  await webClient(harness, "grpc-web", StreamProxyService).getConnectionStatus({});
  leave.abort();
  await Promise.all([first, second]);
  await harness.market.untilOpen(0);
});

Deno.test("streams leave connections of the port to health checks", async () => {
  await using harness = await startWebHarness({ maxHttpConnections: 8 });
  const leave = new AbortController();
  const streams = Array.from({ length: 6 }, () => streamError(harness, leave.signal));
  await harness.market.untilOpen(6);
  const refused = await streamError(harness);
  assert.equal(refused.code, Code.ResourceExhausted);
  assert.match(refused.rawMessage, /STREAM_PROXY_MAX_HTTP_CONNECTIONS/);
  assert.equal(harness.refusals.http_connections, 1);
  const healthz = await rawRequest(
    harness.webPort,
    "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
  );
  assert.match(healthz, /^HTTP\/1.1 200/);
  leave.abort();
  await Promise.all(streams);
  await harness.market.untilOpen(0);
});

Deno.test("an address has half of its connections for calls", async () => {
  await using harness = await startWebHarness({ maxHttpConnectionsPerAddress: 6 });
  const leave = new AbortController();
  const streams = Array.from({ length: 3 }, () => streamError(harness, leave.signal));
  await harness.market.untilOpen(3);
  const refused = await streamError(harness);
  assert.equal(refused.code, Code.ResourceExhausted);
  assert.match(refused.rawMessage, /has 3 open calls .* STREAM_PROXY_MAX_HTTP_CONN.*_PER_ADDRESS/);
  assert.equal(harness.refusals.connections_per_address, 1);
  leave.abort();
  await Promise.all(streams);
  await harness.market.untilOpen(0);
  await webClient(harness, "connect", StreamProxyService).getConnectionStatus({});
});

Deno.test("health streams without an identity leave the calls of the port", async () => {
  // Of 64 connections 48 may be calls, of these 12 without an identity, 6 of one address.
  await using harness = await startWebHarness({ access: TOKEN_ACCESS, maxHttpConnections: 64 });
  const leave = new AbortController();
  const health = webClient(harness, "grpc-web", Health);
  const watches = Array.from({ length: 48 }, async () => {
    for await (const _ of health.watch({}, leave));
  });
  const errors = watches.map((watch) => errorOf(watch));
  await until("those above the limit are refused", () => harness.refusals.http_connections === 42);
  await withToken(harness, "connect").getConnectionStatus({});
  leave.abort();
  const codes = (await Promise.all(errors)).map(({ code }) => code);
  assert.equal(codes.filter((code) => code === Code.ResourceExhausted).length, 42);
});

Deno.test("calls whose token is verified leave the calls of the port", async () => {
  const keys = Promise.withResolvers<void>();
  const access = {
    ...OPEN_ACCESS,
    isOn: true,
    authenticate: ({ token = "" }: { readonly token?: string | undefined }) => {
      const identity = { ...ANONYMOUS, name: token };
      return token === "right" ? identity : keys.promise.then(() => identity);
    },
  };
  // Of 48 calls, 12 of an address may be verified at a time.
  await using harness = await startWebHarness({
    access,
    maxHttpConnections: 64,
    maxHttpConnectionsPerAddress: 128,
  });
  const calls = Array.from(
    { length: 48 },
    () => withToken(harness, "connect", "new").getConnectionStatus({}),
  );
  const results = Promise.allSettled(calls);
  await until("those above it are refused", () => harness.refusals.http_connections === 36);
  await withToken(harness, "connect").getConnectionStatus({});
  keys.resolve();
  const served = (await results).filter(({ status }) => status === "fulfilled");
  assert.equal(served.length, 12);
  await withToken(harness, "connect", "new").getConnectionStatus({});
});

Deno.test("administration is not served over HTTP, also to operators", async () => {
  const { admin } = administered(systemClock);
  await using harness = await startWebHarness({
    admin: adminService({ admin, clock: systemClock }),
    access: NAMED_ACCESS,
    origins: ["*"],
  });
  for (const protocol of WEB_PROTOCOLS) {
    const client = webClient(harness, protocol, AdminService, [(next) => (request) => {
      request.header.set("authorization", "Bearer operator");
      return next(request);
    }]);
    assert.equal((await errorOf(client.listStreams({}))).code, Code.Unimplemented, protocol);
  }
  admin[Symbol.dispose]();
});

Deno.test("an identity leaves others a quarter of the calls of the port", async () => {
  await using harness = await startWebHarness({ access: TOKEN_ACCESS, maxHttpConnections: 16 });
  const leave = new AbortController();
  const open = (token: string) =>
    errorOf(
      withToken(harness, "connect", token).streamQuotes({}, leave)[Symbol.asyncIterator]()
        .next(),
    );
  const streams = Array.from({ length: 9 }, () => open("right"));
  await harness.market.untilOpen(9);
  const refused = await open("right");
  assert.equal(refused.code, Code.ResourceExhausted);
  assert.match(refused.rawMessage, /as many calls of an identity as it accepts/);
  streams.push(...Array.from({ length: 3 }, () => open("other")));
  await harness.market.untilOpen(12);
  leave.abort();
  await Promise.all(streams);
  await harness.market.untilOpen(0);
});

Deno.test("an identity has a quarter of the unanswered unary calls", async () => {
  await using harness = await startWebHarness({ access: TOKEN_ACCESS, maxHttpConnections: 1_064 });
  using open = new DisposableStack();
  const token = "authorization: Bearer right\r\n";
  const unfinished = post(STATUS, "application/json", "{}", token).slice(0, -1);
  for (let i = 0; i < 250; i++) {
    const connection = open.use(await RawConnection.open(harness.webPort));
    await connection.send(unfinished);
  }
  const client = withToken(harness, "grpc-web");
  await until(
    "all have arrived",
    () =>
      client.getConnectionStatus({}).then(() => false, (error) => {
        assert.match(String(error), /The identity has 250 unanswered unary calls/);
        return true;
      }),
  );
  await withToken(harness, "grpc-web", "other").getConnectionStatus({});
});

for (const protocol of WEB_PROTOCOLS) {
  Deno.test(`a call without a valid token is UNAUTHENTICATED by ${protocol}`, async () => {
    await using harness = await startWebHarness({ access: TOKEN_ACCESS });
    const none = webClient(harness, protocol, StreamProxyService);
    for (
      const call of [
        none.getConnectionStatus({}),
        none.streamQuotes({})[Symbol.asyncIterator]().next(),
      ]
    ) {
      const { code, rawMessage } = await errorOf(call);
      assert.equal(code, Code.Unauthenticated);
      assert.equal(rawMessage, "The request needs a bearer token");
    }
    await webClient(harness, protocol, Health).check({});
    const known = withToken(harness, protocol);
    await known.getConnectionStatus({});
    const leave = new AbortController();
    const stream = errorOf(known.streamQuotes({}, leave)[Symbol.asyncIterator]().next());
    await harness.market.untilOpen(1);
    leave.abort();
    await stream;
    await harness.market.untilOpen(0);
  });
}

Deno.test("requests that are too large or too slow, or too many in all, are refused", async () => {
  const clock = new ManualClock();
  const admission = { ...DEFAULT_ADMISSION, maxPendingRequestBytes: 1_000 };
  await using harness = await startWebHarness({ clock, admission });
  // Announced by a header, and by the first bytes of a message.
  const huge = post(STATUS, "application/json", "{", "").replace("length: 1", "length: 99999999");
  assert.match(await rawRequest(harness.webPort, huge), /^HTTP\/1.1 429 .*"resource_exhausted"/s);
  const framed = post(QUOTES, "application/connect+proto", "\0\x7f\0\0\0x", "")
    .replace("length: 6", "length: 4000000");
  assert.match(await rawRequest(harness.webPort, framed), /"code":"resource_exhausted"/);
  const many = post(STATUS, "application/json", `"${" ".repeat(2_000)}"`, "");
  assert.match(await rawRequest(harness.webPort, many), /STREAM_PROXY_MAX_PENDING_REQUEST_MB/);
  assert.equal(harness.refusals.request_bytes, 3);

  using slow = await RawConnection.open(harness.webPort);
  await slow.send(post(STATUS, "application/json", "{}").slice(0, -1));
  const answered = slow.readUntil();
  await until("the deadline is checked", async () => {
    await clock.advance(1_000);
    return harness.refusals.request_time === 1;
  });
  assert.match((await answered).text, /^HTTP\/1.1 504 .*"deadline_exceeded"/s);
});

Deno.test("a request that is not readable has an error of its client", async () => {
  await using harness = await startWebHarness();
  const close = "connection: close\r\n";
  for (
    const [type, body, wanted] of [
      ["application/connect+proto", "", /"invalid_argument".*has no message/],
      ["application/connect+proto", "\0\0\0\0\x09a", /"invalid_argument".*incomplete/],
      ["application/connect+proto", EVERYTHING + EVERYTHING, /more than one message/],
      ["application/connect+proto", "\x01\0\0\0\0", /"unimplemented".*compress/],
      ["application/connect+proto", "\0\0\0\0\x02\x0a\x7f", /"invalid_argument".*not a StreamQ/],
      [
        "application/connect+json",
        '\0\0\0\0\x10{"symbol":["A"]}',
        /"invalid_argument".*symbol.*unknown/,
      ],
      ["application/grpc-web", "\0\0\0\0\x02\x0a\x7f", /grpc-status: 3/],
    ] as const
  ) {
    const text = await rawRequest(harness.webPort, post(QUOTES, type, body, close));
    assert.match(text, wanted, `${type} ${JSON.stringify(body)}`);
  }
  const gzip = "content-encoding: gzip\r\n";
  const text = await rawRequest(
    harness.webPort,
    post(STATUS, "application/json", "{}", gzip + close),
  );
  assert.match(text, /^HTTP\/1.1 501 .*"unimplemented"/s);
  assert.equal(harness.market.streams.size, 0);
});

Deno.test("gRPC-Web text is base64 in both directions", async () => {
  await using harness = await startWebHarness();
  using connection = await RawConnection.open(harness.webPort);
  const body = btoa(EVERYTHING);
  await connection.send(post(QUOTES, "application/grpc-web-text", body, "connection: close\r\n"));
  await harness.market.untilOpen(1);
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  const { text } = await connection.readUntil(/\r\n\r\n.+\r\n.+\r\n/s);
  assert.match(text, /content-type: application\/grpc-web-text\+proto/i);
  const ended = harness.server.stop(2_000, "bye");
  const all = text + (await connection.readUntil()).text;
  await ended;
  const chunks = dechunk(all.slice(all.indexOf("\r\n\r\n") + 4)).match(/[^=]+=*/g) ?? [];
  const bytes = Buffer.concat(chunks.map((chunk) => Buffer.from(chunk, "base64")));
  const length = bytes.readUInt32BE(1);
  const { quote } = fromBinary(StreamQuotesResponseSchema, bytes.subarray(5, 5 + length));
  assert.equal(quote?.bidPrice, GOLDEN_QUOTE.bidPrice);
  assert.equal(bytes[5 + length], 0x80);
  assert.match(bytes.subarray(10 + length).toString(), /grpc-status: 14/);
});

Deno.test("requests that follow a stream on its connection do not disturb it", async () => {
  await using harness = await startWebHarness();
  using connection = await openStream(harness);
  await harness.market.untilOpen(1);
  await connection.send(post(STATUS, "application/json", "{}"));
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  const { text } = await connection.readUntil(/AAPL/);
  assert.doesNotMatch(text, /HTTP\/1.1/);
  // More than a connection may have in the pipeline.
  for (let i = 0; i < 8; i++) await connection.send(post(STATUS, "application/json", "{}"));
  assert((await connection.readUntil()).closed);
  await harness.market.untilOpen(0);
});
