import assert from "node:assert/strict";
import type { SubscriptionSink } from "../../../../src/application/feeds/subscription_manager.ts";
import { MessageRelay } from "../../../../src/application/relay/message_relay.ts";
import { RelayedStream } from "../../../../src/application/relay/relayed_stream.ts";
import type { SymbolState } from "../../../../src/application/status/reports.ts";
import type { SymbolSets, UpstreamChannel } from "../../../../src/domain/subscription/pairs.ts";

/** A feed of which a test sets the states of symbols. */
function setup(states: Readonly<Record<string, SymbolState>> = {}) {
  const counters = { published: 0, sent: 0, conflated: 0, dropped: 0 };
  const relay = new MessageRelay({ format: "json", capacity: 20, counters });
  const requested: string[] = [];
  const names = (channel: UpstreamChannel, symbols: Iterable<string>) =>
    Array.from(symbols, (symbol) => `${channel} ${symbol}`);
  const sink: SubscriptionSink = {
    checkQuota: () => {},
    checkPairs: () => {},
    add: (channel, symbols) => requested.push(...names(channel, symbols)),
    remove: (channel, symbols) => {
      for (const name of names(channel, symbols)) requested.splice(requested.indexOf(name), 1);
    },
    freeSlots: () => undefined,
    isNamed: () => false,
    testLimitWith: () => {},
    statesOf: (_channel, symbols) =>
      Array.from(symbols, (symbol) => ({
        symbol,
        state: states[symbol] ?? "requested",
        reason: "",
      })),
  };
  let size = 0;
  const refuse: { message?: string } = {};
  const stream = new RelayedStream({
    relay,
    sink,
    holder: { identity: "" },
    check: () => {
      if (refuse.message) throw new Error(refuse.message);
    },
    onChange: (symbols) => size += symbols,
    onEnd: () => {},
  });
  return { relay, stream, requested, size: () => size, refuse };
}

const pairs = (channels: Partial<Record<UpstreamChannel, readonly string[]>>): SymbolSets =>
  new Map(
    Object.entries(channels).map(([channel, symbols]) => [
      channel as UpstreamChannel,
      new Set(symbols),
    ]),
  );

/** The answer, or "none" while there is none. */
async function answerOf({ answered }: { readonly answered: Promise<unknown> }): Promise<unknown> {
  return await Promise.race([answered, Promise.resolve().then(() => "none")]);
}

const change = (symbol: string, state: SymbolState, reason = "") => [{ symbol, state, reason }];

Deno.test("symbols are requested immediately, and received from their acceptance on", async () => {
  const { relay, stream, requested, size } = setup();
  const pending = stream.request(pairs({ trades: ["A", "B"] }));
  assert.deepEqual(requested, ["trades A", "trades B"]);
  assert.equal(relay.symbols, 0);
  assert.equal(await answerOf(pending), "none");
  stream.changed("trades", change("A", "acknowledged"));
  assert.equal(await answerOf(pending), "none");
  stream.changed("trades", change("B", "acknowledged"));
  assert.equal(await answerOf(pending), undefined);
  pending.accept();
  assert.deepEqual([relay.symbols, size()], [2, 2]);
  assert.deepEqual([...stream.symbols.get("trades") ?? []], ["A", "B"]);
});

Deno.test("what upstream carries already is answered immediately", async () => {
  const { stream } = setup({ A: "acknowledged" });
  assert.equal(await answerOf(stream.request(pairs({ trades: ["A"] }))), undefined);
  const everything = setup({ "*": "acknowledged" });
  assert.equal(await answerOf(everything.stream.request(pairs({ trades: ["A"] }))), undefined);
});

Deno.test("the wildcard of a channel answers for all of its symbols", async () => {
  const { stream } = setup();
  const pending = stream.request(pairs({ trades: ["*", "A"] }));
  stream.changed("trades", change("*", "acknowledged"));
  assert.equal(await answerOf(pending), undefined);
});

Deno.test("a rejected symbol answers with the error; cancelling leaves nothing", async () => {
  const { relay, stream, requested, size } = setup();
  const pending = stream.request(pairs({ trades: ["A", "BAD"] }));
  stream.changed("trades", change("BAD", "rejected", "invalid syntax (code 400)"));
  assert.deepEqual(await pending.answered, { code: 400, message: "invalid syntax" });
  pending.cancel();
  assert.deepEqual([requested, relay.symbols, size(), stream.size], [[], 0, 0, 0]);
});

Deno.test("several requests are answered each by their own symbols", async () => {
  const { stream, requested, size } = setup();
  const first = stream.request(pairs({ trades: ["A"] }));
  const second = stream.request(pairs({ trades: ["B"], quotes: ["A"] }));
  const third = stream.request(pairs({ trades: ["C"] }));
  const isPending = (...symbols: string[]) => stream.isPending(pairs({ trades: symbols }));
  assert.deepEqual([isPending("D", "C"), isPending("D")], [true, false]);
  stream.changed("trades", [
    ...change("B", "rejected", "no (code 400)"),
    ...change("C", "acknowledged"),
  ]);
  assert.equal(await answerOf(first), "none");
  assert.deepEqual(await answerOf(second), { code: 400, message: "no" });
  assert.equal(await answerOf(third), undefined);
  second.cancel();
  stream.changed("trades", change("*", "acknowledged"));
  assert.equal(await answerOf(first), undefined);
  first.accept();
  third.accept();
  assert.deepEqual([...stream.symbols.get("trades") ?? []], ["A", "C"]);
  assert.deepEqual([requested, size()], [["trades A", "trades C"], 2]);
  assert.equal(isPending("A", "B", "C"), false);
});

