/** Notices as responses of streams. */
import assert from "node:assert/strict";
import { type DescMessage, fromBinary } from "@bufbuild/protobuf";
import type {
  Notice,
  StreamOptions,
} from "../../../../../src/application/streaming/stream_options.ts";
import {
  DeliveryPolicy,
  Freshness,
  GapReason,
  SelectionChange,
  StreamProxyService,
  StreamQuotesResponseSchema,
  SymbolState,
} from "../../../../../src/gen/cream/v1/stream_proxy_pb.ts";
import {
  encodeNotice,
  GAP_REASONS,
  POLICIES,
} from "../../../../../src/infrastructure/grpc/encoding/notice_response.ts";
import { FRESHNESS } from "../../../../../src/infrastructure/grpc/encoding/status_response.ts";

const AT = 1_705_312_800_123.5;

/** What a client receives for a notice, without its time and the names of types. */
function received(notice: Notice) {
  const bytes = encodeNotice(notice, "1.2.3");
  const response = fromBinary(StreamQuotesResponseSchema, bytes);
  assert.deepEqual([response.quote, response.meta], [undefined, undefined]);
  assert.deepEqual(
    [response.notice?.at?.seconds, response.notice?.at?.nanos],
    [1_705_312_800n, 123_500_000],
  );
  return plain(response.notice?.kind);
}

