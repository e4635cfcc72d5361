/** Orders that Alpaca's official SDKs place, and the stream of the proxy that reports them. */
import assert from "node:assert/strict";
import type { TradeUpdate } from "@alpaca-stream-proxy/simulator";
import { Freshness } from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import type { StreamOrderUpdatesResponse } from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import { startRelay } from "../docs/loopback.ts";
import { type Harness, startHarness } from "../support/harness.ts";
import { orderSdks } from "../support/order_sdks.ts";
import { clientOf, collect, type Collected, METHODS } from "../support/streams.ts";
import { until } from "../support/until.ts";

/** What a stream and the ledger of the simulator have in common, of one event. */
function shown(
  { event, order, qty, price }: {
    readonly event: string;
    readonly order: { readonly status: string; readonly filledQty: string };
    readonly qty: string | undefined;
    readonly price: string | undefined;
  },
): string {
  const execution = price === undefined ? "" : ` ${qty} at ${Number(price)}`;
  return `${event} ${order.status} ${Number(order.filledQty)}${execution}`;
}

function ofLedger({ event, order, qty, price }: TradeUpdate): string {
  const { status, filled_qty: filledQty } = order;
  return shown({ event, order: { status, filledQty }, qty, price });
}

function responses(stream: Collected): readonly StreamOrderUpdatesResponse[] {
  return stream.messages as StreamOrderUpdatesResponse[];
}

/** The updates of each order, in order. */
function byOrder(stream: Collected) {
  const updates = responses(stream).flatMap(({ update, meta }) =>
    update?.order ? [{ order: update.order, update, meta }] : []
  );
  return Map.groupBy(updates, ({ order }) => order.id);
}

function freshness(stream: Collected): Freshness | undefined {
  const states = responses(stream).flatMap(({ notice }) => {
    const kind = notice?.kind;
    if (kind?.case === "hello") return kind.value.feed ? [kind.value.feed.freshness] : [];
    return kind?.case === "feed" ? [kind.value.freshness] : [];
  });
  return states.at(-1);
}

/** Waits until an order of the simulator has one of the statuses. */
async function reaches(harness: Harness, id: string, ...statuses: readonly string[]) {
  const engine = harness.simulator.trading.engineOf("SIM_KEY");
  const isReached = () => statuses.includes(engine.get(id)?.status ?? "");
  await until(`${id} is ${statuses.join(" or ")}`, isReached);
}

for (const { name, missing, start } of await orderSdks()) {
  const title = `a stream has every event of the orders that the official ${name} SDK places`;
  Deno.test({
    name: missing === undefined ? title : `${title} (skipped: ${missing})`,
    ignore: missing !== undefined,
    fn: async () => {
      await using relay = await startRelay();
      await using harness = await startHarness({
        simulator: { ledgerCapacity: 10_000, trading: { engine: { partialFillChance: 0.7 } } },
        env: { ALPACA_TRADING_STREAM_URL: `ws://${relay.address}/stream` },
      });
      const { simulator } = harness;
      const port = Number(new URL(simulator.url).port);
      relay.target = port;
      await using sdk = await start(simulator.url);
      using client = clientOf(harness);
      await using stream = collect(client, METHODS.streamOrderUpdates, {
        options: { meta: true, notices: true },
      });
      await until("the feed is live", () => freshness(stream) === Freshness.LIVE);
      const buy = { symbol: "AAPL", side: "buy", qty: "50" } as const;
      const ids: string[] = [];
      const place = async (limitPrice?: string) => {
        const { id } = await sdk.place({ ...buy, ...(limitPrice && { limitPrice }) });
        ids.push(id);
        await reaches(harness, id, limitPrice === undefined ? "filled" : "new");
        return id;
      };
      const replace = async (id: string, limitPrice: string) => {
        const next = await sdk.replace(id, limitPrice);
        ids.push(next.id);
        await reaches(harness, next.id, "new");
        return next.id;
      };
      const cancel = async (id: string) => {
        await sdk.cancel(id);
        await reaches(harness, id, "canceled");
      };

      await place();
      const first = await replace(await place("1.00"), "1.01");
      const second = await place("1.02");
      await place("1.03");
      await cancel(await place("1.04"));
      const cutAfter = simulator.trading.ledger.lastNumber;
      const has = (id: string) => byOrder(stream).has(id);
      await until("the updates so far", () => ids.every(has));

      relay.target = 1; // nothing listens there
      relay.breakAll();
      await until("the feed is stale", () => freshness(stream) === Freshness.STALE);
      await cancel(first);
      const third = await replace(second, "1.05");
      await place();
      const fourth = await place("1.06");
      const cutUntil = simulator.trading.ledger.lastNumber;
      relay.target = port;
      await until("the feed is live again", () => freshness(stream) === Freshness.LIVE);

      await cancel(fourth);
      await cancel(await replace(third, "1.07"));
      await place();
      const sale = await sdk.place({ ...buy, side: "sell" });
      ids.push(sale.id);
      await reaches(harness, sale.id, "filled");

      const last = new Map<string, string>();
      for (const id of ids) last.set(id, (await sdk.read(id)).status);
      await until("the last updates", () => {
        const seen = byOrder(stream);
        return ids.every((id) => seen.get(id)?.at(-1)?.order.status === last.get(id));
      });
      const seen = byOrder(stream);
      assert.deepEqual([...seen.keys()].sort(), [...ids].sort());
      for (const id of ids) {
        // Nothing in REST shows when an order was pending.
        const expected = simulator.trading.ledger.events({ order: id })
          .filter(({ number, update: { event } }) =>
            event !== "pending_new" || number <= cutAfter || number > cutUntil
          );
        const updates = seen.get(id) ?? [];
        assert.deepEqual(
          updates.map(({ update, meta, order }) =>
            shown({ event: meta?.eventWord ?? "", order, qty: update.qty, price: update.price })
          ),
          expected.map(({ update }) => ofLedger(update)),
        );
        const { order } = updates.at(-1) ?? {};
        const { status, qty, filledQty, filledAvgPrice, limitPrice } = await sdk.read(id);
        const price = (text: string | undefined) => text ? Number(text) : undefined;
        assert.deepEqual(
          [order?.status, Number(order?.qty), Number(order?.filledQty)],
          [status, qty, filledQty],
        );
        assert.deepEqual(
          [price(order?.filledAvgPrice), price(order?.limitPrice)],
          [filledAvgPrice, limitPrice],
        );
      }
      const sequences = responses(stream).flatMap(({ meta }) =>
        meta ? [Number(meta.sequence)] : []
      );
      assert.deepEqual(sequences, sequences.map((_, at) => (sequences[0] ?? 0) + at));
      const gaps = responses(stream).filter(({ notice }) => notice?.kind.case === "gap");
      assert.deepEqual(gaps, []);
    },
  });
}
