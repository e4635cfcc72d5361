import assert from "node:assert/strict";
import fc from "fast-check";
import {
  advance,
  attemptsOf,
  DISCONNECTED,
  type Link,
  type LinkEvent,
  type LinkState,
} from "../../../../src/domain/connection/link.ts";

const EVENTS: readonly LinkEvent[] = [
  "connect",
  "opened",
  "accepted",
  "rejected",
  "lost",
  "delay_elapsed",
  "exhausted",
  "retry",
  "shutdown",
];

const attempt = 7;
const LINKS = {
  disconnected: { state: "disconnected" },
  connecting: { state: "connecting", attempt },
  authenticating: { state: "authenticating", attempt },
  connected: { state: "connected" },
  reconnecting: { state: "reconnecting", attempt },
  error: { state: "error", attempt, final: false },
  final: { state: "error", attempt, final: true },
} as const satisfies Readonly<Record<string, Link>>;

/** Every pair that moves, with where it leads; all other pairs stay. */
const MOVES: Readonly<
  Record<keyof typeof LINKS, Readonly<Partial<Record<string, Link>>>>
> = {
  disconnected: { connect: { state: "connecting", attempt: 0 } },
  connecting: {
    opened: { state: "authenticating", attempt },
    lost: { state: "reconnecting", attempt },
    shutdown: DISCONNECTED,
  },
  authenticating: {
    accepted: { state: "connected" },
    rejected: { state: "error", attempt, final: false },
    lost: { state: "reconnecting", attempt },
    shutdown: DISCONNECTED,
  },
  connected: {
    lost: { state: "reconnecting", attempt: 0 },
    shutdown: DISCONNECTED,
  },
  reconnecting: {
    delay_elapsed: { state: "connecting", attempt: attempt + 1 },
    exhausted: { state: "error", attempt, final: true },
    shutdown: DISCONNECTED,
  },
  error: {
    retry: { state: "reconnecting", attempt },
    shutdown: DISCONNECTED,
  },
  final: { shutdown: DISCONNECTED },
};

for (const [name, link] of Object.entries(LINKS)) {
  for (const event of EVENTS) {
    const to = MOVES[name as keyof typeof LINKS][event];
    const says = to ? `leads to ${to.state}` : "changes nothing";
    Deno.test(`link: ${event} while ${name} ${says}`, () => {
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

/** Further edges in the header of link.ts: failed dials, early shutdowns. */
const ANNOUNCED: readonly string[] = [
  "connecting reconnecting",
  "authenticating reconnecting",
  "connecting disconnected",
  "authenticating disconnected",
  "reconnecting disconnected",
];

Deno.test("the state machine has exactly the documented edges", () => {
  const edges = new Set<string>();
  for (const link of Object.values(LINKS)) {
    for (const event of EVENTS) {
      const next = advance(link, event);
      if (next.state !== link.state) edges.add(`${link.state} ${next.state}`);
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
          if (next.state !== link.state) {
            assert.ok(allowed.has(`${link.state} ${next.state}`));
          } else assert.equal(next, link);
          link = next;
          reached.add(link.state);
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
          if (next !== link && event === "delay_elapsed") redials++;
          if (next.state === "connected" || next.state === "disconnected") {
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
