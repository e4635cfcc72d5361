import assert from "node:assert/strict";
import { errors } from "jose";
import { Unauthenticated } from "../../../../src/application/access/access.ts";
import { IssuerKeys } from "../../../../src/infrastructure/access/issuer_keys.ts";
import { JwtIssuer } from "../../../support/jwt_issuer.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";
import { until } from "../../../support/until.ts";

const MINUTE = 60_000;

async function start() {
  const clock = new ManualClock();
  const issuer = await JwtIssuer.start(() => clock.now());
  const log = new RecordingLog();
  const stopping = new AbortController();
  const keys = new IssuerKeys({ url: issuer.url, clock, log, signal: stopping.signal });
  const select = async (kid: string) => {
    try {
      await keys.get({ alg: "ES256", kid }, { payload: "", signature: "" });
      return "found";
    } catch (error) {
      if (error instanceof Unauthenticated) return error.reason;
      assert(error instanceof errors.JWKSNoMatchingKey, String(error));
      return "unknown";
    }
  };
  return {
    clock,
    issuer,
    log,
    stopping,
    keys,
    select,
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await issuer[Symbol.asyncDispose]();
    },
  };
}

Deno.test("keys are loaded once for many tokens, and again after five minutes", async () => {
  await using rig = await start();
  const { issuer, clock, select } = rig;
  assert.deepEqual(await Promise.all([select("first"), select("first")]), ["found", "found"]);
  await clock.advance(5 * MINUTE - 1);
  assert.equal(await select("first"), "found");
  assert.equal(issuer.requests, 1);
  await clock.advance(1);
  assert.equal(await select("first"), "found");
  assert.equal(issuer.requests, 2);
  assert.equal(clock.sleepers, 0);
});

Deno.test("a key that the issuer has removed is not used after five minutes", async () => {
  await using rig = await start();
  const { issuer, clock, select } = rig;
  assert.equal(await select("first"), "found");
  issuer.keys = [await JwtIssuer.key("second", "ES256")];
  await clock.advance(5 * MINUTE);
  assert.equal(await select("first"), "unknown");
  assert.equal(await select("second"), "found");
});

Deno.test("an unknown key loads the keys, at most every ten seconds", async () => {
  await using rig = await start();
  const { issuer, clock, select } = rig;
  assert.equal(await select("first"), "found");
  const second = await JwtIssuer.key("second", "ES256");
  issuer.keys = [...issuer.keys, second];
  // A client with a new key may retry: its token was not refused.
  assert.equal(await select("second"), "unavailable");
  assert.equal(issuer.requests, 1);
  await clock.advance(10_000);
  assert.equal(await select("second"), "found");
  for (let i = 0; i < 50; i++) await select(`random ${i}`);
  assert.equal(issuer.requests, 2);
  await clock.advance(10_000);
  assert.equal(await select("random"), "unknown");
  assert.equal(issuer.requests, 3);
  assert.equal(await select("first"), "found");
});

Deno.test("the last keys are used for four hours while the issuer is down", async () => {
  await using rig = await start();
  const { issuer, clock, log, select } = rig;
  assert.equal(await select("first"), "found");
  issuer.respond = () => new Response("down", { status: 503 });
  await clock.advance(4 * 60 * MINUTE - 1);
  assert.equal(await select("first"), "found");
  const [warning] = log.records;
  assert.match(warning?.message ?? "", /Cannot load the keys/);
  assert.equal(warning?.fields.usesKeysForMs, 1);
  await clock.advance(1);
  assert.equal(await select("first"), "unavailable");
  issuer.respond = undefined;
  await clock.advance(10_000);
  assert.equal(await select("first"), "found");
  assert.deepEqual(log.messages("info"), ["Loaded the keys of the JWT issuer again"]);
});

Deno.test("an issuer that stops to respond delays tokens with known keys once", async () => {
  await using rig = await start();
  const { issuer, clock, select } = rig;
  assert.equal(await select("first"), "found");
  const silence = Promise.withResolvers<void>();
  using _issuer = { [Symbol.dispose]: () => silence.resolve() };
  const keySet = () => Response.json({ keys: issuer.keys.map((key) => key.publicJwk) });
  issuer.respond = () => silence.promise.then(keySet);
  await clock.advance(5 * MINUTE);
  const delayed = select("first");
  await until("the request", () => issuer.requests === 2);
  await clock.advance(5_000);
  assert.equal(await delayed, "found");

  await clock.advance(10_000);
  const found: string[] = [];
  for (let i = 0; i < 50; i++) select("first").then((result) => found.push(result));
  await until("all are found, without a change of time", () => found.length === 50);
  assert.deepEqual(new Set(found), new Set(["found"]));
  await until("another request", () => issuer.requests === 3);
  silence.resolve();
  await until("the end of the outage", () => rig.log.messages("info").length === 1);
});

Deno.test("responses without keys, too large or redirected replace no keys", async () => {
  await using rig = await start();
  const { issuer, clock, log, select } = rig;
  assert.equal(await select("first"), "found");
  const big = { keys: [{ kty: "oct", k: "x".repeat(300_000) }] };
  const answers: (() => Response)[] = [
    () => new Response("no JSON"),
    () => Response.json({ keys: [] }),
    () => Response.json({ keys: Array.from({ length: 101 }, () => ({ kty: "EC" })) }),
    () => Response.json({ keys: ["x"] }),
    () => Response.json([]),
    () => Response.json(big),
    () => Response.redirect(issuer.url, 302),
  ];
  for (const answer of answers) {
    issuer.respond = answer;
    const { length } = log.records;
    await clock.advance(5 * MINUTE);
    assert.equal(await select("first"), "found", String(answer));
    await until("the keys were requested and refused", () => log.records.length > length);
    assert.equal(await select("first"), "found", String(answer));
  }
});

Deno.test("an issuer that does not respond is given up after five seconds", async () => {
  await using rig = await start();
  const { issuer, clock, log, select } = rig;
  const response = Promise.withResolvers<Response>();
  issuer.respond = () => response.promise;
  const selected = select("first");
  while (issuer.requests === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await clock.advance(5_000);
  assert.equal(await selected, "unavailable");
  assert.match(String(log.records[0]?.fields.cause), /No response within 5000 ms/);
  response.resolve(new Response());
});

Deno.test("a symmetric key in the set is never selected", async () => {
  await using rig = await start();
  const { issuer, keys, select } = rig;
  const [key] = issuer.keys;
  issuer.respond = () =>
    Response.json({ keys: [{ kty: "oct", kid: "first", k: "AAAA" }, key?.publicJwk] });
  assert.equal(await select("first"), "found");
  await assert.rejects(async () => {
    await keys.get({ alg: "HS256", kid: "first" }, { payload: "", signature: "" });
  }, errors.JOSENotSupported);
});
