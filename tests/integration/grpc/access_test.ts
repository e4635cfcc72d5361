/** Identities, scopes and their statuses over real sockets. */
import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { type ServiceError, status } from "@grpc/grpc-js";
import { Health } from "../../../src/gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../../src/gen/grpc/reflection/v1/reflection_pb.ts";
import { ErrorInfoSchema, RetryInfoSchema } from "../../../src/gen/google/rpc/error_details_pb.ts";
import { accessOf, digestOf } from "../../support/access.ts";
import { Flag, FrameClient, numberAt, Type } from "../../support/frame_client.ts";
import { GOLDEN_QUOTE } from "../../support/grpc_events.ts";
import {
  bareClient,
  connectClient,
  connectTo,
  DEFAULT_ADMISSION,
  grpcClient,
  type GrpcHarness,
  type GrpcHarnessOptions,
  pathOf,
  RAW,
  startGrpcHarness,
} from "../../support/grpc_client.ts";
import { AUDIENCE, ISSUER, JwtIssuer } from "../../support/jwt_issuer.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { until } from "../../support/until.ts";

const READER = `asp_${"R".repeat(43)}`;
const TRADER = `asp_${"T".repeat(43)}`;
const ROLES = {
  reader: {
    feeds: ["sip"],
    symbols: ["AAPL", "SPY*"],
    rpcs: ["StreamQuotes", "StreamOptionQuotes", "StreamOrderUpdates", "GetConnectionStatus"],
  },
  trader: { orders: true },
};
const POLICY = {
  roles: ROLES,
  identities: [
    { name: "dashboard", role: "reader", tokens: [digestOf(READER)] },
    { name: "desk", role: "trader", tokens: [digestOf(TRADER)] },
  ],
};

/** Bytes by which the window of a client's connection was extended. */
function extended(client: FrameClient): number {
  return client.of(Type.windowUpdate, 0).reduce((sum, frame) => sum + numberAt(frame, 0), 0);
}

