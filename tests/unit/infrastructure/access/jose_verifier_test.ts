import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { createLocalJWKSet, exportSPKI, importJWK } from "jose";
import { Unauthenticated } from "../../../../src/application/access/access.ts";
import type { JwtRules } from "../../../../src/domain/access/policy.ts";
import { JoseVerifier } from "../../../../src/infrastructure/access/jose_verifier.ts";
import {
  AUDIENCE,
  ISSUER,
  JwtIssuer,
  signToken,
  type TokenOptions,
} from "../../../support/jwt_issuer.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

const clock = new ManualClock();
const now = Math.floor(clock.now() / 1_000);
const RULES: JwtRules = {
  jwksUrl: "",
  issuer: ISSUER,
  audience: AUDIENCE,
  algorithms: ["RS256", "ES256", "EdDSA"],
  clockToleranceMs: 30_000,
  roleClaim: "role",
};
const rsa = await JwtIssuer.key("rsa", "RS256");
const ec = await JwtIssuer.key("ec", "ES256");
const ed = await JwtIssuer.key("ed", "EdDSA");
const keys = createLocalJWKSet({ keys: [rsa, ec, ed].map(({ publicJwk }) => publicJwk) });

/** Signs a token with a key of the issuer. */
function signed(options: TokenOptions = {}, key = rsa): Promise<string> {
  return signToken(key, options, clock.now());
}

function verifier(options: Partial<JwtRules> = {}) {
  return new JoseVerifier({ rules: { ...RULES, ...options }, keys, clock });
}

const ADDRESS = "192.0.2.1";

async function outcome(token: string, of = verifier(), address = ADDRESS): Promise<string> {
  try {
    const { subject } = await of.verify(token, address);
    return subject;
  } catch (error) {
    assert(error instanceof Unauthenticated, String(error));
    assert.doesNotMatch(error.message, /alg|kid|signature|claim|issuer|audience/);
    return error.reason;
  }
}

/** A token of an own header and payload, signed with HMAC or not at all. */
function forge(header: object, secret?: string): string {
  const payload = { iss: ISSUER, aud: AUDIENCE, sub: "mallory", exp: now + 600 };
  const text = [header, payload].map((part) => btoa(JSON.stringify(part)).replace(/=+$/, ""))
    .join(".");
  const signature = secret === undefined
    ? ""
    : createHmac("sha256", secret).update(text).digest("base64url");
  return `${text}.${signature}`;
}

Deno.test("tokens of all algorithms are accepted, with their subject, role and end", async () => {
  for (const key of [rsa, ec, ed]) {
    const token = await signed({ claims: { role: "reader" } }, key);
    const claims = await verifier().verify(token, ADDRESS);
    const expiresAt = (now + 600) * 1_000 + 30_000;
    assert.deepEqual(claims, { subject: "alice", role: "reader", expiresAt });
  }
});

const [header = "", payload = "", signature = ""] = (await signed()).split(".");
const publicKey = await importJWK(rsa.publicJwk, "RS256", { extractable: true });
const pem = await exportSPKI(publicKey as Parameters<typeof exportSPKI>[0]);
const REFUSED: Readonly<Record<string, () => string | Promise<string>>> = {
  "HS256 with the RSA public key": () => forge({ alg: "HS256", kid: "rsa" }, pem),
  "HS256 with the modulus of the RSA key": () =>
    forge({ alg: "HS256", kid: "rsa" }, rsa.publicJwk.n),
  "HS256 with an empty secret": () => forge({ alg: "HS256" }, ""),
  "no algorithm": () => forge({ alg: "none" }),
  "no algorithm in other letters": () => forge({ alg: "nOnE", kid: "rsa" }),
  "no algorithm at all": () => forge({ kid: "rsa" }),
  "a key of another type than the algorithm": () => signed({ header: { kid: "ec" } }),
  "an unknown kid": () => signed({ header: { kid: "unknown" } }),
  "an unknown kid that is a path": () => signed({ header: { kid: "../../dev/null" } }),
  "another issuer": () => signed({ issuer: "https://other.example" }),
  "another audience": () => signed({ audience: "other" }),
  "no expiry": () => signed({ expiresAt: null }),
  "a later beginning": () => signed({ notBefore: now + 31 }),
  "an unknown critical header": () =>
    signed({ header: { crit: ["x"], x: 1 } }).catch(() =>
      forge({ alg: "RS256", kid: "rsa", crit: ["x"], x: 1 }, "")
    ),
  "another payload": () => `${header}.${btoa(JSON.stringify({ sub: "mallory" }))}.${signature}`,
  "an empty signature": () => `${header}.${payload}.`,
  "another signature": () => `${header}.${payload}.${signature.slice(0, -4)}AAAA`,
  "no payload": () => `${header}..${signature}`,
  "text": () => "a.b.c",
};

for (const [what, token] of Object.entries(REFUSED)) {
  Deno.test(`a token is refused without a reason: ${what}`, async () => {
    assert.equal(await outcome(await token()), "invalid");
  });
}

