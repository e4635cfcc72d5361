import assert from "node:assert/strict";
import { QueueMemory } from "../../../../src/application/broadcast/queue_memory.ts";
import { MessageRelay } from "../../../../src/application/relay/message_relay.ts";
import type { RelayQueue } from "../../../../src/application/relay/relay_queue.ts";
import type { FoundMessage } from "../../../../src/application/relay/relayed_message.ts";

const utf8 = new TextEncoder();

function setup({ capacity = 100, limit = Infinity } = {}) {
  const counters = { published: 0, sent: 0, conflated: 0, dropped: 0 };
  const memory = new QueueMemory(limit);
  const relay = new MessageRelay({ format: "json", capacity, counters, memory });
  const open = (...subscriptions: readonly (readonly ["trades" | "quotes" | "bars", string])[]) => {
    const queue = relay.createQueue(() => {});
    for (const [channel, symbol] of subscriptions) relay.add(queue, channel, symbol);
    return queue;
  };
  return { counters, memory, relay, open };
}

/** A message in the middle of a frame. */
function message(type: string, symbol?: string, symbols?: readonly string[]): FoundMessage {
  const text = `{"T":"${type}","S":"${symbol}"}`;
  const frame = utf8.encode(`[${text}]`);
  return { frame, start: 1, end: frame.length - 1, type, symbol, symbols };
}

const textsOf = (queue: RelayQueue) =>
  queue.take().map(({ event: { frame, start, end } }) => {
    const { T, S } = JSON.parse(new TextDecoder().decode(frame.subarray(start, end)));
    return `${T} ${S}`;
  });

Deno.test("a message reaches the clients of its type and symbol, each once", () => {
  const { relay, open } = setup();
  const named = open(["quotes", "AAPL"]);
  const both = open(["quotes", "*"], ["quotes", "AAPL"]);
  const other = open(["quotes", "MSFT"], ["bars", "AAPL"]);
  relay.publish(message("q", "AAPL"), 1);
  relay.publish(message("b", "AAPL"), 1);
  assert.deepEqual(textsOf(named), ["q AAPL"]);
  assert.deepEqual(textsOf(both), ["q AAPL"]);
  assert.deepEqual(textsOf(other), ["b AAPL"]);
});

Deno.test("corrections and cancels follow trades", () => {
  const { relay, open } = setup();
  const trades = open(["trades", "AAPL"]);
  const quotes = open(["quotes", "AAPL"]);
  for (const type of ["t", "c", "x"]) relay.publish(message(type, "AAPL"), 1);
  assert.deepEqual(textsOf(trades), ["t AAPL", "c AAPL", "x AAPL"]);
  assert.deepEqual(textsOf(quotes), []);
});

Deno.test("an unknown type reaches every client of its symbol, or all without a symbol", () => {
  const { relay, open } = setup();
  const one = open(["quotes", "AAPL"], ["bars", "AAPL"]);
  const all = open(["bars", "*"]);
  const other = open(["quotes", "MSFT"]);
  relay.publish(message("future", "AAPL"), 1);
  relay.publish(message("notice"), 1);
  assert.deepEqual(textsOf(one), ["future AAPL", "notice undefined"]);
  assert.deepEqual(textsOf(all), ["future AAPL", "notice undefined"]);
  assert.deepEqual(textsOf(other), ["notice undefined"]);
});

Deno.test("no frame is needed without a client, and nothing is kept of one that has ended", () => {
  const { relay, open, memory } = setup();
  assert.equal(relay.isWanted, false);
  const queue = open(["quotes", "AAPL"]);
  assert.equal(relay.isWanted, true);
  relay.publish(message("q", "AAPL"), 1);
  assert.ok(memory.bytes > 0);
  relay.remove(queue, "quotes", "AAPL");
  queue.end();
  assert.deepEqual([relay.isWanted, relay.symbols, memory.bytes], [false, 0, 0]);
});

Deno.test("pairs are counted once, however many clients have them", () => {
  const { relay, open } = setup();
  open(["quotes", "AAPL"], ["trades", "AAPL"], ["quotes", "*"]);
  const second = open(["quotes", "AAPL"], ["quotes", "*"]);
  assert.equal(relay.symbols, 3);
  const pairs = new Map([["quotes", new Set(["AAPL", "MSFT", "*"])]] as const);
  assert.equal(relay.countUnsubscribed(pairs), 1);
  relay.remove(second, "quotes", "AAPL");
  relay.remove(second, "quotes", "MSFT");
  assert.equal(relay.symbols, 3);
});