Deno.test("a symbol without a slot is an error, a contract that has ended is none", async () => {
  const waiting = setup({ A: "waiting" }).stream.request(pairs({ quotes: ["A"] }));
  assert.deepEqual(await waiting.answered, { code: 405, message: "symbol limit exceeded" });
  const { stream } = setup({ A: "rejected" });
  assert.equal(await stream.request(pairs({ quotes: ["A"] })).answered, undefined);
});

Deno.test("a rejection after the acceptance is reported, that of another stream is not", () => {
  const { stream } = setup();
  const errors: unknown[] = [];
  stream.onRejected = (error) => errors.push(error);
  stream.request(pairs({ trades: ["A"] })).accept();
  stream.changed("trades", change("B", "rejected", "no (code 400)"));
  stream.changed("quotes", change("A", "rejected", "no (code 400)"));
  assert.deepEqual(errors, []);
  stream.changed("trades", change("A", "rejected", "no (code 400)"));
  assert.deepEqual(errors, [{ code: 400, message: "no" }]);
});

Deno.test("symbols that exceed the quota after the acceptance are reported by one error", () => {
  const { stream } = setup();
  const errors: unknown[] = [];
  stream.onRejected = (error) => errors.push(error);
  stream.request(pairs({ trades: ["A", "B", "C"] })).accept();
  stream.changed("trades", [
    ...change("A", "waiting"),
    ...change("B", "waiting"),
    ...change("C", "rejected", "no (code 400)"),
  ]);
  const overLimit = { code: 405, message: "symbol limit exceeded" };
  assert.deepEqual(errors, [overLimit, { code: 400, message: "no" }]);
});

Deno.test("a symbol that is requested again is not requested upstream again", async () => {
  const { stream, requested } = setup();
  stream.request(pairs({ trades: ["A"] })).accept();
  const again = stream.request(pairs({ trades: ["A"] }));
  assert.equal(await answerOf(again), undefined);
  again.cancel();
  assert.deepEqual(requested, ["trades A"]);
  assert.equal(stream.symbols.get("trades")?.size, 1);
});

/** Publishes messages of the types and symbols "q AAPL"; of several symbols "n A,B". */
function publish(relay: MessageRelay, ...messages: readonly string[]): void {
  for (const text of messages) {
    const [type = "", names] = text.split(" ");
    const frame = new TextEncoder().encode(text);
    const [symbol, ...others] = names?.split(",") ?? [];
    const symbols = symbol && others.length > 0 ? [symbol, ...others] : undefined;
    const subject = { symbol: symbols ? undefined : symbol, symbols };
    relay.publish({ frame, start: 0, end: frame.length, type, ...subject }, 0);
  }
}

function take(stream: RelayedStream, limit?: number): string[] {
  const texts: string[] = [];
  while (stream.queue.isReady) {
    const batch = stream.queue.take(limit);
    texts.push(...batch.map(({ event: { frame } }) => new TextDecoder().decode(frame)));
  }
  return texts;
}

Deno.test("of symbols that are removed, nothing is taken that is queued", () => {
  const { relay, stream } = setup();
  stream.request(pairs({ trades: ["A", "B"], quotes: ["A"], news: ["A", "B"] })).accept();
  const sent = ["t A", "q A", "c A", "t B", "n A,B", "n A,C", "future A", "z"];
  publish(relay, ...sent);
  stream.remove(pairs({ trades: ["A"], news: ["A"] }));
  publish(relay, "t A", "t B");
  assert.deepEqual(take(stream), ["q A", "t B", "n A,B", "future A", "z", "t B"]);
  const { published, sent: taken, dropped, discarded } = stream.queue;
  assert.deepEqual([published, taken, dropped, discarded], [9, 6, 0, 3]);
  // What follows is not checked.
  assert.equal(stream.queue.isChecked, false);
});

Deno.test("symbols that are added again begin with what is published then", () => {
  const { relay, stream } = setup();
  stream.request(pairs({ trades: ["A", "B"] })).accept();
  publish(relay, "t A", "t B");
  stream.remove(pairs({ trades: ["A"] }));
  stream.request(pairs({ trades: ["A"] })).accept();
  publish(relay, "t A", "t B");
  assert.deepEqual(take(stream, 1), ["t B", "t A", "t B"]);
});

Deno.test("the wildcard and symbols beside it are removed independently", () => {
  const { relay, stream } = setup();
  stream.request(pairs({ trades: ["*", "A"] })).accept();
  publish(relay, "t A", "t B");
  stream.remove(pairs({ trades: ["A"] }));
  assert.deepEqual(take(stream), ["t A", "t B"]);
  stream.request(pairs({ trades: ["A"] })).accept();
  publish(relay, "t A", "t B", "future B");
  stream.remove(pairs({ trades: ["*"] }));
  assert.deepEqual(take(stream), ["t A"]);
});

Deno.test("a request over a limit changes nothing", () => {
  const { stream, requested, refuse } = setup();
  refuse.message = "over the limit";
  assert.throws(() => stream.request(pairs({ trades: ["A"] })), /over the limit/);
  assert.deepEqual([requested, stream.size], [[], 0]);
});

Deno.test("an end releases what is received and what is pending", () => {
  const { relay, stream, requested } = setup();
  stream.request(pairs({ trades: ["A"] })).accept();
  const pending = stream.request(pairs({ quotes: ["B"] }));
  stream[Symbol.dispose]();
  pending.accept();
  pending.cancel();
  assert.deepEqual([requested, relay.symbols, relay.isWanted], [[], 0, false]);
});
