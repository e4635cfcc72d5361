/** Messages between hub and edges are read as they were written, and invalid ones are one error. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { FAILURE_TYPES } from "../../../../src/domain/connection/failure.ts";
import { FEEDS } from "../../../../src/domain/connection/feed.ts";
import {
  type Pair,
  pairKey,
  pairsOf,
  type SymbolSets,
  UPSTREAM_CHANNELS,
} from "../../../../src/domain/subscription/pairs.ts";
import { REST_PURPOSES } from "../../../../src/application/status/counters.ts";
import * as protocol from "../../../../src/infrastructure/nats/hub_protocol.ts";

const edge = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
const feed = fc.constantFrom(...FEEDS);
const kind = fc.constantFrom("sip", "iex", "opra", "crypto" as const);
const term = fc.bigInt(0n, 2n ** 64n - 1n);
const text = fc.string({ maxLength: 50 });
const symbol = fc.stringMatching(/^[\x21-\x7e]{1,21}$/);
const channel = fc.constantFrom(...UPSTREAM_CHANNELS);
const pair: fc.Arbitrary<Pair> = fc.record({ channel, symbol });
const pairs = fc.uniqueArray(pair, { selector: pairKey, maxLength: 20 });
const state = pairs.map(setsOf);
const time = fc.double({ min: 0, max: 2 ** 45, noNaN: true }).map((ms) => ms + 0);
const quota = fc.option(
  fc.record({
    limit: fc.nat(),
    learned: fc.boolean(),
    counts: fc.array(channel, { maxLength: 3 }).map((channels) => new Set(channels)),
    others: pairs.map((list) => pairsOf(setsOf(list))),
  }),
  { nil: undefined },
);

function setsOf(list: readonly Pair[]): SymbolSets {
  const sets = new Map<Pair["channel"], Set<string>>();
  for (const { channel, symbol } of list) {
    sets.set(channel, (sets.get(channel) ?? new Set()).add(symbol));
  }
  return sets;
}

/** Without fields that are `undefined`: JSON has none. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (typeof value !== "object" || value === null || value instanceof Map) return value;
  const set = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(set.map(([name, field]) => [name, plain(field)]));
}

interface Case {
  readonly name: string;
  readonly value: fc.Arbitrary<unknown>;
  readonly encode: (value: never) => Uint8Array;
  readonly read: (bytes: Uint8Array) => unknown;
}

const digest = fc.option(fc.stringMatching(/^[0-9a-f]{1,8}-[0-9a-f]{1,8}$/), { nil: undefined });
const CASES: readonly Case[] = [
  {
    name: "attach request",
    value: fc.record({
      edge,
      feed,
      kind,
      held: fc.option(fc.record({ term, digest }), { nil: undefined }),
    }),
    encode: protocol.encodeAttach,
    read: protocol.readAttach,
  },
  {
    name: "attach reply",
    value: fc.record({
      term,
      next: fc.integer({ min: 1, max: 2 ** 52 }),
      at: time,
      isUp: fc.boolean(),
      isKnown: fc.boolean(),
      kind: fc.option(kind, { nil: undefined }),
      reason: text,
      states: fc.option(fc.nat(), { nil: undefined }),
      isRetained: fc.option(fc.boolean(), { nil: undefined }),
      quota,
    }),
    encode: protocol.encodeAttachReply,
    read: protocol.readAttachReply,
  },
  {
    name: "subscribe reply",
    value: fc.oneof(
      fc.record({ state, since: time }),
      fc.record({
        error: fc.record({ code: fc.integer(), message: text }),
        pair: fc.option(pair, { nil: undefined }),
      }),
      fc.constant({ unknown: true }),
    ),
    encode: protocol.encodeSubscribeReply,
    read: protocol.readSubscribeReply,
  },
  {
    name: "state of an edge",
    value: fc.record({ feed, term, state, since: time }),
    encode: protocol.encodeEdgeState,
    read: protocol.readEdgeMessage,
  },
  {
    name: "quota of an edge",
    value: fc.record({ feed, term, quota }),
    encode: protocol.encodeEdgeQuota,
    read: protocol.readEdgeMessage,
  },
  {
    name: "REST request",
    value: fc.record({
      edge,
      api: fc.constantFrom("data", "trading"),
      path: fc.constantFrom("/v2/orders", "/v1beta1/options/snapshots"),
      query: fc.stringMatching(/^[\x21-\x7e]{0,40}$/),
      purpose: fc.constantFrom(...REST_PURPOSES),
    }),
    encode: protocol.encodeRest,
    read: protocol.readRest,
  },
  {
    name: "REST reply",
    value: fc.oneof(
      fc.record({ body: text, serverTime: fc.nat() }),
      fc.record({
        error: fc.record({
          message: text,
          status: fc.option(fc.integer({ min: 400, max: 599 }), { nil: undefined }),
        }),
      }),
      fc.record({ busy: fc.constant(true as const) }),
    ),
    encode: protocol.encodeRestReply,
    read: protocol.readRestReply,
  },
  {
    name: "down entry",
    value: fc.record({ errorType: fc.constantFrom(...FAILURE_TYPES), message: text }),
    encode: protocol.encodeDown,
    read: protocol.readDown,
  },
];

for (const { name, value, encode, read } of CASES) {
  Deno.test(`${name}: what is encoded is read, damaged bytes are read or one error`, () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(fc.property(value, damage, fc.nat(), (message, changes, cut) => {
      const bytes = encode(message as never);
      assert.deepEqual(plain(read(bytes)), plain(message));
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      for (const damaged of [bytes, bytes.subarray(0, cut % bytes.length)]) {
        try {
          read(damaged);
        } catch (error) {
          assert(error instanceof protocol.InvalidMessage, String(error));
        }
      }
    }));
  });
}

Deno.test("subscribe request: the pairs that are encoded are read", () => {
  const request = fc.record({
    edge,
    feed,
    term,
    action: fc.constantFrom("subscribe", "unsubscribe" as const),
    pairs,
  });
  fc.assert(fc.property(request, (sent) => {
    const read = protocol.readSubscribe(protocol.encodeSubscribe(sent));
    assert.deepEqual(setsOf(read.pairs), setsOf(sent.pairs));
    assert.deepEqual({ ...read, pairs: [] }, { ...sent, pairs: [] });
    assert.equal(pairsOf(setsOf(sent.pairs)).length, read.pairs.length);
  }));
});

Deno.test("hostile messages are refused by their size and fields", () => {
  const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const subscribe = (changes: object) =>
    bytes({ edge: "e", feed: "sip", term: "1", action: "subscribe", pairs: {}, ...changes });
  const rest = (changes: object) =>
    bytes({ edge: "e", api: "data", path: "/v2", query: "", purpose: "orders", ...changes });
  assert.equal(protocol.readSubscribe(subscribe({})).pairs.length, 0);
  assert.equal(protocol.readRest(rest({})).path, "/v2");
  const many = Array.from({ length: 10_001 }, (_, i) => `S${i}`);
  const cases: readonly (readonly [() => unknown, RegExp])[] = [
    [() => protocol.readSubscribe(new Uint8Array(2 ** 20 + 1)), /at most 1048576 are read/],
    [() => protocol.readSubscribe(bytes([])), /"the request"/],
    [() => protocol.readSubscribe(bytes(null)), /"the request"/],
    [() => protocol.readSubscribe(subscribe({ edge: "a.b" })), /"edge".*a\.b/],
    [() => protocol.readSubscribe(subscribe({ edge: "e".repeat(65) })), /"edge"/],
    [() => protocol.readSubscribe(subscribe({ feed: "constructor" })), /"feed"/],
    [() => protocol.readSubscribe(subscribe({ term: 1 })), /"term"/],
    [() => protocol.readSubscribe(subscribe({ term: String(2n ** 64n) })), /"term"/],
    [() => protocol.readSubscribe(subscribe({ action: "toString" })), /"action"/],
    [() => protocol.readSubscribe(subscribe({ pairs: { trades: many } })), /more than 10000 pairs/],
    [() => protocol.readSubscribe(subscribe({ pairs: { trades: "AAPL" } })), /"trades"/],
    [() => protocol.readSubscribe(subscribe({ pairs: { candles: [] } })), /"channel"/],
    [() => protocol.readSubscribe(subscribe({ pairs: { trades: ["A B"] } })), /"symbol"/],
    [() => protocol.readSubscribe(subscribe({ pairs: { trades: ["A".repeat(65)] } })), /"symbol"/],
    [() => protocol.readRest(rest({ path: "v2" })), /"path"/],
    [() => protocol.readRest(rest({ path: "/v2?x" })), /"path"/],
    [() => protocol.readRest(rest({ path: "/" + "v".repeat(600) })), /"path"/],
    [() => protocol.readRest(rest({ query: "a b" })), /"query"/],
    [() => protocol.readRest(rest({ api: "https://elsewhere" })), /"api"/],
  ];
  for (const [read, message] of cases) {
    assert.throws(read, { name: "InvalidMessage", message });
  }
});

Deno.test("digests are equal exactly for equal sets of pairs", () => {
  const digest = (list: readonly Pair[]) => {
    const digest = new protocol.PairDigest();
    for (const each of list) digest.add(each);
    return digest;
  };
  fc.assert(fc.property(pairs, pair, (list, other) => {
    const before = String(digest(list));
    assert.equal(String(digest(list.toReversed())), before);
    if (list.some((each) => pairKey(each) === pairKey(other))) return;
    const changed = digest(list);
    changed.add(other);
    assert.notEqual(String(changed), before);
    changed.remove(other);
    assert.equal(String(changed), before);
  }));
});

Deno.test("a message is joined from its parts", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 1, max: 20 }), (
    message,
    maxBytes,
  ) => {
    const joiner = new protocol.MessageJoiner();
    const parts = protocol.splitMessage(message, maxBytes);
    const joined = parts.map((part, i) => joiner.add(part, i + 1 < parts.length));
    assert.deepEqual(joined.pop(), message);
    assert(joined.every((each) => each === undefined));
  }));
});

Deno.test("a message of too many parts is an error, and the next one is joined", () => {
  const joiner = new protocol.MessageJoiner();
  const part = new Uint8Array(1_048_576);
  for (let i = 0; i < 16; i++) joiner.add(part, true);
  assert.throws(() => joiner.add(part, true), protocol.InvalidMessage);
  assert.equal(joiner.add(part, false), part);
});

Deno.test("the subjects are those of the prefix", () => {
  const subjects = protocol.hubSubjects("acme.alpaca");
  assert.equal(subjects.feed("sip"), "acme.alpaca.feed.sip");
  assert.equal(subjects.edge("e1"), "acme.alpaca.edge.e1");
  assert.equal(subjects.rest, "acme.alpaca.hub.rest");
});
