/**
 * Reads the order updates that are stored in a JetStream stream.
 *
 * @module
 */
import {
  jetstream,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  type StoredMsg,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Log } from "../../application/ports/log.ts";
import type { StoredEntry } from "../../application/ports/order_store.ts";
import type { OrderStoreCounters } from "../../application/status/counters.ts";
import { messageOf, type NatsClient } from "./nats_client.ts";
import { decodeEntries } from "./stored_entries.ts";

const REQUEST_TIMEOUT_MS = 5_000;
/** Messages that are requested together. */
const MAX_MESSAGES = 500;

/** Where updates are stored, and which of them are read. */
interface StoredOrders {
  readonly stream: string;
  readonly subject: string;
  /** Updates that are kept. */
  readonly capacity: number;
  readonly log: Log;
}

/**
 * Reads what another process stores; nothing is created or stored.
 *
 * @param orders.subject may end with `*`: then the account that has stored last is read
 * @throws when NATS cannot be reached, or has not answered before `signal` fires
 */
export async function loadStored(
  orders: StoredOrders & {
    readonly client: NatsClient;
    readonly counters: OrderStoreCounters;
    readonly signal: AbortSignal;
  },
): Promise<readonly StoredEntry[]> {
  const { client, counters, signal } = orders;
  const connection = await client.connection(signal);
  const manager = await jetstreamManager(connection, {
    timeout: REQUEST_TIMEOUT_MS,
    checkAPI: false,
  });
  const last = await unlessAborted(lastOf(manager, orders), signal).catch((error) => {
    if (!isStreamMissing(error)) throw error;
    const { log, stream } = orders;
    log.info("No order updates are stored yet: the first hub creates the stream", { stream });
    return undefined;
  });
  if (!last) return [];
  const { subject, seq } = last;
  const entries = await readStored(connection, { ...orders, subject, last: seq });
  counters.loaded = entries.filter((entry) => "update" in entry).length;
  return entries;
}

/**
 * Reads the messages of a subject up to a sequence, oldest first; of their entries at most the
 * capacity. A message that cannot be decoded is a gap.
 *
 * @throws when NATS has not sent all of them before `signal` fires
 */
export async function readStored(
  connection: NatsConnection,
  { stream, subject, last, capacity, log, signal }: StoredOrders & {
    /** Sequence of the last message. */
    readonly last: number;
    readonly signal: AbortSignal;
  },
): Promise<StoredEntry[]> {
  const { consumers } = jetstream(connection);
  const consumer = await unlessAborted(
    consumers.get(stream, { filter_subjects: subject }),
    signal,
  );
  const messages = await consumer.consume({ max_messages: MAX_MESSAGES });
  const stop = () => messages.stop();
  signal.addEventListener("abort", stop, { once: true });
  const entries: StoredEntry[] = [];
  let isComplete = false;
  for await (const message of messages) {
    entries.push(...decode(message.data, message.time.getTime(), log));
    if (entries.length > capacity) entries.splice(0, entries.length - capacity);
    isComplete = message.seq >= last;
    if (isComplete) break;
  }
  signal.removeEventListener("abort", stop);
  await messages.close();
  // NATS would remove it after five minutes.
  consumer.delete().catch(() => {});
  if (!isComplete) throw new Error("NATS did not send all stored updates in time");
  return entries;
}

function decode(data: Uint8Array, at: number, log: Log): readonly StoredEntry[] {
  try {
    return decodeEntries(data);
  } catch (error) {
    log.error("A stored message with order updates cannot be read", {
      cause: messageOf(error),
      stored_at: new Date(at).toISOString(),
    });
    return [{ reason: "upstream_lost", symbols: undefined, startTime: at, endTime: at }];
  }
}

function isStreamMissing(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound;
}

/** The last message of a subject. */
export async function lastOf(
  manager: JetStreamManager,
  { stream, subject }: Pick<StoredOrders, "stream" | "subject">,
): Promise<StoredMsg | undefined> {
  return await manager.streams.getMessage(stream, { last_by_subj: subject }) ?? undefined;
}

/** Awaits `result`, until `signal` fires. */
export async function unlessAborted<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(new Error("NATS has not answered in time"));
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([result, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
