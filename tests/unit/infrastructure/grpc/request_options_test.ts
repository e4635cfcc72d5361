/** Options of stream requests: defaults, ranges and combinations. */
import assert from "node:assert/strict";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { type ChannelName, CHANNELS } from "../../../../src/domain/market/channels.ts";
import {
  DeliveryPolicy,
  StreamOptionsSchema,
} from "../../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { CallError } from "../../../../src/infrastructure/grpc/call_error.ts";
import {
  DEFAULT_LIMITS,
  stockFilter,
} from "../../../../src/infrastructure/grpc/request_filters.ts";
import { readOptions } from "../../../../src/infrastructure/grpc/request_options.ts";
import { RequestValidator } from "../../../../src/infrastructure/grpc/request_validator.ts";
import { NO_OPTIONS } from "../../../support/stream_options.ts";

type Options = MessageInitShape<typeof StreamOptionsSchema>;

/** Reads options as they arrive. */
function read(options: Options, channel: ChannelName = "stockQuotes") {
  const bytes = toBinary(StreamOptionsSchema, create(StreamOptionsSchema, options));
  const validator = new RequestValidator(DEFAULT_LIMITS.maxSymbols);
  const result = readOptions(channel, fromBinary(StreamOptionsSchema, bytes), validator);
  validator.throwIfInvalid();
  return result;
}

/** The invalid fields of a request. */
function invalid(options: Options, channel?: ChannelName): string[] {
  try {
    read(options, channel);
  } catch (error) {
    assert(error instanceof CallError);
    return (error.details.fields ?? []).map(({ field }) => field);
  }
  return [];
}

const SECOND = { seconds: 1n, nanos: 0 };

Deno.test("a request without options has none", () => {
  const validator = new RequestValidator(1);
  assert.equal(readOptions("stockQuotes", undefined, validator), undefined);
});

Deno.test("empty options have only the delivery policy of the channel", () => {
  for (const channel of CHANNELS) {
    const isBook = channel === "orderbooks";
    const delivery = channel === "orderUpdates" || isBook ? "every_or_end" : "every";
    assert.deepEqual(read({}, channel), { ...NO_OPTIONS, delivery, snapshot: isBook });
  }
});

Deno.test("streams of order books lose no change, and start with the whole ones", () => {
  for (const delivery of [DeliveryPolicy.LATEST, DeliveryPolicy.EVERY]) {
    assert.deepEqual(invalid({ delivery }, "orderbooks"), ["options.delivery"]);
  }
  const resumed = read({ resume: { epoch: "e", sequence: 7n } }, "orderbooks");
  assert.equal(resumed?.snapshot, false);
});

Deno.test("notices have a heartbeat every 30 seconds by default", () => {
  assert.deepEqual(read({ notices: true }), { ...NO_OPTIONS, notices: true, heartbeatMs: 30_000 });
});

Deno.test("all options are read", () => {
  assert.deepEqual(
    read({
      meta: true,
      notices: true,
      heartbeatInterval: SECOND,
      delivery: DeliveryPolicy.LATEST,
      minInterval: { seconds: 0n, nanos: 10_000_001 },
      resume: { epoch: "e", sequence: 7n },
      backfill: true,
      maxUnacknowledged: 100,
    }, "stockTrades"),
    {
      meta: true,
      notices: true,
      heartbeatMs: 1_000,
      snapshot: false,
      delivery: "latest",
      minIntervalMs: 10.000001,
      resume: { epoch: "e", sequence: 7 },
      backfill: true,
      maxUnacknowledged: 100,
    },
  );
  assert.equal(read({ snapshot: true })?.snapshot, true);
  assert.equal(
    read({ delivery: DeliveryPolicy.EVERY_OR_END })?.delivery,
    "every_or_end",
  );
  assert.equal(read({ delivery: DeliveryPolicy.EVERY }, "orderUpdates")?.delivery, "every");
  assert.deepEqual(read({ resume: { eventId: "01J" } }, "orderUpdates")?.resume, {
    eventId: "01J",
  });
});

Deno.test("an event id may be as long as a text of Alpaca", () => {
  const eventId = "e".repeat(1_024);
  assert.deepEqual(read({ resume: { eventId } }, "orderUpdates")?.resume, { eventId });
});

Deno.test("a position before the first message is resumed", () => {
  assert.deepEqual(read({ resume: { epoch: "e" } })?.resume, { epoch: "e", sequence: 0 });
});