Deno.test("a slow client loses its oldest messages, which are counted", () => {
  const { relay, open, counters } = setup({ capacity: 3 });
  const slow = open(["quotes", "*"]);
  for (let i = 0; i < 5; i++) relay.publish(message("q", `S${i}`), i);
  assert.equal(slow.dropped, 2);
  assert.deepEqual(textsOf(slow), ["q S2", "q S3", "q S4"]);
  assert.deepEqual([counters.published, counters.sent, counters.dropped], [5, 3, 2]);
});

Deno.test("a message that waits is copied out of its frame, for all its clients", () => {
  const { relay, open, memory } = setup();
  const queues = [open(["quotes", "*"]), open(["quotes", "AAPL"])];
  const { frame, ...place } = message("q", "AAPL");
  const whole = new Uint8Array(100_000);
  whole.set(frame, 50_000);
  const shifted = { ...place, start: place.start + 50_000, end: place.end + 50_000 };
  relay.publish({ ...shifted, frame: whole }, 1);
  memory.sweep();
  assert.equal(queues[0]?.oldest?.event.frame, whole);
  memory.sweep();
  const [first, second] = queues.map((queue) => queue.oldest?.event);
  assert.equal(first, second);
  assert.equal(first?.frame.buffer.byteLength, place.end - place.start);
  for (const queue of queues) assert.deepEqual(textsOf(queue), ["q AAPL"]);
});

Deno.test("queues share the memory of all streams", () => {
  const { relay, open } = setup({ capacity: 1_000_000, limit: 100_000 });
  const slow = open(["quotes", "*"]);
  for (let i = 0; i < 10_000; i++) relay.publish(message("q", `S${i}`), i);
  assert.ok(slow.dropped > 5_000);
  const received: string[] = [];
  while (slow.isReady) received.push(...textsOf(slow));
  assert.equal(received.at(-1), "q S9999");
});

Deno.test("a frame that cannot be read is a loss of every client with a subscription", () => {
  const { relay, open, counters } = setup();
  const [some, none] = [open(["quotes", "AAPL"]), open()];
  const former = open(["quotes", "AAPL"]);
  relay.remove(former, "quotes", "AAPL");
  relay.publish(message("q", "AAPL"), 1);
  relay.unreadable();
  assert.deepEqual([some.lost, none.lost, former.lost], [1, 0, 0]);
  assert.deepEqual(textsOf(some), ["q AAPL"]);
  const { published, sent, dropped } = some;
  assert.deepEqual([published, sent, dropped], [2, 1, 1]);
  assert.deepEqual(counters, { published: 2, sent: 1, conflated: 0, dropped: 1 });
});

Deno.test("a lost message is a loss of the clients of its type and symbol, once", () => {
  const { relay, open } = setup();
  const queues = {
    named: open(["quotes", "AAPL"]),
    both: open(["quotes", "*"], ["quotes", "AAPL"]),
    ofTrades: open(["trades", "AAPL"]),
    ofOther: open(["quotes", "MSFT"], ["bars", "MSFT"]),
    ofNone: open(),
  };
  const lost = () => {
    const entries = Object.entries(queues).map(([name, queue]): [string, number] => {
      const count = queue.lost;
      queue.lose(-count);
      return [name, count];
    });
    return Object.fromEntries(entries.filter(([, count]) => count > 0));
  };
  const loses = (type: string, symbol?: string, symbols?: readonly string[]) => {
    relay.lost({ type, symbol, symbols });
    return lost();
  };
  assert.deepEqual(loses("q", "AAPL"), { named: 1, both: 1 });
  assert.deepEqual(loses("x", "AAPL"), { ofTrades: 1 });
  assert.deepEqual(loses("q"), { both: 1 });
  assert.deepEqual(loses("future", "MSFT"), { both: 1, ofOther: 1 });
  assert.deepEqual(loses("future"), { named: 1, both: 1, ofTrades: 1, ofOther: 1 });
  assert.deepEqual(loses("n", undefined, ["AAPL"]), {});
});

Deno.test("messages that cannot be converted count as dropped, and not as sent", () => {
  const { relay, open, counters } = setup();
  const queue = open(["quotes", "*"]);
  for (let i = 0; i < 3; i++) relay.publish(message("q", "AAPL"), i);
  queue.take(2);
  queue.lose(1);
  const { published, sent, dropped, queued, lost } = queue;
  assert.deepEqual([published, sent, dropped, queued, lost], [3, 1, 1, 1, 1]);
  assert.deepEqual(counters, { published: 3, sent: 1, conflated: 0, dropped: 1 });
});
