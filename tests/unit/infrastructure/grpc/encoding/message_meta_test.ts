/** Metadata as it is appended to a message. */
import assert from "node:assert/strict";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import type { Envelope } from "../../../../../src/application/broadcast/envelope.ts";
import type { Origin } from "../../../../../src/domain/market/notices.ts";
import {
  MessageMetaSchema,
  StreamQuotesResponseSchema,
} from "../../../../../src/gen/cream/v1/stream_proxy_pb.ts";
import {
  MetaEncoder,
  ORIGINS,
  splitMs,
} from "../../../../../src/infrastructure/grpc/encoding/message_meta.ts";
import { envelopeOf } from "../../../../support/grpc_market.ts";

/** Inputs per property; set GRPC_ENCODER_RUNS for more. */
const numRuns = Number(Deno.env.get("GRPC_ENCODER_RUNS") ?? 10_000);
const encoder = new MetaEncoder();

const origin = fc.constantFrom(...Object.keys(ORIGINS) as Origin[]);
const sequence = fc.oneof(
  fc.maxSafeNat(),
  fc.nat({ max: 300 }),
  fc.constantFrom(0, 127, 128, 2 ** 32 - 1, 2 ** 32, 2 ** 35, 2 ** 53 - 1),
);
const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 6 })
    .map((units) => String.fromCharCode(...units)),
);
const receivedAt = fc.oneof(
  fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }),
  fc.integer({ min: 0, max: 1_023 }).map((step) => 1_795_000_000_000 + step / 1_024),
  fc.constantFrom(0, -1, -0.5, 999.9999, 1_705_312_800_000),
);
const exact = fc.option(
  fc.array(fc.record({ field: text, value: text }), { maxLength: 4 }),
  { nil: undefined },
);

Deno.test("metadata is written as the generated code writes it", () => {
  fc.assert(
    fc.property(
      fc.record({
        sequence,
        symbolSequence: sequence,
        receivedAt,
        origin,
        exact,
        word: text,
      }),
      fc.uint8Array({ maxLength: 300 }),
      ({ sequence, symbolSequence, receivedAt, origin, exact, word }, base) => {
        const event = exact === undefined ? {} : { exact };
        const envelope = {
          ...envelopeOf(event, sequence),
          symbolSequence,
          receivedAt,
          origin,
        };
        const time = splitMs(receivedAt);
        assert(time !== undefined);
        const meta = create(MessageMetaSchema, {
          sequence: BigInt(sequence),
          symbolSequence: BigInt(symbolSequence),
          receivedAt: { seconds: BigInt(time.seconds), nanos: time.nanos },
          origin: ORIGINS[origin],
          exactValues: exact ?? [],
          eventWord: word,
        });
        const response = create(StreamQuotesResponseSchema, { meta });
        const expected = base.toHex() +
          toBinary(StreamQuotesResponseSchema, response).toHex();
        assert.equal(
          encoder.append(base, envelope, word).toHex(),
          expected,
        );
      },
    ),
    { numRuns },
  );
});

Deno.test("the metadata of a usual tick has these bytes", () => {
  const envelope: Envelope<object> = {
    ...envelopeOf({}, 300),
    symbolSequence: 2,
    receivedAt: 1_705_312_800_123.5,
  };
  const bytes = encoder.append(new Uint8Array([1]), envelope, "");
  // Field 15 (0x7a) with 20 bytes.
  assert.equal(bytes.toHex(), "017a1408ac0210021a0b08a08494ad0610e0ebf13a2001");
  const { meta } = fromBinary(StreamQuotesResponseSchema, bytes.subarray(1));
  assert.equal(meta?.receivedAt?.nanos, 123_500_000);
});

Deno.test("frames of the same millisecond have different times", () => {
  const times = Array.from({ length: 1_024 }, (_, step) => {
    const time = splitMs(1_795_000_000_000 + step / 1_024);
    assert.equal(time?.seconds, 1_795_000_000);
    return time.nanos;
  });
  assert.equal(new Set(times).size, 1_024);
  assert.deepEqual([times[0], times[1], times[1_023]], [0, 976, 999_023]);
});

Deno.test("a time before 1970 and one that cannot be sent are handled", () => {
  assert.deepEqual(splitMs(-0.5), { seconds: -1, nanos: 999_500_000 });
  for (const ms of [NaN, Infinity, -62_135_596_800_001, 253_402_300_800_000]) {
    assert.equal(splitMs(ms), undefined);
  }
});
