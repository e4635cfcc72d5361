/** Health, readiness and the status page of hubs and edges. */
import assert from "node:assert/strict";
import type { FollowedHubReport } from "../../../../src/application/status/reports.ts";
import type { LeaseReport, ProxyStatus } from "../../../../src/application/status/status.ts";
import { healthBody, isReady } from "../../../../src/infrastructure/http/health_body.ts";
import { formatRole } from "../../../../src/infrastructure/http/page/format.ts";
import { sampleStatus } from "../../../support/sample_status.ts";

const SINCE = Date.UTC(2024, 0, 15, 9, 30, 0);
const ENABLED = new Set(["sip", "opra", "trading"] as const);
const STANDBY: LeaseReport = {
  term: undefined,
  since: SINCE,
  takeovers: 0,
  losses: 0,
  problem: undefined,
};

function hub(lease: Partial<LeaseReport>, state: "connected" | "disconnected"): ProxyStatus {
  return sampleStatus([state, state, state], {
    cluster: { role: "hub", lease: { ...STANDBY, ...lease } },
  });
}

Deno.test("a hub that stands by is ready, and its health says so", () => {
  const status = hub({}, "disconnected");
  assert.equal(isReady(status, ENABLED), true);
  const body = healthBody(status, ENABLED);
  assert.equal(body.status, "standby");
  assert.deepEqual(body.cluster, {
    role: "hub",
    lease: { held: false, since: "2024-01-15T09:30:00.000Z", takeovers: 0 },
  });
});

Deno.test("a hub that cannot reach the lease is not ready, and says why", () => {
  const status = hub({ problem: "NATS is not connected" }, "disconnected");
  assert.equal(isReady(status, ENABLED), false);
  const { status: health, cluster } = healthBody(status, ENABLED);
  assert.deepEqual([health, cluster?.lease?.problem], ["unhealthy", "NATS is not connected"]);
});

Deno.test("a hub with the lease is as healthy as its feeds", () => {
  const lease = { term: 7n, takeovers: 1 };
  assert.equal(isReady(hub(lease, "disconnected"), ENABLED), false);
  const { status, cluster } = healthBody(hub(lease, "connected"), ENABLED);
  assert.deepEqual([status, cluster?.lease?.held, cluster?.lease?.term], ["healthy", true, "7"]);
});

Deno.test("a single process has no part in a cluster", () => {
  const status = sampleStatus(["connected", "connected", "connected"]);
  assert.ok(!("cluster" in healthBody(status, ENABLED)));
});

Deno.test("the status page names the role, and since when the lease is held", () => {
  const now = SINCE + 60_000;
  const role = (lease: Partial<LeaseReport>) =>
    formatRole({ role: "hub", lease: { ...STANDBY, ...lease } }, now);
  assert.equal(role({ term: 7n }), "hub: has the lease since 09:30:00 (term 7)");
  assert.equal(role({}), "hub: stands by since 09:30:00");
  assert.equal(role({ problem: "no NATS" }), "hub: stands by since 09:30:00, no NATS");
  assert.equal(formatRole({ role: "edge" }, now), "edge");
});

Deno.test("the health of a hub lists its edges", () => {
  const edges = [{
    edge: "e1",
    attachedAt: SINCE,
    feeds: ["sip", "trading"] as const,
    pairs: 12,
    silenceMs: 900,
  }];
  const status = sampleStatus(["connected", "connected", "connected"], {
    cluster: {
      role: "hub",
      lease: { ...STANDBY, term: 7n },
      distribution: { edges, pendingBytes: 0 },
    },
  });
  assert.deepEqual(healthBody(status, ENABLED).cluster?.edges, [{
    edge: "e1",
    attached_at: "2024-01-15T09:30:00.000Z",
    feeds: ["sip", "trading"],
    subscriptions: 12,
  }]);
});

const FOLLOWED: FollowedHubReport = {
  term: 7,
  since: SINCE,
  silenceMs: 412.4,
  missing: 3,
  problem: undefined,
  feeds: [{ feed: "sip", term: 7, since: SINCE, silenceMs: 412.4, missing: 3 }],
};
const ABSENT: FollowedHubReport = {
  term: undefined,
  since: undefined,
  silenceMs: undefined,
  missing: 0,
  problem: "No hub answers",
  feeds: [],
};

function edge(report: FollowedHubReport): ProxyStatus {
  return sampleStatus(["connected", "connected", "connected"], {
    cluster: { role: "edge", hub: report },
  });
}

Deno.test("the health of an edge describes the hub that it follows", () => {
  assert.deepEqual(healthBody(edge(FOLLOWED), ENABLED).cluster, {
    role: "edge",
    hub: {
      term: "7",
      since: "2024-01-15T09:30:00.000Z",
      silence_ms: 412,
      entries_missing: 3,
    },
  });
});

Deno.test("the health of an edge without a hub says why", () => {
  assert.deepEqual(healthBody(edge(ABSENT), ENABLED).cluster, {
    role: "edge",
    hub: { entries_missing: 0, problem: "No hub answers" },
  });
});

Deno.test("the status page of an edge names the term that it follows", () => {
  const role = (hub: FollowedHubReport) => formatRole({ role: "edge", hub }, SINCE + 60_000);
  assert.equal(role(FOLLOWED), "edge: follows term 7 since 09:30:00");
  assert.equal(role({ ...ABSENT, problem: undefined }), "edge: no hub yet");
  assert.equal(role(ABSENT), "edge: without a hub");
});
