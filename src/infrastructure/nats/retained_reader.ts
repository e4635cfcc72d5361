/**
 * Reads entries that an edge has missed from the JetStream stream in which NATS retains what hubs
 * publish (`retained_frames.ts`).
 *
 * Numbers rise along the stream, so the place is found by a search over its sequences. Messages are
 * requested one by one: a consumer would deliver to any subject that an edge names, and a direct
 * request would be answered there with the batch itself; this reply is JSON, never a batch.
 *
 * @module
 */
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { type NatsConnection, TimeoutError } from "@nats-io/nats-core";
import type { Clock } from "../../application/ports/clock.ts";
import type { FeedId } from "../../domain/connection/feed.ts";
import { decodeBatch, type FrameBatch, InvalidBatch } from "./frame_batch.ts";
import type { HubSubjects } from "./hub_protocol.ts";
import { messageOf } from "./nats_client.ts";

/** Entries of one feed and term without a break. */
export interface MissingEntries {
  readonly term: bigint;
  /** Number of the first one. */
  readonly first: number;
  /** Number of the entry after the last one. */
  readonly end: number;
  /**
   * When the hub received the entry before the first one, in wall clock ms: what is retained has to
   * have the same, otherwise it is not what the edge has followed.
   */
  readonly previousAt: number;
}

/** A message of the stream. */
interface RetainedMessage {
  readonly sequence: number;
  readonly data: Uint8Array;
}

/** The retained messages of one feed. */
interface RetainedMessages {
  /** The last one. */
  last(): Promise<RetainedMessage | undefined>;
  /** The first one at or after a sequence. */
  from(sequence: number): Promise<RetainedMessage | undefined>;
}

/** There is no connection to NATS now. */
class NotConnected extends Error {
  override readonly name = "NotConnected";
}

/** Entries are not retained, or not read within the limits. */
class NotRetained extends Error {
  override readonly name = "NotRetained";
}

/** Longest time of a read, in ms: as long as a feed may at least be silent before it is stale. */
const READ_MS = 2_000;
/** Bytes and entries that are read for one hole. */
const MAX_BYTES = 16 * 1_048_576;
const MAX_ENTRIES = 100_000;
/** Pause until the stream may have what has been published already, in ms. */
const PAUSE_MS = 10;
/** How long NATS may take to answer a request: it is lost with the connection. */
const REQUEST_MS = 500;
/** Pause before the next attempt while there is no connection, in ms. */
const RETRY_MS = 20;
/** Messages in a row that are no batches. */
const MAX_INVALID = 20;

/** Bounds of a read. */
interface ReadLimits {
  /** @default 2 s */
  readonly readMs?: number;
  /** @default 16 MiB */
  readonly maxBytes?: number;
  /** @default 100,000 */
  readonly maxEntries?: number;
}

/** Reads entries that are missing. */
export class RetainedReader {
  readonly #clock: Clock;
  readonly #messagesOf: (feed: FeedId) => RetainedMessages;
  readonly #limits: Required<ReadLimits>;

  /** @param messagesOf the retained messages of a feed; throws without a connection */
  constructor(
    clock: Clock,
    messagesOf: (feed: FeedId) => RetainedMessages,
    { readMs = READ_MS, maxBytes = MAX_BYTES, maxEntries = MAX_ENTRIES }: ReadLimits = {},
  ) {
    this.#clock = clock;
    this.#messagesOf = messagesOf;
    this.#limits = { readMs, maxBytes, maxEntries };
  }

  /**
   * Reads the batches that have all of the entries, in order; the first one may begin earlier.
   *
   * @throws NotRetained
   */
  async read(
    feed: FeedId,
    missing: MissingEntries,
    signal: AbortSignal,
  ): Promise<readonly Uint8Array[]> {
    const { readMs, maxEntries } = this.#limits;
    const count = missing.end - missing.first;
    if (count > maxEntries) throw new NotRetained(`${count} entries are more than are read`);
    const over = new AbortController();
    const ended = AbortSignal.any([signal, over.signal]);
    const late = this.#clock.sleep(readMs, ended).then(() => {
      throw new NotRetained(`They were not read within ${readMs} ms`);
    });
    late.catch(() => {});
    try {
      return await Promise.race([this.#retried(feed, missing, ended), late]);
    } catch (error) {
      throw error instanceof NotRetained ? error : new NotRetained(messageOf(error));
    } finally {
      over.abort();
    }
  }

  /** Reads again after the loss of the connection. */
  async #retried(
    feed: FeedId,
    missing: MissingEntries,
    signal: AbortSignal,
  ): Promise<readonly Uint8Array[]> {
    for (;;) {
      try {
        return await this.#read(feed, missing, signal);
      } catch (error) {
        const isLost = error instanceof NotConnected || error instanceof TimeoutError;
        if (!isLost || signal.aborted) throw error;
        await this.#clock.sleep(RETRY_MS, signal);
      }
    }
  }

  async #read(
    feed: FeedId,
    missing: MissingEntries,
    signal: AbortSignal,
  ): Promise<readonly Uint8Array[]> {
    const batches = new Batches(this.#messagesOf(feed));
    const last = await this.#untilStored(batches, missing, signal);
    const found = await batches.lastUpTo(missing.term, missing.first - 1, last);
    if (!found || !isPrevious(found.batch, missing)) {
      throw new NotRetained("The entry before them is not retained");
    }
    const read: Uint8Array[] = [];
    let bytes = 0;
    let next = missing.first;
    let at: Found | undefined = found;
    for (;;) {
      const { batch, data }: Found = at;
      if (batch.term === missing.term && batch.next > next) {
        if (batch.entries[0] && batch.entries[0].number > next) break;
        read.push(data);
        bytes += data.length;
        next = batch.next;
        if (next >= missing.end) return read;
        if (bytes > this.#limits.maxBytes) throw new NotRetained("They are too large");
      } else if (batch.term > missing.term) break;
      at = await batches.from(at.sequence + 1);
      if (!at || signal.aborted) break;
    }
    throw new NotRetained(`Entry ${next} is not retained`);
  }

  /** Waits until the stream has the last of the entries; NATS stores them while it sends them. */
  async #untilStored(
    batches: Batches,
    { term, end }: MissingEntries,
    signal: AbortSignal,
  ): Promise<Found> {
    while (!signal.aborted) {
      const last = await batches.last();
      if (last && isAfter(last.batch, term, end)) return last;
      await this.#clock.sleep(PAUSE_MS, signal);
    }
    throw new NotRetained("They are not stored yet");
  }
}

