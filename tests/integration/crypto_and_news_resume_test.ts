/** Streams of crypto and news continue after a position: exactly, or with one gap. */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { DescMethodServerStreaming } from "@bufbuild/protobuf";
import type { StreamMessage } from "@alpaca-stream-proxy/simulator";
import { connect, type StreamGap } from "../../client/mod.ts";
import {
  GapReason,
  type MessageMeta,
  type Notice,
  type Orderbook,
  Origin,
} from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import { startRelay } from "../docs/loopback.ts";
import { cryptoMessages, newsMessages } from "../support/further_messages.ts";
import { areSubscribed, type Harness, startHarness } from "../support/harness.ts";
import { clientOf, collect, type Collected, messageOf, METHODS } from "../support/streams.ts";
import { until } from "../support/until.ts";

const PAIR = "AAA/USD";
const OPTIONS = { meta: true, notices: true };
/** Messages before the client is away, of which it has processed some, and meanwhile. */
const [BEFORE, PROCESSED, MISSED] = [5, 3, 4] as const;

/** A method, and where its messages come from. */
interface Kind {
  readonly method: DescMethodServerStreaming;
  readonly endpoint: string;
  readonly channel: string;
  readonly symbol: string;
  message(index: number): StreamMessage;
}

function crypto(method: DescMethodServerStreaming, channel: string, at: number): Kind {
  const message = (index: number) => cryptoMessages(PAIR, index)[at] as StreamMessage;
  return { method, endpoint: "crypto/us", channel, symbol: PAIR, message };
}

const ORDER_BOOKS = crypto(METHODS.streamOrderbooks, "orderbooks", 6);
const KINDS: readonly Kind[] = [
  crypto(METHODS.streamCryptoTrades, "trades", 0),
  crypto(METHODS.streamCryptoQuotes, "quotes", 1),
  crypto(METHODS.streamCryptoBars, "bars", 2),
  crypto(METHODS.streamCryptoUpdatedBars, "updatedBars", 3),
  crypto(METHODS.streamCryptoDailyBars, "dailyBars", 4),
  {
    ...ORDER_BOOKS,
    // The whole order book, then changes with another price each.
    message: (index) => {
      if (index === 0) return cryptoMessages(PAIR, 0)[5] as StreamMessage;
      return { ...ORDER_BOOKS.message(0), b: [{ p: index, s: 1 }], a: [] };
    },
  },
  {
    method: METHODS.streamNews,
    endpoint: "news",
    channel: "news",
    symbol: "AAPL",
    message: (index) => newsMessages("AAPL", index)[0] as StreamMessage,
  },
];

/** What responses have in common. */
interface Response {
  readonly meta?: MessageMeta;
  readonly notice?: Notice;
}

const responsesOf = ({ messages }: Collected) => messages as readonly Response[];
const dataOf = (stream: Collected) => responsesOf(stream).filter(({ meta }) => meta !== undefined);

/** Notices of what a stream has and lacks, without those of the state of feeds and symbols. */
function noticesOf(stream: Collected) {
  return responsesOf(stream).flatMap(({ notice }) => notice ? [notice.kind] : [])
    .filter((kind) => ["hello", "gap", "caughtUp"].includes(kind.case ?? ""));
}

/** Data messages with their positions, and reasons of gaps, in order. */
function historyOf(stream: Collected): readonly unknown[] {
  return responsesOf(stream).flatMap((response): readonly unknown[] => {
    const { meta, notice } = response;
    if (meta) return [{ sequence: meta.sequence, message: messageOf(response) }];
    return notice?.kind.case === "gap" ? [{ gap: notice.kind.value.reason }] : [];
  });
}

function start(env: Readonly<Record<string, string>> = {}): Promise<Harness> {
  return startHarness({ env: { STREAM_PROXY_FEEDS: "crypto,news", ...env } });
}

