/**
 * Stores order updates in a JetStream stream.
 *
 * Entries are added in the background, all that wait in one message. Each message is stored only
 * after the one that was stored before it, so that a message whose acknowledgement was lost is not
 * stored twice, and another process that stores under the same subject is noticed.
 *
 * While NATS cannot be reached, entries wait; the oldest are given up when too many do, and a gap
 * is stored in their place.
 *
 * @module
 */
import {
  DiscardPolicy,
  jetstream,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamClient,
  jetstreamManager,
  type StoredMsg,
} from "@nats-io/jetstream";
import { errors, type NatsConnection } from "@nats-io/nats-core";
import { WakeSignal } from "../../application/timing/wake_signal.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import type { OrderStore, StoredEntry, StoredGap } from "../../application/ports/order_store.ts";
import type { OrderStoreCounters } from "../../application/status/counters.ts";
import { messageOf, type NatsClient } from "./nats_client.ts";
import { encodeEntries, withoutSources } from "./stored_entries.ts";
import { lastOf, readStored, unlessAborted } from "./stored_order_reader.ts";

/** What a store of order updates needs. */
interface JetStreamOrdersOptions {
  readonly client: NatsClient;
  /** Name of the stream; it is created if it does not exist. */
  readonly stream: string;
  /** The subjects of a stream that is created. */
  readonly subjects: string;
  /** The subject of this account's updates. */
  readonly subject: string;
  /** Servers that keep a copy of a stream that is created. */
  readonly replicas: number;
  /** Updates that are kept, and entries that may wait. */
  readonly capacity: number;
  /** How long updates are kept, in ms. */
  readonly maxAgeMs: number;
  /** How long NATS may take to answer, in ms. @default 5 s */
  readonly requestTimeoutMs?: number;
  /** Whether this process may store; asked before each message. @default always */
  readonly isActive?: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: OrderStoreCounters;
}

const REQUEST_TIMEOUT_MS = 5_000;
/** Pause after a failure; it doubles. */
const FIRST_DELAY_MS = 200;
const MAX_DELAY_MS = 10_000;
/** Longest pause without entries. */
const IDLE_MS = 60_000;
const FLUSH_MS = 10;
/** Entries of one message, and bytes below which NATS accepts it with its default settings. */
const MAX_ENTRIES = 100;
const MAX_BYTES = 1_000_000;
/** Bytes of a stored update, with room for the frame and the order as REST has it. */
const UPDATE_BYTES = 16 * 1_024;
const MIN_STREAM_BYTES = 64 * 1_048_576;
const NANOS_PER_MS = 1_000_000;
const ID_HEADER = "Nats-Msg-Id";

/** A message that is being stored. */
interface Message {
  readonly id: string;
  readonly entries: readonly StoredEntry[];
  readonly bytes: Uint8Array;
}

/** The order updates of one account in JetStream. */
export class JetStreamOrders implements OrderStore {
  readonly #options: JetStreamOrdersOptions;
  readonly #waiting: StoredEntry[] = [];
  /** Entries that were given up before those that wait. */
  #givenUp: StoredGap | undefined;
  #message: Message | undefined;
  /** Sequence of the last message of the subject; `undefined` until it is known. */
  #last: number | undefined;
  /** Whether a message of the subject may exist that this process has neither read nor stored. */
  #mayHaveUnread = true;
  readonly #added = new WakeSignal();

  constructor(options: JetStreamOrdersOptions) {
    this.#options = options;
  }

  /** Entries that are not stored yet. */
  get pending(): number {
    return this.#waiting.length + (this.#message?.entries.length ?? 0);
  }

