import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Holder,
  IdentityShares,
} from "../../../../src/domain/subscription/identity_shares.ts";
import type { Pair } from "../../../../src/domain/subscription/pairs.ts";
import { type PlanLimit, SymbolQuota } from "../../../../src/domain/subscription/quota.ts";

/** A plan whose slots may change, as those of a learned limit do. */
class ChangingQuota extends SymbolQuota {
  slots: number | undefined;

  constructor(slots: number | undefined) {
    const plan: PlanLimit = {
      pairs: undefined,
      counts: new Set(["trades", "quotes"]),
      wildcards: new Set(),
      isOpen: true,
    };
    super(plan);
    this.slots = slots;
  }

  override get limit(): number | undefined {
    return this.slots;
  }
}

function setup(slots: number | undefined, reserved: Readonly<Record<string, number>> = {}) {
  const quota = new ChangingQuota(slots);
  const excluded: Pair[] = [];
  const shares = new IdentityShares({
    quota,
    reserved: new Map(Object.entries(reserved)),
    excluded: () => excluded,
  });
  /** Adds symbols unless they exceed the quota; returns what they exceed. */
  const open = (holder: Holder, ...symbols: string[]) => {
    const pairs = symbols.map(quote);
    const excess = shares.check(holder, pairs);
    if (excess === undefined) shares.add(holder, pairs);
    return excess;
  };
  const close = (holder: Holder, ...symbols: string[]) => shares.remove(holder, symbols.map(quote));
  return { shares, quota, excluded, open, close };
}

const quote = (symbol: string): Pair => ({ channel: "quotes", symbol });
const names = (count: number, prefix = "S") => Array.from({ length: count }, (_, i) => prefix + i);

const A = { identity: "a" };
const B = { identity: "b" };

Deno.test("an identity alone can use all that is not reserved for others", () => {
  const { open } = setup(10, { a: 2, b: 3 });
  assert.equal(open(A, ...names(7)), undefined);
  assert.deepEqual(open(A, "more"), {
    kind: "pool",
    identity: "a",
    limit: 7,
    used: 7,
    requested: 1,
  });
});

Deno.test("what is reserved for an identity is free for it beside all others", () => {
  const { open } = setup(10, { a: 4 });
  assert.equal(open(B, ...names(6)), undefined);
  assert.equal(open(B, "more")?.kind, "pool");
  assert.equal(open(A, ...names(4, "A")), undefined);
  assert.equal(open(A, "more")?.kind, "pool");
});

Deno.test("a symbol of the pool uses one slot, however many identities request it", () => {
  const { open } = setup(3);
  for (const identity of ["a", "b", "c", "d"]) {
    assert.equal(open({ identity }, ...names(3)), undefined);
  }
  assert.equal(open(A, "more")?.kind, "pool");
});

Deno.test("a shared symbol counts for the share of each that requests it", () => {
  const { open } = setup(10);
  const half = { identity: "a", maxShare: 0.5 };
  assert.equal(open(B, ...names(10)), undefined);
  assert.equal(open(half, ...names(5)), undefined);
  assert.deepEqual(open(half, "S5"), {
    kind: "share",
    identity: "a",
    limit: 5,
    used: 5,
    requested: 1,
  });
  assert.equal(open(half, "S0"), undefined, "it holds that already");
});

Deno.test("a reservation is kept after a shared symbol is released", () => {
  const { open, close } = setup(4, { a: 2 });
  assert.equal(open(A, "X", "Y"), undefined);
  assert.equal(open(B, "X", "Y"), undefined);
  assert.equal(open(B, "Z")?.kind, "pool", "X and Y of b use the pool");
  close(A, "X", "Y");
  assert.equal(open(A, "V", "W"), undefined);
});

Deno.test("a symbol that leaves a reservation makes room for the oldest of the pool", () => {
  const { open, close } = setup(3, { a: 1 });
  assert.equal(open(A, "X", "Y", "Z"), undefined);
  assert.equal(open(B, "V")?.kind, "pool");
  close(A, "X");
  assert.equal(open(B, "V"), undefined);
});

Deno.test("a symbol of several streams of an identity is held until the last is closed", () => {
  const { shares, open, close } = setup(1);
  assert.equal(open(A, "X"), undefined);
  assert.equal(open(A, "X"), undefined);
  close(A, "X");
  assert.equal(open(B, "Y")?.kind, "pool");
  close(A, "X");
  assert.equal(open(B, "Y"), undefined);
  assert.deepEqual(shares.reports(), [{ identity: "_other", used: 1, reserved: 0 }]);
});

