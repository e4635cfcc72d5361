/** Writing of events and notices of streams with options. */
import assert from "node:assert/strict";
import { fromBinary } from "@bufbuild/protobuf";
import type { Envelope } from "../../../../src/application/broadcast/envelope.ts";
import type {
  OpenAnnotatedStream,
  StreamItem,
} from "../../../../src/application/streaming/market_streams.ts";
import type { Notice } from "../../../../src/application/streaming/stream_options.ts";
import { StreamQuotesResponseSchema } from "../../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { MetaEncoder } from "../../../../src/infrastructure/grpc/encoding/message_meta.ts";
import { encodeNotice } from "../../../../src/infrastructure/grpc/encoding/notice_response.ts";
import { WriteScheduler } from "../../../../src/infrastructure/grpc/limits/write_scheduler.ts";
import {
  type OptionsPumpOptions,
  pumpWithOptions,
} from "../../../../src/infrastructure/grpc/options_pump.ts";
import { MAX_BYTES, pumpStream } from "../../../../src/infrastructure/grpc/stream_pump.ts";
import { envelopeOf } from "../../../support/grpc_market.ts";
import { ManualClock, settle } from "../../../support/manual_clock.ts";
import { ManualSink } from "../../../support/manual_sink.ts";

/** An event loop whose turns are microtasks. */
const IMMEDIATE = {
  next: queueMicrotask,
  polled: (run: () => void) => {
    queueMicrotask(run);
    return () => {};
  },
  now: () => 0,
};

const HEARTBEAT: Notice = {
  type: "heartbeat",
  at: 1_000,
  totals: { sequence: 2, published: 2, delivered: 2, conflated: 0, lost: 0 },
};

/** A stream of these items. */
function streamOf<T>(
  items: readonly StreamItem<T>[],
  gapOf?: () => Notice,
): OpenAnnotatedStream<T> & {
  readonly unreadables: Envelope<T>[];
} {
  const unreadables: Envelope<T>[] = [];
  let rest = items;
  return {
    unreadables,
    sent: 0,
    dropped: 0,
    async *batches() {
      while (rest.length > 0) {
        yield {
          take() {
            const taken = rest;
            rest = [];
            return taken;
          },
        };
      }
    },
    unencodable(envelope) {
      unreadables.push(envelope);
      return gapOf && { notice: gapOf() };
    },
    endReason: undefined,
    [Symbol.dispose]() {},
  };
}

/** Writes a stream to its end; returns the messages of each write. */
async function written<T>(
  stream: OpenAnnotatedStream<T>,
  options: Partial<OptionsPumpOptions<T>> = {},
): Promise<readonly (readonly Uint8Array[])[]> {
  const sink = new ManualSink();
  let isDone = false;
  const done = pumpWithOptions(sink, stream, {
    encode: () => new Uint8Array([0x0a, 0]),
    meta: new MetaEncoder(),
    wordOf: () => "",
    version: "1.2.3",
    signal: new AbortController().signal,
    onEncodeError: () => {},
    ticker: undefined,
    writes: new WriteScheduler(IMMEDIATE).queueOf("client"),
    clock: new ManualClock(),
    ...options,
  }).finally(() => isDone = true);
  while (!isDone) {
    await settle();
    sink.take();
  }
  await done;
  return sink.writes;
}

Deno.test("events and notices are written in the order of the stream", async () => {
  const items = [
    { notice: HEARTBEAT },
    envelopeOf({}, 7),
    { notice: HEARTBEAT },
    envelopeOf({}, 8),
  ];
  const [messages = []] = await written(streamOf<object>(items));
  const responses = messages.map((bytes) => fromBinary(StreamQuotesResponseSchema, bytes));
  assert.deepEqual(
    responses.map(({ quote, meta, notice }) => [
      quote !== undefined,
      meta?.sequence,
      notice?.kind.case,
    ]),
    [
      [false, undefined, "heartbeat"],
      [true, 7n, undefined],
      [false, undefined, "heartbeat"],
      [true, 8n, undefined],
    ],
  );
});

Deno.test("streams share the bytes of a message, with and without metadata", async () => {
  const shared = envelopeOf({}, 1);
  let encoded = 0;
  const encode = () => new Uint8Array([0x0a, encoded++]);
  const [first] = await written(streamOf<object>([shared]), { encode });
  const [second] = await written(streamOf<object>([shared]), { encode });
  const [plain] = await written(streamOf<object>([shared]), { encode, meta: undefined });
  const sink = new ManualSink();
  const items = [shared];
  const queue = {
    isReady: true,
    isEnded: false,
    onReady: () => {},
    releaseInFlight: () => {},
    take: () => items.splice(0),
  };
  const pump = pumpStream(sink, queue, {
    encode,
    onEncodeError: () => {},
    onWritten: () => {},
    ticker: undefined,
    writes: new WriteScheduler(IMMEDIATE).queueOf("client"),
    clock: new ManualClock(),
  });
  await settle();
  pump.stop();
  assert.equal(encoded, 1);
  assert.equal(first?.[0], second?.[0]);
  assert.equal(plain?.[0], sink.writes[0]?.[0]);
  assert.equal(first?.[0]?.subarray(0, 2).toHex(), plain?.[0]?.toHex());
});

Deno.test("the event of an order is sent as Alpaca spells it", async () => {
  const [messages = []] = await written(streamOf([envelopeOf({ event: "held" }, 1)]), {
    wordOf: ({ event }) => event,
  });
  const { meta } = fromBinary(StreamQuotesResponseSchema, messages[0] ?? new Uint8Array());
  assert.equal(meta?.eventWord, "held");
});

Deno.test("an event that cannot be encoded is a gap in its place", async () => {
  const gap: Notice = { ...HEARTBEAT, at: 2_000 };
  const errors: unknown[] = [];
  const broken = envelopeOf<{ ok: boolean }>({ ok: false }, 2);
  const encode = ({ ok }: { ok: boolean }) => {
    if (!ok) throw new Error("no bytes");
    return new Uint8Array([0x0a, 0]);
  };
  const items = [envelopeOf({ ok: true }, 1), broken, envelopeOf({ ok: true }, 3)];
  const stream = streamOf(items, () => gap);
  const [messages = []] = await written(stream, {
    encode,
    onEncodeError: (error) => errors.push(error),
  });
  assert.deepEqual(stream.unreadables, [broken]);
  assert.equal(errors.length, 1);
  assert.deepEqual(messages[1], encodeNotice(gap, "1.2.3"));
  assert.equal(messages.length, 3);
  // Each stream learns of it; the error is reported once. Without notices nothing is written.
  const second = streamOf(items);
  const [others = []] = await written(second, { encode, onEncodeError: (e) => errors.push(e) });
  assert.deepEqual(second.unreadables, [broken]);
  assert.equal(errors.length, 1);
  assert.equal(others.length, 2);
});

Deno.test("a write is cut by bytes, notices included", async () => {
  const encode = () => new Uint8Array(MAX_BYTES / 2);
  const items = [1, 2, 3].flatMap((each) => [{ notice: HEARTBEAT }, envelopeOf({}, each)]);
  const writes = await written(streamOf<object>(items), { encode });
  assert.deepEqual(writes.map(({ length }) => length), [4, 2]);
});