/** A stream that is open all the time, and one whose client has gone after some messages. */
async function interrupted({ method, endpoint, channel, symbol, message }: Kind, harness: Harness) {
  const { simulator } = harness;
  const client = clientOf(harness);
  const request = { symbols: [symbol], options: OPTIONS };
  const whole = collect(client, method, request);
  const isSubscribed = () => areSubscribed(simulator, { endpoint, channel }, [symbol]);
  await until("subscribed", isSubscribed);
  let sent = 0;
  const emit = (count: number) => {
    for (let i = 0; i < count; i++) simulator.emit(endpoint, [message(sent++)]);
  };
  const first = await (async () => {
    using own = clientOf(harness);
    const stream = collect(own, method, request);
    await stream.opened;
    emit(BEFORE);
    await until("messages", () => dataOf(stream).length === BEFORE);
    return stream;
  })();
  await until("disconnected", () => first.ending() !== undefined);
  const [hello] = noticesOf(first);
  assert.ok(hello?.case === "hello");
  const last = dataOf(first)[PROCESSED - 1]?.meta;
  assert.ok(last);
  const position = { epoch: hello.value.epoch, sequence: last.sequence };
  const resume = (at: { epoch: string; sequence: bigint } = position) =>
    collect(client, method, { ...request, options: { ...OPTIONS, resume: at } });
  const close = async () => {
    await whole.close();
    client[Symbol.dispose]();
  };
  return { whole, emit, resume, position, isSubscribed, [Symbol.asyncDispose]: close };
}

for (const kind of KINDS) {
  const { name } = kind.method;

  Deno.test(`${name} continues after a position with each message once`, async () => {
    await using harness = await start();
    await using streams = await interrupted(kind, harness);
    const { whole, emit, resume } = streams;
    emit(MISSED);
    await until("missed messages", () => dataOf(whole).length === BEFORE + MISSED);
    await using resumed = resume();
    const replayed = BEFORE - PROCESSED + MISSED;
    await until("the replay", () => dataOf(resumed).length === replayed);
    emit(2);
    await until("live messages", () => dataOf(resumed).length === replayed + 2);
    await until("live messages", () => dataOf(whole).length === BEFORE + MISSED + 2);
    assert.deepEqual(historyOf(resumed), historyOf(whole).slice(PROCESSED));
    const origins = dataOf(resumed).map(({ meta }) => meta?.origin);
    assert.deepEqual(origins, [
      ...Array.from({ length: replayed }, () => Origin.REPLAY),
      ...[Origin.LIVE, Origin.LIVE],
    ]);
    const [hello, caughtUp, ...others] = noticesOf(resumed);
    assert.ok(hello?.case === "hello" && hello.value.resumed);
    assert.equal(caughtUp?.case, "caughtUp");
    assert.deepEqual(others, []);
  });

  Deno.test(`${name} has one gap instead of messages that are not retained`, async () => {
    await using harness = await start({ STREAM_PROXY_RETAIN_MESSAGES: "3" });
    await using streams = await interrupted(kind, harness);
    const { whole, emit, resume, position } = streams;
    emit(MISSED);
    await until("missed messages", () => dataOf(whole).length === BEFORE + MISSED);
    for (const at of [position, { ...position, epoch: "of-another-process" }]) {
      await using resumed = resume(at);
      await until("the notices", () => noticesOf(resumed).length === 3);
      const before = dataOf(whole).length;
      emit(2);
      await until("live messages", () => dataOf(whole).length === before + 2);
      const isBooks = kind.channel === "orderbooks";
      await until("live messages", () => dataOf(resumed).length === (isBooks ? 3 : 2));
      const [hello, gap, caughtUp, ...others] = noticesOf(resumed);
      assert.ok(hello?.case === "hello" && !hello.value.resumed);
      assert.ok(gap?.case === "gap");
      assert.equal(gap.value.reason, GapReason.NOT_RETAINED);
      const isKnown = at === position;
      assert.equal(gap.value.firstSequence, isKnown ? position.sequence + 1n : 0n);
      assert.equal(gap.value.lastSequence, isKnown ? hello.value.sequence : 0n);
      assert.equal(caughtUp?.case, "caughtUp");
      assert.deepEqual(others, []);
      const live = historyOf(resumed).slice(1);
      if (isBooks) {
        const [book] = live.splice(0, 1) as { message: Orderbook }[];
        assert.equal(book?.message.reset, true);
        const last = at === position ? BEFORE + MISSED : BEFORE + MISSED + 2;
        assert.equal(book.message.bids.length, last + 1);
      }
      assert.deepEqual(live, historyOf(whole).slice(-2));
    }
  });

  Deno.test(`${name} replays an outage as one gap among its messages`, async () => {
    await using harness = await start();
    const { simulator } = harness;
    await using streams = await interrupted(kind, harness);
    const { whole, emit, resume, isSubscribed } = streams;
    emit(1);
    await until("a missed message", () => dataOf(whole).length === BEFORE + 1);
    simulator.connections.drop({ endpoint: kind.endpoint }, { clean: true });
    await until("the outage", () => !isSubscribed());
    emit(3);
    await until("subscribed again", isSubscribed);
    emit(2);
    await until("later messages", () => dataOf(whole).length === BEFORE + 3);
    await using resumed = resume();
    await until("the replay", () => dataOf(resumed).length === BEFORE - PROCESSED + 3);
    assert.deepEqual(historyOf(resumed), historyOf(whole).slice(PROCESSED));
    const gaps = noticesOf(resumed).filter((each) => each.case === "gap").map(({ value }) => value);
    assert.deepEqual(gaps.map(({ reason }) => reason), [GapReason.UPSTREAM_LOST]);
    const [hello] = noticesOf(resumed);
    assert.ok(hello?.case === "hello" && hello.value.resumed);
  });
}

