import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type ConnectionKind,
  ConnectionLimits,
  type ConnectionLimitsOptions,
  DESCRIPTOR_RESERVE,
  HTTP_IN_SHORTAGE,
} from "../../../../src/application/connections/connection_limits.ts";
import { LIMIT_VALID_MS } from "../../../../src/application/connections/descriptor_use.ts";
import { createCounters } from "../../../../src/application/status/counters.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";

function setup(options: Partial<ConnectionLimitsOptions> = {}) {
  const clock = new ManualClock();
  const log = new RecordingLog();
  const counters = createCounters();
  const limits = new ConnectionLimits({
    maxGrpc: 1_000,
    maxHttp: 100,
    counters,
    clock,
    log,
    ...options,
  });
  const open = (
    kind: ConnectionKind,
    idleSince?: number | undefined,
    address?: string,
  ) => {
    const connection = { closed: 0, idleSince, release: () => {} };
    const release = limits.admit(kind, {
      close: () => void connection.closed++,
      idleSince: () => connection.idleSince,
      address,
    });
    if (release === undefined) return undefined;
    connection.release = release;
    return connection;
  };
  return { clock, log, counters, limits, open };
}

const NONE_LEFT = Object.assign(new Error("none left"), { code: "EMFILE" });

Deno.test("WebSocket connections have the limits of gRPC, and are counted apart", () => {
  const { limits, open, counters, log } = setup({ maxGrpc: 2, maxGrpcPerAddress: 2 });
  for (const kind of ["grpc", "websocket"] as const) {
    assert.ok(open(kind, undefined, "10.0.0.1"));
    assert.ok(open(kind, undefined, "10.0.0.2"));
  }
  assert.equal(open("websocket", undefined, "10.0.0.3"), undefined);
  const { grpc, websocket } = limits.figures;
  assert.deepEqual([grpc, websocket, counters.refusals.connections], [2, 2, 1]);
  assert.match(log.messages("warn").join(), /WebSocket connections above .*MAX_CONNECTIONS=2/);
});

Deno.test("a shortage of descriptors closes idle clients of both kinds, then the newest", () => {
  const { limits, open } = setup();
  const busy = [open("grpc"), open("websocket"), open("grpc"), open("websocket")];
  const idle = open("websocket", 5);
  const isClosed = () => [...busy, idle].map((each) => each?.closed);
  limits.acceptFailed("gRPC", NONE_LEFT);
  assert.deepEqual(isClosed(), [0, 0, 0, 1, 1]);
});

Deno.test("gRPC connections above the limit are refused until one is closed", () => {
  const { limits, open, counters, log } = setup({ maxGrpc: 2 });
  const first = open("grpc");
  open("grpc");
  for (let more = 0; more < 5; more++) assert.equal(open("grpc"), undefined);
  assert.equal(counters.refusals.connections, 5);
  assert.deepEqual(log.messages("warn"), [
    "Closing gRPC connections above STREAM_PROXY_MAX_CONNECTIONS=2",
  ]);
  first?.release();
  assert.ok(open("grpc"));
  assert.equal(limits.figures.grpc, 2);
});

for (
  const [kind, reason] of [
    ["http", "http_connections"],
    ["grpc", "connections"],
  ] as const
) {
  Deno.test(`at the limit of ${kind} connections the one idle for longest makes room`, () => {
    const { open, counters, limits } = setup({ maxHttp: 3, maxGrpc: 3 });
    const [recent, longest, busy] = [open(kind, 5), open(kind, 3), open(kind)];
    assert.ok(open(kind));
    const closed = [recent?.closed, longest?.closed, busy?.closed];
    assert.deepEqual(closed, [0, 1, 0]);
    assert.ok(open(kind));
    assert.equal(recent?.closed, 1);
    assert.equal(open(kind), undefined);
    assert.equal(counters.refusals[reason], 3, "two closed, one refused");
    assert.equal(limits.figures[kind], 3);
  });
}

