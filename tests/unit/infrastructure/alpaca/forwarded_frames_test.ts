/** Frames that a hub forwards are decoded as those of an own session. */
import assert from "node:assert/strict";
import { createCounters } from "../../../../src/application/status/counters.ts";
import {
  receiveMarketFrames,
  receiveTradingFrames,
} from "../../../../src/infrastructure/alpaca/forwarded_frames.ts";
import { stockFormat } from "../../../../src/infrastructure/alpaca/market.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";
import { binary, moved, RecordingSink, StockHarness } from "./decoder_harness.ts";

function frameOf(messages: readonly unknown[]): Uint8Array {
  return binary(JSON.stringify(messages));
}

const QUOTE = { T: "q", S: "AAPL", bp: 1, ap: 2, t: "2026-03-02T14:30:00.5Z" };

Deno.test("events have the time at which the hub received the frame", () => {
  const { receiver, sinks } = market();
  receiver.receive(frameOf([QUOTE]), 1_772_461_800_000.25);
  assert.deepEqual(sinks.quotes.receivedAt, [1_772_461_800_000.25]);
});

Deno.test("frames of the same ms have different times", () => {
  const { receiver, sinks } = market();
  receiver.receive(frameOf([QUOTE]), 1_000);
  receiver.receive(frameOf([QUOTE]), 1_000);
  const [first = 0, second = 0] = sinks.quotes.receivedAt;
  assert.ok(first < second && second < 1_001);
});

Deno.test("replies to the requests of the hub are counted and have no effect", () => {
  const { receiver, sinks, counters } = market();
  receiver.receive(frameOf([{ T: "subscription", quotes: ["AAPL"] }, QUOTE]), 1_000);
  receiver.receive(frameOf([{ T: "error", code: 405, msg: "symbol limit exceeded" }]), 1_000);
  assert.equal(sinks.quotes.events.length, 1);
  assert.deepEqual(moved(counters.received), { quote: 1, control: 2 });
});

Deno.test("raw messages are passed on with the time of the hub", () => {
  const received: [string, number][] = [];
  const { receiver } = market({
    isWanted: true,
    receive: (frame, at) => void received.push([new TextDecoder().decode(frame), at]),
    unreadable() {},
  });
  receiver.receive(frameOf([QUOTE]), 5);
  assert.deepEqual(received, [[JSON.stringify([QUOTE]), 5]]);
});

Deno.test("order updates are published with the time of the hub", () => {
  const counters = createCounters().feeds.trading;
  const sink = new RecordingSink();
  const receiver = receiveTradingFrames({
    sink,
    counters,
    clock: new ManualClock(),
    log: new RecordingLog(),
  });
  receiver.receive(
    binary('{"stream":"trade_updates","data":{"event":"new","order":{"id":"o"}}}'),
    42,
  );
  receiver.receive(binary('{"stream":"listening","data":{"streams":[]}}'), 43);
  assert.deepEqual(sink.receivedAt, [42]);
  assert.deepEqual(moved(counters.received), { order_update: 1, control: 1 });
});

/** A receiver of the stock stream, and what it publishes and counts. */
function market(raw?: Parameters<typeof receiveMarketFrames>[0]["raw"]) {
  const sinks = new StockHarness();
  const { counters, clock, log } = sinks;
  const receiver = receiveMarketFrames({ format: stockFormat(sinks), raw, counters, clock, log });
  return { receiver, sinks, counters };
}
