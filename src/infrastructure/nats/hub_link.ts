/**
 * What the sessions of an edge with its hub have in common: one connection to NATS, the requests
 * over it, and whether a hub answers at all.
 *
 * @module
 */
import type { NatsConnection, Subscription } from "@nats-io/nats-core";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import { type EdgeCounters, type EdgeRequest, observe } from "../../application/status/counters.ts";
import type { FeedId } from "../../domain/connection/feed.ts";
import {
  type EdgeQuota,
  type EdgeState,
  type HubSubjects,
  hubSubjects,
  MessageJoiner,
  MORE_HEADER,
  readEdgeMessage,
} from "./hub_protocol.ts";
import { HubRequests, NoAnswer } from "./hub_requests.ts";
import { messageOf, type NatsClient } from "./nats_client.ts";

/** How long no hub may answer before new streams are refused, in ms. */
const ABSENT_MS = 10_000;

/**
 * How long after a sign of life of a hub another one is expected to take over, in ms: less
 * than opening a session may take.
 */
const TAKEOVER_MS = 4_000;

/** What a {@linkcode HubLink} needs. */
interface HubLinkOptions {
  readonly client: NatsClient;
  readonly prefix: string;
  /** Name of this edge, which no other one has. */
  readonly edge: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: EdgeCounters;
}

/** What belongs to one connection. */
interface Opened {
  readonly connection: NatsConnection;
  readonly requests: HubRequests;
}

/** Connects an edge to whichever hub has the lease. */
export class HubLink {
  readonly edge: string;
  readonly subjects: HubSubjects;
  readonly #options: HubLinkOptions;
  #opened: Opened | undefined;
  /** Receive what changes for a feed without a request. */
  readonly #receivers = new Map<FeedId, (message: EdgeState | EdgeQuota) => void>();
  /** Monotonic ms, of the start until a hub answers. */
  #answeredAt: number;
  #hasAnswered = false;

  constructor(options: HubLinkOptions) {
    this.#options = options;
    this.edge = options.edge;
    this.subjects = hubSubjects(options.prefix);
    this.#answeredAt = options.clock.monotonic();
  }

  /** Why new streams are refused; `undefined` while a hub answers. */
  get absence(): string | undefined {
    if (this.#silentMs < ABSENT_MS) return undefined;
    const cause = this.#options.client.isConnected ? "No hub answers" : "NATS is not connected";
    return `${cause}; open streams continue as soon as one does`;
  }

  /** How often the connection to NATS was lost. */
  get interruptions(): number {
    return this.#options.client.interruptions;
  }

  /** Whether a hub answered a moment ago: if it has stopped, another one takes over. */
  get expectsTakeover(): boolean {
    return this.#hasAnswered && this.#silentMs < TAKEOVER_MS;
  }

  get #silentMs(): number {
    return this.#options.clock.monotonic() - this.#answeredAt;
  }

  /** To be called when something arrives from a hub. */
  answered(): void {
    this.#answeredAt = this.#options.clock.monotonic();
    this.#hasAnswered = true;
  }

  /**
   * Waits for the connection to NATS.
   *
   * @throws Error when `signal` fires before
   */
  async open(signal: AbortSignal): Promise<void> {
    const { client, clock, log } = this.#options;
    const connection = await client.connection(signal);
    if (this.#opened?.connection === connection) return;
    this.#opened = { connection, requests: new HubRequests(connection, clock, client.inboxes) };
    const joiner = new MessageJoiner();
    connection.subscribe(this.subjects.edge(this.edge), {
      callback: (error, { data, headers }) => {
        if (error) return;
        try {
          const joined = joiner.add(data, headers?.has(MORE_HEADER) ?? false);
          if (!joined) return;
          const message = readEdgeMessage(joined);
          this.#receivers.get(message.feed)?.(message);
        } catch (error) {
          log.warn("A message of the hub is not valid", { cause: messageOf(error) });
        }
      },
    });
  }

  /** Calls `onBatch` with every batch of a feed, until the subscription ends. */
  subscribe(
    feed: FeedId,
    onBatch: (batch: Uint8Array) => void,
  ): Pick<Subscription, "unsubscribe" | "isClosed"> {
    const { connection } = this.#opened ?? {};
    if (!connection) throw new Error("NATS is not connected");
    return connection.subscribe(this.subjects.feed(feed), {
      callback: (error, { data }) => {
        if (error) return;
        this.answered();
        onBatch(data);
      },
    });
  }

  /** Passes on what changes for a feed without a request; one session of a feed at a time. */
  onMessage(
    feed: FeedId,
    receive: ((message: EdgeState | EdgeQuota) => void) | undefined,
  ): void {
    if (receive) this.#receivers.set(feed, receive);
    else this.#receivers.delete(feed);
  }

  /**
   * Sends a request and reads its reply. `onReply` is called once, while NATS delivers the reply.
   *
   * @param options.read throws when the reply is not valid
   */
  request<R>(
    kind: EdgeRequest,
    request: Uint8Array,
    { timeoutMs, read, onReply }: {
      readonly timeoutMs: number;
      readonly read: (reply: Uint8Array) => R;
      readonly onReply: (reply: R | NoAnswer) => void;
    },
  ): void {
    const { clock, counters } = this.#options;
    const { requests } = this.#opened ?? {};
    if (!requests) return onReply(new NoAnswer("NATS is not connected"));
    const start = clock.monotonic();
    requests.send(this.subjects[kind], request, {
      timeoutMs,
      onReply: (reply) => {
        if (reply instanceof NoAnswer) {
          counters.unanswered[kind]++;
          return onReply(reply);
        }
        this.answered();
        observe(counters.requests[kind], {
          seconds: (clock.monotonic() - start) / 1_000,
          messages: 1,
        });
        onReply(readReply(reply, read));
      },
    });
  }
}

function readReply<R>(reply: Uint8Array, read: (reply: Uint8Array) => R): R | NoAnswer {
  try {
    return read(reply);
  } catch (error) {
    return new NoAnswer(`A reply of the hub is not valid: ${messageOf(error)}`);
  }
}
