/** The tests of a single process, against an edge: its clients have the same guarantees. */
import assert from "node:assert/strict";
import { TEST_ROLE } from "../../support/harness.ts";
import { requires } from "../../support/requires.ts";

const SUITES = [
  "end_to_end_test.ts",
  "snapshot_test.ts",
  "backfill_test.ts",
  "crypto_and_news_resume_test.ts",
  "order_outages_test.ts",
  "every_or_end_test.ts",
  "websocket/differential_test.ts",
  "websocket/market_stream_test.ts",
  "websocket/order_stream_test.ts",
  "options/underlyings_test.ts",
  "subscriptions/plan_limits_test.ts",
];
const FOLDER = new URL("../", import.meta.url);

for (const suite of SUITES) {
  Deno.test(requires(["nats-server"], {
    name: `an edge passes the tests of a single process: ${suite}`,
    async fn() {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["test", "-A", "--no-check", "--v8-flags=--expose-gc", new URL(suite, FOLDER).href],
        env: { [TEST_ROLE]: "edge", NO_COLOR: "1" },
      }).output();
      const decoder = new TextDecoder();
      assert.equal(code, 0, decoder.decode(stdout) + decoder.decode(stderr));
    },
  }));
}