Deno.test("a token with any other character is refused", async () => {
  const token = await signed({}, ec);
  // The last character has bits that encode nothing.
  const at = fc.integer({ min: 0, max: token.length - 2 });
  const character = fc.constantFrom(..."ABCXYZabcxyz0189-_.=");
  await fc.assert(
    fc.asyncProperty(at, character, async (index, other) => {
      fc.pre(token[index] !== other);
      const changed = token.slice(0, index) + other + token.slice(index + 1);
      assert.equal(await outcome(changed), "invalid");
    }),
    { numRuns: 300 },
  );
});

Deno.test("a key in the token or at an address in it is ignored", async () => {
  const own = await JwtIssuer.key("rsa", "RS256");
  let fetched = 0;
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    fetched++;
    return Response.json({ keys: [own.publicJwk] });
  });
  const url = `http://127.0.0.1:${server.addr.port}/`;
  for (const more of [{ jku: url }, { x5u: url }, { jwk: own.publicJwk }]) {
    assert.equal(await outcome(await signed({ header: more }, own)), "invalid");
    assert.equal(await outcome(await signed({ header: more })), "alice");
  }
  assert.equal(fetched, 0);
});

Deno.test("the algorithms are those of the policy", async () => {
  const onlyEc = verifier({ algorithms: ["ES256"] });
  assert.equal(await outcome(await signed({}, rsa), onlyEc), "invalid");
  assert.equal(await outcome(await signed({}, ec), onlyEc), "alice");
});

Deno.test("expiry and beginning have the clock tolerance, and not a second more", async () => {
  assert.equal(await outcome(await signed({ expiresAt: now - 29 })), "alice");
  assert.equal(await outcome(await signed({ expiresAt: now - 30 })), "expired");
  assert.equal(await outcome(await signed({ notBefore: now + 30 })), "alice");
  const other = await JwtIssuer.key("rsa", "RS256");
  assert.equal(await outcome(await signed({ expiresAt: now - 99 }, other)), "invalid");
});

Deno.test("a verified token is remembered for five minutes, at most until it expires", async () => {
  const clock = new ManualClock();
  let selected = 0;
  const jwts = new JoseVerifier({
    rules: RULES,
    clock,
    keys: (...request) => {
      selected++;
      return keys(...request);
    },
  });
  const [long, short] = [await signed(), await signed({ expiresAt: now + 60 })];
  assert.equal(jwts.recent(long), undefined);
  await Promise.all([long, long, short].map((token) => jwts.verify(token, ADDRESS)));
  assert.equal(selected, 2, "concurrent verifications of a token are one");
  assert.equal(jwts.recent(long)?.subject, "alice");
  await clock.advance(90_000);
  assert.equal(jwts.recent(short), undefined);
  assert.equal(await outcome(short, jwts), "expired");
  await clock.advance(210_000);
  assert.equal(jwts.recent(long), undefined);
  assert.equal(await outcome(long, jwts), "alice");
  assert.equal(selected, 4);
});

Deno.test("a refused token has the same failure for ten seconds", async () => {
  const clock = new ManualClock(now * 1_000);
  let selected = 0;
  const jwts = new JoseVerifier({
    rules: RULES,
    clock,
    keys: (...request) => {
      selected++;
      return keys(...request);
    },
  });
  const expired = await signed({ expiresAt: now - 60 });
  const failure = () => jwts.verify(expired, ADDRESS).then(() => undefined, (error) => error);
  const first = await failure();
  assert.equal(first?.reason, "expired");
  await clock.advance(9_999);
  assert.equal(await failure(), first);
  assert.equal(selected, 1);
  await clock.advance(1);
  assert.notEqual(await failure(), first);
  assert.equal(selected, 2);
});

Deno.test("at most 256 tokens are verified at one time, 32 of one address block", async () => {
  const blocked = Promise.withResolvers<void>();
  const jwts = new JoseVerifier({
    rules: RULES,
    clock,
    keys: async (...request) => {
      await blocked.promise;
      return keys(...request);
    },
  });
  const token = await signed();
  const pending: Promise<string>[] = [];
  const flood = (address: string, count: number) => {
    for (let i = 0; i < count; i++) {
      pending.push(outcome(`${token.slice(0, -3)}${pending.length}`, jwts, address));
    }
  };
  flood("2001:db8::1", 20);
  flood("2001:db8::2", 12);
  assert.equal(await outcome(token, jwts, "2001:db8::3"), "unavailable");
  const first = outcome(token, jwts, "2001:db8:0:1::1");
  assert.equal(jwts.recent(token), undefined);
  for (let i = 0; i < 7; i++) flood(`198.51.100.${i}`, 32);
  const other = await signed({ subject: "bob" });
  assert.equal(await outcome(other, jwts, "203.0.113.1"), "unavailable", "256 in all");
  // It is being verified for another address.
  const shared = outcome(token, jwts, "203.0.113.1");
  blocked.resolve();
  assert.deepEqual(await Promise.all([first, shared]), ["alice", "alice"]);
  await Promise.all(pending);
  assert.equal(await outcome(other, jwts, "203.0.113.1"), "bob");
});
