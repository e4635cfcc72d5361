import assert from "node:assert/strict";
import { createChannels } from "../../../../src/application/broadcast/channels.ts";
import { QueueMemory } from "../../../../src/application/broadcast/queue_memory.ts";
import { createCounters } from "../../../../src/application/status/counters.ts";
import { type ChannelName, CHANNELS } from "../../../../src/domain/market/channels.ts";
import type { NewsArticle } from "../../../../src/domain/market/news_events.ts";
import { UnderlyingDirectory } from "../../../../src/domain/options/underlying_directory.ts";

const MIB = 1_048_576;
const ALL = { symbols: new Set<string>(), secondary: new Set<string>() };

function newsChannel(memory = new QueueMemory()) {
  const capacities = Object.fromEntries(CHANNELS.map((name) => [name, 1_000]));
  return createChannels({
    capacities: capacities as Record<ChannelName, number>,
    counters: createCounters(),
    memory,
    directory: new UnderlyingDirectory(),
  }).news;
}

function article(id: number, length: number): NewsArticle {
  return {
    id,
    headline: "",
    summary: "",
    author: "",
    content: "x".repeat(length),
    url: "",
    symbols: ["AAPL"],
    source: "benzinga",
    createdAt: { seconds: 0, nanos: 0 },
    updatedAt: { seconds: 0, nanos: 0 },
  };
}

Deno.test("articles in a queue count with their sizes", () => {
  const memory = new QueueMemory();
  const news = newsChannel(memory);
  using _reader = news.subscribe(ALL);
  news.publish(article(1, MIB), 0);
  news.publish(article(2, 2 * MIB), 0);
  assert.ok(memory.bytes > 3 * MIB, `${memory.bytes}`);
});

Deno.test("the latest versions of articles are kept up to 16 MiB, the oldest are dropped", () => {
  const news = newsChannel();
  const ignore = () => {};
  const stop = news.observe({
    filter: ALL,
    gap: ignore,
    fillsOutages: false,
    fillOutage: ignore,
    carried: ignore,
  });
  for (let id = 1; id <= 40; id++) news.publish(article(id, MIB / 10), 0);
  // A new version makes an article the newest.
  news.publish(article(20, MIB / 10), 0);
  const kept = news.lastEvents(ALL);
  const bytes = kept.reduce((sum, each) => sum + each.bytes, 0);
  const [one] = kept;
  assert.ok(one !== undefined && bytes <= 16 * MIB && bytes + one.bytes > 16 * MIB, `${bytes}`);
  const expected = Array.from({ length: 40 }, (_, index) => index + 1)
    .filter((id) => id !== 20).slice(1 - kept.length);
  assert.deepEqual(kept.map(({ event }) => event.id), [...expected, 20]);
  stop();
});