Deno.test("order books of the client library are right after cuts and an outage", async () => {
  await using harness = await startHarness({
    simulator: { messagesPerSecond: 500 },
    // The pair stays subscribed while the client is away.
    env: { STREAM_PROXY_FEEDS: "crypto", STREAM_PROXY_UNSUBSCRIBE_GRACE_MS: "30000" },
  });
  const { simulator } = harness;
  await using relay = await startRelay();
  relay.target = harness.proxy.ports.grpc;
  using client = connect({ address: relay.address });
  const gaps: StreamGap[] = [];
  const stream = client.orderbooks(["ETH/USD"], { onGap: (gap) => gaps.push(gap) });
  const sides = { bids: new Map<number, number>(), asks: new Map<number, number>() };
  let resets = 0;
  const reading = (async () => {
    for await (const message of stream) {
      if (message.reset) resets++;
      for (const name of ["bids", "asks"] as const) {
        if (message.reset) sides[name].clear();
        for (const { price, size } of message[name]) {
          if (size === 0) sides[name].delete(price);
          else sides[name].set(price, size);
        }
      }
    }
  })();
  const more = async () => {
    const { received } = stream.stats;
    await until("changes", () => stream.stats.received > received + 20);
  };
  for (let cut = 1; cut <= 2; cut++) {
    await more();
    relay.breakAll();
    await until("an exact resume", () => stream.stats.exactResumes === cut);
  }
  await more();
  // An exact resume continues with changes.
  assert.equal(resets, 1);
  assert.deepEqual(gaps, []);
  simulator.connections.drop({ endpoint: "crypto/us" }, { clean: true });
  await until("the whole order book", () => resets === 2);
  await more();
  assert.deepEqual(gaps.map(({ reason }) => reason), ["upstream_lost"]);
  simulator.market.messagesPerSecond = 0;
  const [book] = simulator.market.orderBooks("crypto/us", "ETH/USD");
  const expected = (key: "b" | "a") =>
    new Map((book?.[key] as { p: number; s: number }[]).map(({ p, s }) => [p, s]));
  await until(
    "the order book of the simulator",
    () => isDeepStrictEqual([sides.bids, sides.asks], [expected("b"), expected("a")]),
  );
  client.close();
  await reading;
});
