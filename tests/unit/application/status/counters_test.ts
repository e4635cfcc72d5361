import assert from "node:assert/strict";
import fc from "fast-check";
import {
  createCounters,
  ERROR_TYPES,
  MESSAGE_TYPES,
  messagesReceived,
  observe,
  PROCESSING_BUCKETS,
} from "../../../../src/application/status/counters.ts";
import { FEEDS } from "../../../../src/domain/connection/feed.ts";
import { CHANNELS } from "../../../../src/domain/market/channels.ts";

Deno.test("counters start at zero and share nothing between feeds", () => {
  const counters = createCounters();
  assert.deepEqual(Object.keys(counters.feeds), FEEDS);
  assert.deepEqual(Object.keys(counters.channels), CHANNELS);
  counters.feeds.sip.received.quote++;
  counters.feeds.sip.errors.dial++;
  observe(counters.feeds.sip.processing, { seconds: 1, messages: 1 });
  counters.channels.stockQuotes.sent++;
  const { opra } = counters.feeds;
  assert.deepEqual(Object.keys(opra.received), [...MESSAGE_TYPES]);
  assert.deepEqual(Object.keys(opra.errors), [...ERROR_TYPES]);
  for (const count of Object.values({ ...opra.received, ...opra.errors })) {
    assert.equal(count, 0);
  }
  assert.ok(opra.processing.counts.every((count) => count === 0));
  assert.equal(opra.reconnects, 0);
  assert.deepEqual(counters.channels.stockTrades, {
    published: 0,
    sent: 0,
    conflated: 0,
    dropped: 0,
  });
});

Deno.test("control frames and unknown messages are not counted as data", () => {
  const { sip } = createCounters().feeds;
  for (const type of MESSAGE_TYPES) sip.received[type] = 1;
  assert.equal(messagesReceived(sip), MESSAGE_TYPES.length - 2);
});

Deno.test("the upper bounds of the histogram grow", () => {
  const sorted = PROCESSING_BUCKETS.toSorted((a, b) => a - b);
  assert.deepEqual(PROCESSING_BUCKETS, sorted);
  assert.equal(new Set(PROCESSING_BUCKETS).size, PROCESSING_BUCKETS.length);
});

Deno.test("a bound belongs to its own bucket, and what exceeds the last to the one after", () => {
  const last = PROCESSING_BUCKETS.length;
  for (const [index, bound] of PROCESSING_BUCKETS.entries()) {
    const { processing } = createCounters().feeds.sip;
    observe(processing, { seconds: bound, messages: 1 });
    observe(processing, { seconds: bound * 1.0001, messages: 1 });
    assert.equal(processing.counts[index], 1);
    assert.equal(processing.counts[index + 1], 1);
    assert.equal(processing.counts.length, last + 1);
  }
});

Deno.test("every message is counted in one bucket and its seconds in the sum", () => {
  const samples = fc.array(fc.record({
    seconds: fc.double({ min: 0, max: 10, noNaN: true }),
    messages: fc.integer({ min: 0, max: 1_000 }),
  }));
  fc.assert(fc.property(samples, (samples) => {
    const { processing } = createCounters().feeds.sip;
    for (const sample of samples) observe(processing, sample);
    const messages = samples.reduce((sum, each) => sum + each.messages, 0);
    const seconds = samples.reduce(
      (sum, each) => sum + each.seconds * each.messages,
      0,
    );
    const counted = processing.counts.reduce((sum, count) => sum + count, 0);
    assert.equal(counted, messages);
    assert.equal(processing.sum, seconds);
    assert.equal(processing.counts.length, PROCESSING_BUCKETS.length + 1);
  }));
});
