/**
 * Cost of decoding a frame and of encoding a message.
 *
 * ```sh
 * deno bench --allow-env tests/bench
 * ```
 *
 * @module
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { FramePool } from "../../bench/feed/frame_pool.ts";
import { StreamQuotesResponseSchema } from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import { RelayEnvelope } from "../../src/application/relay/relay_queue.ts";
import { createCounters } from "../../src/application/status/counters.ts";
import { FrameDecoder } from "../../src/infrastructure/alpaca/decode.ts";
import { systemClock } from "../../src/infrastructure/clock/system_clock.ts";
import { createJsonLog } from "../../src/infrastructure/logging/json_log.ts";
import { jsonCodec, msgpackCodec } from "../../src/infrastructure/alpaca/codecs.ts";
import { optionFormat, stockFormat } from "../../src/infrastructure/alpaca/market.ts";
import { RawFrames } from "../../src/infrastructure/alpaca/raw/raw_frames.ts";
import { BatchFrames } from "../../src/infrastructure/websocket/frames.ts";
import { stockHandlers } from "../../src/infrastructure/alpaca/messages.ts";
import type { StockQuote } from "../../src/domain/market/stock_events.ts";
import { createEncoders } from "../../src/infrastructure/grpc/encoding/channel_encoders.ts";
import { frame } from "../../src/infrastructure/grpc/framed_batch.ts";
import { stockSinks } from "../support/stock_sinks.ts";

const PER_FRAME = 50;
const shape = { perFrame: PER_FRAME, symbols: 1_000 };
const json = new FramePool({ ...shape, format: "json" });
const frames = Array.from({ length: json.length }, (_, i) => json.payload(i));
const texts = frames.map((frame) => new TextDecoder().decode(frame));
const SINK = { mayHaveSubscribers: () => true, publish: () => {}, unreadable: () => {} };
const NOTES = { inexact: () => {}, rounded: () => {}, unknownValues: () => {} };
const readQuote = stockHandlers(stockSinks(SINK)).get("q")!.read;
const NO_BYTES = new Uint8Array(0);
const msgpack = new FramePool({ ...shape, format: "msgpack" });
const packed = Array.from(
  { length: msgpack.length },
  (_, i) => msgpack.payload(i),
);
let at = 0;
const next = (length: number) => at = (at + 1) % length;

Deno.bench({
  name: "bare JSON.parse, frame of 50",
  group: "decode",
  baseline: true,
  fn: () => void JSON.parse(texts[next(texts.length)] ?? ""),
});

Deno.bench({
  name: "JSON codec and reader, frame of 50",
  group: "decode",
  fn() {
    const frame = jsonCodec.decode(frames[next(frames.length)] ?? NO_BYTES);
    for (const element of frame as Record<string, unknown>[]) {
      readQuote(element, NOTES);
    }
  },
});

/** A sink that subscribes to all or no symbols and discards events. */
const sinkOf = (wanted: boolean) => ({
  mayHaveSubscribers: () => wanted,
  publish: () => {},
  unreadable: () => {},
});

for (const wanted of [true, false]) {
  const sink = sinkOf(wanted);
  const taken = wanted ? "all of it requested" : "none of it requested";
  const stocks = stockFormat(stockSinks(sink)).fast;
  Deno.bench({
    name: `fast JSON frame of 50, ${taken}`,
    group: "decode",
    fn: () =>
      void stocks.decodeFrame(frames[next(frames.length)] ?? NO_BYTES)
        ?.clear(),
  });
  const options = optionFormat({ quotes: sink, trades: sink }).fast;
  Deno.bench({
    name: `fast MessagePack frame of 50, ${taken}`,
    group: "decode MessagePack",
    fn: () =>
      void options.decodeFrame(packed[next(packed.length)] ?? NO_BYTES)
        ?.clear(),
  });
}

/** A frame of 50 trades, of which `fractional` have a fractional size, and one other message. */
function trades(fractional: number, other = ""): Uint8Array<ArrayBuffer> {
  const messages = Array.from(
    { length: PER_FRAME },
    (_, i) =>
      `{"T":"t","S":"S${i}","i":${52983525029461 + i},"x":"D","p":${126.55 + i},"s":${
        i < fractional ? `${i}.25` : i
      },"c":["@","I"],"t":"2026-09-14T14:30:02.118450321Z","z":"C"}`,
  );
  return new TextEncoder().encode(`[${[...messages, ...(other === "" ? [] : [other])].join(",")}]`);
}

