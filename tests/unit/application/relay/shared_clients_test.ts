import assert from "node:assert/strict";
import fc from "fast-check";
import { QueueMemory } from "../../../../src/application/broadcast/queue_memory.ts";
import { MessageRelay } from "../../../../src/application/relay/message_relay.ts";
import type { RelayQueue } from "../../../../src/application/relay/relay_queue.ts";
import type { FoundMessage } from "../../../../src/application/relay/relayed_message.ts";

const utf8 = new TextEncoder();
const TYPES = { q: "quotes", t: "trades", b: "bars" } as const;
type Type = keyof typeof TYPES;
type Channel = (typeof TYPES)[Type];

function setup({ capacity = 100, limit = Infinity } = {}) {
  const counters = { published: 0, sent: 0, conflated: 0, dropped: 0 };
  const memory = new QueueMemory(limit);
  const relay = new MessageRelay({ format: "json", capacity, counters, memory });
  const open = (...channels: readonly Channel[]) => {
    const queue = relay.createQueue(() => {});
    for (const channel of channels) relay.add(queue, channel, "*");
    return queue;
  };
  return { counters, memory, relay, open };
}

function message(type: string, symbol: string): FoundMessage {
  const frame = utf8.encode(`{"T":"${type}","S":"${symbol}"}`);
  return { frame, start: 0, end: frame.length, type, symbol, symbols: undefined };
}

/** Takes messages: their sequences. */
const taken = (queue: RelayQueue, most?: number) =>
  queue.take(most).map(({ sequence }) => sequence);

Deno.test("a message is queued once for all clients that receive every message", () => {
  const bytesFor = (clients: number) => {
    const { open, relay, memory } = setup();
    for (let i = 0; i < clients; i++) open("quotes", "trades");
    relay.publish(message("q", "A"), 1);
    return memory.bytes;
  };
  assert.equal(bytesFor(1_000), bytesFor(1));
});

Deno.test("symbols by name of a channel that is received whole change nothing", () => {
  const { open, relay, memory } = setup();
  const queues = [open("quotes"), open("quotes")];
  relay.publish(message("q", "A"), 1);
  const { bytes } = memory;
  for (const queue of queues) relay.add(queue, "quotes", "A");
  assert.equal(memory.bytes, bytes);
  relay.publish(message("q", "A"), 2);
  for (const queue of queues) assert.deepEqual(taken(queue), [1, 2]);
});

Deno.test("a client that has messages queued receives them before those of a shared queue", () => {
  const { open, relay, counters } = setup({ capacity: 4 });
  const queue = open();
  relay.add(queue, "quotes", "A");
  for (let i = 1; i <= 3; i++) relay.publish(message("q", "A"), i);
  relay.add(queue, "quotes", "*");
  assert.equal(queue.oldest?.sequence, 1);
  for (let i = 4; i <= 6; i++) relay.publish(message("q", "B"), i);
  assert.deepEqual([queue.queued, queue.dropped, queue.fill], [4, 2, 1]);
  assert.deepEqual([...taken(queue), ...taken(queue)], [3, 4, 5, 6]);
  assert.deepEqual(counters, { published: 6, sent: 4, conflated: 0, dropped: 2 });
});

Deno.test("a client that leaves a shared queue keeps what is queued", () => {
  const { open, relay, counters } = setup({ capacity: 3 });
  const [queue, other] = [open("quotes"), open("quotes")];
  for (let i = 1; i <= 4; i++) relay.publish(message("q", "A"), i);
  relay.add(queue, "bars", "A");
  relay.publish(message("b", "A"), 5);
  assert.deepEqual(taken(queue), [3, 4, 5]);
  const { published, sent, dropped, queued } = queue;
  assert.deepEqual([published, sent, dropped, queued], [5, 3, 2, 0]);
  assert.deepEqual([other.queued, other.dropped], [3, 1]);
  assert.deepEqual(counters, { published: 9, sent: 3, conflated: 0, dropped: 3 });
});

Deno.test("a reader that waits is woken by a shared queue that its client joins", () => {
  const { open, relay } = setup();
  const queue = open();
  let wakes = 0;
  const wait = () => queue.onReady(() => wakes++);
  wait();
  relay.add(queue, "quotes", "*");
  for (let i = 0; i < 3; i++) relay.publish(message("q", "A"), 1);
  assert.equal(wakes, 1);
  queue.take();
  for (let i = 0; i < 3; i++) wait();
  relay.publish(message("q", "A"), 1);
  relay.publish(message("q", "A"), 1);
  assert.equal(wakes, 2);
});

