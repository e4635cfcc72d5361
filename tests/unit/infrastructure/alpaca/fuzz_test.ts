/**
 * A short search for frames that a decoder handles wrongly; `deno task fuzz` is
 * the long one.
 */
import assert from "node:assert/strict";
import { FOUND, foundInputs } from "../../../../scripts/fuzz/corpus.ts";
import { fuzz } from "../../../../scripts/fuzz/fuzz.ts";
import { MarketTarget } from "../../../../scripts/fuzz/market_target.ts";
import { OrderTarget } from "../../../../scripts/fuzz/order_target.ts";
import { DECODERS, type Target } from "../../../../scripts/fuzz/target.ts";

const RUNS = 34_000;

const TARGETS: Readonly<Record<Target["name"], () => Target>> = {
  stock: () => new MarketTarget("stock"),
  option: () => new MarketTarget("option"),
  order: () => new OrderTarget(),
};

for (const decoder of DECODERS) {
  Deno.test(`generated ${decoder} frames, whole or truncated, are handled correctly`, async () => {
    const report = await fuzz(TARGETS[decoder](), {
      seed: 1,
      runs: RUNS,
      seeds: foundInputs(decoder),
    });
    const { failure } = report;
    assert.equal(
      failure && `${failure.input.toHex()} ${failure.problem}`,
      undefined,
    );
    assert.equal(report.runs - report.truncations, RUNS);
  });

  for (const [name, input] of Object.entries(FOUND[decoder])) {
    Deno.test(`${decoder}: ${name}`, () => {
      const problem = TARGETS[decoder]().run(Uint8Array.fromHex(input), true);
      assert.equal(problem, undefined);
    });
  }
}

Deno.test("a decoder that throws or miscounts is found and its input minimized", async () => {
  const target = TARGETS.option();
  const broken: Target = {
    name: "option",
    shape: target.shape,
    write: target.write,
    isText: false,
    run(input) {
      if (input.includes(0xc1)) throw new Error("Broken");
      return undefined;
    },
    signature: () => "",
  };
  const { failure } = await fuzz(broken, { seed: 1, runs: 5_000, seeds: [] });
  assert.deepEqual(failure?.input, new Uint8Array([0xc1]));
  assert.match(failure?.problem ?? "", /Broken/);
});
