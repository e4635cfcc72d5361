/**
 * For any interleaving of messages, losses, broken connections and restarts: a
 * consumer receives each message once and in order, or a gap reports what is missing;
 * a proxy that loses messages without a gap is found out.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ProxyClient } from "../../../client/client.ts";
import type { StreamGap } from "../../../client/mod.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { ModelProxy, type ModelQuote } from "../../support/model_proxy.ts";

const RUNS = 1_000;

const SYMBOLS = ["A", "B", "C"];

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(...SYMBOLS).map((symbol) => ({ type: "publish", symbol })),
  },
  { weight: 5, arbitrary: fc.nat(4).map((count) => ({ type: "deliver", count: count + 1 })) },
  { weight: 2, arbitrary: fc.nat(3).map((count) => ({ type: "lose", count: count + 1 })) },
  { weight: 1, arbitrary: fc.constant({ type: "heartbeat" }) },
  { weight: 1, arbitrary: fc.boolean().map((isCut) => ({ type: "end", isCut })) },
  { weight: 1, arbitrary: fc.nat(3).map((retained) => ({ type: "retain", retained })) },
  { weight: 1, arbitrary: fc.constant({ type: "restart" }) },
);

/** Messages are lost without a gap. */
const lie: fc.Arbitrary<Step> = fc.nat(2).map((count) => ({ type: "lie", count: count + 1 }));

/** A hole shows between two messages of its symbol: each has one before and after. */
const EACH: readonly Step[] = [
  ...SYMBOLS.map((symbol) => ({ type: "publish", symbol })),
  { type: "deliver", count: Infinity },
];

const isOfOneEpoch = ({ type }: Step) => type !== "restart" && type !== "retain";

type Step = {
  readonly type: string;
  readonly symbol?: string;
  readonly count?: number;
  readonly isCut?: boolean;
  readonly retained?: number;
};

/** What a consumer received. */
interface Outcome {
  readonly received: readonly { readonly symbol: string; readonly key: string }[];
  readonly gaps: readonly StreamGap[];
  /** Published after the stream had begun, and not received. */
  readonly missing: readonly ModelQuote[];
  readonly duplicates: number;
}

const keyOf = ({ epoch, sequence }: Pick<ModelQuote, "epoch" | "sequence">) =>
  `${epoch} ${sequence}`;

async function play(steps: readonly Step[]): Promise<Outcome> {
  const model = new ModelProxy();
  const clock = new ManualClock();
  const dependencies = { clock, random: () => 0, transport: model.transport };
  const client = new ProxyClient({}, dependencies);
  const received: { symbol: string; key: string }[] = [];
  const gaps: StreamGap[] = [];
  let epoch = "";
  const stream = client.quotes([], {
    onGap: (gap) => gaps.push(gap),
    onNotice: ({ kind }) => {
      if (kind.case === "hello") epoch = kind.value.epoch;
    },
  });
  const consuming = (async () => {
    for await (const { symbol, bidPrice } of stream) {
      received.push({ symbol, key: keyOf({ epoch, sequence: bidPrice }) });
    }
  })();
  await clock.advance(0);
  for (const { type, symbol = "", count, isCut = false, retained = 0 } of steps) {
    const open = model.stream;
    if (type === "publish") model.publish(symbol);
    if (type === "deliver") open?.deliver(count);
    if (type === "lose") open?.lose(count ?? 0);
    if (type === "lie") open?.lose(count ?? 0, { isReported: false });
    if (type === "heartbeat") open?.heartbeat(model.sequence);
    if (type === "end") open?.end("UNAVAILABLE", "ended", { isCut });
    if (type === "retain") model.retained = retained;
    if (type === "restart") model.restart();
    await clock.advance(0);
  }
  model.stream?.deliver();
  model.stream?.heartbeat(model.sequence);
  await clock.advance(0);
  const { duplicates } = stream.stats;
  client.close();
  await consuming;
  const keys = new Set(received.map(({ key }) => key));
  const missing = model.published.filter((quote) => !keys.has(keyOf(quote)));
  return { received, gaps, missing, duplicates };
}

/** Messages of known gaps, and whether the size of one is unknown. */
function reported(
  gaps: readonly StreamGap[],
): { readonly count: number; readonly isOpen: boolean } {
  const count = gaps.reduce((sum, gap) => sum + gap.count, 0);
  return { count, isOpen: gaps.some((gap) => gap.count === 0) };
}

function isOnceAndInOrder({ received }: Outcome): void {
  assert.equal(new Set(received.map(({ key }) => key)).size, received.length, "a repetition");
  for (const symbol of SYMBOLS) {
    const order = received.filter((one) => one.symbol === symbol).map(({ key }) => {
      const [epoch = "", sequence = ""] = key.split(" ");
      return Number(epoch.replace("epoch-", "")) * 1e6 + Number(sequence);
    });
    assert.deepEqual(order, order.toSorted((a, b) => a - b), "an order");
  }
}

Deno.test("each message is received once and in order, or is reported", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const outcome = await play(steps);
      isOnceAndInOrder(outcome);
      const { count, isOpen } = reported(outcome.gaps);
      if (!isOpen) assert.equal(count, outcome.missing.length);
      else assert.ok(count <= outcome.missing.length, `${count} of ${outcome.missing.length}`);
      const wrong = outcome.gaps.filter(({ reason }) => reason === "undetected");
      assert.deepEqual(wrong, []);
    }),
    { numRuns: RUNS },
  );
});

Deno.test("what an unreliable proxy loses without a gap is reported by the client", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(step.filter(isOfOneEpoch), lie), { maxLength: 60 }),
      async (steps) => {
        const outcome = await play([...EACH, ...steps, ...EACH]);
        isOnceAndInOrder(outcome);
        const { count, isOpen } = reported(outcome.gaps);
        assert.equal(isOpen, false);
        assert.equal(count, outcome.missing.length);
      },
    ),
    { numRuns: RUNS },
  );
});
