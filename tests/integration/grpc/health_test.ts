/** The health that load balancers and orchestrators receive. */
import assert from "node:assert/strict";
import { Code } from "@connectrpc/connect";
import type { LinkState } from "../../../src/domain/connection/link.ts";
import {
  Health,
  HealthCheckResponse_ServingStatus as Serving,
} from "../../../src/gen/grpc/health/v1/health_pb.ts";
import { connectTo, type GrpcHarness, startGrpcHarness } from "../../support/grpc_client.ts";
import { ManualClock } from "../../support/manual_clock.ts";

const SERVICE = "cream.v1.StreamProxyService";

function setFeeds(harness: GrpcHarness, states: readonly LinkState[]): void {
  harness.status = {
    ...harness.status,
    feeds: harness.status.feeds.map((feed, i) => ({
      ...feed,
      state: states[i] ?? "disconnected",
    })),
  };
}

Deno.test("serving means at least one feed connected", async () => {
  await using harness = await startGrpcHarness();
  using health = connectTo(harness, Health);
  for (const service of ["", SERVICE]) {
    setFeeds(harness, ["error", "connected", "reconnecting"]);
    assert.equal((await health.check({ service })).status, Serving.SERVING);
    setFeeds(harness, ["error", "connecting", "reconnecting"]);
    assert.equal((await health.check({ service })).status, Serving.NOT_SERVING);
  }
});

Deno.test("a draining proxy is not serving", async () => {
  await using harness = await startGrpcHarness();
  using health = connectTo(harness, Health);
  harness.status = { ...harness.status, draining: true };
  assert.equal((await health.check({})).status, Serving.NOT_SERVING);
  harness.status = { ...harness.status, draining: false };
  assert.equal((await health.check({})).status, Serving.SERVING);
  harness.server.drain();
  assert.equal((await health.check({})).status, Serving.NOT_SERVING);
});

Deno.test("a check of an unknown service is NOT_FOUND with the known ones", async () => {
  await using harness = await startGrpcHarness();
  using health = connectTo(harness, Health);
  await assert.rejects(health.check({ service: "cream.v1.ScannerService" }), {
    code: Code.NotFound,
    rawMessage: /cream\.v1\.StreamProxyService/,
  });
});

Deno.test("a watch sends every change, and only changes", async () => {
  const clock = new ManualClock();
  await using harness = await startGrpcHarness({ clock });
  using health = connectTo(harness, Health);
  const leave = new AbortController();
  const watch = health.watch({ service: SERVICE }, leave)
    [Symbol.asyncIterator]();
  const nextStatus = async () => (await watch.next()).value?.status;
  assert.equal(await nextStatus(), Serving.SERVING);

  // One sleeper is the connection's keepalive, the other one the watch.
  const change = nextStatus();
  while (clock.sleepers < 2) await pause();
  await clock.advance(5_000);
  setFeeds(harness, []);
  await clock.advance(1_000);
  assert.equal(await change, Serving.NOT_SERVING);
  setFeeds(harness, ["connected"]);
  const back = nextStatus();
  while (clock.sleepers < 2) await pause();
  await clock.advance(1_000);
  assert.equal(await back, Serving.SERVING);

  leave.abort();
  while (clock.sleepers > 1) await pause();
  assert.equal(harness.server.openCalls, 0);
});

Deno.test("a watch of an unknown service stays open", async () => {
  const clock = new ManualClock();
  await using harness = await startGrpcHarness({ clock });
  using health = connectTo(harness, Health);
  const leave = new AbortController();
  const watch = health.watch({ service: "no.such.Service" }, leave)
    [Symbol.asyncIterator]();
  assert.equal((await watch.next()).value?.status, Serving.SERVICE_UNKNOWN);
  assert.equal(harness.server.openCalls, 1);
  leave.abort();
  while (harness.server.openCalls > 0) await pause();
});

Deno.test("stopping ends a watch with UNAVAILABLE", async () => {
  await using harness = await startGrpcHarness();
  using health = connectTo(harness, Health);
  const watch = health.watch({})[Symbol.asyncIterator]();
  assert.equal((await watch.next()).value?.status, Serving.SERVING);
  const end = assert.rejects(watch.next(), {
    code: Code.Unavailable,
    rawMessage: "bye",
  });
  await harness.server.stop(5_000, "bye");
  await end;
});

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
