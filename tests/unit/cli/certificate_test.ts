import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { makePortCertificate } from "../../../cli/certificate.ts";

Deno.test("a certificate for a port names it, and only its own CA verifies it", async () => {
  const [made, other] = await Promise.all([
    makePortCertificate(["localhost", "127.0.0.1"]),
    makePortCertificate(["localhost"]),
  ]);
  const [ca, cert] = [new X509Certificate(made.ca), new X509Certificate(made.cert)];
  assert.equal(cert.subjectAltName, "DNS:localhost, IP Address:127.0.0.1");
  assert.equal(cert.checkHost("localhost"), "localhost");
  assert.equal(cert.checkHost("example.org"), undefined);
  assert.equal(ca.ca, true);
  assert.equal(cert.ca, false);
  assert.equal(cert.verify(ca.publicKey), true);
  assert.equal(cert.verify(new X509Certificate(other.ca).publicKey), false);
  const lifeMs = Date.parse(cert.validTo) - Date.parse(cert.validFrom);
  assert.ok(lifeMs <= 26 * 3_600_000, String(lifeMs));
});

Deno.test("certificates verify with zero and sign bits in signatures, also in TLS", async () => {
  // One of 128 signatures has a part that begins with a zero byte or a sign bit.
  for (let i = 0; i < 200; i++) {
    const { ca, cert } = await makePortCertificate(["localhost"]);
    assert.equal(new X509Certificate(cert).verify(new X509Certificate(ca).publicKey), true);
  }
  const { ca, cert, key } = await makePortCertificate(["localhost", "127.0.0.1"]);
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, cert, key, onListen: () => {} },
    () => new Response("served"),
  );
  for (const host of ["localhost", "127.0.0.1"]) {
    using client = Deno.createHttpClient({ caCerts: [ca] });
    const response = await fetch(`https://${host}:${server.addr.port}/`, { client });
    assert.equal(await response.text(), "served");
  }
});
