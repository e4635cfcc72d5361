/** The stream tests of Alpaca's Go SDK pass against the simulator and against the proxy. */
import assert from "node:assert/strict";
import { GoStreamSuite } from "../../support/go_stream_suite.ts";
import { startHarness } from "../../support/harness.ts";
import { missingGo } from "../../support/sdk_streams.ts";

const ACCOUNTS = [["SIM_KEY", "SIM_SECRET"], ["my_key", "my_secret"], ["a", "b"], [
  "testkey",
  "testsecret",
]].map(
  ([key = "", secret = ""]) => ({ key, secret, plan: "broker_plus_10000" as const }),
);

/** Those that do not prescribe an error of the server or the boundaries of its frames. */
const TESTS = [
  "TestContextCancelledBeforeConnect",
  "TestConnectSucceeds",
  "TestCallbacksCalledOnConnectAndDisconnect",
  "TestSubscribeMultipleCallsStocks",
  "TestSubscriptionTimeout",
  "TestSubscriptionAcrossConnectionIssues",
  "TestSubscriptionTwiceAcrossConnectionIssues",
  "TestPingFails",
  "TestCoreFunctionalityStocks",
  "TestCoreFunctionalityOption",
];

const missing = await missingGo();
const title = "stream tests of the Go SDK pass against the simulator and the proxy";

Deno.test({
  name: missing === undefined ? title : `${title} (skipped: ${missing})`,
  ignore: missing !== undefined,
  fn: async () => {
    await using suite = await GoStreamSuite.prepare();
    await using harness = await startHarness({
      websocket: true,
      simulator: { accounts: ACCOUNTS },
    });
    const control = harness.simulator.url;
    const account = { key: "SIM_KEY", secret: "SIM_SECRET", control };
    const expected = new Map(TESTS.map((test) => [test, true]));
    for (const url of [control.replace("http", "ws"), harness.websocket]) {
      const results = await suite.run(TESTS, { ...account, url });
      // The tests wait a second for each message, which is short on a busy machine.
      for (let attempt = 0; attempt < 3; attempt++) {
        const failed = TESTS.filter((test) => results.get(test) === false);
        if (failed.length === 0) break;
        const again = await suite.run(failed, { ...account, url });
        for (const [test, isPassed] of again) results.set(test, isPassed);
      }
      assert.deepEqual(results, expected);
    }
  },
});