Deno.test("symbols on channels that do not count, and * use nothing", () => {
  const { shares } = setup(1);
  const pairs: Pair[] = [{ channel: "bars", symbol: "X" }, quote("*")];
  assert.equal(shares.check(A, pairs), undefined);
  shares.add(A, pairs);
  assert.equal(shares.check(A, [quote("Y")]), undefined);
});

Deno.test("rejected symbols use nothing until they are accepted again", () => {
  const { open, excluded } = setup(2);
  assert.equal(open(A, "X", "Y"), undefined);
  assert.equal(open(A, "Z")?.kind, "pool");
  excluded.push(quote("X"));
  assert.equal(open(A, "Z"), undefined);
  excluded.pop();
  assert.equal(open(A, "V")?.kind, "pool");
});

Deno.test("while the quota is not known nothing is refused; then reservations apply", () => {
  const { open, quota, shares } = setup(undefined, { a: 2 });
  assert.equal(open(B, ...names(100)), undefined);
  quota.slots = 100;
  assert.equal(open(B, "more")?.kind, "pool");
  assert.equal(open(A, "X", "Y"), undefined);
  assert.deepEqual([shares.isReserved(quote("X")), shares.isReserved(quote("S0"))], [true, false]);
});

Deno.test("reservations above a learned quota are reduced in proportion", () => {
  const { open, quota, shares } = setup(undefined, { a: 30, b: 10 });
  assert.equal(shares.overcommitted, 0);
  quota.slots = 20;
  assert.equal(shares.overcommitted, 20);
  assert.equal(open(A, ...names(15)), undefined);
  assert.equal(open(A, "more")?.kind, "pool");
  assert.equal(open(B, ...names(5, "B")), undefined);
  assert.equal(open(B, "more")?.kind, "pool");
  quota.slots = 100;
  assert.equal(open(A, "more"), undefined);
});

Deno.test("identities that are not configured are reported together", () => {
  const { shares, open } = setup(10, { a: 1, b: 0 });
  open(A, "X", "Y");
  open({ identity: "jwt 1" }, "X");
  open({ identity: "jwt 2" }, "Z");
  const trial = shares.trial();
  assert.ok(trial.hold(B, [quote("V")]));
  shares.recordSelected(trial);
  assert.deepEqual(shares.reports(), [
    { identity: "a", used: 2, reserved: 1 },
    { identity: "b", used: 1, reserved: 0 },
    { identity: "_other", used: 2, reserved: 0 },
  ]);
});

Deno.test("contracts of a trial respect shares, reservations and the named symbols", () => {
  const { shares, open } = setup(6, { a: 2 });
  open(B, "X", "Y");
  const trial = shares.trial();
  const held = (holder: Holder, count: number, prefix: string) =>
    names(count, prefix).filter((symbol) => trial.hold(holder, [quote(symbol)])).length;
  assert.equal(held({ identity: "b", maxShare: 0.5 }, 5, "B"), 1);
  assert.equal(held({ identity: "c" }, 5, "C"), 1);
  assert.equal(held(A, 5, "A"), 2);
  assert.equal(held({ identity: "d" }, 5, "B"), 1, "the one that b holds");
  assert.equal(shares.check(A, names(2, "N").map(quote)), undefined, "a trial holds nothing");
});

interface Step {
  readonly identity: string;
  readonly symbols: readonly string[];
  readonly close: boolean;
}

const IDENTITIES = ["a", "b", "c", "d"];

const steps = fc.array(
  fc.record({
    identity: fc.constantFrom(...IDENTITIES),
    symbols: fc.uniqueArray(fc.constantFrom(...names(12)), { minLength: 1, maxLength: 5 }),
    close: fc.boolean(),
  }),
  { maxLength: 60 },
);
const SLOTS = 10;
const reservations = fc.record({ a: fc.nat(4), b: fc.nat(3), c: fc.nat(3) });
const maxShares = fc.record({
  a: fc.constantFrom(0.4, 1),
  b: fc.constantFrom(0.3, 0.7, 1),
  c: fc.constant(1),
  d: fc.constantFrom(0.2, 1),
});

/** Streams that are open, by identity. */
function openStreams(
  history: readonly Step[],
  apply: { readonly open: (step: Step) => boolean; readonly close: (step: Step) => void },
  check: (streams: ReadonlyMap<string, readonly Step[]>) => void,
): void {
  const streams = new Map<string, readonly Step[]>(IDENTITIES.map((identity) => [identity, []]));
  for (const step of history) {
    const own = streams.get(step.identity) ?? [];
    const [oldest, ...rest] = own;
    if (step.close && oldest) {
      apply.close(oldest);
      streams.set(step.identity, rest);
    } else if (apply.open(step)) streams.set(step.identity, [...own, step]);
    check(streams);
  }
}

