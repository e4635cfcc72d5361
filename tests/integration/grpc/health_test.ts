/** What load balancers and orchestrators are told. */
import assert from "node:assert/strict";
import { Code } from "@connectrpc/connect";
import type { LinkState } from "../../../src/domain/connection/feed.ts";
import {
  Health,
  HealthCheckResponse_ServingStatus as Serving,
} from "../../../src/gen/grpc/health/v1/health_pb.ts";
import { connectTo, type Face, startFace } from "../../support/grpc_face.ts";
import { ManualClock } from "../../support/manual_clock.ts";

const SERVICE = "cream.v1.StreamProxyService";

function setFeeds(face: Face, states: readonly LinkState[]): void {
  face.status = {
    ...face.status,
    feeds: face.status.feeds.map((feed, i) => ({
      ...feed,
      state: states[i] ?? "disconnected",
    })),
  };
}

Deno.test("serving means at least one feed connected", async () => {
  await using face = await startFace();
  using health = connectTo(face, Health);
  for (const service of ["", SERVICE]) {
    setFeeds(face, ["error", "connected", "reconnecting"]);
    assert.equal((await health.check({ service })).status, Serving.SERVING);
    setFeeds(face, ["error", "connecting", "reconnecting"]);
    assert.equal((await health.check({ service })).status, Serving.NOT_SERVING);
  }
});

Deno.test("a draining proxy does not serve", async () => {
  await using face = await startFace();
  using health = connectTo(face, Health);
  face.status = { ...face.status, draining: true };
  assert.equal((await health.check({})).status, Serving.NOT_SERVING);
  face.status = { ...face.status, draining: false };
  assert.equal((await health.check({})).status, Serving.SERVING);
  face.server.drain();
  assert.equal((await health.check({})).status, Serving.NOT_SERVING);
});

Deno.test("a check of an unknown service is NOT_FOUND and names known ones", async () => {
  await using face = await startFace();
  using health = connectTo(face, Health);
  await assert.rejects(health.check({ service: "cream.v1.ScannerService" }), {
    code: Code.NotFound,
    rawMessage: /cream\.v1\.StreamProxyService/,
  });
});

Deno.test("a watch tells every change, and only changes", async () => {
  const clock = new ManualClock();
  await using face = await startFace({ clock });
  using health = connectTo(face, Health);
  const leave = new AbortController();
  const watch = health.watch({ service: SERVICE }, leave)
    [Symbol.asyncIterator]();
  const told = async () => (await watch.next()).value?.status;
  assert.equal(await told(), Serving.SERVING);

  // One sleeper is the connection's keepalive, the other one the watch.
  const change = told();
  while (clock.sleepers < 2) await breathe();
  await clock.advance(5_000);
  setFeeds(face, []);
  await clock.advance(1_000);
  assert.equal(await change, Serving.NOT_SERVING);
  setFeeds(face, ["connected"]);
  const back = told();
  while (clock.sleepers < 2) await breathe();
  await clock.advance(1_000);
  assert.equal(await back, Serving.SERVING);

  leave.abort();
  while (clock.sleepers > 1) await breathe();
  assert.equal(face.server.openCalls, 0);
});

Deno.test("a watch of an unknown service stays open", async () => {
  const clock = new ManualClock();
  await using face = await startFace({ clock });
  using health = connectTo(face, Health);
  const leave = new AbortController();
  const watch = health.watch({ service: "no.such.Service" }, leave)
    [Symbol.asyncIterator]();
  assert.equal((await watch.next()).value?.status, Serving.SERVICE_UNKNOWN);
  assert.equal(face.server.openCalls, 1);
  leave.abort();
  while (face.server.openCalls > 0) await breathe();
});

Deno.test("stopping ends a watch with UNAVAILABLE", async () => {
  await using face = await startFace();
  using health = connectTo(face, Health);
  const watch = health.watch({})[Symbol.asyncIterator]();
  assert.equal((await watch.next()).value?.status, Serving.SERVING);
  const end = assert.rejects(watch.next(), {
    code: Code.Unavailable,
    rawMessage: "bye",
  });
  await face.server.stop(5_000, "bye");
  await end;
});

function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
