/**
 * What clients receive as Alpaca sent it: whole valid frames, after their events.
 *
 * @module
 */
import assert from "node:assert/strict";
import { encode, ExtData } from "@msgpack/msgpack";
import fc from "fast-check";
import type { RawSink } from "../../../../../src/application/ports/raw_sink.ts";
import type { LostMessage } from "../../../../../src/application/relay/relayed_message.ts";
import { createCounters } from "../../../../../src/application/status/counters.ts";
import { FrameDecoder } from "../../../../../src/infrastructure/alpaca/decode.ts";
import {
  type MarketFormat,
  optionFormat,
  stockFormat,
} from "../../../../../src/infrastructure/alpaca/market.ts";
import type { StockSinks } from "../../../../../src/infrastructure/alpaca/messages.ts";
import { RawFrames } from "../../../../../src/infrastructure/alpaca/raw/raw_frames.ts";
import { ManualClock } from "../../../../support/manual_clock.ts";
import { RecordingLog } from "../../../../support/recording_log.ts";

const utf8 = new TextEncoder();
const QUOTE = '{"T":"q","S":"AAPL","bp":1,"ap":2,"bs":1,"as":1,"t":"2026-09-14T14:30:02Z"}';

/** A decoder that notes what it does, in order. */
function setup({ isWanted = true } = {}) {
  const done: string[] = [];
  const sink = {
    mayHaveSubscribers: () => true,
    publish: () => done.push("event"),
    unreadable: () => done.push("unreadable"),
  };
  const sinks = new Proxy({}, { get: () => sink }) as StockSinks;
  const target = {
    get isWanted() {
      return isWanted;
    },
    publish: ({ type, symbol }: { readonly type: string; readonly symbol: string | undefined }) =>
      done.push(`${type} ${symbol}`),
    lost: ({ type, symbol, symbols }: LostMessage) =>
      done.push(`lost ${type} ${symbol ?? symbols}`),
    unreadable: () => done.push("lost"),
  };
  const raw: RawSink = new RawFrames("json", target);
  const counters = createCounters().feeds.sip;
  const parts = { counters, clock: new ManualClock(), log: new RecordingLog() };
  const decoder = new FrameDecoder({ format: stockFormat(sinks), raw, ...parts });
  const receive = (text: string) => {
    done.length = 0;
    decoder.receive(utf8.encode(text), () => done.push("reply"));
    return [...done];
  };
  return { receive, counters, raw, done };
}

Deno.test("messages are passed on after the events of their frame", () => {
  const { receive } = setup();
  assert.deepEqual(receive(`[${QUOTE},${QUOTE}]`), ["event", "event", "q AAPL", "q AAPL"]);
});

Deno.test("messages about the session are not passed on, unknown ones are", () => {
  const { receive } = setup();
  const frame = `[{"T":"success","msg":"connected"},{"T":"future","S":"A"},{"T":"z"}]`;
  assert.deepEqual(receive(frame), ["reply", "future A", "z undefined"]);
  assert.deepEqual(receive('[{"T":"subscription","trades":[]}]'), ["reply"]);
  assert.deepEqual(receive('[{"T":"error","code":400,"msg":"no"}]'), ["reply"]);
});

Deno.test("a message that cannot be decoded is passed on as Alpaca sent it", () => {
  const { receive, counters } = setup();
  const invalid = '{"T":"q","S":"AAPL","bp":"none"}';
  assert.deepEqual(receive(`[${invalid}]`), ["unreadable", "q AAPL"]);
  assert.equal(counters.errors.malformed_element, 1);
});

/** What is lost of a frame that is not valid. */
function lostOf(text: string): readonly string[] {
  const { receive, counters } = setup();
  const done = receive(text);
  assert.equal(counters.errors.malformed_frame, 1, text);
  return done.filter((each) => each !== "unreadable");
}

Deno.test("a frame that is not whole is a loss of unknown messages", () => {
  const texts = [
    `[${QUOTE},`,
    `[${QUOTE}`,
    `${QUOTE}${QUOTE}`,
    `[${QUOTE}][${QUOTE}]`,
    `[${QUOTE},{"T":"q","S":"AAPL","bx":"C]`,
    "",
    "[1",
    "upstream error",
  ];
  for (const text of texts) assert.deepEqual(lostOf(text), ["lost"], text);
  assert.deepEqual(setup().receive("[]"), []);
});

Deno.test("of a frame with a value that is not valid, the loss of each message is noted", () => {
  const bar = '{"T":"b", "x":[{}], "S":"MSFT","v":NaN}';
  assert.deepEqual(lostOf(`[${QUOTE},${bar}] `), ["lost q AAPL", "lost b MSFT"]);
  assert.deepEqual(lostOf(`[${bar},{"T":"success","msg":"connected"}]`), ["lost b MSFT"]);
  assert.deepEqual(lostOf('[{"T":"n","symbols":["A","B"],"id":-}]'), ["lost n A,B"]);
  assert.deepEqual(lostOf(`[{"T":"q",},${QUOTE}]`), ["lost q undefined", "lost q AAPL"]);
});

