/**
 * Serves the requests of edges over NATS, while this process holds the lease.
 *
 * @module
 */
import type { Msg, NatsConnection } from "@nats-io/nats-core";
import type { EdgeDemand } from "../../application/cluster/edge_demand.ts";
import { EdgeRates } from "../../application/cluster/edge_rates.ts";
import type { EdgeQuota, EdgeState, SubscribeReply } from "../../application/cluster/messages.ts";
import type { RestResponder } from "../../application/cluster/rest_responder.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import type {
  DistributionCounters,
  EdgeOutcome,
  EdgeRequest,
} from "../../application/status/counters.ts";
import type { BoundedPublisher } from "./bounded_publisher.ts";
import {
  encodeAttachReply,
  encodeEdgeQuota,
  encodeEdgeState,
  encodeRestReply,
  encodeSubscribeReply,
  type HubSubjects,
  InvalidMessage,
  readAttach,
  readRest,
  readSubscribe,
} from "./hub_protocol.ts";
import type { NatsClient } from "./nats_client.ts";

const BAD_REQUEST = 400;
/** What REST replies, which are large, may take of what waits for NATS: frames need the rest. */
const REST_SHARE = 1 / 2;
/**
 * Where replies may be sent, except to hubs: an edge must not make the hub publish on subjects on
 * which the edge may not.
 */
const INBOX = /^_INBOX\.[\w.-]{1,256}$/;

/** What the service needs. */
interface HubServiceOptions {
  readonly client: NatsClient;
  readonly subjects: HubSubjects;
  readonly publisher: BoundedPublisher;
  /** Publishes the frames that were received before a reply. */
  readonly flush: () => void;
  readonly demand: Pick<EdgeDemand, "attach" | "subscribe">;
  /** Whether NATS retains what is published. @default it does not */
  readonly isRetained?: boolean;
  readonly rest: RestResponder;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: DistributionCounters;
}

/** Answers the requests of edges. */
export class HubService {
  readonly #options: HubServiceOptions;
  readonly #rates: EdgeRates;

  constructor(options: HubServiceOptions) {
    this.#options = options;
    this.#rates = new EdgeRates(options.clock);
  }

  /** Sends an edge what is carried for it. */
  publishState(edge: string, state: EdgeState): void {
    const { publisher, subjects, flush } = this.#options;
    flush();
    publisher.publishParts(subjects.edge(edge), encodeEdgeState(state));
  }

  /** Sends an edge what other edges leave of the quota. */
  publishQuota(edge: string, quota: EdgeQuota): void {
    const { publisher, subjects } = this.#options;
    publisher.publishParts(subjects.edge(edge), encodeEdgeQuota(quota));
  }

  /** Serves until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    while (!signal.aborted) {
      let connection: NatsConnection;
      try {
        connection = await client.connection(signal);
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      const subscriptions = this.#serve(connection, signal);
      // The client reconnects and subscribes again by itself, except after it was closed.
      await Promise.race([aborted, connection.closed()]);
      for (const subscription of subscriptions) subscription.unsubscribe();
    }
  }

  #serve(connection: NatsConnection, signal: AbortSignal) {
    const { subjects } = this.#options;
    const serve = (
      subject: string,
      kind: EdgeRequest,
      handle: (message: Msg) => void,
      refuse: (reason: string) => Uint8Array,
    ) =>
      connection.subscribe(subject, {
        callback: (error, message) => {
          if (!error && !signal.aborted) this.#receive(kind, message, { handle, refuse });
        },
      });
    return [
      serve(subjects.attach, "attach", this.#attach, refuseAttach),
      serve(subjects.subscribe, "subscribe", this.#subscribe, refuseSubscribe),
      serve(subjects.rest, "rest", (message) => void this.#rest(message, signal), refuseRest),
    ];
  }

  #receive(
    kind: EdgeRequest,
    message: Msg,
    { handle, refuse }: {
      readonly handle: (message: Msg) => void;
      readonly refuse: (reason: string) => Uint8Array;
    },
  ): void {
    const { log, subjects } = this.#options;
    const { reply = "" } = message;
    const isInbox = INBOX.test(reply) && !reply.startsWith(subjects.hubInboxes);
    if (!isInbox || !this.#rates.take(sourceOf(message))) {
      return this.#count(kind, "dropped");
    }
    try {
      handle(message);
    } catch (error) {
      if (error instanceof InvalidMessage) {
        this.#reply(kind, "invalid", message, refuse(error.message));
      } else {
        this.#count(kind, "dropped");
        log.error("A request of an edge failed", { cause: error });
      }
    }
  }

  readonly #attach = (message: Msg): void => {
    const { demand, isRetained } = this.#options;
    const reply = demand.attach(readAttach(message.data));
    if (!reply) return this.#count("attach", "dropped");
    if (reply.isKnown) this.#rates.admit(sourceOf(message));
    const outcome = reply.isKnown ? "ok" : "refused";
    this.#reply("attach", outcome, message, encodeAttachReply({ ...reply, isRetained }));
  };

  readonly #subscribe = (message: Msg): void => {
    const { demand, flush } = this.#options;
    demand.subscribe(readSubscribe(message.data), (reply: SubscribeReply) => {
      // What was received before stays before it.
      flush();
      const outcome = "state" in reply ? "ok" : "refused";
      this.#reply("subscribe", outcome, message, encodeSubscribeReply(reply));
    });
  };

  async #rest(message: Msg, signal: AbortSignal): Promise<void> {
    const { rest, log } = this.#options;
    try {
      const reply = await rest.respond(readRest(message.data), signal);
      const outcome = "body" in reply ? "ok" : "refused";
      this.#reply("rest", outcome, message, encodeRestReply(reply));
    } catch (error) {
      if (error instanceof InvalidMessage) {
        return this.#reply("rest", "invalid", message, refuseRest(error.message));
      }
      this.#count("rest", "dropped");
      log.error("A request of an edge failed", { cause: error });
    }
  }

  #reply(kind: EdgeRequest, outcome: EdgeOutcome, { reply = "" }: Msg, data: Uint8Array): void {
    const share = kind === "rest" ? REST_SHARE : 1;
    const isSent = this.#options.publisher.publishParts(reply, data, share);
    this.#count(kind, isSent ? outcome : "dropped");
  }

  #count(kind: EdgeRequest, outcome: EdgeOutcome): void {
    this.#options.counters.requests[kind][outcome]++;
  }
}

/** Where an edge receives its replies: each of them has a subject of its own below it. */
function sourceOf({ reply = "" }: Msg): string {
  return reply.slice(0, reply.lastIndexOf("."));
}

function refuseAttach(reason: string): Uint8Array {
  return encodeAttachReply({
    term: 0n,
    next: 1,
    at: 0,
    isUp: false,
    isKnown: false,
    kind: undefined,
    reason,
  });
}

function refuseSubscribe(message: string): Uint8Array {
  return encodeSubscribeReply({ error: { code: BAD_REQUEST, message } });
}

function refuseRest(message: string): Uint8Array {
  return encodeRestReply({ error: { message, status: BAD_REQUEST } });
}
