/**
 * A short search for inputs that a decoder handles wrongly; `deno task fuzz` is
 * the long one.
 */
import assert from "node:assert/strict";
import { FOUND, foundInputs } from "../../../scripts/fuzz/corpus.ts";
import { fuzz } from "../../../scripts/fuzz/fuzz.ts";
import { MarketTarget } from "../../../scripts/fuzz/market_target.ts";
import { OrderTarget } from "../../../scripts/fuzz/order_target.ts";
import { problemOf, withPlainKeys } from "../../../scripts/fuzz/plain_keys.ts";
import { RequestTarget } from "../../../scripts/fuzz/request_target.ts";
import { DECODERS, type Target } from "../../../scripts/fuzz/target.ts";
import { WebSocketTarget } from "../../../scripts/fuzz/websocket_target.ts";

const RUNS = 34_000;

const TARGETS: Readonly<Record<Target["name"], () => Target>> = {
  stock: () => new MarketTarget("stock"),
  option: () => new MarketTarget("option"),
  order: () => new OrderTarget(),
  request: () => new RequestTarget(),
  websocket: () => new WebSocketTarget(),
};

for (const decoder of DECODERS) {
  Deno.test(`generated ${decoder} inputs, whole or truncated, are handled correctly`, async () => {
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
    examples: target.examples,
    generate: target.generate,
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

const utf8 = {
  encode: (text: string) => new TextEncoder().encode(text),
  decode: (bytes?: Uint8Array) => bytes && new TextDecoder().decode(bytes),
};

Deno.test("V8 misreads keys with escapes", () => {
  JSON.parse(String.raw`{"h":[],"\\":0}`);
  const [, key] = Object.keys(JSON.parse(String.raw`{"h":1,"\"":2}`));
  assert.equal(key, "\\", "scripts/fuzz/plain_keys.ts can go");
});

Deno.test("keys are written without escapes, values are unchanged", () => {
  const plain = (text: string) => utf8.decode(withPlainKeys(utf8.encode(text)));
  assert.equal(
    plain(String.raw`[{"\u0054":"\u0054:","\\" : 1,"S":"\"a\":"}]`),
    String.raw`[{"T":"\u0054:","k" : 1,"S":"\"a\":"}]`,
  );
  assert.equal(plain('[{"T":"q"}]'), undefined);
});

Deno.test("a difference that only an escaped key causes is no problem of a decoder", () => {
  const target: Target = {
    ...TARGETS.stock(),
    isText: true,
    run: (input) => utf8.decode(input)?.includes("\\u") ? "differs" : undefined,
    signature: () => "",
  };
  const problem = (text: string) => problemOf(target, utf8.encode(text), true);
  assert.equal(problem(String.raw`[{"\u0054":"q"}]`), undefined);
  assert.equal(problem(String.raw`[{"T":"\u0071"}]`), "differs");
});
