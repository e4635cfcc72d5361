/** Limits and shares of identities, from their tokens to the metrics, over real sockets. */
import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  QuotaFailureSchema,
  RetryInfoSchema,
} from "../../../src/gen/google/rpc/error_details_pb.ts";
import { StreamProxyService } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { digestOf } from "../../support/access.ts";
import { connectTo } from "../../support/grpc_client.ts";
import { areSubscribed, type Harness, startHarness } from "../../support/harness.ts";
import { until } from "../../support/until.ts";
import { metric, subscribed } from "./kit.ts";

const tokenOf = (identity: string) => `asp_${identity.padEnd(43, "x")}`;

/** Starts a proxy whose plan has ten stock slots. */
function start(roles: Readonly<Record<string, object>>): Promise<Harness> {
  const identities = Object.keys(roles).map((name) => ({
    name,
    role: name,
    tokens: [digestOf(tokenOf(name))],
  }));
  return startHarness({
    env: {
      ALPACA_PLAN: "stocks=10,options=10",
      STREAM_PROXY_ACCESS: JSON.stringify({
        roles: Object.fromEntries(
          Object.entries(roles).map(([name, limits]) => [name, { limits }]),
        ),
        identities,
      }),
    },
  });
}

/** Streams of identities, which end together. */
class Streams implements AsyncDisposable {
  readonly #client: ReturnType<typeof connectTo<typeof StreamProxyService>>;
  readonly #all: { readonly leave: AbortController; readonly ended: Promise<unknown> }[] = [];

  readonly #harness: Harness;

  constructor(harness: Harness) {
    this.#harness = harness;
    this.#client = connectTo({ url: `http://${harness.address}` }, StreamProxyService);
  }