/** A message without the name of its type, also in its fields. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([name]) => name !== "$typeName");
  return Object.fromEntries(
    fields.map(([name, field]) => [name, plain(field)]),
  );
}

const OPTIONS: StreamOptions = {
  meta: true,
  notices: true,
  heartbeatMs: 1_500.000001,
  snapshot: true,
  delivery: "latest",
  minIntervalMs: 10,
  resume: { epoch: "e", sequence: 5 },
  backfill: true,
  maxUnacknowledged: 100,
};

Deno.test("hello has the options in force and the version", () => {
  const feed = {
    freshness: "stale",
    since: 2_000,
    reason: "session down",
    symbols: ["A"],
  } as const;
  const hello = {
    epoch: "e",
    sequence: 2 ** 40,
    resumed: true,
    feed,
    streamId: "s",
  };
  const sent = received({
    type: "hello",
    at: AT,
    hello: { ...hello, options: OPTIONS },
  });
  const options = {
    meta: true,
    notices: true,
    heartbeatInterval: { seconds: 1n, nanos: 500_000_001 },
    snapshot: true,
    delivery: DeliveryPolicy.LATEST,
    minInterval: { seconds: 0n, nanos: 10_000_000 },
    resume: { epoch: "e", sequence: 5n, eventId: "" },
    backfill: true,
    maxUnacknowledged: 100,
  };
  assert.deepEqual(sent, {
    case: "hello",
    value: {
      epoch: "e",
      sequence: 2n ** 40n,
      options,
      version: "1.2.3",
      resumed: true,
      feed: {
        freshness: Freshness.STALE,
        since: { seconds: 2n, nanos: 0 },
        reason: "session down",
        symbols: ["A"],
      },
      streamId: "s",
    },
  });
});

Deno.test("options without a value are unset in hello", () => {
  const feed = {
    freshness: "live",
    since: 0,
    reason: "",
    symbols: [],
  } as const;
  const none = {
    ...OPTIONS,
    heartbeatMs: 0,
    minIntervalMs: 0,
    resume: undefined,
  };
  const hello = {
    epoch: "e",
    sequence: 0,
    resumed: false,
    feed,
    streamId: "s",
    options: none,
  };
  const sent = received({ type: "hello", at: AT, hello }) as {
    value: { options: Record<string, unknown> };
  };
  const { heartbeatInterval, minInterval, resume } = sent.value.options;
  assert.deepEqual([heartbeatInterval, minInterval, resume], [
    undefined,
    undefined,
    undefined,
  ]);
  const event = { ...none, resume: { eventId: "01J" } };
  const again = received({
    type: "hello",
    at: AT,
    hello: { ...hello, options: event },
  }) as typeof sent;
  assert.deepEqual(again.value.options.resume, {
    epoch: "",
    sequence: 0n,
    eventId: "01J",
  });
});

Deno.test("a gap has what is known", () => {
  const gap = {
    reason: "slow_client",
    count: 3,
    firstSequence: 7,
    lastSequence: 11,
    symbols: ["AAPL", "MSFT"],
    startTime: 1_000,
    endTime: undefined,
  } as const;
  assert.deepEqual(received({ type: "gap", at: AT, gap }), {
    case: "gap",
    value: {
      reason: GapReason.SLOW_CLIENT,
      count: 3n,
      firstSequence: 7n,
      lastSequence: 11n,
      symbols: ["AAPL", "MSFT"],
      startTime: { seconds: 1n, nanos: 0 },
    },
  });
});

Deno.test("a change of a selection is sent with the underlying", () => {
  const changes = [
    ["entered", SelectionChange.ENTERED],
    ["left", SelectionChange.LEFT],
    ["many", SelectionChange.MANY],
    ["short", SelectionChange.SHORT],
    ["complete", SelectionChange.COMPLETE],
  ] as const;
  for (const [selection, expected] of changes) {
    const change = { symbol: "A", state: "lingering", reason: "r", underlying: "SPY", selection };
    assert.deepEqual(received({ type: "subscription", at: AT, ...change } as Notice), {
      case: "subscription",
      value: {
        symbol: "A",
        state: SymbolState.LINGERING,
        reason: "r",
        underlying: "SPY",
        selection: expected,
      },
    });
  }
});

Deno.test("the other notices are sent with all fields", () => {
  assert.deepEqual(
    received({
      type: "feed",
      at: AT,
      feed: { freshness: "recovering", since: 5_000, reason: "r", symbols: [] },
    }),
    {
      case: "feed",
      value: {
        freshness: Freshness.RECOVERING,
        since: { seconds: 5n, nanos: 0 },
        reason: "r",
        symbols: [],
      },
    },
  );
  assert.deepEqual(
    received({
      type: "subscription",
      at: AT,
      symbol: "A",
      state: "rejected",
      reason: "400",
    }),
    {
      case: "subscription",
      value: {
        symbol: "A",
        state: SymbolState.REFUSED,
        reason: "400",
        underlying: "",
        selection: SelectionChange.UNSPECIFIED,
      },
    },
  );
  const totals = {
    sequence: 9,
    published: 6,
    delivered: 3,
    conflated: 2,
    lost: 1,
  };
  assert.deepEqual(received({ type: "heartbeat", at: AT, totals }), {
    case: "heartbeat",
    value: {
      sequence: 9n,
      published: 6n,
      delivered: 3n,
      conflated: 2n,
      lost: 1n,
    },
  });
  assert.deepEqual(
    received({ type: "draining", at: AT, reason: "r", graceMs: 1_250 }),
    {
      case: "draining",
      value: { reason: "r", grace: { seconds: 1n, nanos: 250_000_000 } },
    },
  );
  assert.deepEqual(
    received({ type: "caught_up", at: AT, sequence: 4, count: 2 }),
    {
      case: "caughtUp",
      value: { sequence: 4n, count: 2n },
    },
  );
});

Deno.test("every value of the schema is sent for one value of the domain", () => {
  const values = (schema: object) =>
    Object.values(schema).filter((value) => typeof value === "number" && value > 0).sort();
  assert.deepEqual(Object.values(FRESHNESS).sort(), values(Freshness));
  assert.deepEqual(Object.values(GAP_REASONS).sort(), values(GapReason));
  assert.deepEqual(Object.values(POLICIES).sort(), values(DeliveryPolicy));
});

Deno.test("meta and notice have the same fields in every response", () => {
  const streams = StreamProxyService.methods.filter((method) =>
    method.methodKind === "server_streaming"
  );
  assert(streams.length >= 12);
  const described = ({ fields }: DescMessage) =>
    fields.filter(({ number }) => number > 1).map(({ number, name, message }) =>
      `${number} ${name} ${message?.typeName}`
    );
  for (const { output, input } of streams) {
    assert.deepEqual(described(output), [
      "15 meta cream.v1.MessageMeta",
      "16 notice cream.v1.Notice",
    ], output.name);
    const options = input.fields.find(({ number }) => number === 15);
    assert.equal(
      options?.message?.typeName,
      "cream.v1.StreamOptions",
      input.name,
    );
  }
});