Deno.test("of a MessagePack frame too, the loss of each message is passed on", () => {
  const done: string[] = [];
  const raw = new RawFrames("msgpack", {
    isWanted: true,
    publish: () => {},
    lost: ({ type, symbol }) => done.push(`${type} ${symbol}`),
    unreadable: () => done.push("unknown"),
  });
  const frame = encode([{ T: "q", S: "A" }, { T: "t", S: "B" }]);
  const list = Uint8Array.of(0x93, ...frame.subarray(1));
  for (const each of [frame, frame.subarray(0, -1), Uint8Array.of(...frame, 1), list]) {
    raw.unreadable(each);
  }
  assert.deepEqual(done, ["q A", "t B", "unknown", "unknown", "unknown"]);
});

Deno.test("frames are not passed on while no client receives messages", () => {
  const { receive } = setup({ isWanted: false });
  assert.deepEqual(receive(`[${QUOTE}]`), ["event"]);
  assert.ok(!receive("[1").includes("lost"));
});

Deno.test("what cannot be found in a frame is lost, and an error", () => {
  const { raw, done } = setup();
  assert.throws(() => raw.receive(utf8.encode(`[${QUOTE},{"T":"q","S`), 0), RangeError);
  assert.deepEqual(done, ["q AAPL", "lost"]);
});

/** Fields of valid messages by type, for feeds with a fast decoder. */
const TIME = "2026-09-14T14:30:02.118450321Z";
const FIELDS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  q: { bx: "C", bp: 1.5, bs: 1, ax: "C", ap: 2, as: 3, t: TIME },
  t: { i: 7, x: "V", p: 1.5, s: 2, t: TIME },
  b: { o: 1, h: 2, l: 1, c: 1.5, v: 9, t: TIME },
  l: { u: 2, d: 1, i: "B", t: TIME },
};

/** A message with its type first, its symbol anywhere, and perhaps a value that is not valid. */
const message = fc.record({
  T: fc.constantFrom("q", "t", "b", "l"),
  S: fc.constantFrom("AAPL", "MSFT", "BRK.B"),
  at: fc.nat({ max: 7 }),
  more: fc.option(fc.constantFrom(["z", "C"], ["new", "x"], ["t", "none"], ["S", 1]), {
    nil: undefined,
    freq: 4,
  }),
}).map(({ T, S, at, more }) => {
  const fields = Object.entries(FIELDS[T] ?? {});
  fields.splice(at, 0, ["S", S]);
  return Object.fromEntries([["T", T], ...fields, ...more ? [more] : []]);
});

/** The time of a message as the option stream encodes it. */
const PACKED_TIME = new ExtData(-1, new Uint8Array([0x1c, 0x3d, 0xa2, 0x44, 0x6a, 0xa8, 4, 0xea]));

function frameOf(messages: readonly Readonly<Record<string, unknown>>[], format: string) {
  if (format === "json") return utf8.encode(JSON.stringify(messages));
  return encode(messages.map((each) => each["t"] === TIME ? { ...each, t: PACKED_TIME } : each));
}

/** What a decoder publishes of a frame: events and messages, in order. */
function publishedBy(frame: Uint8Array, format: "json" | "msgpack", isFast: boolean) {
  const done: string[] = [];
  const sink = {
    mayHaveSubscribers: (symbol: string) => symbol !== "MSFT",
    publish: (event: unknown) => done.push(JSON.stringify(event)),
    unreadable: (symbol: string | undefined) => done.push(`unreadable ${symbol}`),
  };
  const sinks = new Proxy({}, { get: () => sink }) as StockSinks;
  const raw = new RawFrames(format, {
    isWanted: true,
    lost: () => assert.fail(),
    unreadable: () => done.push("messages are unreadable"),
    publish: ({ type, symbol, symbols, frame, start, end }, receivedAt) =>
      done.push(`${type} ${symbol} ${symbols} ${frame.slice(start, end).toHex()} ${receivedAt}`),
  });
  const usual: MarketFormat = format === "json"
    ? stockFormat(sinks)
    : optionFormat({ quotes: sink, trades: sink });
  const decoder = new FrameDecoder({
    format: isFast ? usual : { ...usual, fast: { decodeFrame: () => undefined } },
    raw,
    counters: createCounters().feeds.sip,
    clock: new ManualClock(),
    log: new RecordingLog(),
  });
  for (let i = 0; i < 2; i++) decoder.receive(Uint8Array.from(frame), () => {});
  return done;
}

for (const format of ["json", "msgpack"] as const) {
  Deno.test(`${format}: the fast decoder passes on what the scanner finds`, () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 5 }), (messages) => {
        const frame = frameOf(messages, format);
        assert.deepEqual(publishedBy(frame, format, true), publishedBy(frame, format, false));
      }),
      { numRuns: 500 },
    );
  });
}
