import assert from "node:assert/strict";
import {
  type Credentials,
  type PeerCertificate,
  Unauthenticated,
} from "../../../../src/application/access/access.ts";
import { Authenticator, type JwtClaims } from "../../../../src/application/access/authenticator.ts";
import { PermissionDenied } from "../../../../src/application/access/authorize.ts";
import { FailedAttempts } from "../../../../src/application/access/failed_attempts.ts";
import { createCounters } from "../../../../src/application/status/counters.ts";
import { ANONYMOUS } from "../../../../src/domain/access/grants.ts";
import type { AccessPolicy } from "../../../../src/domain/access/policy.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";

const READER = ANONYMOUS.grants;
const ADMIN = { ...ANONYMOUS.grants, admin: true };
const GENERATED = `asp_${"A".repeat(43)}`;

const POLICY: AccessPolicy = {
  roles: new Map([["reader", READER], ["admin", ADMIN]]),
  identities: [
    {
      name: "dashboard",
      grants: READER,
      tokens: ["0"],
      certificates: ["spiffe://desk/dashboard", "CN=dashboard"],
      subjects: [],
    },
    { name: "robot", grants: ADMIN, tokens: ["1"], certificates: [], subjects: ["robot-7"] },
  ],
  jwt: {
    jwksUrl: "https://issuer.example/keys",
    issuer: "",
    audience: "",
    algorithms: ["ES256"],
    clockToleranceMs: 0,
    roleClaim: "role",
  },
};

/** End of the validity of certificates, in epoch ms. */
const EXPIRY = 4_102_444_800_000;

function certificateOf(subject: string, ...uris: string[]): PeerCertificate {
  return { subject, uris, expiresAt: EXPIRY };
}

function start(policy = POLICY, verify?: (token: string) => Promise<JwtClaims>) {
  const clock = new ManualClock();
  const log = new RecordingLog();
  const counts = createCounters().access;
  const recent = new Map<string, JwtClaims>();
  const verified: string[] = [];
  const access = new Authenticator({
    policy,
    tokens: { find: (token) => ({ [GENERATED]: 0, "own-token": 1 })[token] },
    jwts: {
      recent: (token) => recent.get(token),
      verify: verify ?? (async (token) => {
        verified.push(token);
        const [, payload = ""] = token.split(".");
        if (payload === "expired") throw new Unauthenticated("expired", "");
        const [subject = "", role] = payload.split("_");
        const claims = { subject, role: role === "list" ? ["reader"] : role, expiresAt: 99 };
        recent.set(token, claims);
        return await Promise.resolve(claims);
      }),
    },
    failures: new FailedAttempts(clock),
    counts,
    clock,
    log,
  });
  const outcome = async (credentials: Partial<Credentials>) => {
    try {
      return (await access.authenticate({ address: "192.0.2.1", ...credentials })).name;
    } catch (error) {
      assert(error instanceof Unauthenticated, String(error));
      return `(${error.reason})`;
    }
  };
  return { access, clock, log, counts, verified, recent, outcome };
}

Deno.test("static tokens and certificates are authenticated in the same turn", () => {
  const { access } = start();
  const address = "192.0.2.1";
  assert.deepEqual(access.authenticate({ token: GENERATED, address }), {
    name: "dashboard",
    grants: READER,
    credential: "token",
  });
  const certificate = certificateOf("O=Desk\nCN=dashboard");
  const byCertificate = access.authenticate({ certificate, address });
  assert.equal(Reflect.get(byCertificate, "name"), "dashboard");
  assert.equal(Reflect.get(byCertificate, "credential"), "certificate");
});

Deno.test("a certificate is found by a URI or by its whole common name", async () => {
  const { outcome } = start();
  const by = (...of: Parameters<typeof certificateOf>) =>
    outcome({ certificate: certificateOf(...of) });
  assert.equal(await by("CN=other", "https://x", "spiffe://desk/dashboard"), "dashboard");
  assert.equal(await by("CN=other", "spiffe://desk/dashboard/more"), "(missing)");
  assert.equal(await by("CN=dashboard.example"), "(missing)");
  assert.equal(await by("O=CN=dashboard"), "(missing)");
  assert.equal(await by("CN=evil", "CN=dashboard"), "(missing)");
  assert.equal(await by("CN= dashboard\n CN=dashboard"), "(missing)");
});

Deno.test("an identity by certificate lasts as long as the certificate", async () => {
  const { access, outcome, clock } = start();
  const expiresAt = clock.now() + 1_000;
  const certificate = { ...certificateOf("CN=dashboard"), expiresAt };
  const identity = access.authenticate({ certificate, address: "192.0.2.1" });
  assert.equal(Reflect.get(identity, "expiresAt"), expiresAt, "open streams end then");
  await clock.advance(1_000);
  assert.equal(await outcome({ certificate }), "(expired)", "on a connection that is older");
});

Deno.test("calls that share the failure of one token count once for their address", async () => {
  const shared = new Unauthenticated("expired", "");
  const { access, counts, outcome } = start(POLICY, () => Promise.reject(shared));
  for (let i = 0; i < 100; i++) assert.equal(await outcome({ token: "h.one.s" }), "(expired)");
  assert.equal(access.isBlocked("192.0.2.1"), false);
  assert.equal(counts.expired, 100);
});

