import assert from "node:assert/strict";
import fc from "fast-check";
import type { LinkState } from "../../../../src/domain/connection/feed.ts";
import {
  advance,
  attemptsOf,
  DISCONNECTED,
  type Link,
  type LinkEvent,
} from "../../../../src/domain/connection/link.ts";

const reason = "because";

const EVENTS: readonly LinkEvent[] = [
  { type: "connect" },
  { type: "opened" },
  { type: "accepted" },
  { type: "rejected", reason },
  { type: "lost", reason },
  { type: "delay_elapsed" },
  { type: "exhausted", reason },
  { type: "retry" },
  { type: "shutdown" },
];

const attempt = 7;
const old = "old";
const LINKS = {
  disconnected: { at: "disconnected" },
  connecting: { at: "connecting", attempt },
  authenticating: { at: "authenticating", attempt },
  connected: { at: "connected" },
  reconnecting: { at: "reconnecting", attempt, reason: old },
  error: { at: "error", attempt, reason: old, final: false },
  final: { at: "error", attempt, reason: old, final: true },
} as const satisfies Readonly<Record<string, Link>>;

/** Every pair that moves, with where it leads; all other pairs stay. */
const MOVES: Readonly<
  Record<keyof typeof LINKS, Readonly<Partial<Record<string, Link>>>>
> = {
  disconnected: { connect: { at: "connecting", attempt: 0 } },
  connecting: {
    opened: { at: "authenticating", attempt },
    lost: { at: "reconnecting", attempt, reason },
    shutdown: DISCONNECTED,
  },
  authenticating: {
    accepted: { at: "connected" },
    rejected: { at: "error", attempt, reason, final: false },
    lost: { at: "reconnecting", attempt, reason },
    shutdown: DISCONNECTED,
  },
  connected: {
    lost: { at: "reconnecting", attempt: 0, reason },
    shutdown: DISCONNECTED,
  },
  reconnecting: {
    delay_elapsed: { at: "connecting", attempt: attempt + 1 },
    exhausted: { at: "error", attempt, reason, final: true },
    shutdown: DISCONNECTED,
  },
  error: {
    retry: { at: "reconnecting", attempt, reason: old },
    shutdown: DISCONNECTED,
  },
  final: { shutdown: DISCONNECTED },
};

for (const [name, link] of Object.entries(LINKS)) {
  for (const event of EVENTS) {
    const to = MOVES[name as keyof typeof LINKS][event.type];
    const says = to ? `leads to ${to.at}` : "changes nothing";
    Deno.test(`link: ${event.type} while ${name} ${says}`, () => {
      const next = advance(link, event);
      if (to) assert.deepEqual(next, to);
      else assert.equal(next, link, "the very same link comes back");
    });
  }
}

/** The edges of the published state diagram. */
const PUBLISHED: readonly string[] = [
  "disconnected connecting",
  "connecting authenticating",
  "authenticating connected",
  "authenticating error",
  "connected reconnecting",
  "connected disconnected",
  "reconnecting connecting",
  "reconnecting error",
  "error reconnecting",
  "error disconnected",
];

/** What else the header of link.ts announces: failed dials, early shutdowns. */
const ANNOUNCED: readonly string[] = [
  "connecting reconnecting",
  "authenticating reconnecting",
  "connecting disconnected",
  "authenticating disconnected",
  "reconnecting disconnected",
];

Deno.test("the machine has exactly the published edges and the announced ones", () => {
  const edges = new Set<string>();
  for (const link of Object.values(LINKS)) {
    for (const event of EVENTS) {
      const next = advance(link, event);
      if (next.at !== link.at) edges.add(`${link.at} ${next.at}`);
    }
  }
  assert.deepEqual([...edges].sort(), [...PUBLISHED, ...ANNOUNCED].sort());
});

Deno.test("every state is reached from the start, along known edges only", () => {
  const allowed = new Set([...PUBLISHED, ...ANNOUNCED]);
  const reached = new Set<LinkState>();
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...EVENTS), { maxLength: 60, size: "max" }),
      (walk) => {
        let link: Link = DISCONNECTED;
        for (const event of walk) {
          const before = structuredClone(link);
          const next = advance(link, event);
          assert.deepEqual(link, before, "a link is never changed in place");
          if (next.at !== link.at) {
            assert.ok(allowed.has(`${link.at} ${next.at}`));
          } else assert.equal(next, link);
          link = next;
          reached.add(link.at);
        }
      },
    ),
    { numRuns: 1_000 },
  );
  assert.equal(reached.size, 6);
});

Deno.test("attempts are the dials made since the link was last connected", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...EVENTS), { maxLength: 80, size: "max" }),
      (walk) => {
        let link: Link = DISCONNECTED;
        let redials = 0;
        for (const event of walk) {
          const next = advance(link, event);
          if (next !== link && event.type === "delay_elapsed") redials++;
          if (next.at === "connected" || next.at === "disconnected") {
            redials = 0;
          }
          link = next;
          assert.equal(attemptsOf(link), redials);
        }
      },
    ),
    { numRuns: 1_000 },
  );
});