const TIME = "2026-09-14T14:30:00Z";
const updatedBar =
  `{"T":"u","S":"A","o":1.5,"h":2,"l":1,"c":2,"v":49378,"n":461,"vw":1.75,"t":"${TIME}"}`;
const cancel = `{"T":"x","S":"A","i":1,"x":"D","p":1.5,"s":100,"a":"C","t":"${TIME}","z":"C"}`;
const TRADE_FRAMES = {
  "whole sizes": trades(0),
  "5 of 50 fractional": trades(5),
  "all fractional": trades(PER_FRAME),
  "whole sizes and an updated bar": trades(0, updatedBar),
  "whole sizes and a cancel": trades(0, cancel),
  "5 of 50 fractional and a cancel": trades(5, cancel),
};
const counters = createCounters().feeds.sip;
const decoder = new FrameDecoder({
  format: stockFormat(stockSinks(sinkOf(true))),
  counters,
  clock: systemClock,
  log: createJsonLog({ level: "off", secrets: [], clock: systemClock }),
});

for (const [name, frame] of Object.entries(TRADE_FRAMES)) {
  Deno.bench({
    name: `50 trades, ${name}`,
    group: "decode trades",
    baseline: name === "whole sizes",
    fn: () => decoder.receive(frame, () => {}),
  });
}

Deno.bench({
  name: "MessagePack codec, frame of 50",
  group: "decode MessagePack",
  baseline: true,
  fn: () => void msgpackCodec.decode(packed[next(packed.length)] ?? NO_BYTES),
});

const quote = readQuote(
  (JSON.parse(texts[0] ?? "") as Record<string, unknown>[])[0] ?? {},
  NOTES,
) as StockQuote;
const encode = createEncoders().stockQuotes;

Deno.bench({
  name: "protobuf-es, create and toBinary",
  group: "encode",
  baseline: true,
  fn() {
    const { seconds, nanos } = quote.timestamp;
    toBinary(
      StreamQuotesResponseSchema,
      create(StreamQuotesResponseSchema, {
        quote: {
          ...quote,
          timestamp: { seconds: BigInt(seconds), nanos },
          conditions: [...quote.conditions],
        },
      }),
    );
  },
});

Deno.bench({
  name: "straight into bytes",
  group: "encode",
  fn: () => void encode(quote),
});

const bodies = Array.from({ length: 100 }, () => encode(quote));

Deno.bench({
  name: "framing a batch of 100",
  group: "encode",
  fn: () => void frame(bodies),
});

/** Finds the messages of frames for WebSocket clients, without a gRPC stream. */
function relaying(envelopes: RelayEnvelope[]): FrameDecoder<unknown> {
  const raw = new RawFrames("json", {
    isWanted: true,
    lost: () => {},
    unreadable: () => {},
    publish(found, receivedAt) {
      const { frame, start, end } = found;
      const event = { frame, start, end, transcoded: undefined };
      const place = {
        channel: "quotes",
        sequence: envelopes.length,
        receivedAt,
        bytes: 0,
      } as const;
      envelopes.push(new RelayEnvelope(event, found, place));
    },
  });
  return new FrameDecoder({
    format: stockFormat(stockSinks(sinkOf(false))),
    raw,
    counters: createCounters().feeds.sip,
    clock: systemClock,
    log: createJsonLog({ level: "off", secrets: [], clock: systemClock }),
  });
}

for (const format of ["json", "msgpack"] as const) {
  const envelopes: RelayEnvelope[] = [];
  const relay = relaying(envelopes);
  const batches = new BatchFrames("json", (error) => {
    throw error;
  });
  Deno.bench({
    name: `50 quotes of a JSON feed to WebSocket clients in ${format}`,
    group: "WebSocket",
    baseline: format === "json",
    fn() {
      envelopes.length = 0;
      relay.receive(frames[next(frames.length)] ?? NO_BYTES, () => {});
      batches.of(envelopes, format);
      batches.clear();
    },
  });
}
