/**
 * A hub without sessions of its own: a test decides what it publishes and answers.
 *
 * @module
 */
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, type Msg, type NatsConnection, type Subscription } from "@nats-io/transport-node";
import { headers } from "@nats-io/nats-core";
import type { FeedId } from "../../src/domain/connection/feed.ts";
import type { SymbolSets, UpstreamChannel } from "../../src/domain/subscription/pairs.ts";
import {
  encodeBatch,
  type EntryContent,
  NO_PAYLOAD,
} from "../../src/infrastructure/nats/frame_batch.ts";
import {
  type AttachReply,
  type AttachRequest,
  encodeAttachReply,
  encodeDown,
  encodeEdgeState,
  encodeRestReply,
  encodeSubscribeReply,
  hubSubjects,
  MORE_HEADER,
  readAttach,
  readRest,
  readSubscribe,
  type RestReply,
  type RestRequest,
  splitMessage,
  type SubscribeReply,
  type SubscribeRequest,
} from "../../src/infrastructure/nats/hub_protocol.ts";

const PREFIX = "alpaca";
/** Before the subject of what NATS retains and no edge receives. */
const LOST = "lost.";

/** A hub on a real nats-server. */
export class FakeHub implements AsyncDisposable {
  term = 7n;
  /** Number of the next entry. */
  next = 1;
  /** Its time, in wall clock ms, and that of the last acknowledgement of Alpaca. */
  at = 0;
  since = 0;
  isUp = true;
  reason = "";
  kinds: Partial<Record<FeedId, AttachReply["kind"]>> = {
    sip: "sip",
    opra: "opra",
    trading: "trade_updates",
  };
  /** Whether edges are answered that NATS retains what is published. */
  isRetained: boolean | undefined;
  /** States that edges are said to have been sent. */
  states: number | undefined;
  readonly attached: AttachRequest[] = [];
  readonly subscribed: SubscribeRequest[] = [];
  readonly rests: RestRequest[] = [];
  /** Answers a continued session. @default it is known */
  onContinue: (request: AttachRequest) => boolean | undefined = () => true;
  /** Answers a subscription; `undefined` for no answer. @default everything is carried */
  onSubscribe: (request: SubscribeRequest) => SubscribeReply | undefined = (request) => {
    const { action, pairs } = request;
    for (const { channel, symbol } of pairs) {
      const symbols = this.#state.get(channel) ?? new Set();
      this.#state.set(channel, symbols);
      if (action === "subscribe") symbols.add(symbol);
      else symbols.delete(symbol);
    }
    return { state: this.#state, since: this.since };
  };
  onRest: (request: RestRequest) => RestReply | undefined = () => ({ body: "[]", serverTime: 0 });
  readonly #connection: NatsConnection;
  readonly #subjects = hubSubjects(PREFIX);
  /** Where subscriptions are answered. */
  #subscribing: Subscription | undefined;
  readonly #state = new Map<UpstreamChannel, Set<string>>();

  private constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  /** Connects and answers requests. */
  static async start(url: string): Promise<FakeHub> {
    const reconnecting = { maxReconnectAttempts: -1, reconnectTimeWait: 200 };
    const hub = new FakeHub(await connect({ servers: url, ...reconnecting }));
    hub.answer();
    await hub.flush();
    return hub;
  }

  /** Starts to answer requests. */
  answer(): void {
    const { attach, rest } = this.#subjects;
    this.#serve(attach, ({ data }) => {
      const request = readAttach(data);
      this.attached.push(request);
      const isKnown = request.held ? this.onContinue(request) : true;
      if (isKnown === undefined) return undefined;
      const { term, next, at, isUp, reason, states, isRetained } = this;
      const kind = this.kinds[request.feed];
      const rest = { isKnown, kind, reason, states, isRetained };
      return encodeAttachReply({ term, next, at, isUp, ...rest });
    });
    this.answerSubscriptions();
    this.#serve(rest, ({ data }) => {
      const request = readRest(data);
      this.rests.push(request);
      const reply = this.onRest(request);
      return reply && encodeRestReply(reply);
    });
  }

  /** Starts to answer subscriptions. */
  answerSubscriptions(): void {
    this.#subscribing = this.#serve(this.#subjects.subscribe, ({ data }) => {
      const request = readSubscribe(data);
      this.subscribed.push(request);
      const reply = this.onSubscribe(request);
      return reply && encodeSubscribeReply(reply);
    });
  }

  /** No longer receives subscriptions, as a hub that has lost its lease since it was attached. */
  async stopSubscribing(): Promise<void> {
    this.#subscribing?.unsubscribe();
    await this.flush();
  }

  /** Lets NATS retain what is published from now on, at most `messages`. */
  async retain(messages = -1): Promise<void> {
    const { streams } = await jetstreamManager(this.#connection, { checkAPI: false });
    await streams.add({
      name: "ALPACA_FRAMES",
      subjects: [this.#subjects.feeds, LOST + this.#subjects.feeds],
      subject_transform: { src: LOST + this.#subjects.feeds, dest: this.#subjects.feeds },
      max_msgs: messages,
    });
    this.isRetained = true;
  }

  /** Waits until NATS has everything. */
  flush(): Promise<void> {
    return this.#connection.flush();
  }

  /**
   * Publishes entries in one batch; `skip` entries before them are lost. One that `isLost` is only
   * retained.
   */
  publish(
    feed: FeedId,
    entries: readonly Pick<EntryContent, "kind" | "payload">[],
    { skip = 0, receivedAt = 1_000, isLost = false } = {},
  ): void {
    this.next += skip;
    const all = entries.map((entry) => ({ ...entry, receivedAt }));
    const batch = encodeBatch(this.term, this.next, all);
    this.#connection.publish((isLost ? LOST : "") + this.#subjects.feed(feed), batch);
    this.next += entries.filter(({ kind }) => kind !== "beacon").length;
  }

  /** Publishes any bytes as a batch. */
  publishRaw(feed: FeedId, bytes: Uint8Array): void {
    this.#connection.publish(this.#subjects.feed(feed), bytes);
  }

  /** Publishes a frame of text. */
  frame(feed: FeedId, text: string, options?: Parameters<FakeHub["publish"]>[2]): void {
    const payload = new TextEncoder().encode(text);
    this.publish(feed, [{ kind: "frame", payload }], options);
  }

  up(feed: FeedId): void {
    this.isUp = true;
    this.publish(feed, [{ kind: "up", payload: NO_PAYLOAD }]);
  }

  down(feed: FeedId, message: string): void {
    this.isUp = false;
    this.reason = message;
    const payload = encodeDown({ errorType: "connection_limit", message });
    this.publish(feed, [{ kind: "down", payload }]);
  }

  beacon(feed: FeedId, receivedAt?: number): void {
    this.publish(feed, [{ kind: "beacon", payload: NO_PAYLOAD }], { receivedAt });
  }

  /** Sends an edge a state that it has not asked for. */
  pushState(edge: string, feed: FeedId, state: SymbolSets): void {
    const bytes = encodeEdgeState({ feed, term: this.term, state, since: this.since });
    this.#publishParts(this.#subjects.edge(edge), bytes, 16);
  }

  /** Closes the connection. NATS has noticed it then: no later request is lost in it. */
  async leave(): Promise<void> {
    await this.#connection.drain();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }

  #serve(subject: string, answer: (message: Msg) => Uint8Array | undefined): Subscription {
    return this.#connection.subscribe(subject, {
      callback: (_error, message) => {
        const reply = answer(message);
        if (reply) this.#reply(message, reply);
      },
    });
  }

  #reply({ reply: subject = "" }: Msg, reply: Uint8Array): void {
    this.#publishParts(subject, reply, 512 * 1024);
  }

  #publishParts(subject: string, message: Uint8Array, maxBytes: number): void {
    const parts = splitMessage(message, maxBytes);
    for (const [i, part] of parts.entries()) {
      if (i === parts.length - 1) {
        this.#connection.publish(subject, part);
        continue;
      }
      const more = headers();
      more.set(MORE_HEADER, "1");
      this.#connection.publish(subject, part, { headers: more });
    }
  }
}