for (const kind of ["grpc", "http"] as const) {
  Deno.test(`${kind} connections of one address are limited, those of others are not`, () => {
    const { open, counters, limits, log } = setup({ maxGrpcPerAddress: 2, maxHttpPerAddress: 2 });
    const first = open(kind, undefined, "10.0.0.1");
    open(kind, undefined, "::ffff:10.0.0.1");
    assert.equal(open(kind, undefined, "10.0.0.1"), undefined);
    assert.equal(counters.refusals.connections_per_address, 1);
    assert.match(log.messages("warn")[0] ?? "", /CONNECTIONS_PER_ADDRESS/);
    assert.ok(open(kind, undefined, "10.0.0.2"));
    first?.release();
    assert.ok(open(kind, undefined, "10.0.0.1"));
    assert.equal(limits.figures[kind], 3);
  });

  Deno.test(`at the ${kind} limit of an address its own longest idle connection makes room`, () => {
    const { open } = setup({ maxGrpcPerAddress: 2, maxHttpPerAddress: 2 });
    const other = open(kind, 1, "10.0.0.2");
    const [recent, longest] = [open(kind, 5, "2001:db8::1"), open(kind, 3, "2001:db8::2")];
    assert.ok(open(kind, undefined, "2001:db8::3"));
    assert.deepEqual([other, recent, longest].map((one) => one?.closed), [0, 0, 1]);
  });
}

Deno.test("without a limit per address, one address may have all connections", () => {
  const { open } = setup({ maxGrpc: 50 });
  for (let opened = 0; opened < 50; opened++) assert.ok(open("grpc", undefined, "10.0.0.1"));
});

Deno.test("a refusal is logged once a minute, with the number it stands for", async () => {
  const { open, clock, log } = setup({ maxGrpc: 1 });
  open("grpc");
  for (let more = 0; more < 10; more++) open("grpc");
  await clock.advance(60_000);
  open("grpc");
  assert.deepEqual(log.records.map(({ fields }) => fields.times), [1, 10]);
});

Deno.test("out of descriptors, idle HTTP and then the newest gRPC connections are closed", () => {
  const { limits, open, counters, log } = setup();
  const old = Array.from({ length: 180 }, () => open("grpc"));
  const idle = [open("http", 1), open("http", 2)];
  const busy = open("http");
  limits.acceptFailed("health checks", NONE_LEFT);
  assert.deepEqual(idle.map((one) => one?.closed), [1, 1]);
  assert.equal(busy?.closed, 0);
  const closed = old.map((one) => one?.closed);
  const shed = DESCRIPTOR_RESERVE - 2;
  assert.deepEqual(closed.slice(0, -shed), new Array(180 - shed).fill(0));
  assert.deepEqual(closed.slice(-shed), new Array(shed).fill(1));
  assert.equal(counters.acceptFailures.descriptors, 1);
  assert.equal(counters.refusals.descriptors, shed);
  assert.equal(log.messages("warn").length, 2);
});

Deno.test("out of descriptors, gRPC connections without a stream are closed before others", () => {
  const { limits, open } = setup();
  const idle = Array.from({ length: 5 }, (_, at) => open("grpc", at));
  const busy = Array.from({ length: 35 }, () => open("grpc"));
  limits.acceptFailed("gRPC", NONE_LEFT);
  assert.deepEqual(idle.map((one) => one?.closed), [1, 1, 1, 1, 1]);
  const closed = busy.map((one) => one?.closed);
  assert.deepEqual(closed.slice(-5), [1, 1, 1, 1, 1]);
  assert(closed.slice(0, -5).every((count) => count === 0));
});

Deno.test("while descriptors are short gRPC is refused, some HTTP is not", () => {
  const { limits, open, counters } = setup();
  for (let opened = 0; opened < 40; opened++) open("grpc");
  limits.acceptFailed("gRPC", NONE_LEFT);
  const before = counters.refusals.descriptors;
  assert.equal(open("grpc"), undefined);
  assert.equal(counters.refusals.descriptors, before + 1);
  for (let opened = 0; opened < HTTP_IN_SHORTAGE; opened++) {
    assert.ok(open("http"));
  }
  assert.equal(open("http"), undefined);
});

Deno.test("in a shortage an idle connection is closed for a new one of its kind", () => {
  const { limits, open, counters } = setup();
  const busy = Array.from({ length: 38 }, () => open("grpc"));
  limits.acceptFailed("gRPC", NONE_LEFT);
  assert.equal(open("grpc"), undefined, "none is idle");
  const web = open("http", 1);
  assert.ok(web, "some HTTP is admitted");
  assert.equal(open("grpc"), undefined, "an idle HTTP connection stays");
  const before = counters.refusals.descriptors;
  const [first] = busy;
  if (first) first.idleSince = 5;
  assert.ok(open("grpc"));
  assert.deepEqual([first?.closed, web.closed], [1, 0]);
  assert.equal(counters.refusals.descriptors, before + 1);
});