  add(entry: StoredEntry): void {
    this.#waiting.push(entry);
    if (this.#waiting.length > this.#options.capacity) this.#giveUp(this.#waiting.shift());
    this.#countPending();
    this.#added.wake();
  }

  /**
   * Reads what is stored, oldest first, at most the capacity; called once, before
   * {@linkcode JetStreamOrders.run}. A message that cannot be decoded is a gap.
   *
   * @throws when NATS cannot be reached, or has not answered before `signal` fires
   */
  async load(signal: AbortSignal): Promise<readonly StoredEntry[]> {
    const { client, subject, stream, capacity, counters, log } = this.#options;
    const connection = await client.connection(signal);
    const last = await unlessAborted(this.#prepare(connection), signal);
    const entries = last
      ? await readStored(connection, { stream, subject, last: last.seq, capacity, log, signal })
      : [];
    this.#last = last?.seq ?? 0;
    this.#mayHaveUnread = false;
    counters.loaded = entries.filter((entry) => "update" in entry).length;
    return entries;
  }

  /** Stores what is added, until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, counters } = this.#options;
    let delayMs = FIRST_DELAY_MS;
    while (!signal.aborted) {
      if (this.pending === 0) {
        await this.#added.wait(IDLE_MS, { clock, signal });
        continue;
      }
      try {
        await this.#storeNext(signal);
        delayMs = FIRST_DELAY_MS;
      } catch (error) {
        if (signal.aborted) return;
        counters.failed++;
        log.warn("Cannot store order updates, retrying", {
          cause: messageOf(error),
          pending: this.pending,
          delay_ms: delayMs,
        });
        await clock.sleep(delayMs, signal);
        delayMs = Math.min(2 * delayMs, MAX_DELAY_MS);
      }
    }
  }

  /** Waits until everything that was added is stored, or `signal` fires. */
  async flush(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    while (this.pending > 0 && !signal.aborted) await clock.sleep(FLUSH_MS, signal);
    if (this.pending === 0) return;
    log.error("Order updates were not stored before the end", { pending: this.pending });
  }

  async #storeNext(signal: AbortSignal): Promise<void> {
    const { client, counters, clock } = this.#options;
    const connection = await client.connection(signal);
    if (this.#last === undefined) {
      const last = await this.#prepare(connection);
      this.#last = last?.seq ?? 0;
      // What was stored before was not read, so what was missed since is not known.
      if (last && this.#mayHaveUnread) {
        const startTime = last.time.getTime();
        this.#addGap({ startTime, endTime: Math.max(startTime, clock.now()) });
      }
      this.#mayHaveUnread = false;
    }
    const message = this.#message ??= this.#takeMessage(connection);
    await this.#publish(jetstream(connection), message);
    this.#message = undefined;
    counters.stored += message.entries.filter((entry) => "update" in entry).length;
    this.#countPending();
  }

  async #publish(client: JetStreamClient, message: Message): Promise<void> {
    const { subject, stream, log, requestTimeoutMs: timeout = REQUEST_TIMEOUT_MS } = this.#options;
    const { id, bytes } = message;
    if (this.#options.isActive?.() === false) throw new Error("The lease is lost");
    try {
      const { seq } = await client.publish(subject, bytes, {
        msgID: id,
        timeout,
        expect: { streamName: stream, lastSubjectSequence: this.#last ?? 0 },
      });
      this.#last = seq;
    } catch (error) {
      if (!isWrongSequence(error)) {
        if (isMissing(error)) this.#last = undefined;
        throw error;
      }
      // The permissions of the user need not include information about the account.
      const last = await lastOf(await client.jetstreamManager(false), { stream, subject });
      const expected = this.#last ?? 0;
      this.#last = last?.seq ?? 0;
      // The message was stored, and only the acknowledgement was lost.
      if (last?.header.get(ID_HEADER) === id) return;
      this.#message = { ...message, id: crypto.randomUUID() };
      // Without one, all messages have reached the age limit of the stream, or were purged.
      if (last && last.seq > expected) {
        log.error("Another process stores order updates of the same account", {
          subject,
          remedy: "Run one process per account, or give each its own STREAM_PROXY_NATS_PREFIX",
        });
      }
      throw error;
    }
  }

  /** Creates the stream if it does not exist; returns the last message of the subject. */
  async #prepare(connection: NatsConnection): Promise<StoredMsg | undefined> {
    const { stream, subjects, subject, replicas, capacity, maxAgeMs, log } = this.#options;
    const manager = await jetstreamManager(connection, {
      timeout: REQUEST_TIMEOUT_MS,
      checkAPI: false,
    });
    try {
      return await lastOf(manager, { stream, subject });
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    await manager.streams.add({
      name: stream,
      subjects: [subjects],
      description: "Order updates of Alpaca Stream Proxy",
      num_replicas: replicas,
      max_msgs_per_subject: capacity,
      max_age: maxAgeMs * NANOS_PER_MS,
      max_bytes: Math.max(MIN_STREAM_BYTES, capacity * UPDATE_BYTES),
      discard: DiscardPolicy.Old,
    });
    log.info("Created a JetStream stream for order updates", { stream, replicas });
    return undefined;
  }

  /** Takes entries that fit into one message. */
  #takeMessage({ info }: NatsConnection): Message {
    const { counters } = this.#options;
    const limit = Math.min(MAX_BYTES, (info?.max_payload ?? MAX_BYTES) - 1_024);
    if (this.#givenUp) {
      this.#waiting.unshift(this.#givenUp);
      this.#givenUp = undefined;
    }
    for (let count = Math.min(MAX_ENTRIES, this.#waiting.length);; count = Math.ceil(count / 2)) {
      let entries = this.#waiting.slice(0, count);
      let bytes = tryEncode(entries, limit);
      const [entry] = entries;
      if (!bytes && count > 1) continue;
      if (!bytes && entry && "update" in entry) {
        entries = [withoutSources(entry)];
        bytes = tryEncode(entries, limit);
        if (!bytes) {
          counters.lost++;
          entries = [gapOf(entry)];
        }
      }
      this.#waiting.splice(0, count);
      return { id: crypto.randomUUID(), entries, bytes: bytes ?? encodeEntries(entries) };
    }
  }

  #countPending(): void {
    this.#options.counters.pending = this.pending;
  }

  #giveUp(entry: StoredEntry | undefined): void {
    if (!entry) return;
    const { counters, log } = this.#options;
    if (!this.#givenUp) log.error("Too many order updates wait to be stored; the oldest are not");
    if ("update" in entry) counters.lost++;
    const { startTime, endTime } = gapOf(entry);
    this.#addGap({ startTime, endTime });
  }

  #addGap({ startTime, endTime }: Pick<StoredGap, "startTime" | "endTime">): void {
    const before = this.#givenUp;
    this.#givenUp = {
      reason: "upstream_lost",
      symbols: undefined,
      startTime: Math.min(before?.startTime ?? startTime, startTime),
      endTime: Math.max(before?.endTime ?? endTime, endTime),
    };
  }
}

/**
 * Encodes entries as at most `limit` bytes.
 *
 * @returns `undefined` if they have more, or cannot be encoded: an order as REST has it can have
 *   integers that are `bigint`
 */
function tryEncode(entries: readonly StoredEntry[], limit: number): Uint8Array | undefined {
  try {
    const bytes = encodeEntries(entries);
    return bytes.length <= limit ? bytes : undefined;
  } catch {
    return undefined;
  }
}

/** The gap in place of an entry. */
function gapOf(entry: StoredEntry): StoredGap {
  if ("reason" in entry) return entry;
  const { update: { order: { symbol } }, receivedAt } = entry;
  const symbols = symbol === "" ? undefined : [symbol];
  return { reason: "upstream_lost", symbols, startTime: receivedAt, endTime: receivedAt };
}

function isWrongSequence(error: unknown): boolean {
  return error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.StreamWrongLastSequence ||
      error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown);
}

/** Whether the stream does not exist, or no server has JetStream. */
function isMissing(error: unknown): boolean {
  if (error instanceof JetStreamApiError) return error.code === JetStreamApiCodes.StreamNotFound;
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof errors.RequestError && cause.isNoResponders();
}
