/**
 * Cost of publishing and taking by number of streams.
 *
 * ```sh
 * deno bench --allow-env tests/bench
 * ```
 *
 * @module
 */
import { Channel } from "../../src/application/broadcast/channel.ts";
import type { Envelope } from "../../src/application/broadcast/envelope.ts";
import { QueueMemory } from "../../src/application/broadcast/queue_memory.ts";
import { Subscriber } from "../../src/application/broadcast/subscriber.ts";

interface Tick {
  readonly symbol: string;
}

const counters = { published: 0, sent: 0, conflated: 0, dropped: 0 };
const CAPACITY = 1_000;
const memory = new QueueMemory();
const BATCH = 100;

/** A channel with `streams` streams of one symbol each. */
function channelOf(streams: number): Channel<Tick> {
  const channel = new Channel<Tick>(
    { symbol: ({ symbol }) => symbol },
    { capacity: CAPACITY, counters },
  );
  for (let i = 0; i < streams; i++) {
    channel.subscribe({
      symbols: new Set([`S${i}`]),
      secondary: new Set<string>(),
    });
  }
  return channel;
}

for (const streams of [10, 1_000, 10_000]) {
  const channel = channelOf(streams);
  const tick = { symbol: "S5" };
  Deno.bench({
    name: `publish to one of ${streams} streams`,
    group: "publish",
    baseline: streams === 10,
    fn: () => void channel.publish(tick, 0),
  });
}

const unsubscribed = channelOf(10_000);
Deno.bench({
  name: "test a symbol without a subscriber",
  group: "publish",
  fn: () => void unsubscribed.mayHaveSubscribers("NONE"),
});

const symbols = new Set(Array.from({ length: 100 }, (_, i) => `S${i}`));
const secondary = new Set<string>();
Deno.bench({
  name: "subscribe and end with 100 symbols",
  group: "index",
  fn: () => unsubscribed.subscribe({ symbols, secondary }).end(),
});

let sequence = 0;
const envelope = (): Envelope<Tick> => ({
  event: { symbol: "S" },
  sequence: ++sequence,
  receivedAt: 0,
  symbolSequence: 1,
  origin: "live" as const,
  encoded: undefined,
  encodedWithMeta: undefined,
  holders: 0,
  bytes: 0,
});

const queue = new Subscriber<Tick>({ capacity: CAPACITY, counters, memory });
Deno.bench({
  name: `queue: add and take ${BATCH}`,
  group: "queue",
  fn() {
    for (let i = 0; i < BATCH; i++) queue.enqueue(envelope());
    queue.take();
  },
});

const full = new Subscriber<Tick>({ capacity: BATCH, counters, memory });
Deno.bench({
  name: `full queue: add ${BATCH}, each drops one`,
  group: "queue",
  fn() {
    for (let i = 0; i < BATCH; i++) full.enqueue(envelope());
  },
});
