/** A tap receives what upstream has sent, frame by frame. */
import assert from "node:assert/strict";
import { createCounters } from "../../../../src/application/status/counters.ts";
import { FrameDecoder } from "../../../../src/infrastructure/alpaca/decode.ts";
import { stockFormat } from "../../../../src/infrastructure/alpaca/market.ts";
import type { StockSinks } from "../../../../src/infrastructure/alpaca/messages.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";

const QUOTE = '{"T":"q","S":"AAPL","bp":1,"ap":2,"bs":1,"as":1,"t":"2026-09-14T14:30:02Z"}';

Deno.test("a tap receives every frame after its events, with their time", () => {
  const done: string[] = [];
  let mayHaveSubscribers = true;
  const sink = {
    mayHaveSubscribers: () => mayHaveSubscribers,
    publish: (_event: unknown, receivedAt: number) => done.push(`event ${receivedAt}`),
    unreadable: () => {},
  };
  const clock = new ManualClock(1_000);
  const decoder = new FrameDecoder({
    format: stockFormat(new Proxy({}, { get: () => sink }) as StockSinks),
    tap: {
      receive: (frame, receivedAt) =>
        done.push(`${new TextDecoder().decode(frame).slice(0, 12)} ${receivedAt}`),
    },
    counters: createCounters().feeds.sip,
    clock,
    log: new RecordingLog(),
  });
  const receive = (text: string) => {
    done.length = 0;
    decoder.receive(new TextEncoder().encode(text), () => done.push("reply"));
    return [...done];
  };
  assert.deepEqual(receive(`[${QUOTE}]`), ["event 1000", '[{"T":"q","S 1000']);
  const next = 1_000 + 1 / 1_024;
  assert.deepEqual(receive('[{"T":"success","msg":"x"}]'), ["reply", `[{"T":"succe ${next}`]);
  mayHaveSubscribers = false;
  clock.setWall(5);
  assert.deepEqual(receive(`[${QUOTE}]`), ['[{"T":"q","S 1005']);
  clock.setWall(5);
  assert.deepEqual(receive("{not JSON"), ["{not JSON 1010"]);
});
