/**
 * Runs clients of edges, and compares what they have received with the simulator's ledger.
 *
 * @module
 */
import { answerCommands } from "../../../bench/control.ts";
import { LedgerReader } from "../../completeness/ledger_reader.ts";
import { Addresses } from "../addresses.ts";
import type { ClientPlans, ClientResults, ClientState } from "../clients.ts";
import { MarketClient } from "../market_client.ts";
import { OrderClient } from "../order_client.ts";
import { orderEvents } from "../order_events.ts";
import { WebSocketClient } from "../websocket_client.ts";

let market: readonly MarketClient[] = [];
let orders: readonly OrderClient[] = [];
let websocket: readonly WebSocketClient[] = [];

await answerCommands({
  start({ grpc, websockets, plans }: ClientPlans): void {
    let number = 0;
    const addresses = (all: readonly string[]) => new Addresses(all, number++);
    market = plans.market.map((plan) => new MarketClient(plan, addresses(grpc)));
    orders = plans.orders.map((name) => new OrderClient(name, addresses(grpc)));
    websocket = plans.websocket.map(({ name, symbols }) =>
      new WebSocketClient(name, symbols, addresses(websockets))
    );
  },
  state(): ClientState {
    const all = [...market, ...orders, ...websocket];
    const received = [...market, ...websocket].reduce((sum, client) => sum + client.received, 0);
    return { open: all.filter(({ isOpen }) => isOpen).length, received };
  },
  /** Ends all streams and compares. */
  async finish({ simulator }: { readonly simulator: string }): Promise<ClientResults> {
    const stoppedAt = Date.now();
    await Promise.all([...market, ...orders, ...websocket].map((client) => client.stop()));
    const ledger = new LedgerReader(simulator);
    await ledger.read();
    const messages = [...ledger.messages()].filter(({ at }) => at < stoppedAt);
    const events = await orderEvents(simulator);
    const ends = new Map<string, number>();
    for (const client of market) {
      for (const [end, count] of client.ends) ends.set(end, (ends.get(end) ?? 0) + count);
    }
    return {
      produced: messages.length,
      events: events.length,
      market: market.map((client) => client.result(messages)),
      orders: orders.map((client) => client.result(events)),
      websocket: websocket.map((client) => client.result(messages)),
      silences: [...market, ...websocket].map(({ silences }) => silences.spans),
      ends: [...ends],
    };
  },
});
