import assert from "node:assert/strict";
import { CPU_SHARE, INPUTS, MAX_STREAMS, needsOf } from "../../scripts/docs/capacity_model.ts";

const READ = INPUTS.readMicros.value + INPUTS.decodeMicros.value;

Deno.test("the edges of the capacity model use at most their share of a core", () => {
  for (const messages of [1, 1_000, 50_000, 200_000]) {
    for (const clients of [1, 100, 10_000]) {
      for (const perClient of [1, 100, 1_000]) {
        const { edges } = needsOf({ clients, perClient, messages });
        assert.ok(edges);
        const cpu = (count: number) =>
          messages * READ / 1e6 + clients * perClient / count * INPUTS.deliverMicros.value / 1e6;
        assert.ok(cpu(edges) <= CPU_SHARE);
        if (edges > clients / MAX_STREAMS + 1) {
          assert.ok(cpu(edges - 1) > CPU_SHARE, "one edge fewer is too few");
        }
      }
    }
  }
});

Deno.test("more messages than one edge can read have no number of edges", () => {
  const messages = CPU_SHARE * 1e6 / READ + 1;
  assert.equal(needsOf({ clients: 1, perClient: 1, messages }).edges, undefined);
});

Deno.test("traffic from NATS grows with edges, and that to clients does not", () => {
  const one = needsOf({ clients: 1_000, perClient: 100, messages: 10_000 });
  const ten = needsOf({ clients: 10_000, perClient: 1_000, messages: 10_000 });
  assert.equal(one.perEdgeMbit, ten.perEdgeMbit);
  assert.equal(ten.natsMbit, ten.perEdgeMbit * (ten.edges ?? 0));
  const total = ({ clientMbit, edges = 0 }: typeof one) => clientMbit * edges;
  assert.equal(Math.round(total(ten)), Math.round(100 * total(one)));
});

Deno.test("the edges of the capacity model hold all streams", () => {
  const idle = needsOf({ clients: 10 * MAX_STREAMS, perClient: 0.1, messages: 1_000 });
  assert.equal(idle.edges, 10);
  assert.ok(idle.isByStreams);
});
