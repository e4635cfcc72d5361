/**
 * A lease in a key-value bucket of NATS, whose keys expire.
 *
 * The key is created by one process and renewed with the revision that the process has written
 * last, so that NATS decides who holds it. The revision of its creation is the term. Changes of the
 * key are received on its subject: a standby then tries as soon as the lease is released, or its
 * time has passed.
 *
 * @module
 */
import { jetstream, JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream";
import { type KV, Kvm } from "@nats-io/kv";
import type { NatsConnection, Subscription } from "@nats-io/nats-core";
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
  /** Time after which the keys of a bucket that is created expire, in ms. */
  readonly ttlMs: number;
  /** Servers that keep a copy of a bucket that is created. */
  readonly replicas: number;
  readonly log: Log;
}

/** A bucket over one connection. */
interface OpenBucket {
  readonly connection: NatsConnection;
  readonly kv: KV;
  readonly changes: Subscription;
}

/** Longest wait for an answer, in ms; a third of the time of the lease if that is shorter. */
const REQUEST_TIMEOUT_MS = 2_000;

/** A lease that processes with access to the same NATS servers compete for. */
export class KvLease implements Lease {
  readonly #options: KvLeaseOptions;
  #bucket: OpenBucket | undefined;
  #ttlMs: number;
  #listener: (change: LeaseChange) => void = () => {};

  constructor(options: KvLeaseOptions) {
    this.#options = options;
    this.#ttlMs = options.ttlMs;
  }

  get ttlMs(): number {
    return this.#ttlMs;
  }

  onChange(listener: (change: LeaseChange) => void): void {
    this.#listener = listener;
  }

  async acquire(signal: AbortSignal): Promise<HeldLease | undefined> {
    const { key, holder } = this.#options;
    const { kv } = await this.#open(signal);
    let revision: number;
    try {
      revision = await kv.create(key, holder);
    } catch (error) {
      if (!isWrongRevision(error)) {
        // The bucket may have been removed.
        this.#forget();
        throw error;
      }
      const own = await this.#ownRevision(kv);
      if (own === undefined) return undefined;
      const renewed = await this.#update(kv, own);
      if (renewed === undefined) return undefined;
      revision = renewed;
    }
    return this.#hold(kv, revision);
  }

  #hold(kv: KV, first: number): HeldLease {
    const { key, log } = this.#options;
    let last = first;
    return {
      term: BigInt(first),
      ttlMs: this.#ttlMs,
      renew: async () => {
        let next = await this.#update(kv, last);
        if (next === undefined) {
          // An earlier renewal whose answer was lost.
          const own = await this.#ownRevision(kv);
          next = own === undefined || own <= last ? undefined : await this.#update(kv, own);
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
  async #update(kv: KV, revision: number): Promise<number | undefined> {
    try {
      return await kv.update(this.#options.key, this.#options.holder, revision);
    } catch (error) {
      if (isWrongRevision(error)) return undefined;
      throw error;
    }
  }

  /** The last revision of the key, if this process has written it. */
  async #ownRevision(kv: KV): Promise<number | undefined> {
    const { key, holder } = this.#options;
    const entry = await kv.get(key);
    return entry?.operation === "PUT" && entry.string() === holder ? entry.revision : undefined;
  }

  async #open(signal: AbortSignal): Promise<OpenBucket> {
    const { client, bucket, key, ttlMs, replicas, log } = this.#options;
    const connection = await client.connection(signal);
    if (this.#bucket?.connection === connection) return this.#bucket;
    this.#forget();
    const timeout = Math.min(REQUEST_TIMEOUT_MS, ttlMs / 3);
    // The permissions of the user need not include information about the account.
    const kvm = new Kvm(jetstream(connection, { timeout, checkAPI: false }));
    // Direct reads may be answered by a server that is behind.
    const kv = await kvm.create(bucket, { ttl: ttlMs, replicas, allow_direct: false });
    const { ttl } = await kv.status();
    if (ttl !== ttlMs) {
      log.warn("The lease in NATS has another time than STREAM_PROXY_LEASE_TTL_SECS", {
        bucket,
        ttl_ms: ttl,
        remedy: "Set the same time, or remove the bucket while no hub runs",
      });
    }
    if (ttl === 0) throw new Error(`The keys of the bucket ${bucket} do not expire`);
    this.#ttlMs = ttl;
    const changes = connection.subscribe(`$KV.${bucket}.${key}`, {
      callback: (error, message) => {
        if (error) return;
        const operation = message.headers?.get("KV-Operation") ?? "";
        this.#listener(operation === "" ? "renewed" : "released");
      },
    });
    return this.#bucket = { connection, kv, changes };
  }

  #forget(): void {
    this.#bucket?.changes.unsubscribe();
    this.#bucket = undefined;
  }
}

function isWrongRevision(error: unknown): boolean {
  return error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.StreamWrongLastSequence ||
      error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown);
}