Deno.test("combinations that are not possible name their field", () => {
  const cases: [Options, string[], ChannelName?][] = [
    [{ minInterval: SECOND }, ["options.min_interval"]],
    [{ minInterval: SECOND, delivery: DeliveryPolicy.EVERY_OR_END }, ["options.min_interval"]],
    [{ heartbeatInterval: SECOND }, ["options.heartbeat_interval"]],
    [{ maxUnacknowledged: 1 }, ["options.max_unacknowledged"]],
    [{ maxUnacknowledged: 1, meta: true }, ["options.max_unacknowledged"]],
    [{ maxUnacknowledged: 1, notices: true }, ["options.max_unacknowledged"]],
    [{ snapshot: true, resume: { epoch: "e", sequence: 1n } }, ["options.resume"]],
    [{ resume: {} }, ["options.resume"]],
    [{ resume: { sequence: 1n } }, ["options.resume.epoch"]],
    [{ resume: { eventId: "e" } }, ["options.resume.event_id"]],
    [{ resume: { eventId: "e" } }, ["options.resume.event_id"], "optionTrades"],
    [{ resume: { eventId: "e", epoch: "e" } }, ["options.resume.event_id"], "orderUpdates"],
    [{ resume: { eventId: "e", sequence: 1n } }, ["options.resume.event_id"], "orderUpdates"],
    [{ resume: { epoch: "e".repeat(129), sequence: 1n } }, ["options.resume.epoch"]],
    [{ resume: { eventId: "e".repeat(2_049) } }, ["options.resume.event_id"], "orderUpdates"],
    [{ delivery: DeliveryPolicy.LATEST }, ["options.delivery"], "orderUpdates"],
    [{ delivery: 4 as DeliveryPolicy }, ["options.delivery"]],
    [{ delivery: -1 as DeliveryPolicy }, ["options.delivery"]],
    [{ backfill: true }, ["options.backfill"]],
    [{ backfill: true }, ["options.backfill"], "orderUpdates"],
    [{ backfill: true }, [], "stockBars"],
    [{ backfill: true }, [], "optionTrades"],
    [{ backfill: true, resume: { epoch: "e", sequence: 1n } }, [], "stockTrades"],
  ];
  for (const [options, fields, channel] of cases) {
    assert.deepEqual(invalid(options, channel), fields);
  }
});

Deno.test("durations are in range, with both bounds", () => {
  const heartbeat = (seconds: bigint, nanos: number) =>
    invalid({ notices: true, heartbeatInterval: { seconds, nanos } }).length === 0;
  const interval = (seconds: bigint, nanos: number) =>
    invalid({ delivery: DeliveryPolicy.LATEST, minInterval: { seconds, nanos } }).length === 0;
  assert.deepEqual([
    heartbeat(1n, 0),
    heartbeat(3_600n, 0),
    interval(0n, 10_000_000),
    interval(60n, 0),
  ], [true, true, true, true]);
  for (
    const [seconds, nanos] of [
      [0n, 0],
      [0n, 999_999_999],
      [3_600n, 1],
      [2n, -1],
      [-5n, 0],
      [1n, 1_000_000_000],
      [2n ** 62n, 0],
      [-(2n ** 63n), -1],
    ] as const
  ) {
    assert(!heartbeat(seconds, nanos), `${seconds} s ${nanos} ns`);
  }
  for (const [seconds, nanos] of [[0n, 9_999_999], [60n, 1], [0n, 0], [1n, -1]] as const) {
    assert(!interval(seconds, nanos), `${seconds} s ${nanos} ns`);
  }
});

Deno.test("a duration is accepted exactly when it is in range", () => {
  const nanosPerSecond = 1_000_000_000;
  fc.assert(fc.property(
    fc.oneof(fc.nat({ max: 4_000 }), fc.integer()),
    fc.integer({ min: -nanosPerSecond, max: 2 * nanosPerSecond }),
    (seconds, nanos) => {
      const accepted = invalid({
        notices: true,
        heartbeatInterval: { seconds: BigInt(seconds), nanos },
      }).length === 0;
      const isExpected = nanos >= 0 && nanos < nanosPerSecond && seconds >= 1 &&
        (seconds < 3_600 || (seconds === 3_600 && nanos === 0));
      assert.equal(accepted, isExpected);
    },
  ));
});

Deno.test("all violations of a request are reported together", () => {
  const validator = new RequestValidator(DEFAULT_LIMITS.maxSymbols);
  const options = create(StreamOptionsSchema, {
    maxUnacknowledged: 5,
    minInterval: { seconds: 0n, nanos: -1 },
    heartbeatInterval: SECOND,
    resume: { sequence: 4n },
    snapshot: true,
  });
  readOptions("stockQuotes", options, validator);
  assert.throws(
    () => stockFilter({ symbols: ["A,B"] }, DEFAULT_LIMITS, 0, validator),
    (error: CallError) => {
      assert.equal(error.code, 3);
      assert.deepEqual(error.details.fields?.map(({ field }) => field), [
        "options.max_unacknowledged",
        "options.heartbeat_interval",
        "options.min_interval",
        "options.min_interval",
        "options.resume",
        "options.resume.epoch",
        "symbols[0]",
      ]);
      return true;
    },
  );
});
