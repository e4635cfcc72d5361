/** Order streams over restarts of the proxy that stores its updates, compared with the ledger. */
import assert from "node:assert/strict";
import type { TradeUpdate } from "@alpaca-stream-proxy/simulator";
import fc from "fast-check";
import { asRead, checkUpdates, TRACED } from "./order_oracle.ts";
import { OrderOutages, type OrderStream } from "./order_outages.ts";

const SEEDS = Math.ceil(Number(Deno.env.get("PROPERTY_SEEDS") ?? 500) / 5);

function idOf(update: TradeUpdate): string {
  return asRead(update).eventId;
}

/** A time of connection and one of an outage, in ms, and whether the proxy restarts in it. */
const SPANS = fc.array(fc.tuple(fc.nat(400), fc.nat(400), fc.boolean()), {
  minLength: 1,
  maxLength: 4,
});

Deno.test("with a store, resumed streams have order events once over any restarts", async () => {
  let derived = 0;
  let restarts = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer(), SPANS, async (seed, spans) => {
      await using account = await OrderOutages.start(seed, {
        isStored: true,
        trading: {
          autoTrader: { ordersPerSecond: 20 },
          engine: {
            activityIdsAreExecutions: (seed & 1) === 0,
            eventIds: (seed & 2) === 0,
            pendingChangeEvents: (seed & 4) === 0,
          },
        },
      });
      account.pass(500);
      account.connect();
      await account.untilComplete();
      const before = new Set(account.ledger);
      account.received.length = 0;
      const first = account.open();
      const streams: OrderStream[] = [first];
      // Until the first update a stream has nothing to resume after.
      while (first.updates.length === 0) {
        account.pass(20);
        first.read();
      }
      for (const [connectedMs, downMs, isRestart] of spans) {
        account.pass(connectedMs);
        const last = streams.at(-1);
        last?.read();
        last?.stream.end();
        if (isRestart) account.restartProxy();
        else account.cut();
        restarts += isRestart ? 1 : 0;
        account.pass(downMs);
        const eventId = streams.flatMap(({ updates }) => updates).at(-1)?.event.eventId ?? "";
        streams.push(account.open({ resume: { eventId } }));
        account.connect();
        await account.untilComplete();
      }
      account.pass(100);
      account.cut();
      const until = new Set(account.ledger);
      account.connect();
      await account.untilComplete();
      account.pass(100);
      for (const one of streams) one.read();
      const received = new Set(account.received.map(idOf));
      derived += checkUpdates(
        streams.flatMap(({ updates }) => updates),
        account.ledger,
        (each) =>
          received.has(idOf(each)) ||
          (TRACED.has(each.event) && until.has(each) && !before.has(each)),
      );
      for (const one of streams.slice(1)) {
        assert.ok(one.of("hello").every(({ hello }) => hello.resumed));
        assert.deepEqual(one.of("gap"), []);
        assert.equal(one.of("caught_up").length, 1);
      }
    }),
    { numRuns: SEEDS },
  );
  assert.ok(derived > SEEDS / 2, `${derived} derived`);
  assert.ok(restarts > SEEDS / 2, `${restarts} restarts`);
});