  /** Follows the contracts of an underlying until the streams are disposed. */
  follow(identity: string, underlying: string): void {
    const leave = new AbortController();
    const stream = this.#client.streamOptionQuotes({ underlyings: [underlying] }, {
      signal: leave.signal,
      headers: { authorization: `Bearer ${tokenOf(identity)}` },
    });
    const ended = stream[Symbol.asyncIterator]().next().catch(() => {});
    this.#all.push({ leave, ended });
  }

  /** Opens a stream of quotes; returns what closes it, or the error with which it is refused. */
  async open(
    identity: string,
    symbols: readonly string[],
  ): Promise<{ close: () => void; error: ConnectError | undefined }> {
    const leave = new AbortController();
    const opened = Promise.withResolvers<undefined>();
    const stream = this.#client.streamQuotes({ symbols: [...symbols] }, {
      signal: leave.signal,
      headers: { authorization: `Bearer ${tokenOf(identity)}` },
      onHeader: (headers) => headers.has("grpc-status") || opened.resolve(undefined),
    });
    const failed = stream[Symbol.asyncIterator]().next().then(
      () => undefined,
      (error: unknown) => ConnectError.from(error),
    );
    this.#all.push({ leave, ended: failed });
    const error = await Promise.race([opened.promise, failed]);
    return { error, close: () => leave.abort() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { leave } of this.#all) leave.abort();
    await Promise.all(this.#all.map(({ ended }) => ended));
    // connect-node starts a timer when a stream closes.
    const open = () => metric(this.#harness, "alpaca_proxy_grpc_clients");
    await until("all streams are closed", async () => await open() === 0);
    this.#client[Symbol.dispose]();
  }
}

function detailsOf(error: ConnectError | undefined) {
  assert.ok(error, "the stream is open");
  const [quota] = error.findDetails(QuotaFailureSchema);
  const [retry] = error.findDetails(RetryInfoSchema);
  return {
    code: Code[error.code],
    message: error.rawMessage,
    subject: quota?.violations[0]?.subject,
    retryAfter: Number(retry?.retryDelay?.seconds ?? 0),
  };
}

Deno.test("slots are reserved and shared among the identities of real clients", async () => {
  await using harness = await start({
    bot: { reservedSlots: { sip: 4 } },
    page: { maxShare: 0.3 },
    other: {},
  });
  await using streams = new Streams(harness);
  const page = await streams.open("page", ["A", "B", "C"]);
  assert.equal(page.error, undefined);
  const overShare = detailsOf((await streams.open("page", ["D"])).error);
  assert.equal(overShare.code, "ResourceExhausted");
  assert.equal(overShare.subject, "feed:sip share of the identity");
  assert.match(overShare.message, /uses 3 of 3 slots, 0 are left, 1 more requested/);
  assert.equal(overShare.retryAfter, 5);

  assert.equal((await streams.open("other", ["D", "E", "F"])).error, undefined);
  const overPool = detailsOf((await streams.open("other", ["G"])).error);
  assert.equal(overPool.subject, "feed:sip free slots");
  assert.match(overPool.message, /uses 3 of 3 slots, 0 are left, 1 more requested; .*retry when/);
  assert.equal((await streams.open("bot", ["W", "X", "Y", "Z"])).error, undefined);

  const series = (figure: string, identity: string) =>
    metric(harness, `alpaca_proxy_identity_${figure}{feed="sip",identity="${identity}"}`);
  assert.equal(await series("symbol_slots", "page"), 3);
  assert.equal(await series("symbol_slots", "bot"), 4);
  assert.equal(await series("reserved_slots", "bot"), 4);
  assert.equal(await metric(harness, 'alpaca_proxy_refusals_total{limit="share"}'), 2);
  await until(
    "all are subscribed",
    () =>
      areSubscribed(harness.simulator, { endpoint: "sip", channel: "quotes" }, [..."ABCDEFWXYZ"]),
  );

  page.close();
  await until(
    "the refused client gets in",
    async () => (await streams.open("other", ["G"])).error === undefined,
  );
});

Deno.test("limits of a role refuse real clients until a stream is closed", async () => {
  await using harness = await start({
    page: { streams: 2, symbolsPerStream: 3 },
    other: {},
  });
  await using streams = new Streams(harness);
  const tooLarge = detailsOf((await streams.open("page", ["A", "B", "C", "D"])).error);
  assert.equal(tooLarge.subject, "symbolsPerStream of the identity");
  assert.equal(tooLarge.retryAfter, 0, "a retry cannot succeed");
  const first = await streams.open("page", ["A"]);
  assert.equal((await streams.open("page", ["A"])).error, undefined);
  const tooMany = detailsOf((await streams.open("page", ["A"])).error);
  assert.equal(tooMany.subject, "streams of the identity");
  assert.match(tooMany.message, /may have 2 open streams .*: 2 used, 0 left, 1 more requested/);
  assert.equal(tooMany.retryAfter, 5);
  assert.equal((await streams.open("other", ["A"])).error, undefined);
  assert.equal(await metric(harness, 'alpaca_proxy_refusals_total{limit="identity"}'), 2);
  const [line] = harness.log.records.filter(({ message }) => message.includes("of its identity"));
  assert.equal(line?.fields.identity, "page");
  first.close();
  await until(
    "the refused client gets in",
    async () => (await streams.open("page", ["A"])).error === undefined,
  );
});

Deno.test("contracts of underlyings stay within the shares of real clients", async () => {
  await using harness = await start({
    bot: { reservedSlots: { opra: 4 } },
    page: { maxShare: 0.3 },
    other: {},
  });
  await using streams = new Streams(harness);
  const place = { endpoint: "opra", channel: "quotes" };
  const contractsOf = (underlying: string) =>
    [...subscribed(harness.simulator, place)].filter((symbol) => symbol.startsWith(underlying));
  streams.follow("page", "SPY");
  await until("page has its share", () => contractsOf("SPY").length === 3);
  streams.follow("other", "QQQ");
  await until("other has the rest of the pool", () => contractsOf("QQQ").length === 3);
  streams.follow("bot", "IWM");
  await until("bot has its reservation", () => contractsOf("IWM").length >= 4);
  assert.ok(contractsOf("SPY").length >= 2, "the others keep what is not reserved");
  assert.ok(subscribed(harness.simulator, place).size <= 10);
  const used = (identity: string) =>
    metric(harness, `alpaca_proxy_identity_symbol_slots{feed="opra",identity="${identity}"}`);
  assert.ok(await used("bot") >= 4);
  assert.ok(await used("page") <= 3);
});

Deno.test("metrics name only the identities whose slots their role limits", async () => {
  await using harness = await start({
    reserving: { reservedSlots: { sip: 2 } },
    limited: { maxShare: 0.5 },
    person: { streams: 5 },
  });
  const metrics = await fetch(`${harness.health}/metrics`).then((response) => response.text());
  const namesOn = (feed: string) => {
    const pattern = new RegExp(`_identity_\\w+\\{feed="${feed}",identity="(\\w+)"\\}`, "g");
    return new Set([...metrics.matchAll(pattern)].map(([, name]) => name));
  };
  assert.deepEqual(namesOn("sip"), new Set(["reserving", "limited", "_other"]));
  assert.deepEqual(namesOn("opra"), new Set(["limited", "_other"]));
  assert.doesNotMatch(metrics, /person/);
});
