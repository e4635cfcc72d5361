import assert from "node:assert/strict";
import type { Pair, SymbolSets } from "../../../../src/domain/subscription/pairs.ts";
import { PairDigest } from "../../../../src/infrastructure/nats/hub_protocol.ts";
import { NoAnswer } from "../../../../src/infrastructure/nats/hub_requests.ts";
import { HubSubscriptions } from "../../../../src/infrastructure/nats/hub_subscriptions.ts";

const AAPL: Pair = { channel: "quotes", symbol: "AAPL" };
const MSFT: Pair = { channel: "quotes", symbol: "MSFT" };
const SILENCE = new NoAnswer("The hub has not answered");
const REJECTION = { error: { code: 400, message: "invalid" } };

function subscribe(...pairs: readonly Pair[]) {
  return { action: "subscribe", pairs, probe: false } as const;
}

function unsubscribe(...pairs: readonly Pair[]) {
  return { action: "unsubscribe", pairs, probe: false } as const;
}

function stateOf(...pairs: readonly Pair[]) {
  const symbols = new Set(pairs.map(({ symbol }) => symbol));
  return { state: new Map([["quotes", symbols]]) as SymbolSets, since: 1 };
}

function digestOf(...pairs: readonly Pair[]): string {
  const digest = new PairDigest();
  for (const pair of pairs) digest.add(pair);
  return String(digest);
}

/** Notes what the manager of subscriptions receives. */
function recorded() {
  const events: string[] = [];
  const subscriptions = new HubSubscriptions({
    acknowledged: ({ state }) => events.push([...state.get("quotes") ?? []].join(" ")),
    rejected: ({ message }) => events.push(message),
    onUnknown: () => events.push("unknown"),
  });
  return { events, subscriptions };
}

Deno.test("the digest is that of what replies have confirmed", () => {
  const { events, subscriptions } = recorded();
  assert.equal(subscriptions.digest, digestOf());
  const reply = subscriptions.begin(subscribe(AAPL, MSFT));
  assert.equal(subscriptions.digest, undefined, "the hub may have applied it already");
  reply(stateOf(AAPL));
  assert.equal(subscriptions.digest, digestOf(AAPL, MSFT));
  subscriptions.begin(unsubscribe(AAPL))(stateOf(MSFT));
  assert.equal(subscriptions.digest, digestOf(MSFT));
  subscriptions.begin(subscribe(AAPL))(REJECTION);
  assert.equal(subscriptions.digest, digestOf(MSFT));
  subscriptions.begin({ action: "subscribe", pairs: [MSFT], probe: true })(stateOf(MSFT));
  assert.equal(subscriptions.digest, digestOf(MSFT));
  assert.deepEqual(events, ["AAPL", "MSFT", "invalid", "MSFT"]);
});

Deno.test("after a request without an answer the next state decides what the hub has", () => {
  const { subscriptions } = recorded();
  subscriptions.begin(subscribe(AAPL))(SILENCE);
  assert.equal(subscriptions.digest, undefined);
  subscriptions.begin(subscribe(MSFT))(REJECTION);
  assert.equal(subscriptions.digest, undefined, "a rejection has no state");
  subscriptions.begin({ action: "subscribe", pairs: [], probe: true })(stateOf(AAPL));
  assert.equal(subscriptions.digest, digestOf(AAPL));
  subscriptions.begin(unsubscribe(AAPL))(SILENCE);
  subscriptions.begin({ action: "subscribe", pairs: [], probe: true })(stateOf());
  assert.equal(subscriptions.digest, digestOf());
});

Deno.test("a repeated request without an answer changes nothing", () => {
  const { subscriptions } = recorded();
  subscriptions.begin(subscribe(AAPL))(stateOf(AAPL));
  subscriptions.begin(subscribe(AAPL))(SILENCE);
  assert.equal(subscriptions.digest, digestOf(AAPL));
});

Deno.test("a reply shows that an earlier request has none", () => {
  const { events, subscriptions } = recorded();
  const first = subscriptions.begin(subscribe(AAPL));
  subscriptions.begin(subscribe(MSFT))(stateOf(AAPL, MSFT));
  assert.equal(subscriptions.isWaiting, false);
  assert.equal(subscriptions.digest, digestOf(AAPL, MSFT));
  first(SILENCE);
  assert.equal(subscriptions.digest, digestOf(AAPL, MSFT));
  assert.deepEqual(events, ["AAPL MSFT"]);
});

Deno.test("a state without a request waits for the reply to one, or until there is none", () => {
  const { events, subscriptions } = recorded();
  const state = { feed: "sip", term: 7n, ...stateOf(MSFT) } as const;
  subscriptions.push(state);
  const rejected = subscriptions.begin(subscribe(AAPL));
  subscriptions.push(state);
  rejected(REJECTION);
  const unanswered = subscriptions.begin(subscribe(AAPL));
  subscriptions.push(state);
  assert.equal(events.length, 3);
  unanswered(SILENCE);
  assert.deepEqual(events, ["MSFT", "invalid", "MSFT", "MSFT"]);
  assert.equal(subscriptions.states, 3);
});

Deno.test("a hub without the session ends it", () => {
  const { events, subscriptions } = recorded();
  subscriptions.begin(subscribe(AAPL))({ unknown: true });
  assert.deepEqual(events, ["unknown"]);
});