async function start(options: Partial<GrpcHarnessOptions> & { readonly policy?: object } = {}) {
  const { policy = POLICY, clock, ...rest } = options;
  const made = await accessOf(policy, clock && { clock });
  const harness = await startGrpcHarness({
    ...rest,
    // A clock that a test advances would not wait for the replies to pings.
    ...(clock && { clock, keepaliveMs: 3_600_000 }),
    access: made.access,
  });
  return {
    harness,
    counters: made.counters,
    async [Symbol.asyncDispose]() {
      made[Symbol.dispose]();
      await harness[Symbol.asyncDispose]();
    },
  };
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

async function errorOf(call: AsyncIterable<unknown> | Promise<unknown>): Promise<ConnectError> {
  try {
    if (call instanceof Promise) await call;
    else for await (const _ of call);
  } catch (error) {
    assert(error instanceof ConnectError, String(error));
    return error;
  }
  throw new Error("The call succeeded");
}

/** Code and cause of an error. */
function causeOf(error: ConnectError): string {
  const [info] = error.findDetails(ErrorInfoSchema);
  if (info) assert.equal(info.domain, "alpaca-stream-proxy");
  return `${Code[error.code]} ${info?.reason} ${Object.values(info?.metadata ?? {}).join(" ")}`
    .trim();
}

/** Opens a stream, receives one quote and closes it. */
async function quoteOf({ market, url }: GrpcHarness, token: string): Promise<string | undefined> {
  using client = connectClient({ url, market } as GrpcHarness);
  const leave = new AbortController();
  const stream = client.streamQuotes({ symbols: ["AAPL"] }, {
    ...bearer(token),
    signal: leave.signal,
  })[Symbol.asyncIterator]();
  const next = stream.next();
  await market.untilOpen(1);
  market.publish("stockQuotes", GOLDEN_QUOTE);
  const { value } = await next;
  leave.abort();
  await market.untilOpen(0);
  return value?.quote?.symbol;
}

Deno.test("with a policy every call but health needs a token, and is refused unread", async () => {
  await using rig = await start();
  const { harness, counters } = rig;
  using client = connectClient(harness);
  using reflection = connectTo(harness, ServerReflection);
  using health = connectTo(harness, Health);
  const calls = [
    client.streamQuotes({}),
    client.streamOrderUpdates({}),
    client.getConnectionStatus({}),
    client.acknowledge({ positions: [{ streamId: "open", sequence: 1n }] }),
    reflection.serverReflectionInfo((async function* () {})()),
  ];
  for (const call of calls) {
    const error = await errorOf(call);
    assert.equal(causeOf(error), "Unauthenticated TOKEN_MISSING");
    assert.equal(error.rawMessage, "The request needs a bearer token");
  }
  // A request that cannot be decoded would end with another status.
  await using bare = await bareClient(harness);
  const { trailers } = bare.request("/no.such.Service/Method");
  assert.equal((await trailers)["grpc-status"], String(status.UNAUTHENTICATED));
  assert.equal((await health.check({})).status, 1);
  assert.equal(harness.market.streams.size, 0);
  assert.deepEqual(harness.market.acknowledged, []);
  assert.equal(counters.access.missing, 6);
  assert.deepEqual(harness.tracing.spans, []);
});

Deno.test("a granted stream is served, and the token appears nowhere", async () => {
  await using rig = await start();
  const { harness } = rig;
  assert.equal(await quoteOf(harness, READER), "AAPL");
  const recorded = JSON.stringify([harness.tracing.spans, harness.log.records]);
  assert.doesNotMatch(recorded, /asp_/);
});

Deno.test("grpc-js clients receive the details of a refusal in the trailers", async () => {
  await using rig = await start();
  const { harness } = rig;
  using client = grpcClient(harness);
  const call = client.makeServerStreamRequest(
    pathOf("StreamQuotes"),
    RAW.serialize,
    RAW.deserialize,
    new Uint8Array(0),
  );
  const { promise, resolve } = Promise.withResolvers<ServiceError>();
  call.on("error", (error) => resolve(error as ServiceError));
  call.resume();
  const { code, metadata } = await promise;
  assert.equal(code, status.UNAUTHENTICATED);
  const [details] = metadata.get("grpc-status-details-bin");
  assert.match(String(details), /TOKEN_MISSING/);
});

Deno.test("what is not granted is denied before anything is opened", async () => {
  await using rig = await start();
  const { harness, counters } = rig;
  using client = connectClient(harness);
  const reader = bearer(READER);
  const denials: [AsyncIterable<unknown> | Promise<unknown>, string][] = [
    [client.streamTrades({ symbols: ["AAPL"] }, reader), "RPC_NOT_GRANTED StreamTrades"],
    [client.acknowledge({}, reader), "RPC_NOT_GRANTED Acknowledge"],
    [client.streamOrderUpdates({}, reader), "ORDERS_NOT_GRANTED orders"],
    [client.streamOptionQuotes({ underlyings: ["SPY"] }, reader), "FEED_NOT_GRANTED opra"],
    [client.streamQuotes({}, reader), "SYMBOLS_NOT_GRANTED *"],
    [client.streamQuotes({ symbols: ["spy", "msft"] }, reader), "SYMBOLS_NOT_GRANTED MSFT"],
    [
      client.getConnectionStatus({ includeSubscriptions: true }, reader),
      "SYMBOLS_NOT_GRANTED include_subscriptions",
    ],
  ];
  for (const [call, cause] of denials) {
    const error = await errorOf(call);
    assert.equal(causeOf(error), `PermissionDenied ${cause}`);
    // It names what was requested, and nothing of the policy.
    assert.doesNotMatch(error.rawMessage, /AAPL|SPY\*|dashboard|reader/);
  }
  assert.equal(harness.market.streams.size, 0);
  assert.equal(counters.access.denied, denials.length);
  await client.getConnectionStatus({}, reader);
  const trader = bearer(TRADER);
  await client.getConnectionStatus({ includeSubscriptions: true }, trader);
});

Deno.test("wrong tokens are refused alike, and block their address before others", async () => {
  await using rig = await start();
  const { harness, counters } = rig;
  using client = connectClient(harness);
  const wrong = [`${READER}x`, READER.slice(0, -1), "a.b.c", "x".repeat(9_000), digestOf(READER)];
  for (let i = 0; i < 20; i++) {
    const error = await errorOf(client.streamQuotes({}, bearer(wrong[i % wrong.length] ?? "")));
    assert.equal(causeOf(error), "Unauthenticated TOKEN_INVALID");
    assert.equal(error.rawMessage, "The bearer token is not valid");
  }
  const error = await errorOf(client.streamQuotes({}, bearer("a.b.c")));
  assert.equal(causeOf(error), "ResourceExhausted TOO_MANY_FAILURES");
  const [retry] = error.findDetails(RetryInfoSchema);
  assert.ok(Number(retry?.retryDelay?.seconds) < 3);
  assert.equal(counters.access.invalid, 20);
  assert.equal(counters.access.blocked, 1);
  // Clients behind the same address keep their access.
  assert.equal(await quoteOf(harness, READER), "AAPL");
});

Deno.test("a client cannot choose its identity by a header", async () => {
  await using rig = await start();
  const { harness } = rig;
  using client = connectClient(harness);
  const headers = { "x-stream-proxy-identity": "1" };
  const leave = new AbortController();
  const open = errorOf(client.streamQuotes({ symbols: ["AAPL"] }, {
    ...bearer(READER),
    signal: leave.signal,
  }));
  await harness.market.untilOpen(1);
  const forged = await errorOf(client.getConnectionStatus({}, { headers }));
  assert.equal(causeOf(forged), "Unauthenticated TOKEN_MISSING");
  const mixed = { headers: { ...headers, ...bearer(READER).headers } };
  const denied = await errorOf(client.streamOrderUpdates({}, mixed));
  assert.equal(causeOf(denied), "PermissionDenied ORDERS_NOT_GRANTED orders");
  leave.abort();
  await open;
  await harness.market.untilOpen(0);
});

function jwtPolicy(issuer: JwtIssuer): object {
  return {
    roles: ROLES,
    identities: [{ name: "desk", role: "trader", subjects: ["alice"] }],
    jwt: { jwksUrl: issuer.url, issuer: ISSUER, audience: AUDIENCE, roleClaim: "role" },
  };
}

/** Requests of a reflection stream that its client keeps open. */
async function* listServices(last: Promise<void>) {
  yield { messageRequest: { case: "listServices", value: "" } } as const;
  await last;
}

Deno.test("streams of a JWT end with UNAUTHENTICATED within a second of its expiry", async () => {
  const clock = new ManualClock();
  await using issuer = await JwtIssuer.start(() => clock.now());
  await using rig = await start({ clock, policy: jwtPolicy(issuer) });
  const { harness } = rig;
  using client = connectClient(harness);
  using reflection = connectTo(harness, ServerReflection);
  const now = clock.now() / 1_000;
  const short = bearer(await issuer.sign({ expiresAt: now + 60 }));
  const long = bearer(await issuer.sign({ expiresAt: now + 600 }));
  const last = Promise.withResolvers<void>();
  const ends = [
    errorOf(client.streamQuotes({}, short)),
    errorOf(client.streamOrderUpdates({ options: { notices: true } }, short)),
    errorOf(reflection.serverReflectionInfo(listServices(last.promise), short)),
  ];
  const leave = new AbortController();
  const other = client.streamQuotes({}, { ...long, signal: leave.signal })[Symbol.asyncIterator]();
  const next = other.next();
  await harness.market.untilOpen(3);
  await until("reflection is open", () => harness.server.openCalls === 4);
  // The tolerance of 30 s is on both sides.
  await clock.advance(89_999);
  assert.equal(harness.market.streams.size, 3);
  await clock.advance(1_000);
  for (const error of await Promise.all(ends)) {
    assert.equal(causeOf(error), "Unauthenticated TOKEN_EXPIRED");
  }
  last.resolve();
  await harness.market.untilOpen(1);
  const replayed = await errorOf(client.streamQuotes({}, short));
  assert.equal(causeOf(replayed), "Unauthenticated TOKEN_EXPIRED");
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  assert.equal((await next).value?.quote?.symbol, "AAPL");
  leave.abort();
  await harness.market.untilOpen(0);
});

Deno.test("a stream that its client has opened without a request ends with its JWT", async () => {
  const clock = new ManualClock();
  await using issuer = await JwtIssuer.start(() => clock.now());
  await using rig = await start({ clock, policy: jwtPolicy(issuer) });
  // 5 s of the tolerance are left, less than the time that a request has.
  const token = await issuer.sign({ expiresAt: clock.now() / 1_000 - 25 });
  const path = `/${ServerReflection.typeName}/ServerReflectionInfo`;
  const headers = { authorization: `Bearer ${token}` };
  const { bare, statuses } = await openCalls(rig.harness, path, 1, headers);
  await using _ = bare;
  await until("it is open", () => rig.harness.server.openCalls === 1);
  await clock.advance(6_000);
  await until("it has ended", () => rig.harness.server.openCalls === 0);
  await until("its status has arrived", () => statuses.length === 1);
  assert.deepEqual(statuses, [String(status.UNAUTHENTICATED)]);
});

Deno.test("keys are rotated under load without a dropped stream or message", async () => {
  const clock = new ManualClock();
  await using issuer = await JwtIssuer.start(() => clock.now());
  await using rig = await start({ clock, policy: jwtPolicy(issuer) });
  const { harness } = rig;
  using client = connectClient(harness);
  const received: number[] = [];
  const readers: Promise<void>[] = [];
  const leave = new AbortController();
  const open = async (token: string) => {
    const index = received.push(0) - 1;
    const count = harness.market.streams.size;
    const stream = client.streamQuotes({}, { ...bearer(token), signal: leave.signal });
    const reading = (async () => {
      for await (const { quote } of stream) if (quote) received[index] = (received[index] ?? 0) + 1;
    })();
    readers.push(reading);
    await harness.market.untilOpen(count + 1);
  };
  const expected: number[] = [];
  // The first keys have to arrive before time passes.
  await client.getConnectionStatus({}, bearer(await issuer.sign()));
  for (let round = 0; round < 4; round++) {
    const key = await JwtIssuer.key(`key ${round}`, round % 2 === 0 ? "ES256" : "EdDSA");
    // The issuer has one key at a time: the worst case.
    issuer.keys = [key];
    await clock.advance(10_000);
    for (let i = 0; i < 5; i++) {
      await open(await issuer.sign());
      expected.push(0);
      harness.market.publish("stockQuotes", GOLDEN_QUOTE);
      expected.forEach((count, at) => expected[at] = count + 1);
    }
  }
  assert.equal(harness.market.streams.size, 20);
  while (received.some((count, at) => count !== expected[at])) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  leave.abort();
  await Promise.allSettled(readers);
  await harness.market.untilOpen(0);
});

Deno.test("without a policy a token and the internal header have no effect", async () => {
  await using harness = await startGrpcHarness();
  assert.equal(await quoteOf(harness, "anything"), "AAPL");
});

/** Opens health calls without a token; requests of checks never end. Returns their statuses. */
function openHealth(harness: GrpcHarness, method: string, count: number) {
  return openCalls(harness, `/${Health.typeName}/${method}`, count);
}

/** Opens calls; requests of unary ones never end. Returns their statuses. */
async function openCalls(harness: GrpcHarness, path: string, count: number, headers = {}) {
  const bare = await bareClient(harness);
  const statuses: string[] = [];
  for (let i = 0; i < count; i++) {
    if (path.endsWith("/Watch")) {
      const call = bare.request(path);
      call.trailers.then((trailers) => statuses.push(String(trailers["grpc-status"])));
      continue;
    }
    const call = bare.open(path, headers);
    call.on("error", () => {});
    for (const event of ["response", "trailers"] as const) {
      call.on(event, ({ "grpc-status": found }) => found && statuses.push(String(found)));
    }
    call.resume();
  }
  return { bare, statuses };
}

Deno.test("health streams without an identity leave those of identities", async () => {
  await using rig = await start({ admission: { ...DEFAULT_ADMISSION, maxStreams: 100 } });
  const { harness } = rig;
  const { bare, statuses } = await openHealth(harness, "Watch", 130);
  await using _ = bare;
  await until("the calls above the limit are refused", () => statuses.length === 30);
  assert.equal(await quoteOf(harness, READER), "AAPL");
  assert.deepEqual(new Set(statuses), new Set([String(status.RESOURCE_EXHAUSTED)]));
  const [line] = harness.log.records.filter(({ fields }) => fields.limit === "streams");
  assert.match(String(line?.fields.reason), /The address has 100 open streams without an identity/);
});

Deno.test("unfinished health checks leave the unary calls of identities", async () => {
  await using rig = await start();
  const { harness } = rig;
  const { bare, statuses } = await openHealth(harness, "Check", 1_000);
  await using _ = bare;
  await until("the calls above the limit are refused", () => statuses.length === 950);
  using client = connectClient(harness);
  await client.getConnectionStatus({}, bearer(READER));
  assert.deepEqual(new Set(statuses), new Set([String(status.RESOURCE_EXHAUSTED)]));
});

Deno.test("unfinished calls of an identity leave the unary calls of others", async () => {
  await using rig = await start();
  const { harness } = rig;
  const authorization = `Bearer ${TRADER}`;
  const path = pathOf("GetConnectionStatus");
  const { bare, statuses } = await openCalls(harness, path, 1_000, { authorization });
  await using _ = bare;
  await until("the calls above the limit are refused", () => statuses.length === 750);
  using client = connectClient(harness);
  await client.getConnectionStatus({}, bearer(READER));
  const error = await errorOf(client.getConnectionStatus({}, bearer(TRADER)));
  assert.match(error.rawMessage, /The identity has 250 unanswered unary calls/);
});

Deno.test("without a policy health calls share the limits of all calls", async () => {
  await using harness = await startGrpcHarness({
    admission: { ...DEFAULT_ADMISSION, maxStreams: 120 },
  });
  const { bare, statuses } = await openHealth(harness, "Watch", 125);
  await using _ = bare;
  await until("the calls above the limit are refused", () => statuses.length === 5);
  const [line] = harness.log.records.filter(({ fields }) => fields.limit === "streams");
  assert.match(String(line?.fields.reason), /The proxy has 120 open streams, as many as STREAM_/);
});

Deno.test("streams that close while their token is verified are not counted", async () => {
  await using issuer = await JwtIssuer.start(() => Date.now());
  const jwt = { jwksUrl: issuer.url, issuer: ISSUER, audience: AUDIENCE, roleClaim: "role" };
  await using rig = await start({
    policy: { ...POLICY, jwt },
    admission: { ...DEFAULT_ADMISSION, maxStreams: 1 },
  });
  const { harness } = rig;
  for (let i = 0; i < 3; i++) {
    const token = await issuer.sign({ subject: `s${i}`, claims: { role: "trader" } });
    await using bare = await bareClient(harness);
    const call = bare.request(pathOf("StreamQuotes"), { authorization: `Bearer ${token}` });
    call.trailers.catch(() => {});
    call.cancel();
  }
  await until("their connections are closed", () => harness.server.connections === 0);
  const token = await issuer.sign({ subject: "last", claims: { role: "trader" } });
  assert.equal(await quoteOf(harness, token), "AAPL");
  assert.equal(await quoteOf(harness, READER), "AAPL");
});

Deno.test("refused calls with later requests keep the connection and its streams", async () => {
  await using rig = await start();
  const { server, market } = rig.harness;
  await using client = await FrameClient.connect(server.port);
  const kept = client.open(pathOf("StreamOrderUpdates"), {
    headers: [["authorization", `Bearer ${TRADER}`]],
  });
  await market.untilOpen(1);
  const payload = new Array<number>(200).fill(0);
  const isRefused = (id: number) => client.of(Type.headers, id).length > 0;
  for (let batch = 0; batch < 30; batch++) {
    const ids = Array.from(
      { length: 100 },
      () => client.open(pathOf("StreamQuotes"), { isDataLater: true }),
    );
    await client.until(() => ids.every(isRefused) || client.end !== undefined);
    for (const stream of ids) {
      client.sendFrame(Type.data, { stream, flags: Flag.endStream, payload });
    }
    await client.roundTrip();
  }
  assert.equal(client.end, undefined);
  assert.deepEqual([...client.of(Type.goaway), ...client.of(Type.rstStream, kept)], []);
  assert.equal(market.streams.size, 1);
  assert.ok(extended(client) > 30 * 100 * payload.length - 10_000, "the window is extended");
});
