/** The bench's reader counts every message and reads the time of each. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { concat } from "../../../bench/http2/frames.ts";
import { MessageCounter } from "../../../bench/http2/message_counter.ts";
import { createEncoders } from "../../../src/infrastructure/grpc/encoding/channel_encoders.ts";

const encode = createEncoders().stockQuotes;

function framed(seconds: number, nanos: number, symbol: string): Uint8Array {
  const body = encode({
    symbol,
    timestamp: { seconds, nanos },
    bidExchange: "Q",
    bidPrice: 1.5,
    bidSize: 1,
    askExchange: "P",
    askPrice: 1.6,
    askSize: 2,
    conditions: ["R"],
    tape: "C",
  });
  return concat([new Uint8Array([0, 0, 0, 0, body.length]), body]);
}

Deno.test("whole messages tell their times", () => {
  const counter = new MessageCounter();
  const bytes = concat([
    framed(1_770_000_000, 123_456_789, "AAPL"),
    framed(1_770_000_001, 0, "X"),
  ]);
  const stamps: [number, number][] = [];
  counter.push(bytes, 0, bytes.length, (s, n) => stamps.push([s, n]));
  assert.equal(counter.messages, 2);
  assert.equal(counter.bytes, bytes.length);
  assert.deepEqual(stamps, [[1_770_000_000, 123_456_789], [1_770_000_001, 0]]);
});

Deno.test("messages are counted however the stream is cut", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 20 }),
    fc.array(fc.integer({ min: 1, max: 40 })),
    (count, cuts) => {
      const bytes = concat(
        Array.from({ length: count }, (_, i) => framed(1e9, i, `S${i}`)),
      );
      const counter = new MessageCounter();
      let at = 0;
      for (const cut of [...cuts, bytes.length]) {
        const end = Math.min(at + cut, bytes.length);
        counter.push(bytes, at, end, () => {});
        at = end;
      }
      assert.equal(counter.messages, count);
      assert.equal(counter.bytes, bytes.length);
    },
  ));
});
