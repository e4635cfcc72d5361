/**
 * What the clients of a run stream, and their processes.
 *
 * @module
 */
import { Remote } from "../../bench/control.ts";
import type { StreamResult } from "../completeness/verify.ts";
import { NICE } from "../rig/child_processes.ts";
import type { MarketPlan } from "./market_client.ts";
import { within } from "./members.ts";
import type { OrderResult } from "./order_client.ts";
import type { Span } from "./sessions.ts";
import type { WebSocketResult } from "./websocket_client.ts";

/** Clients of a process. */
const PER_PROCESS = 110;
/** Symbols of a client. */
const SYMBOLS_EACH = 3;
/** Longest comparison of a process. */
const FINISH_MS = 120_000;
const COMMAND_MS = 20_000;

/** What clients are started with: `host:port` of each edge, and their plans. */
export interface ClientPlans {
  readonly grpc: readonly string[];
  readonly websockets: readonly string[];
  readonly plans: Plans;
}

/** Clients by kind. */
interface Plans {
  readonly market: readonly MarketPlan[];
  readonly orders: readonly string[];
  readonly websocket: readonly { readonly name: string; readonly symbols: readonly string[] }[];
}

/** What clients have received so far. */
export interface ClientState {
  /** Clients whose first stream has begun. */
  readonly open: number;
  readonly received: number;
}

/** What clients have received in all. */
export interface ClientResults {
  /** Messages of the market. */
  readonly produced: number;
  /** Order events of the account. */
  readonly events: number;
  readonly market: readonly StreamResult[];
  readonly orders: readonly OrderResult[];
  readonly websocket: readonly WebSocketResult[];
  /** Of each client of market data, the times without a message. */
  readonly silences: readonly (readonly Span[])[];
  /** How often each error has ended a call. */
  readonly ends: readonly (readonly [string, number])[];
}

/** How many clients of each kind. */
export interface ClientCounts {
  /** Clients over gRPC; one in ten follows order updates. */
  readonly grpc: number;
  readonly websocket: number;
}

function plansOf({ grpc, websocket }: ClientCounts, stocks: readonly string[]): Plans {
  const symbolsOf = (client: number) =>
    Array.from(
      { length: SYMBOLS_EACH },
      (_, index) => stocks[(client * SYMBOLS_EACH + index) % stocks.length] ?? "",
    );
  const market: MarketPlan[] = [];
  const orders: string[] = [];
  for (let client = 0; client < grpc; client++) {
    if (client % 10 === 4) {
      orders.push(`orders ${client}`);
      continue;
    }
    const channel = client % 3 === 2 ? "trades" : "quotes";
    const backfill = channel === "trades" && client % 2 === 0;
    const reopenSeconds = client % 4 === 3 ? 15 + client % 7 : 0;
    const words = [channel, backfill ? "backfill" : "", reopenSeconds > 0 ? "reopened" : ""];
    const name = `${words.filter((word) => word !== "").join(", ")} (${client})`;
    market.push({ name, channel, backfill, reopenSeconds, symbols: symbolsOf(client) });
  }
  const sockets = Array.from({ length: websocket }, (_, client) => ({
    name: `WebSocket (${client})`,
    symbols: symbolsOf(client),
  }));
  return { market, orders, websocket: sockets };
}

/** The clients of a run, in as many processes as they need. */
export class Clients implements AsyncDisposable {
  readonly count: number;
  readonly #processes: readonly Remote[];
  readonly #plans: Plans;

  constructor(counts: ClientCounts, stocks: readonly string[]) {
    this.#plans = plansOf(counts, stocks);
    this.count = counts.grpc + counts.websocket;
    const script = new URL("./processes/clients.ts", import.meta.url);
    const flags = ["--allow-net=127.0.0.1", "--allow-env", "--allow-read", "--allow-sys"];
    this.#processes = Array.from(
      { length: Math.ceil(this.count / PER_PROCESS) },
      () => new Remote(script, { flags, under: NICE }),
    );
  }

  /** Starts all clients. */
  async start(addresses: Omit<ClientPlans, "plans">): Promise<void> {
    const of = <T>(all: readonly T[], process: number) =>
      all.filter((_, index) => index % this.#processes.length === process);
    await Promise.all(this.#processes.map((process, index) => {
      const plans = {
        market: of(this.#plans.market, index),
        orders: of(this.#plans.orders, index),
        websocket: of(this.#plans.websocket, index),
      };
      return within(
        process.call("start", { ...addresses, plans }),
        COMMAND_MS,
        "The clients do not start",
      );
    }));
  }

  /** What they have received so far. */
  async state(): Promise<ClientState> {
    const states = await Promise.all(
      this.#processes.map((process) =>
        within(process.call<ClientState>("state"), COMMAND_MS, "Clients do not reply")
      ),
    );
    return {
      open: states.reduce((sum, { open }) => sum + open, 0),
      received: states.reduce((sum, { received }) => sum + received, 0),
    };
  }

  /** Ends all streams and compares them with the ledger of a simulator. */
  async finish(simulator: string): Promise<ClientResults> {
    const results: ClientResults[] = [];
    // One after the other: each of them reads the whole ledger.
    for (const process of this.#processes) {
      const result = process.call<ClientResults>("finish", { simulator });
      results.push(await within(result, FINISH_MS, "Clients do not finish"));
    }
    return {
      produced: results[0]?.produced ?? 0,
      events: results[0]?.events ?? 0,
      market: results.flatMap(({ market }) => market),
      orders: results.flatMap(({ orders }) => orders),
      websocket: results.flatMap(({ websocket }) => websocket),
      silences: results.flatMap(({ silences }) => silences),
      ends: results.flatMap(({ ends }) => ends),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((process) => process[Symbol.asyncDispose]()));
  }
}