Deno.test("in any history the quota, reservations and shares are kept", () => {
  fc.assert(
    fc.property(steps, reservations, maxShares, (history, reserved, maxShare) => {
      const { open, close, shares } = setup(SLOTS, reserved);
      const holderOf = (identity: string): Holder => ({
        identity,
        maxShare: maxShare[identity as keyof typeof maxShare],
      });
      openStreams(history, {
        open: ({ identity, symbols }) => open(holderOf(identity), ...symbols) === undefined,
        close: ({ identity, symbols }) => close(holderOf(identity), ...symbols),
      }, (streams) => {
        const held = new Map(
          Array.from(streams, ([identity, open]) => [
            identity,
            new Set(open.flatMap(({ symbols }) => symbols)),
          ]),
        );
        const union = new Set([...held.values()].flatMap((symbols) => [...symbols]));
        assert.ok(union.size <= SLOTS, "the sum is within the quota");
        for (const [identity, symbols] of held) {
          const holder = holderOf(identity);
          const share = Math.floor(SLOTS * (holder.maxShare ?? 1));
          assert.ok(symbols.size <= share, "a share is kept");
          const own = reserved[identity as keyof typeof reserved] ?? 0;
          const left = Math.min(own, share) - symbols.size;
          const fresh = names(Math.max(0, left), "F").map(quote);
          assert.equal(shares.check(holder, fresh), undefined, "a reservation is free");
        }
      });
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("after everything is closed an identity alone can use all that others leave it", () => {
  fc.assert(fc.property(steps, reservations, maxShares, (history, reserved, maxShare) => {
    const { open, close, shares } = setup(SLOTS, reserved);
    let last: ReadonlyMap<string, readonly Step[]> = new Map();
    openStreams(history, {
      open: ({ identity, symbols }) => open({ identity }, ...symbols) === undefined,
      close: ({ identity, symbols }) => close({ identity }, ...symbols),
    }, (streams) => last = streams);
    for (const [identity, streams] of last) {
      for (const { symbols } of streams) close({ identity }, ...symbols);
    }
    for (const identity of IDENTITIES) {
      const ofOthers = Object.entries(reserved)
        .reduce((sum, [other, slots]) => other === identity ? sum : sum + slots, 0);
      const holder = { identity, maxShare: maxShare[identity as keyof typeof maxShare] };
      const most = Math.min(SLOTS - ofOthers, Math.floor(SLOTS * holder.maxShare));
      assert.equal(shares.check(holder, names(most).map(quote)), undefined);
      assert.notEqual(shares.check(holder, names(most + 1).map(quote)), undefined);
    }
  }));
});

Deno.test("a trial never takes what is reserved for others, nor more than the quota has", () => {
  fc.assert(fc.property(steps, steps, reservations, (history, selected, reserved) => {
    const { open, close, shares } = setup(SLOTS, reserved);
    let last: ReadonlyMap<string, readonly Step[]> = new Map();
    openStreams(history, {
      open: ({ identity, symbols }) => open({ identity }, ...symbols) === undefined,
      close: ({ identity, symbols }) => close({ identity }, ...symbols),
    }, (streams) => last = streams);
    const trial = shares.trial();
    const union = new Set<string>();
    const held = new Map<string, Set<string>>(IDENTITIES.map((identity) => [identity, new Set()]));
    for (const [identity, streams] of last) {
      for (const symbol of streams.flatMap(({ symbols }) => symbols)) {
        union.add(symbol);
        held.get(identity)?.add(symbol);
      }
    }
    for (const { identity, symbols } of selected) {
      for (const symbol of symbols) {
        if (!trial.hold({ identity }, [quote(symbol)])) continue;
        union.add(symbol);
        held.get(identity)?.add(symbol);
      }
    }
    const unused = IDENTITIES.reduce((sum, identity) => {
      const own = reserved[identity as keyof typeof reserved] ?? 0;
      return sum + Math.max(0, own - (held.get(identity)?.size ?? 0));
    }, 0);
    assert.ok(union.size + unused <= SLOTS);
  }));
});

Deno.test("an identity without streams leaves nothing behind", () => {
  const { shares, open, close } = setup(10_000);
  for (let client = 0; client < 10_000; client++) {
    const holder = { identity: `jwt ${client}` };
    assert.equal(open(holder, ...names(10)), undefined);
    close(holder, ...names(10));
  }
  assert.deepEqual(shares.reports(), [{ identity: "_other", used: 0, reserved: 0 }]);
});

Deno.test("the smallest share of a small quota is one slot", () => {
  const { open } = setup(30);
  const small = { identity: "a", maxShare: 0.001 };
  assert.equal(open(small, "X"), undefined);
  assert.equal(open(small, "Y")?.limit, 1);
});
