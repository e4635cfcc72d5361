/**
 * What clients receive as Alpaca sent it: whole valid frames, after their events.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { RawSink } from "../../../../../src/application/ports/raw_sink.ts";
import { createCounters } from "../../../../../src/application/status/counters.ts";
import { FrameDecoder } from "../../../../../src/infrastructure/alpaca/decode.ts";
import { stockFormat } from "../../../../../src/infrastructure/alpaca/market.ts";
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

Deno.test("of a frame that is not valid, only its loss is passed on", () => {
  const { receive, counters } = setup();
  for (const text of [`[${QUOTE},`, `[${QUOTE}`, `${QUOTE}${QUOTE}`, "", "[1", `[{"T":"q",}]`]) {
    const done = receive(text);
    assert.equal(done.pop(), "lost", text);
    assert.ok(done.every((each) => each === "unreadable"), text);
  }
  assert.equal(counters.errors.malformed_frame, 6);
  assert.deepEqual(receive("[]"), []);
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
