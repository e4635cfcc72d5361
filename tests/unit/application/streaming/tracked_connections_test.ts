import assert from "node:assert/strict";
import type {
  ClientConnection,
  StreamClient,
} from "../../../../src/application/streaming/market_streams.ts";
import { administered } from "../../../support/administered.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

/** Connections of clients, which record when they are closed, in ms. */
function connections(clock: ManualClock) {
  const { streams } = administered(clock);
  const closedAt: (number | undefined)[] = [];
  const connect = (hasStream: boolean) => {
    const index = closedAt.push(undefined) - 1;
    const peer = `127.0.0.1:${index}`;
    const connection: ClientConnection = {
      peer,
      hasStream,
      shutDown: () => {
        if (closedAt[index] !== undefined) return;
        closedAt[index] = clock.monotonic();
        tracking.dispose();
        stream?.[Symbol.dispose]();
      },
    };
    const tracking = new DisposableStack();
    tracking.use(streams.clients.trackConnection(connection));
    const client: StreamClient = { peer, onEnd: (reason) => connection.shutDown(reason) };
    const stream = hasStream ? streams.open("orderUpdates", { symbols: [] }, client) : undefined;
    return { stream, tracking };
  };
  return { streams, connect, closedAt };
}

Deno.test("connections without a stream are closed one after the other", async () => {
  const clock = new ManualClock();
  const { streams, connect, closedAt } = connections(clock);
  for (let i = 0; i < 200; i++) connect(i % 2 === 0);
  const ending = streams.clients.endAll("moving", 10_000);
  await clock.advance(10_000);
  await ending;
  const times = closedAt.map((at = NaN) => at);
  const most = Math.max(...Map.groupBy(times, (at) => at).values().map(({ length }) => length));
  assert.ok(most <= 6, `${most} in one tick`);
  assert.ok(Math.max(...times) <= 2_000, "10 ms each");
});

Deno.test("a connection is closed although its stream has ended before that", async () => {
  const clock = new ManualClock();
  const { streams, connect, closedAt } = connections(clock);
  const clients = Array.from({ length: 20 }, () => connect(true));
  const ending = streams.clients.endAll("moving", 10_000);
  clients.at(-1)?.stream?.[Symbol.dispose]();
  await clock.advance(10_000);
  await ending;
  assert.deepEqual(closedAt.filter((at) => at === undefined), []);
});

Deno.test("a connection that has ended is not closed, nor one that opens later", async () => {
  const clock = new ManualClock();
  const { streams, connect, closedAt } = connections(clock);
  connect(false).tracking.dispose();
  connect(false);
  const ending = streams.clients.endAll("moving", 10_000);
  connect(false);
  await clock.advance(10_000);
  await ending;
  assert.deepEqual(closedAt, [undefined, 0, undefined]);
});

Deno.test("the connection of a peer is closed with its streams, which are counted", () => {
  const { streams, connect, closedAt } = connections(new ManualClock());
  for (const hasStream of [true, false, true]) connect(hasStream);
  assert.equal(streams.clients.endOf("127.0.0.1:0", "moving"), 1);
  assert.equal(streams.clients.endOf("127.0.0.1:1", "moving"), 0);
  assert.deepEqual(closedAt, [0, 0, undefined]);
});
