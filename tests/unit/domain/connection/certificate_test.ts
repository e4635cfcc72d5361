import assert from "node:assert/strict";
import { certificateProblem } from "../../../../src/domain/connection/certificate.ts";

const CASES: readonly (readonly [string, string, RegExp])[] = [
  [
    "invalid peer certificate: certificate expired: verification time 1795723998 (UNIX), but " +
    "certificate is not valid after 1609459200 (186264798 seconds ago)",
    "the TLS certificate expired at 2021-01-01T00:00:00Z",
    /clock/,
  ],
  [
    "invalid peer certificate: certificate not valid yet: verification time 1795723998 (UNIX), " +
    "but certificate is not valid before 3786912000 (1991188002 seconds in future)",
    "the TLS certificate is not valid before 2090-01-01T00:00:00Z",
    /clock/,
  ],
  [
    'invalid peer certificate: certificate not valid for name "a.example"; certificate is only ' +
    'valid for DnsName("b.example")',
    'the TLS certificate is not valid for name "a.example"; certificate is only valid for ' +
    'DnsName("b.example")',
    /address/,
  ],
  [
    "client error (Connect): invalid peer certificate: UnknownIssuer",
    "the TLS certificate is not trusted (UnknownIssuer)",
    /DENO_CERT/,
  ],
];

for (const [text, cause, remedy] of CASES) {
  Deno.test(`a TLS error is explained: ${cause}`, () => {
    const problem = certificateProblem(text);
    assert.equal(problem?.cause, cause);
    assert.match(problem?.remedy ?? "", remedy);
  });
}

Deno.test("other errors are not about certificates", () => {
  assert.equal(certificateProblem("connection refused"), undefined);
});
