import assert from "node:assert/strict";
import { VerifiedCertificates } from "../../../../src/infrastructure/tls/verified_certificates.ts";

const certificate = (number: number) => new TextEncoder().encode(`certificate ${number}`);

Deno.test("verified certificates are remembered, at most 10,000, the last ones", () => {
  const verified = new VerifiedCertificates();
  assert.ok(!verified.has(certificate(0)));
  for (let i = 0; i < 10_000; i++) verified.add(certificate(i));
  assert.ok(verified.has(certificate(0)));
  // Again: it is not the oldest then.
  verified.add(certificate(0));
  verified.add(certificate(10_000));
  assert.ok(verified.has(certificate(0)));
  assert.ok(!verified.has(certificate(1)));
  assert.ok(verified.has(certificate(2)));
});
