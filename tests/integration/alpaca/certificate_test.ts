/** Upstream hosts whose TLS certificates are rejected. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { FeedFailure } from "../../../src/domain/connection/failure.ts";
import { RestClient } from "../../../src/infrastructure/catalog/rest_client.ts";
import {
  EXPIRED_CERTIFICATE,
  TEST_KEY,
  UNTRUSTED_CERTIFICATE,
} from "../../support/certificates.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { soon, Stocks } from "./connector_harness.ts";

/** A TLS server on a free port. */
async function serve(cert: string) {
  const server = createServer({ key: TEST_KEY, cert });
  // A client that rejects the certificate ends the handshake.
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, "close");
    },
  };
}

const CASES = [
  [
    "expired",
    EXPIRED_CERTIFICATE,
    "the TLS certificate expired at 2021-01-01T00:00:00Z",
    /^Check the clock of this machine/,
  ],
  [
    "untrusted",
    UNTRUSTED_CERTIFICATE,
    "the TLS certificate is not trusted (UnknownIssuer)",
    /DENO_CERT/,
  ],
] as const;

for (const [name, certificate, cause, remedy] of CASES) {
  Deno.test(`an ${name} certificate of a stream is the cause of the failure`, async () => {
    await using server = await serve(certificate);
    const stocks = new Stocks(`wss://${server.host}/v2/sip`);
    const failure: FeedFailure = await soon(
      stocks.connect().then(
        () => assert.fail("connected"),
        (error) => error,
      ),
    );
    assert.equal(failure.message, `Cannot connect to ${server.host}/v2/sip: ${cause}`);
    assert.equal(failure.errorType, "dial");
    assert.match(failure.remedy ?? "", remedy);
    assert.equal(stocks.clock.sleepers, 0);
  });

  Deno.test(`an ${name} certificate of a REST endpoint is the cause of the failure`, async () => {
    await using server = await serve(certificate);
    const clock = new ManualClock();
    const credentials = () => ({ key: "key", secret: "secret" });
    const client = new RestClient({ clock, log: new RecordingLog(), credentials });
    const request = client.get(
      new URL(`https://${server.host}/v2/assets`),
      AbortSignal.timeout(5_000),
    );
    await assert.rejects(request, ({ message }: Error) => {
      assert.ok(message.startsWith(`${server.host}/v2/assets: ${cause}. `), message);
      return true;
    });
    assert.equal(clock.sleepers, 0);
  });
}
