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
      assert.deepEqual(results, expected);
    }
  },
});
