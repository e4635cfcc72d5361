/** Upstream hosts whose TLS certificates are rejected. */
import assert from "node:assert/strict";
import type { FeedFailure } from "../../../src/domain/connection/failure.ts";
import { createCounters } from "../../../src/application/status/counters.ts";
import { RestClient } from "../../../src/infrastructure/alpaca/rest/rest_client.ts";
import { startTlsServer } from "../../support/connect_proxy.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { soon, Stocks } from "./connector_harness.ts";

const CASES = [
  [
    "expired",
    "expired.pem",
    "the TLS certificate expired at 2021-01-01T00:00:00Z",
    /^Check the clock of this machine/,
  ],
  [
    "untrusted",
    "server.pem",
    "the TLS certificate is not trusted (UnknownIssuer)",
    /DENO_CERT/,
  ],
] as const;

for (const [name, certificate, cause, remedy] of CASES) {
  Deno.test(`an ${name} certificate of a stream is the cause of the failure`, async () => {
    await using server = await startTlsServer(1, certificate);
    const host = `127.0.0.1:${server.port}`;
    const stocks = new Stocks(`wss://${host}/v2/sip`);
    const failure: FeedFailure = await soon(
      stocks.connect().then(
        () => assert.fail("connected"),
        (error) => error,
      ),
    );
    assert.equal(failure.message, `Cannot connect to ${host}/v2/sip: ${cause}`);
    assert.equal(failure.errorType, "dial");
    assert.match(failure.remedy ?? "", remedy);
    assert.equal(stocks.clock.sleepers, 0);
  });

  Deno.test(`an ${name} certificate of a REST endpoint is the cause of the failure`, async () => {
    await using server = await startTlsServer(1, certificate);
    const host = `127.0.0.1:${server.port}`;
    const clock = new ManualClock();
    const credentials = () => ({ key: "key", secret: "secret" });
    const client = new RestClient({
      clock,
      log: new RecordingLog(),
      counters: createCounters().rest,
      credentials,
    });
    const request = client.get(
      new URL(`https://${host}/v2/assets`),
      AbortSignal.timeout(5_000),
      "catalog",
    );
    await assert.rejects(request, ({ message }: Error) => {
      assert.ok(message.startsWith(`${host}/v2/assets: ${cause}. `), message);
      return true;
    });
    assert.equal(clock.sleepers, 0);
  });
}
