import assert from "node:assert/strict";
import {
  batchesOf,
  CPU_SHARE,
  deliveryMicros,
  edgeLoad,
  INPUTS,
  MAX_STREAMS,
  needsOf,
  type Workload,
} from "../../scripts/docs/capacity_model.ts";

/** CPU µs that an edge reads messages for, all of them subscribed. */
function readMicros(messages: number): number {
  return batchesOf(messages) * INPUTS.edgeBatchMicros.value +
    messages * (INPUTS.readMicros.value + INPUTS.decodeMicros.value);
}

/** Workloads of all sizes. */
function* workloads(): Generator<Workload> {
  for (const messages of [1, 1_000, 50_000, 200_000]) {
    for (const clients of [1, 100, 10_000]) {
      for (const each of [1, 10, 1_000]) yield { clients, messages, each, symbols: 1_000 };
    }
  }
}

Deno.test("the edges of the capacity model use at most their share of a core", () => {
  for (const workload of workloads()) {
    const { edges, edgeCores } = needsOf(workload);
    if (edges === undefined) continue;
    assert.ok(edgeCores <= CPU_SHARE);
    if (edges === 1 || edges <= workload.clients / MAX_STREAMS + 1) continue;
    const { read, deliver } = edgeLoad(workload, edges - 1);
    assert.ok(read + deliver > CPU_SHARE, "one edge fewer is too few");
  }
});

Deno.test("every delivery and every message costs what was measured", () => {
  const workload = { clients: 100, symbols: 10, each: 10, messages: 1_000 };
  const { read, deliver } = edgeLoad(workload, 1);
  assert.equal(read, readMicros(1_000) / 1e6);
  assert.equal(deliver, 100 * 1_000 * deliveryMicros(8) / 1e6);
  assert.equal(edgeLoad(workload, 4).deliver, deliver / 4);
  assert.equal(edgeLoad(workload, 4).read, read, "more edges read no less");
});

Deno.test("a message that no client of an edge subscribes is not decoded there", () => {
  const { read } = edgeLoad({ clients: 2, symbols: 2, each: 1, messages: 1e6 }, 2);
  const all = edgeLoad({ clients: 2, symbols: 2, each: 2, messages: 1e6 }, 2).read;
  assert.ok(Math.abs(all - read - INPUTS.decodeMicros.value / 2) < 1e-9);
});

Deno.test("more messages than one edge can read have no number of edges", () => {
  const messages = 10 * CPU_SHARE * 1e6 / (INPUTS.readMicros.value + INPUTS.decodeMicros.value);
  const { edges } = needsOf({ clients: 1, symbols: 1, each: 1, messages });
  assert.equal(edges, undefined);
});

Deno.test("traffic from NATS grows with edges, and that to clients does not", () => {
  const shape = { symbols: 100, each: 10, messages: 1_000 };
  const one = needsOf({ ...shape, clients: 100 });
  const many = needsOf({ ...shape, clients: 100_000 });
  assert.equal(one.upstreamMbit, many.upstreamMbit);
  assert.equal(many.natsMbit, many.upstreamMbit * (many.edges ?? 0));
  const total = ({ clientMbit, edges = 0 }: typeof one) => clientMbit * edges;
  assert.equal(Math.round(total(many)), Math.round(1_000 * total(one)));
});

Deno.test("the edges of the capacity model hold all streams", () => {
  const clients = 10 * MAX_STREAMS;
  const idle = needsOf({ clients, symbols: 10_000, each: 1, messages: 1_000 });
  assert.equal(idle.edges, 10);
  assert.ok(idle.isByStreams);
});

Deno.test("the cost of a client is that of hub, NATS and edges", () => {
  const workload = { clients: 1_000, symbols: 100, each: 10, messages: 1_000 };
  const { edges = 0, edgeCores, hubCores, natsCores, millicores } = needsOf(workload);
  const cores = edges * edgeCores + hubCores + natsCores;
  assert.ok(Math.abs(millicores * workload.clients / 1e3 - cores) < 1e-9);
});

Deno.test("a busy hub puts more frames in a batch, not more batches on NATS", () => {
  const most = INPUTS.maxBatches.value;
  assert.equal(batchesOf(80), 10);
  assert.equal(batchesOf(8 * most), most);
  assert.equal(batchesOf(80 * most), most);
});

Deno.test("a delivery costs what was measured with one and with eight messages in a write", () => {
  assert.equal(deliveryMicros(1), INPUTS.fewMicros.value);
  assert.equal(deliveryMicros(8), INPUTS.everyMicros.value);
  assert.ok(deliveryMicros(2) < deliveryMicros(1) && deliveryMicros(2) > deliveryMicros(8));
});

Deno.test("messages that are held share writes, of at most the measured size", () => {
  const workload = { clients: 100, symbols: 100, each: 1, messages: 2_000 };
  const deliver = (heldMs: number) => edgeLoad({ ...workload, heldMs }, 1).deliver;
  const perSecond = 100 * 20;
  assert.equal(deliver(10), perSecond * INPUTS.fewMicros.value / 1e6);
  assert.equal(deliver(100), perSecond * deliveryMicros(2) / 1e6);
  assert.equal(deliver(10_000), perSecond * INPUTS.everyMicros.value / 1e6);
});
