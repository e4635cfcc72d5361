/**
 * Makes what stores order updates beyond the process.
 *
 * @module
 */
import type { Clock } from "../application/ports/clock.ts";
import type { Log } from "../application/ports/log.ts";
import type { OrderStore, StoredEntry } from "../application/ports/order_store.ts";
import type { ProxyCounters } from "../application/status/counters.ts";
import { supervise } from "../application/timing/supervise.ts";
import { type Config, requireCredentials } from "../infrastructure/config/config.ts";
import type { JetStreamOrders } from "../infrastructure/nats/jetstream_orders.ts";
import { natsAccess, orderStream } from "./nats.ts";

/** How long the start waits for what is stored, in ms. */
const LOAD_MS = 5_000;
/** How long the end waits until everything is stored, in ms. */
const FLUSH_MS = 3_000;

/** A store of order updates; disposing it stores what was added before. */
interface OpenOrderStore extends OrderStore, AsyncDisposable {
  /**
   * Reads what earlier processes have stored. If that fails, which is logged, streams cannot be
   * resumed after a position before this start.
   */
  load(): Promise<readonly StoredEntry[]>;
}

/**
 * Opens the store of order updates, in the background. The libraries of NATS are loaded only here:
 * most deployments do not use them.
 *
 * @returns `undefined` unless the settings name NATS servers and the trading feed is enabled
 */
export async function openOrderStore(
  config: Config,
  { clock, log, counters, isActive = () => true }: {
    readonly clock: Clock;
    readonly log: Log;
    readonly counters: Pick<ProxyCounters, "nats" | "orderStore">;
    /** Whether this process may store; otherwise what waits is dropped. @default always */
    readonly isActive?: () => boolean;
  },
): Promise<OpenOrderStore | undefined> {
  const { nats: { replicas }, limits } = config;
  const access = natsAccess(config);
  if (!access || !config.feeds.has("trading")) return undefined;
  const [clients, stores] = await Promise.all([
    import("../infrastructure/nats/nats_client.ts"),
    import("../infrastructure/nats/jetstream_orders.ts"),
  ]);
  const client = new clients.NatsClient({
    name: "alpaca-stream-proxy",
    access,
    clock,
    log,
    shown: { in: counters.nats, as: "orders" },
  });
  // Accounts that share a prefix by mistake must not share their orders.
  const account = await digest(requireCredentials(config).trading.key.reveal());
  const { stream, subjects, subjectOf } = orderStream(config);
  const store: JetStreamOrders = new stores.JetStreamOrders({
    client,
    stream,
    subjects,
    subject: subjectOf(account),
    replicas,
    capacity: limits.orderJournalUpdates,
    maxAgeMs: limits.orderJournalMs,
    clock,
    log,
    counters: counters.orderStore,
    isActive,
  });
  const over = new AbortController();
  let running: Promise<void> | undefined;
  return {
    add: (entry) => store.add(entry),
    async load() {
      try {
        return await loadOrders({ clock, log }, (signal) => store.load(signal));
      } finally {
        running = supervise((signal) => store.run(signal), { clock, log, signal: over.signal });
      }
    },
    async [Symbol.asyncDispose]() {
      if (running && isActive()) {
        await withDeadline(FLUSH_MS, clock, (signal) => store.flush(signal));
      }
      over.abort();
      // Ends what `run` waits for.
      await client[Symbol.asyncDispose]();
      await running;
    },
  };
}

/** Reads stored order updates; none if that fails, which is logged. */
export async function loadOrders(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  load: (signal: AbortSignal) => Promise<readonly StoredEntry[]>,
): Promise<readonly StoredEntry[]> {
  try {
    return await withDeadline(LOAD_MS, clock, load);
  } catch (error) {
    log.error("Cannot read the stored order updates: no stream resumes from before this start", {
      cause: error instanceof Error ? error.message : error,
    });
    return [];
  }
}

/** Calls `run` with a signal that fires after a time. */
export async function withDeadline<T>(
  ms: number,
  clock: Clock,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const done = new AbortController();
  const late = new AbortController();
  clock.sleep(ms, done.signal).then(() => late.abort());
  try {
    return await run(late.signal);
  } finally {
    done.abort();
  }
}

/** Twelve hexadecimal digits that identify an API key and do not reveal it. */
async function digest(key: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key));
  return new Uint8Array(bytes).slice(0, 6).toHex();
}
