/**
 * The join of a snapshot and live data while 20,000 messages a second are published.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Scenario } from "./scenario.ts";
import type { ReceivedData, StreamClient } from "./stream_client.ts";

const SYMBOLS = Array.from({ length: 50 }, (_, index) => `S${index}`);
/** Messages of one frame, and frames a second. */
const FRAME = 200;
const FRAMES = 100;

Deno.test("at 20,000 messages a second a snapshot joins live data without a hole", async () => {
  const scenario = new Scenario({
    capacity: 30_000,
    retained: 1_000,
    memoryBytes: Infinity,
    quota: Infinity,
    rejected: [],
    graceMs: 0,
  });
  const { market } = scenario;
  await scenario.open("quotes", SYMBOLS, false);
  for (let frame = 0; frame < FRAMES; frame++) {
    const first = frame * FRAME;
    market.produce(Array.from({ length: FRAME }, (_, at) => ({
      channel: "quotes" as const,
      // Not each symbol has a message in each frame.
      symbol: SYMBOLS[(first + at * at) % SYMBOLS.length] as string,
    })));
    if (frame % 2 === 1) await scenario.open("quotes", frame % 4 === 1 ? SYMBOLS : [], true);
    await scenario.play({ do: "wait", ms: 10 });
  }
  await scenario.recover();
  assert.equal(market.published.quotes.length, FRAME * FRAMES);
  const streams = scenario.clients.filter(({ wish }) => wish.options?.snapshot);
  assert.equal(streams.length, FRAMES / 2);
  for (const stream of streams) assertJoined(stream);
  await scenario.end();
});

/** For each symbol, the sequences from the snapshot on have no hole and no duplicate. */
function assertJoined(stream: StreamClient): void {
  const last = new Map<string, ReceivedData>();
  for (const each of stream.data) {
    const before = last.get(each.symbol);
    last.set(each.symbol, each);
    if (each.origin === "snapshot") assert.equal(before, undefined, "two snapshots of a symbol");
    else if (before) assert.equal(each.symbolSequence, before.symbolSequence + 1);
    else assert.equal(each.symbolSequence, 1, "no snapshot of a symbol that has messages");
  }
  const snapshots = stream.data.filter(({ origin }) => origin === "snapshot");
  assert.ok(snapshots.length > 0, "the snapshot is empty");
  assert.equal(stream.data.length, stream.stream.sent);
}
