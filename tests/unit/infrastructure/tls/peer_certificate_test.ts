import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import { readCertificate } from "../../../../src/infrastructure/tls/peer_certificate.ts";
import { certificateText } from "../../../support/proxy_certificates.ts";

function certificateOf(name: string): X509Certificate {
  return new X509Certificate(certificateText(name));
}

Deno.test("subject and URIs of a client certificate are read", () => {
  assert.deepEqual(readCertificate(certificateOf("client.pem").raw), {
    subject: "O=quant\nCN=dashboard",
    uris: ["spiffe://quant/dashboard"],
    expiresAt: Date.parse(certificateOf("client.pem").validTo),
  });
});

Deno.test("a URI or an attribute that contains another is one", () => {
  assert.deepEqual(readCertificate(certificateOf("two_names.pem").raw), {
    subject: "O=quant, CN=admin\nCN=ab",
    uris: ["spiffe://a, URI:spiffe://quant/admin"],
    expiresAt: Date.parse(certificateOf("two_names.pem").validTo),
  });
});

Deno.test("node:crypto lists one URI as two", () => {
  const { subjectAltName } = certificateOf("two_names.pem");
  assert.equal(subjectAltName, "URI:spiffe://a, URI:spiffe://quant/admin");
});

Deno.test("a certificate without URIs has none", () => {
  const { raw, validTo } = certificateOf("proxy.pem");
  const expiresAt = Date.parse(validTo);
  assert.deepEqual(readCertificate(raw), { subject: "CN=localhost", uris: [], expiresAt });
});

Deno.test("an attribute with a line break is left out", () => {
  const bytes = new Uint8Array(certificateOf("client.pem").raw);
  const at = new TextDecoder("latin1").decode(bytes).indexOf("dashboard");
  bytes[at + 1] = 10;
  assert.equal(readCertificate(bytes)?.subject, "O=quant");
});

Deno.test("damaged certificates are read without an error", () => {
  const { raw } = certificateOf("client.pem");
  assert.equal(readCertificate(new Uint8Array()), undefined);
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.nat(raw.length - 1), fc.nat(255)), { maxLength: 8 }),
    fc.nat(raw.length),
    (changes, length) => {
      const bytes = new Uint8Array(raw);
      for (const [at, value] of changes) bytes[at] = value;
      const read = readCertificate(bytes.subarray(0, length));
      assert.ok(read === undefined || !/\p{Cc}/u.test(read.uris.join()));
    },
  ));
});