/** Reads the retained messages of feeds over the connection that there is. */
export function retainedMessages(
  connection: () => NatsConnection | undefined,
  { stream, subjects }: {
    readonly stream: string;
    readonly subjects: Pick<HubSubjects, "feed">;
  },
): (feed: FeedId) => RetainedMessages {
  let opened: NatsConnection | undefined;
  let manager: Promise<JetStreamManager>;
  const get = async (query: { readonly seq: number } | { readonly last_by_subj: string }) => {
    const current = connection();
    if (!current) throw new NotConnected("NATS is not connected");
    if (current !== opened) {
      opened = current;
      manager = jetstreamManager(current, { timeout: REQUEST_MS, checkAPI: false });
    }
    const message = await (await manager).streams.getMessage(stream, query);
    return message ? { sequence: message.seq, data: message.data } : undefined;
  };
  return (feed) => {
    const subject = subjects.feed(feed);
    return {
      last: () => get({ last_by_subj: subject }),
      from(seq) {
        const query = { seq, next_by_subj: subject };
        return get(query);
      },
    };
  };
}

/** A message that is a batch. */
interface Found extends RetainedMessage {
  readonly batch: FrameBatch;
}

/** The batches of one feed in the stream. */
class Batches {
  readonly #messages: RetainedMessages;

  constructor(messages: RetainedMessages) {
    this.#messages = messages;
  }

  /** The last one, unless another message was stored since. */
  async last(): Promise<Found | undefined> {
    const message = await this.#messages.last();
    return message && decoded(message);
  }

  /** The first one at or after a sequence. */
  async from(sequence: number): Promise<Found | undefined> {
    for (let count = 0; count < MAX_INVALID; count++) {
      const message = await this.#messages.from(sequence);
      if (!message) return undefined;
      const found = decoded(message);
      if (found) return found;
      sequence = message.sequence + 1;
    }
    return undefined;
  }

  /**
   * The last one whose first entry is at or before an entry.
   *
   * @param after one of which the first entry is the same or a later one
   */
  async lastUpTo(term: bigint, number: number, after: Found): Promise<Found | undefined> {
    if (!startsAfter(after.batch, term, number)) return after;
    // All at or after `high` start later.
    let high = after.sequence;
    let low: Found | undefined;
    for (let step = 1; !low; step *= 2) {
      if (high <= 1) return undefined;
      const sequence = Math.max(1, high - step);
      const found = await this.from(sequence);
      if (found && found.sequence < high && !startsAfter(found.batch, term, number)) low = found;
      else high = sequence;
    }
    while (high - low.sequence > 1) {
      const middle = Math.floor((low.sequence + high) / 2);
      const found = await this.from(middle);
      if (found && found.sequence < high && !startsAfter(found.batch, term, number)) low = found;
      else high = middle;
    }
    return low;
  }
}

function decoded(message: RetainedMessage): Found | undefined {
  try {
    return { ...message, batch: decodeBatch(message.data) };
  } catch (error) {
    if (error instanceof InvalidBatch) return undefined;
    throw error;
  }
}

/** Whether the first entry of a batch is later than an entry. */
function startsAfter({ term, entries }: FrameBatch, ofTerm: bigint, number: number): boolean {
  if (term !== ofTerm) return term > ofTerm;
  return (entries[0]?.number ?? 0) > number;
}

/** Whether everything before an entry was published before a batch ends. */
function isAfter({ term, next }: FrameBatch, ofTerm: bigint, number: number): boolean {
  return term === ofTerm ? next >= number : term > ofTerm;
}

/** Whether a batch has the entry before those that are missing. */
function isPrevious(batch: FrameBatch, { term, first, previousAt }: MissingEntries): boolean {
  if (batch.term !== term) return false;
  return batch.entries.some(({ kind, number, receivedAt }) =>
    kind !== "beacon" && number === first - 1 && receivedAt === previousAt
  );
}
