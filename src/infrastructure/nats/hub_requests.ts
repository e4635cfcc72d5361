/**
 * Requests of an edge to the hub, with replies that may have several parts.
 *
 * All requests share one subscription. A reply is passed on while NATS delivers it, so that it is
 * handled in order with the batches of the feeds.
 *
 * @module
 */
import { createInbox, type Msg, type NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../application/ports/clock.ts";
import { MessageJoiner, MORE_HEADER } from "./hub_protocol.ts";

/** No hub has answered a request. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

/** NATS has no hub that takes requests. */
export class NoHub extends NoAnswer {
  constructor() {
    super("No hub answers");
  }
}

/** A request that waits for its reply. */
interface Pending {
  readonly joiner: MessageJoiner;
  readonly onReply: (reply: Uint8Array | NoAnswer) => void;
}

const NO_RESPONDERS = 503;

/** The requests over one connection. */
export class HubRequests {
  readonly #connection: NatsConnection;
  readonly #clock: Pick<Clock, "sleep">;
  readonly #inbox: string;
  readonly #pending = new Map<string, Pending>();
  #sent = 0;

  /** @param inboxes the prefix of the subject of its replies. @default `_INBOX` */
  constructor(connection: NatsConnection, clock: Pick<Clock, "sleep">, inboxes?: string) {
    this.#connection = connection;
    this.#clock = clock;
    this.#inbox = createInbox(inboxes);
    connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (!error) this.#receive(message);
      },
    });
    void connection.closed().then(() => {
      const closed = new NoAnswer("The connection to NATS is closed");
      for (const { onReply } of [...this.#pending.values()]) onReply(closed);
    });
  }

  /**
   * Sends a request. `onReply` is called once: with the reply, or with why there is none.
   *
   * @param timeoutMs until the reply is complete
   */
  send(
    subject: string,
    request: Uint8Array,
    { timeoutMs, onReply }: {
      readonly timeoutMs: number;
      readonly onReply: (reply: Uint8Array | NoAnswer) => void;
    },
  ): void {
    const token = String(++this.#sent);
    const done = new AbortController();
    const finish = (reply: Uint8Array | NoAnswer) => {
      if (!this.#pending.delete(token)) return;
      done.abort();
      onReply(reply);
    };
    this.#pending.set(token, { joiner: new MessageJoiner(), onReply: finish });
    this.#clock.sleep(timeoutMs, done.signal).then(() => {
      finish(new NoAnswer(`The hub has not answered within ${timeoutMs} ms`));
    });
    try {
      this.#connection.publish(subject, request, { reply: `${this.#inbox}.${token}` });
    } catch (error) {
      finish(new NoAnswer(`Cannot send a request to the hub: ${String(error)}`));
    }
  }

  #receive({ subject, data, headers }: Msg): void {
    const pending = this.#pending.get(subject.slice(this.#inbox.length + 1));
    if (!pending) return;
    if (data.length === 0 && headers?.code === NO_RESPONDERS) {
      return pending.onReply(new NoHub());
    }
    try {
      const reply = pending.joiner.add(data, headers?.has(MORE_HEADER) ?? false);
      if (reply) pending.onReply(reply);
    } catch (error) {
      pending.onReply(new NoAnswer(`A reply of the hub is not valid: ${String(error)}`));
    }
  }
}
