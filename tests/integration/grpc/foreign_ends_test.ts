/** The ends of streams and connections, as clients of several makes read them. */
import assert from "node:assert/strict";
import { type Probe, type ProbeKind, probeKinds, startProbe } from "../../support/status_probes.ts";
import { GOLDEN_QUOTE } from "../../support/grpc_events.ts";
import { type GrpcHarness, startGrpcHarness } from "../../support/grpc_client.ts";
import { until } from "../../support/until.ts";

const STREAMS = 2;

/**
 * Codes that clients retry. connect-es reports REFUSED_STREAM as Internal;
 * tonic reports a TCP reset as Unknown, which is what remains for a client whose
 * buffers are full for too long.
 */
const RETRIED: ReadonlySet<string> = new Set([
  "UNAVAILABLE",
  "INTERNAL",
  "UNKNOWN",
]);

/** A machine that is suspended for longer than the keepalive allows. */
async function suspended(probe: Probe, harness: GrpcHarness): Promise<void> {
  probe.signal("SIGSTOP");
  await until("its streams are ended", () => harness.server.openCalls === 0);
  probe.signal("SIGCONT");
}

/** A flood that the client has not read when the keepalive ends it. */
async function flooded(probe: Probe, harness: GrpcHarness): Promise<void> {
  probe.signal("SIGSTOP");
  for (let i = 0; i < 20_000; i++) {
    harness.market.publish("stockQuotes", GOLDEN_QUOTE);
    if (i % 1_000 === 0) await new Promise((next) => setTimeout(next, 5));
  }
  await until("its streams are ended", () => harness.server.openCalls === 0);
  probe.signal("SIGCONT");
}

/** A server that stops while the client does not read. */
async function stopped(probe: Probe, harness: GrpcHarness): Promise<void> {
  probe.signal("SIGSTOP");
  for (let i = 0; i < 20_000; i++) {
    harness.market.publish("stockQuotes", GOLDEN_QUOTE);
    if (i % 1_000 === 0) await new Promise((next) => setTimeout(next, 5));
  }
  const stop = harness.server.stop(15_000);
  await until("its streams are ended", () => harness.server.openCalls === 0);
  probe.signal("SIGCONT");
  await stop;
}

const KEEPALIVE = { keepaliveMs: 300, keepaliveTimeoutMs: 500 };
const CASES = {
  "a suspension": { options: KEEPALIVE, end: suspended },
  "a suspension in a flood": { options: KEEPALIVE, end: flooded },
  "a stop while it does not read": { options: {}, end: stopped },
};

async function read({ name, prepare }: ProbeKind): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ends-" });
  try {
    const command = await prepare(folder);
    for (const [what, { options, end }] of Object.entries(CASES)) {
      await using harness = await startGrpcHarness(options);
      await using probe = startProbe(command, harness.server.port, STREAMS);
      await probe.opened;
      await end(probe, harness);
      const codes = await probe.codes;
      assert.equal(codes.length, STREAMS);
      for (const code of codes) {
        assert(RETRIED.has(code), `${name} reads ${code} after ${what}`);
        if (name === "connect-es" || end === flooded) continue;
        assert.equal(code, "UNAVAILABLE", `${name} after ${what}`);
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const kind of await probeKinds()) {
  const { name, missing } = kind;
  Deno.test({
    name: `${name} reads a code that it retries when the proxy ends it${
      missing ? ` (skipped: ${missing})` : ""
    }`,
    ignore: missing !== undefined,
    fn: () => read(kind),
  });
}