Deno.test("keys that are not known at present block no address", async () => {
  const unavailable = () => Promise.reject(new Unauthenticated("unavailable", "", 1_000));
  const { access, outcome } = start(POLICY, unavailable);
  for (let i = 0; i < 100; i++) await outcome({ token: `h.${i}.s` });
  assert.equal(access.isBlocked("192.0.2.1"), false);
});

Deno.test("a token decides, also where the certificate is of an identity", async () => {
  const { outcome } = start();
  const certificate = certificateOf("CN=dashboard");
  assert.equal(await outcome({ certificate, token: "own-token" }), "robot");
  assert.equal(await outcome({ certificate, token: "wrong" }), "(invalid)");
});

Deno.test("a JWT has the identity of its subject, or the role of its claim", async () => {
  const { outcome, access } = start();
  assert.equal(await outcome({ token: "h.robot-7.s" }), "robot");
  assert.equal(await outcome({ token: "h.alice_reader.s" }), "jwt:alice");
  assert.equal(await outcome({ token: "h.bob_list.s" }), "jwt:bob");
  assert.equal(await outcome({ token: "h.alice_unknown.s" }), "(invalid)");
  assert.equal(await outcome({ token: "h.alice.s" }), "(invalid)");
  // The name of another identity is no way to become it.
  assert.equal(await outcome({ token: "h.dashboard_reader.s" }), "jwt:dashboard");
  const address = "192.0.2.1";
  assert.deepEqual(access.authenticate({ token: "h.robot-7.s", address }), {
    name: "robot",
    grants: ADMIN,
    credential: "jwt",
    expiresAt: 99,
  });
});

Deno.test("without a role claim in the policy, only listed subjects are accepted", async () => {
  const { jwt, ...rest } = POLICY;
  const { outcome } = start({ ...rest, jwt: jwt && { ...jwt, roleClaim: undefined } });
  assert.equal(await outcome({ token: "h.robot-7.s" }), "robot");
  assert.equal(await outcome({ token: "h.alice_reader.s" }), "(invalid)");
});

Deno.test("tokens that are too long or no JWT are refused unread", async () => {
  const { outcome, verified } = start();
  for (
    const token of ["x".repeat(8_193), `a.${"b".repeat(8_192)}.c`, "a.b", "a.b.c.d", "a.b c.d"]
  ) {
    assert.equal(await outcome({ token }), "(invalid)");
  }
  assert.deepEqual(verified, []);
});

Deno.test("refusals are counted by reason, and logged without the token", async () => {
  const { outcome, counts, log, clock, access } = start();
  assert.equal(await outcome({}), "(missing)");
  assert.equal(await outcome({ token: "" }), "(missing)");
  assert.equal(await outcome({ token: "secret-1" }), "(invalid)");
  assert.equal(await outcome({ token: "secret-2" }), "(invalid)");
  assert.equal(await outcome({ token: "h.expired.s" }), "(expired)");
  const denial = new PermissionDenied("rpc", "StreamQuotes", "");
  access.denied("192.0.2.1:9", { name: "robot", grants: READER }, denial);
  assert.deepEqual(counts, {
    missing: 2,
    invalid: 2,
    expired: 1,
    blocked: 0,
    unavailable: 0,
    denied: 1,
  });
  assert.equal(log.records.length, 4, "one line per reason");
  await clock.advance(10_000);
  await outcome({ token: "secret-3" });
  const address = "192.0.2.1";
  assert.deepEqual(log.records.at(-1)?.fields, { reason: "invalid", address, refusals: 2 });
  assert.doesNotMatch(JSON.stringify(log.records), /secret-|expired\.s/);
});

Deno.test("a blocked address is refused before a signature is verified", async () => {
  const { outcome, access, verified, counts, clock } = start();
  await outcome({ token: "h.robot-7.s" });
  for (let i = 0; i < 20; i++) await outcome({ token: "wrong" });
  assert.equal(access.isBlocked("192.0.2.1"), true);
  assert.equal(await outcome({ token: "h.alice_reader.s" }), "(blocked)");
  assert.equal(await outcome({ token: "own-token" }), "(blocked)");
  assert.deepEqual(verified, ["h.robot-7.s"]);
  assert.equal(counts.blocked, 2);
  // What is cheap to check and cannot be guessed still works: addresses are shared.
  assert.equal(await outcome({ token: "h.robot-7.s" }), "robot");
  assert.equal(await outcome({ token: GENERATED }), "dashboard");
  assert.equal(await outcome({ certificate: certificateOf("CN=dashboard") }), "dashboard");
  assert.equal(await outcome({ token: "h.alice_reader.s", address: "192.0.2.2" }), "jwt:alice");
  await clock.advance(3_000);
  assert.equal(await outcome({ token: "own-token" }), "robot");
});

Deno.test("requests without a token do not block their address", async () => {
  const { outcome, access } = start();
  for (let i = 0; i < 100; i++) await outcome({});
  assert.equal(access.isBlocked("192.0.2.1"), false);
});