Deno.test("a learned limit of descriptors expires and is tested again", async () => {
  const { limits, open, clock } = setup();
  for (let opened = 0; opened < 40; opened++) open("grpc");
  limits.observeDescriptors(60);
  limits.acceptFailed("gRPC", NONE_LEFT);
  assert.equal(limits.figures.descriptorLimit, 60);
  assert.equal(open("grpc"), undefined);
  await clock.advance(LIMIT_VALID_MS);
  assert.equal(limits.figures.descriptorLimit, undefined);
  assert.ok(open("grpc"));
});

Deno.test("a shortage caused by refused connections closes no more than the first", async () => {
  let exhausted = true;
  const { limits, open, clock, counters } = setup({
    outOfDescriptors: () => exhausted,
  });
  for (let opened = 0; opened < 40; opened++) open("grpc");
  limits.checkDescriptors();
  const left = limits.figures.grpc;
  assert.equal(left, 30);
  for (let turn = 0; turn < 40; turn++) {
    await clock.advance(250);
    exhausted = turn % 2 === 0;
    limits.checkDescriptors();
  }
  assert.equal(limits.figures.grpc, left);
  assert.equal(counters.acceptFailures.descriptors, 21);
  exhausted = true;
  for (let turn = 0; turn < 24; turn++) {
    await clock.advance(250);
    limits.checkDescriptors();
  }
  assert.ok(limits.figures.grpc < left, "one that lasts does");
});

Deno.test("other failures of accept are counted by reason and close nothing", () => {
  const { limits, open, counters } = setup();
  open("http", 1);
  for (const code of ["ENOMEM", "ENOBUFS", "ECONNABORTED", "EPERM", "E?"]) {
    limits.acceptFailed("metrics", Object.assign(new Error(code), { code }));
  }
  assert.deepEqual(counters.acceptFailures, {
    descriptors: 0,
    memory: 2,
    aborted: 2,
    other: 1,
  });
  assert.equal(limits.figures.http, 1);
});

Deno.test("limits hold for any order of opening, closing and shortage", async () => {
  const step = fc.oneof(
    fc.record({
      do: fc.constant("open"),
      kind: fc.constantFrom("grpc", "http"),
    }),
    fc.record({ do: fc.constantFrom("close", "fail", "wait", "idle") }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const { limits, open, clock } = setup({ maxGrpc: 12, maxHttp: 6 });
      const all: NonNullable<ReturnType<typeof open>>[] = [];
      for (const [at, one] of steps.entries()) {
        if ("kind" in one) {
          const made = open(one.kind as ConnectionKind);
          if (made) all.push(made);
        }
        const some = all[at % Math.max(1, all.length)];
        if (one.do === "close") some?.release();
        if (one.do === "idle" && some) some.idleSince = at;
        if (one.do === "fail") limits.acceptFailed("gRPC", NONE_LEFT);
        if (one.do === "wait") await clock.advance(7_000);
        const { grpc, http } = limits.figures;
        assert.ok(grpc <= 12 && http <= 6);
      }
      for (const { closed } of all) assert.ok(closed <= 1, "closed once");
      await clock.advance(LIMIT_VALID_MS);
      for (const one of all) one.release();
      assert.deepEqual([limits.figures.grpc, limits.figures.http], [0, 0]);
      assert.ok(open("grpc") && open("http"), "nothing is refused for good");
    }),
    { numRuns: 200 },
  );
});

Deno.test("a failed accept is counted by its code, or else by its name", () => {
  const { limits, counters, log } = setup();
  const coded = (code: string) => Object.assign(new Error("x"), { code });
  for (const cause of [coded("ENFILE"), coded("constructor"), new TypeError("x"), "x"]) {
    limits.acceptFailed("gRPC", cause);
  }
  assert.equal(counters.acceptFailures.descriptors, 1);
  assert.equal(counters.acceptFailures.other, 3);
  assert.deepEqual(
    log.records.map(({ fields }) => fields.code),
    ["ENFILE", "constructor", "TypeError", "unknown"],
  );
});
