/**
 * What can happen in a delivery scenario, and how it is generated.
 *
 * @module
 */
import fc from "fast-check";
import type { DeliveryPolicy } from "../../src/application/status/reports.ts";
import { MARKET_CHANNELS, type MarketChannel, type Tick } from "./market_model.ts";

/** Limits of the proxy and of the account. */
export interface Scene {
  /** Capacity of each queue, in messages. */
  readonly capacity: number;
  /** Messages that each channel retains. */
  readonly retained: number;
  /** Memory of all queues, in bytes. */
  readonly memoryBytes: number;
  /** Pairs that upstream accepts. */
  readonly quota: number;
  /** Symbols that upstream rejects. */
  readonly rejected: readonly string[];
  readonly graceMs: number;
}

/** The options of a generated stream that differ between streams. */
export interface Variant {
  readonly delivery: DeliveryPolicy;
  readonly minIntervalMs: number;
  readonly snapshot: boolean;
  readonly heartbeatMs: number;
  readonly maxUnacknowledged: number;
}

/** One step; `which` selects a stream among the open, or among the closed ones. */
export type Step =
  | {
    readonly do: "open";
    readonly channel: MarketChannel;
    readonly symbols: readonly string[];
    /** Absent for a stream without options. */
    readonly variant?: Variant;
    /** Items that are read before the client stalls. */
    readonly credit: number;
  }
  | {
    readonly do: "resume";
    readonly which: number;
    /** Positions before the one that was processed last. */
    readonly back: number;
    readonly variant: Omit<Variant, "snapshot">;
    readonly credit: number;
  }
  | { readonly do: "close" | "stall"; readonly which: number }
  | { readonly do: "read" | "acknowledge"; readonly which: number; readonly count: number }
  | {
    readonly do: "produce";
    readonly ticks: readonly Tick[];
    readonly fault: "none" | "invalid" | "unreadable";
  }
  | {
    readonly do: "burst";
    readonly channel: MarketChannel;
    readonly symbols: readonly string[];
    /** Messages, as a factor of the capacity of a queue. */
    readonly factor: number;
    /** Whether they come in one frame. */
    readonly isOneFrame: boolean;
  }
  | { readonly do: "cut"; readonly refusedDials: number }
  | { readonly do: "contradict" | "forget"; readonly which: number }
  | { readonly do: "wait"; readonly ms: number }
  | {
    readonly do:
      | "drop slow"
      | "mute"
      | "unmute"
      | "hold"
      | "release"
      | "lose ack"
      | "double ack"
      | "server error"
      | "sweep";
  };

/** A scene and what happens in it. */
export interface Script {
  readonly scene: Scene;
  readonly steps: readonly Step[];
}

const SYMBOLS = ["A", "B", "C", "D"] as const;

const symbol = fc.constantFrom(...SYMBOLS);
const channel = fc.oneof(
  { weight: 4, arbitrary: fc.constant<MarketChannel>("quotes") },
  { weight: 2, arbitrary: fc.constantFrom<MarketChannel>(...MARKET_CHANNELS) },
);
const filter = fc.oneof(
  { weight: 4, arbitrary: fc.uniqueArray(symbol, { minLength: 1, maxLength: 3 }) },
  { weight: 1, arbitrary: fc.constant<string[]>([]) },
);
const credit = fc.oneof(
  { weight: 3, arbitrary: fc.constant(Infinity) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 6 }) },
);

const scene: fc.Arbitrary<Scene> = fc.record({
  capacity: fc.integer({ min: 1, max: 12 }),
  retained: fc.integer({ min: 1, max: 24 }),
  memoryBytes: fc.oneof(
    { weight: 3, arbitrary: fc.constant(Infinity) },
    { weight: 1, arbitrary: fc.integer({ min: 2_000, max: 12_000 }) },
  ),
  quota: fc.oneof(
    { weight: 3, arbitrary: fc.constant(Infinity) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 4 }) },
  ),
  rejected: fc.oneof(
    { weight: 3, arbitrary: fc.constant<string[]>([]) },
    { weight: 1, arbitrary: fc.uniqueArray(symbol, { maxLength: 2 }) },
  ),
  graceMs: fc.constantFrom(0, 5_000),
});

const plainVariant = {
  delivery: fc.constantFrom<DeliveryPolicy>("every", "every", "latest", "every_or_end"),
  minIntervalMs: fc.constantFrom(0, 0, 10, 1_000),
  heartbeatMs: fc.constantFrom(1_000, 5_000, 30_000),
  maxUnacknowledged: fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 5 }) },
  ),
};

/** The interval is only valid with the policy `latest`. */
function valid<V extends Omit<Variant, "snapshot">>(variant: V): V {
  return variant.delivery === "latest" ? variant : { ...variant, minIntervalMs: 0 };
}

const variant = fc.record({ ...plainVariant, snapshot: fc.boolean() }).map(valid);
const resumed = fc.record(plainVariant).map(valid);
const which = fc.nat({ max: 20 });

const open = fc.record({
  do: fc.constant("open" as const),
  channel,
  symbols: filter,
  variant,
  credit,
}, { requiredKeys: ["do", "channel", "symbols", "credit"] });

const resume = fc.record({
  do: fc.constant("resume" as const),
  which,
  back: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30 })),
  variant: resumed,
  credit,
});

const tick = fc.record({ channel, symbol });
const produce = fc.record({
  do: fc.constant("produce" as const),
  ticks: fc.array(tick, { minLength: 1, maxLength: 5 }),
  fault: fc.oneof(
    { weight: 8, arbitrary: fc.constant("none" as const) },
    { weight: 1, arbitrary: fc.constantFrom("invalid" as const, "unreadable" as const) },
  ),
});

const burst = fc.record({
  do: fc.constant("burst" as const),
  channel,
  symbols: fc.uniqueArray(symbol, { minLength: 1, maxLength: 3 }),
  factor: fc.constantFrom(0.5, 1, 2, 3),
  isOneFrame: fc.boolean(),
});

const fault = fc.oneof(
  fc.record({ do: fc.constant("cut" as const), refusedDials: fc.integer({ min: 0, max: 2 }) }),
  fc.record({ do: fc.constantFrom("contradict" as const, "forget" as const), which }),
  fc.record({
    do: fc.constantFrom(
      "drop slow" as const,
      "mute" as const,
      "unmute" as const,
      "hold" as const,
      "release" as const,
      "lose ack" as const,
      "double ack" as const,
      "server error" as const,
    ),
  }),
);

const reading = fc.oneof(
  fc.record({
    do: fc.constantFrom("read" as const, "acknowledge" as const),
    which,
    count: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constant(Infinity)),
  }),
  fc.record({ do: fc.constant("stall" as const), which }),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: open },
  { weight: 2, arbitrary: resume },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("close" as const), which }) },
  { weight: 4, arbitrary: reading },
  { weight: 8, arbitrary: produce },
  { weight: 2, arbitrary: burst },
  { weight: 3, arbitrary: fault },
  { weight: 1, arbitrary: fc.constant({ do: "sweep" as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      ms: fc.oneof(fc.constantFrom(1, 10, 500, 1_000), fc.integer({ min: 1, max: 90_000 })),
    }),
  },
);

/** Scripts of all faults and of clients of every kind. */
export const script: fc.Arbitrary<Script> = fc.record({
  scene,
  // A stream at the start, so that few scripts are idle.
  steps: fc.tuple(open, fc.array(step, { minLength: 1, maxLength: 60, size: "max" }))
    .map(([first, rest]) => [first, ...rest]),
});
