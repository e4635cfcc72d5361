/**
 * A lease in a key-value bucket of NATS.
 *
 * The key is written with the revision that was written last, so that NATS decides who holds the
 * lease. The term is the revision of the first write, counted from the time at which the bucket was
 * created: a bucket that is created again after NATS has lost its data begins with a higher term
 * than all before, since revisions are fewer than milliseconds.
 *
 * A process that stands by takes the lease when the key was deleted, or when it has not changed for
 * the time that its value names: measured here, because NATS removes an expired key only up to
 * twice that time later (nats-server 2.15.2).
 *
 * @module
 */
import { jetstream, JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream";
import { type KV, type KvEntry, Kvm } from "@nats-io/kv";
import { errors, type NatsConnection, type Subscription } from "@nats-io/nats-core";
import type { Clock } from "../../application/ports/clock.ts";
import type { HeldLease, Lease, LeaseChange } from "../../application/ports/lease.ts";
import type { Log } from "../../application/ports/log.ts";
import type { NatsClient } from "./nats_client.ts";

/** What a lease needs. */
interface KvLeaseOptions {
  readonly client: Pick<NatsClient, "connection">;
  /** Name of the bucket; it is created if it does not exist. */
  readonly bucket: string;
  readonly key: string;
  /** Identifies this process among those that compete. */
  readonly holder: string;
  /** Time after which the lease of this process expires, in ms. */
  readonly ttlMs: number;
  /** Servers that keep a copy of a bucket that is created. */
  readonly replicas: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** A bucket over one connection. */
interface OpenBucket {
  readonly connection: NatsConnection;
  readonly kv: KV;
  readonly changes: Subscription;
}

/** What the key was when it has changed last. */
interface SeenValue {
  readonly text: string;
  /** Monotonic ms. */
  readonly at: number;
}

/** Longest wait for an answer, in ms; a third of the time of the lease if that is shorter. */
const REQUEST_TIMEOUT_MS = 2_000;
/** Longest wait for a connection to NATS, in ms. */
const CONNECTION_MS = 3_000;
/** Time after which NATS removes the key where no process is left, in ms. */
const REMOVED_AFTER_MS = 180_000;

/** A lease that processes with access to the same NATS servers compete for. */
export class KvLease implements Lease {
  readonly #options: KvLeaseOptions;
  #bucket: OpenBucket | undefined;
  #seen: SeenValue | undefined;
  #writes = 0;
  #listener: (change: LeaseChange) => void = () => {};

  constructor(options: KvLeaseOptions) {
    this.#options = options;
  }

  get ttlMs(): number {
    return this.#ttlOf(this.#seen?.text ?? "");
  }

  onChange(listener: (change: LeaseChange) => void): void {
    this.#listener = listener;
  }

  async acquire(signal: AbortSignal): Promise<HeldLease | undefined> {
    try {
      const { kv } = await this.#open(signal);
      const revision = await this.#take(kv);
      if (revision === undefined) return undefined;
      // Asked for each time: another process may have created the bucket again.
      const { streamInfo: { created } } = await kv.status();
      return this.#hold(kv, { first: revision, createdAt: Date.parse(created) });
    } catch (error) {
      // The bucket may have been removed.
      this.#forget();
      throw explain(error);
    }
  }

  /** Writes the key unless another process holds the lease; returns the revision. */
  async #take(kv: KV): Promise<number | undefined> {
    const entry = await kv.get(this.#options.key);
    return this.#isFree(entry) ? await this.#write(kv, entry?.revision ?? 0) : undefined;
  }

  #isFree(entry: KvEntry | null): boolean {
    // A bucket that was lost, as by a server that has lost its data: its holder may not know yet.
    if (!entry) return this.#seen === undefined || this.#isOver(this.#seen.text);
    return entry.operation !== "PUT" || this.#isOver(entry.string());
  }

  /** Whether a value of the key is of this process, or has expired. */
  #isOver(text: string): boolean {
    return this.#isOwn(text) || this.#hasExpired(text);
  }

  /**
   * @param options.first revision of the first write
   * @param options.createdAt wall clock ms of NATS at which the bucket was created
   */
  #hold(
    kv: KV,
    { first, createdAt }: { readonly first: number; readonly createdAt: number },
  ): HeldLease {
    const { key, log, ttlMs } = this.#options;
    let last = first;
    return {
      term: BigInt(createdAt + first),
      ttlMs,
      renew: async () => {
        let next = await this.#write(kv, last);
        if (next === undefined) {
          // An earlier renewal whose answer was lost.
          const entry = await kv.get(key);
          const isOwn = entry?.operation === "PUT" && this.#isOwn(entry.string()) &&
            entry.revision > last;
          next = isOwn ? await this.#write(kv, entry.revision) : undefined;
        }
        last = next ?? last;
        return next !== undefined;
      },
      release: async () => {
        try {
          await kv.delete(key, { previousSeq: last });
        } catch (cause) {
          log.debug("Cannot release the lease: it expires", { cause });
        }
      },
    };
  }

  /** Writes the key after a revision; `undefined` when that is not the last one. */
  async #write(kv: KV, revision: number): Promise<number | undefined> {
    const { key, holder, ttlMs } = this.#options;
    const value = JSON.stringify({ holder, write: ++this.#writes, ttlMs });
    try {
      return await kv.put(key, value, { previousSeq: revision });
    } catch (error) {
      if (isWrongRevision(error)) return undefined;
      throw explain(error);
    }
  }

  #isOwn(text: string): boolean {
    return read(text).holder === this.#options.holder;
  }

  /** Whether the key has had this value for longer than its holder may keep the lease. */
  #hasExpired(text: string): boolean {
    if (this.#seen?.text !== text) this.#see(text);
    const at = this.#seen?.at ?? Infinity;
    return this.#options.clock.monotonic() - at >= this.#ttlOf(text);
  }

  #see(text: string): void {
    this.#seen = { text, at: this.#options.clock.monotonic() };
  }

  #ttlOf(text: string): number {
    const { ttlMs } = read(text);
    return typeof ttlMs === "number" && ttlMs > 0 ? ttlMs : this.#options.ttlMs;
  }

  async #open(signal: AbortSignal): Promise<OpenBucket> {
    const { bucket, key, ttlMs, replicas } = this.#options;
    const connection = await this.#connection(signal);
    if (this.#bucket?.connection === connection) return this.#bucket;
    this.#forget();
    const timeout = Math.min(REQUEST_TIMEOUT_MS, ttlMs / 3);
    // The permissions of the user need not include information about the account.
    const kvm = new Kvm(jetstream(connection, { timeout, checkAPI: false }));
    // Direct reads may be answered by a server that is behind.
    const options = { ttl: REMOVED_AFTER_MS, replicas, allow_direct: false };
    const kv = await kvm.create(bucket, options);
    const { ttl } = await kv.status();
    if (ttl > 0 && ttl < ttlMs) {
      throw new Error(`The bucket ${bucket} removes keys after ${ttl} ms: it must be removed`);
    }
    const changes = connection.subscribe(`$KV.${bucket}.${key}`, {
      callback: (error, message) => {
        if (error) return;
        const operation = message.headers?.get("KV-Operation") ?? "";
        if (operation === "") this.#see(message.string());
        this.#listener(operation === "" ? "renewed" : "released");
      },
    });
    return this.#bucket = { connection, kv, changes };
  }

  /** The connection, if there is one soon: whether the lease can be reached must be known. */
  async #connection(signal: AbortSignal): Promise<NatsConnection> {
    const { client, clock } = this.#options;
    const done = new AbortController();
    const late = new AbortController();
    clock.sleep(CONNECTION_MS, done.signal).then(() => late.abort());
    try {
      return await client.connection(AbortSignal.any([signal, late.signal]));
    } finally {
      done.abort();
    }
  }

  #forget(): void {
    this.#bucket?.changes.unsubscribe();
    this.#bucket = undefined;
  }
}

/** Reads a value of the key, which other programs may have written. */
function read(text: string): { readonly holder?: unknown; readonly ttlMs?: unknown } {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

/** Names what does not answer, for status and log. */
function explain(error: unknown): unknown {
  if (!(error instanceof errors.TimeoutError)) return error;
  return new Error("NATS does not answer", { cause: error });
}

function isWrongRevision(error: unknown): boolean {
  return error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.StreamWrongLastSequence ||
      error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown);
}
