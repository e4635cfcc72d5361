import assert from "node:assert/strict";
import {
  DescriptorUse,
  LIMIT_VALID_MS,
} from "../../../../src/application/connections/descriptor_use.ts";

Deno.test("an observed number of descriptors holds beside any number of connections", () => {
  const use = new DescriptorUse(() => 0);
  assert.equal(use.open(3), 3);
  use.observe(30, 5); // 25 of them for something else
  assert.equal(use.open(5), 30);
  assert.equal(use.open(105), 130);
  use.observe(11, 5); // a gap in the numbers proves nothing less
  assert.equal(use.open(5), 30);
});

Deno.test("what was observed long ago counts no more", () => {
  let now = 0;
  const use = new DescriptorUse(() => now);
  use.observe(100, 0);
  now = 301_000;
  assert.equal(use.open(0), 100);
  use.observe(50, 0);
  now = 602_000;
  assert.equal(use.open(0), 50);
});

Deno.test("the limit is what was in use when none was left, for a while", () => {
  let now = 0;
  const use = new DescriptorUse(() => now);
  assert.equal(use.limit, undefined);
  use.observe(28, 8);
  use.exhausted(44);
  assert.equal(use.limit, 64);
  now = LIMIT_VALID_MS;
  assert.equal(use.limit, undefined);
});
