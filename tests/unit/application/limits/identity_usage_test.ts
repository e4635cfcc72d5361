import assert from "node:assert/strict";
import {
  IdentityLimitExceeded,
  IdentityUsage,
} from "../../../../src/application/limits/identity_usage.ts";
import { OpenedTooOften, OpeningRate } from "../../../../src/application/limits/opening_rate.ts";
import type { IdentityLimits } from "../../../../src/domain/access/grants.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

/** Opens a stream; returns what closes it. */
function open(usage: IdentityUsage, symbols: number, limits: IdentityLimits, identity = "page") {
  const client = { identity, limits };
  usage.check(client, symbols);
  return usage.open(client, symbols);
}

function exceeds(call: () => unknown): IdentityLimitExceeded {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof IdentityLimitExceeded);
    return error;
  }
  assert.fail("nothing is exceeded");
}

Deno.test("streams of an identity are limited until one is closed, those of others are not", () => {
  const usage = new IdentityUsage();
  const first = open(usage, 1, { streams: 2 });
  open(usage, 1, { streams: 2 });
  const { message, isTransient } = exceeds(() => open(usage, 1, { streams: 2 }));
  assert.match(message, /may have 2 open streams \(streams of its role\): 2 used, 0 left, 1 more/);
  assert.equal(isTransient, true);
  open(usage, 1, { streams: 2 }, "other");
  first();
  open(usage, 1, { streams: 2 });
});

Deno.test("the symbols of all streams of an identity are limited", () => {
  const usage = new IdentityUsage();
  const limits = { symbols: 10 };
  const first = open(usage, 6, limits);
  const { message } = exceeds(() => open(usage, 5, limits));
  assert.match(
    message,
    /10 symbols, underlyings and order ids .*: 6 used, 4 left, 5 more requested/,
  );
  open(usage, 4, limits);
  open(usage, 0, limits);
  first();
  open(usage, 6, limits);
});

Deno.test("a stream with too many symbols can never be opened", () => {
  const usage = new IdentityUsage();
  const { excess, isTransient } = exceeds(() => open(usage, 4, { symbolsPerStream: 3 }));
  assert.deepEqual(excess, { limit: "symbolsPerStream", allowed: 3, used: 0, requested: 4 });
  assert.equal(isTransient, false);
  open(usage, 3, { symbolsPerStream: 3 });
});

Deno.test("without authentication nothing is limited or remembered", () => {
  const usage = new IdentityUsage(new OpeningRate(0.05, new ManualClock()));
  for (let i = 0; i < 100; i++) open(usage, 100, { streams: 1, symbols: 1 }, "");
  assert.equal(usage.size, 0);
});

Deno.test("an identity that opens streams too often is refused, and admitted later", async () => {
  const clock = new ManualClock();
  const usage = new IdentityUsage(new OpeningRate(1, clock));
  for (let i = 0; i < 50; i++) open(usage, 1, {})();
  assert.throws(() => open(usage, 1, {}), OpenedTooOften);
  open(usage, 1, {}, "other");
  await clock.advance(1_000);
  open(usage, 1, {});
});

Deno.test("identities without open streams are not remembered", () => {
  const usage = new IdentityUsage();
  const closes = Array.from({ length: 1_000 }, (_, i) => open(usage, 1, {}, `jwt ${i}`));
  assert.equal(usage.size, 1_000);
  for (const close of closes) close();
  assert.equal(usage.size, 0);
});

Deno.test("symbols that an open stream adds count against the limits of its identity", () => {
  const usage = new IdentityUsage();
  const client = { identity: "dashboard", limits: { symbols: 5, symbolsPerStream: 4 } };
  const close = usage.open(client, 0);
  usage.checkSymbols(client, { own: 0, added: 4 });
  assert.throws(() => usage.checkSymbols(client, { own: 3, added: 2 }), /4 symbols.*of one stream/);
  usage.add(client, 4);
  usage.checkSymbols(client, { own: 0, added: 1 });
  assert.throws(() => usage.checkSymbols(client, { own: 0, added: 2 }), /4 used, 1 left, 2 more/);
  assert.throws(() => usage.check(client, 2), /4 used/);
  usage.add(client, -4);
  usage.check(client, 4);
  close();
  usage.add(client, 1);
  assert.equal(usage.size, 0);
});