Deno.test("the memory of all queues shortens shared ones, oldest messages first", () => {
  const { open, relay, memory } = setup({ capacity: 1_000_000, limit: 300_000 });
  const queues = [open(), open("quotes"), open("quotes", "trades")];
  const [former] = queues;
  if (former) relay.add(former, "quotes", "A");
  for (let i = 1; i <= 500; i++) relay.publish(message("q", "A"), i);
  if (former) relay.add(former, "quotes", "*");
  for (let i = 501; i <= 10_000; i++) relay.publish(message("q", "A"), i);
  assert.ok(memory.bytes < 300_000);
  for (const queue of queues) {
    const { published, dropped, queued } = queue;
    assert.equal(published, dropped + queued);
    const all: number[] = [];
    while (queue.isReady) all.push(...taken(queue));
    assert.deepEqual(all, Array.from({ length: queued }, (_, i) => 10_001 - queued + i));
  }
});

/** What a client has queued, kept in the simplest way. */
class Model {
  readonly symbols = new Set<string>();
  readonly counts = { published: 0, sent: 0, dropped: 0 };
  queued: { readonly sequence: number; readonly frame: number }[] = [];

  receive(channel: Channel, symbol: string, item: Model["queued"][number]): void {
    if (!this.symbols.has(`${channel} *`) && !this.symbols.has(`${channel} ${symbol}`)) return;
    this.counts.published++;
    this.queued.push(item);
  }

  /** Messages of one frame do not displace each other. */
  settle(capacity: number): void {
    const last = this.queued.at(-1)?.frame;
    while (this.queued.length > capacity && this.queued[0]?.frame !== last) this.drop();
  }

  take(most: number): number[] {
    const batch = this.queued.splice(0, most);
    this.counts.sent += batch.length;
    return batch.map(({ sequence }) => sequence);
  }

  private drop(): void {
    this.queued.shift();
    this.counts.dropped++;
  }
}

type Step =
  | { readonly type: "open" }
  | { readonly type: "publish"; readonly of: Type; readonly symbols: readonly string[] }
  | {
    readonly type: "add" | "remove" | "take" | "end" | "read";
    readonly client: number;
    readonly channel: Channel;
    readonly symbol: string;
  };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.constant({ type: "open" } as const),
  fc.record({
    type: fc.constant("publish" as const),
    of: fc.constantFrom<Type>("q", "t", "b"),
    symbols: fc.array(fc.constantFrom("A", "B"), { minLength: 1, maxLength: 7 }),
  }),
  fc.record({
    type: fc.constantFrom("add" as const, "add", "add", "remove", "take", "take", "end", "read"),
    client: fc.nat(3),
    channel: fc.constantFrom<Channel>("quotes", "trades", "bars"),
    symbol: fc.constantFrom("*", "*", "A", "B"),
  }),
);

Deno.test("clients that share queues, leave and join them receive and lose what others do", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const capacity = 5;
      const { relay, open, memory, counters } = setup({ capacity });
      const clients: { readonly queue: RelayQueue; readonly model: Model }[] = [];
      const total = { published: 0, sent: 0, dropped: 0 };
      let frame = 0;
      const check = ({ queue, model }: (typeof clients)[number]) => {
        const { published, sent, dropped, queued } = queue;
        assert.deepEqual({ published, sent, dropped }, model.counts);
        assert.equal(queued, model.queued.length);
        assert.equal(queue.oldest?.sequence, model.queued[0]?.sequence);
      };
      const end = (client: (typeof clients)[number]) => {
        const { queue, model: { counts, symbols } } = client;
        check(client);
        for (const key of ["published", "sent", "dropped"] as const) total[key] += counts[key];
        for (const name of symbols) {
          const [channel = "", symbol = ""] = name.split(" ");
          relay.remove(queue, channel as Channel, symbol);
        }
        queue.end();
        clients.splice(clients.indexOf(client), 1);
      };
      for (const next of steps) {
        if (next.type === "open") clients.push({ queue: open(), model: new Model() });
        else if (next.type === "publish") {
          frame++;
          for (const symbol of next.symbols) {
            relay.publish(message(next.of, symbol), frame);
            const item = { sequence: relay.sequence, frame };
            for (const { model } of clients) model.receive(TYPES[next.of], symbol, item);
          }
          for (const { model } of clients) model.settle(capacity);
        } else {
          const client = clients[next.client];
          if (client === undefined) continue;
          const { queue, model } = client;
          const { type, channel, symbol } = next;
          const name = `${channel} ${symbol}`;
          if (type === "end") end(client);
          else if (type === "read") check(client);
          else if (type === "take") {
            const { isReady } = queue;
            assert.equal(isReady, model.queued.length > 0);
            // Messages of its own queue and of a shared one are not taken together.
            const batch = taken(queue, 3);
            assert.equal(batch.length > 0, isReady);
            assert.deepEqual(batch, model.take(batch.length));
            queue.releaseInFlight();
          } else if (type === "remove") {
            if (model.symbols.delete(name)) relay.remove(queue, channel, symbol);
          } else if (!model.symbols.has(name)) {
            model.symbols.add(name);
            relay.add(queue, channel, symbol);
          }
        }
      }
      for (const client of [...clients]) end(client);
      assert.deepEqual(counters, { ...total, conflated: 0 });
      assert.equal(memory.bytes, 0);
      assert.equal(relay.symbols, 0);
    }),
    { numRuns: 500 },
  );
});
