/**
 * The server's side of one market-data connection, from the greeting to the
 * close:
 *
 *   connected → (auth) → authenticated → (subscribe, unsubscribe)* → closed
 *
 * Every frame is an array of maps with `T` first; greetings, errors and
 * acknowledgements are arrays of exactly one. Alpaca docs "WebSocket Stream"
 * and "Real-time Stock Data".
 *
 * @module
 */
import {
  type Account,
  findAccount,
  findAccountByHeaders,
  hasCredentials,
  type Plan,
  PLANS,
  type UpgradeHeaders,
} from "../accounts.ts";
import type { Clock, Timer } from "../clock.ts";
import { DelayQueue } from "../delay_queue.ts";
import type { Faults } from "../faults.ts";
import {
  type ClientMessage,
  decodeClientMessage,
  encode,
  type Encoded,
  type Encoding,
  frameOf,
} from "../protocol/encoding.ts";
import {
  type ChannelName,
  CLOSING_ERRORS,
  type Endpoint,
  errorText,
} from "../protocol/endpoints.ts";
import type { Delivery, Ledger, ProducedMessage } from "../ledger.ts";
import type { Encodable, Message } from "../protocol/messages.ts";
import { Outbox, type OutboxLimits, type SessionSocket } from "./outbox.ts";
import { type LoggedRequest, loggedRequest, type RequestLog } from "./request_log.ts";
import type { SessionRegistry } from "./session_registry.ts";
import type { DeliveryRecord, Subscriber, Subscribers } from "./subscribers.ts";
import {
  type ChannelChange,
  parseChange,
  type SubscriptionRules,
  SubscriptionState,
  type SymbolCounting,
} from "./subscription_state.ts";

/** Maximum of requests that wait behind a delayed acknowledgement. */
const MAX_WAITING_REQUESTS = 10_000;
/** Close code after an error. */
const NORMAL_CLOSURE = 1000;

/** Behaviour that Alpaca's documents leave open or that a test shortens. */
export interface SessionPolicy {
  /** Time in which a client must log in; 10 000 ms on Alpaca. */
  readonly authTimeoutMs: number;
  /** Reject messages that are not in the negotiated encoding. */
  readonly strictEncoding: boolean;
  readonly symbolCounting: SymbolCounting;
  readonly stockSymbolPattern: RegExp;
  readonly outbox: OutboxLimits;
}

/** What the sessions of one endpoint share. */
export interface SessionDependencies {
  readonly clock: Clock;
  readonly accounts: readonly Account[];
  readonly registry: SessionRegistry;
  readonly faults: Faults;
  /** Undefined when nothing is recorded. */
  readonly ledger?: Ledger | undefined;
  readonly requests: RequestLog;
  readonly subscribers: Subscribers;
  /** The present order books of a pair, or of all with `*`. @default none */
  readonly orderBooks?: ((symbol: string) => readonly Message[]) | undefined;
  readonly policy: SessionPolicy;
}

/** Identity and socket of one session. */
interface SessionIdentity {
  /** Number of the connection, unique in the simulator. */
  readonly number: number;
  readonly endpoint: Endpoint;
  readonly encoding: Encoding;
  readonly socket: SessionSocket;
}

/** What a muted session does not send. */
interface Mute {
  /** No data messages. */
  readonly data: boolean;
  /** No acknowledgements and no errors. */
  readonly acks: boolean;
}

type Login = {
  readonly account: Account;
  readonly slot: string;
  readonly rules: SubscriptionRules;
  readonly subscriptions: SubscriptionState;
};

type State =
  | { readonly at: "connected"; readonly deadline: Timer }
  | { readonly at: "authenticated"; readonly login: Login }
  | { readonly at: "closed" };

/** The server's side of one market-data connection. */
export class MarketSession implements Subscriber {
  readonly number: number;
  readonly endpoint: Endpoint;
  readonly encoding: Encoding;
  readonly #socket: SessionSocket;
  readonly #deps: SessionDependencies;
  readonly #outbox: Outbox;
  readonly #requests: (() => void)[] = [];
  readonly #delayed: DelayQueue<Encoded>;
  #delayedBytes = 0;
  /** What the ledger knows of messages that are not written yet, in order. */
  #unwritten: Delivery[] = [];
  #ackTimer: Timer | undefined;
  #state: State;
  #mute: Mute = { data: false, acks: false };
  #closedHere = false;

  /** Sends the welcome message and starts the login timer. */
  constructor(
    identity: SessionIdentity,
    deps: SessionDependencies,
    headers: UpgradeHeaders = {},
  ) {
    this.number = identity.number;
    this.endpoint = identity.endpoint;
    this.encoding = identity.encoding;
    this.#socket = identity.socket;
    this.#deps = deps;
    this.#outbox = new Outbox(identity.socket, {
      encoding: identity.encoding,
      limits: deps.policy.outbox,
      overflow: () => this.closeSlowClient(),
      ...(deps.ledger
        ? { wrote: (messages: number, isSent: boolean) => this.#wrote(messages, isSent) }
        : {}),
    });
    this.#delayed = new DelayQueue(deps.clock, (messages) => {
      for (const message of messages) {
        this.#delayedBytes -= message.length;
        this.#outbox.add(message);
      }
      this.#outbox.flush();
    });
    const timeout = deps.policy.authTimeoutMs;
    const deadline = deps.clock.setTimer(timeout, () => this.#error(404));
    this.#state = { at: "connected", deadline };
    this.#control({ T: "success", msg: "connected" });
    if (hasCredentials(headers)) {
      const code = this.#logIn(findAccountByHeaders(deps.accounts, headers));
      if (code !== undefined) this.#error(code);
    }
  }

  /** The account; undefined before the login. */
  get account(): Account | undefined {
    return this.#state.at === "authenticated" ? this.#state.login.account : undefined;
  }

  /** Symbols by channel; empty before the login. */
  get subscriptions(): Record<string, string[]> {
    return this.#state.at === "authenticated" ? this.#state.login.subscriptions.snapshot() : {};
  }

  /** Bytes that wait because the client is slow. */
  get pendingBytes(): number {
    return this.#outbox.pendingBytes;
  }

  /** Handles one message of the client. */
  receive(data: string | Uint8Array): void {
    const message = decodeClientMessage(data);
    const entry = this.#log(message);
    if (this.#requests.length >= MAX_WAITING_REQUESTS) return this.#error(500);
    this.#requests.push(() => this.#handle(message, entry));
    this.#handleWaiting();
  }

  /** Ends the session; without a close frame a ghost keeps its slot. */
  closed(clean: boolean): void {
    const state = this.#state;
    if (state.at === "closed") return;
    this.#state = { at: "closed" };
    this.#ackTimer?.cancel();
    this.#delayed.clear();
    this.#requests.length = 0;
    this.#outbox.clear();
    this.#loseUnwritten();
    if (state.at === "connected") return state.deadline.cancel();
    const { slot, subscriptions } = state.login;
    this.#deleteSubscriptions(subscriptions);
    this.#deps.registry.release(slot, this, clean || this.#closedHere);
  }

  /** Stops sending data, acknowledgements, or both; replaces the last mute. */
  mute(mute: Mute): void {
    this.#mute = mute;
  }

  deliver(message: Encoded, record?: DeliveryRecord): void {
    const { faults, policy } = this.#deps;
    const isMuted = this.#mute.data || faults.isStreamMuted(this.endpoint.name);
    if (record) this.#recordDelivery(record, isMuted);
    if (isMuted) return;
    const delayMs = faults.dataDelayMs(this.endpoint.name);
    if (delayMs === 0 && this.#delayed.length === 0) {
      return this.#outbox.add(message);
    }
    this.#delayed.add(message, delayMs);
    this.#delayedBytes += message.length;
    // Bounded, so that a forgotten fault does not fill the memory.
    if (this.#delayedBytes > policy.outbox.maxBytes) {
      this.#delayed.releaseOldest();
    }
  }

  withhold(produced: ProducedMessage): void {
    this.#deps.ledger?.addDelivery(produced, this.number, "muted");
  }

  flush(): void {
    this.#outbox.flush();
  }

  /** Drops what waits, sends the error of a slow client and closes. */
  closeSlowClient(): void {
    this.#delayed.clear();
    this.#outbox.clear();
    this.#loseUnwritten();
    const message = { T: "error", code: 407, msg: errorText(407) };
    const parts = [encode(this.encoding, message)];
    this.#closedHere = true;
    this.#socket.sendFrame(frameOf(this.encoding, parts));
    this.#socket.close(NORMAL_CLOSURE, errorText(407));
  }

  /** Sends messages in one frame, subscribed or not. */
  deliverFrame(messages: readonly Encodable[]): void {
    const { kind } = this.endpoint;
    const encoded = messages.map((message) => encode(this.encoding, message, kind));
    this.deliverRaw(frameOf(this.encoding, encoded));
  }

  /** Sends bytes or text as they are. */
  deliverRaw(frame: Encoded): void {
    if (this.#mute.data || this.#deps.faults.isStreamMuted(this.endpoint.name)) return;
    this.#outbox.addFrame(frame);
    this.#outbox.flush();
  }

  #handleWaiting(): void {
    while (!this.#ackTimer && this.#state.at !== "closed") {
      const next = this.#requests.shift();
      if (!next) return;
      next();
    }
  }

  #handle(message: ClientMessage | undefined, entry: LoggedRequest): void {
    const respond = () => {
      const code = this.#respond(message);
      entry.error = code;
      if (code !== undefined) this.#error(code);
    };
    const delayMs = this.#deps.faults.ackDelayMs(this.endpoint.name);
    const isAuth = message?.members["action"] === "auth";
    if (delayMs === 0 || isAuth) return respond();
    this.#ackTimer = this.#deps.clock.setTimer(delayMs, () => {
      this.#ackTimer = undefined;
      respond();
      this.#handleWaiting();
    });
  }

  #respond(message: ClientMessage | undefined): number | undefined {
    if (!message) return 400;
    const { encoding, members } = message;
    if (this.endpoint.kind === "options" && encoding === "json") return 412;
    if (this.#deps.policy.strictEncoding && encoding !== this.encoding) {
      return 400;
    }
    switch (members["action"]) {
      case "auth":
        return this.#authenticate(members);
      case "subscribe":
      case "unsubscribe":
        return this.#change(members["action"], members);
      default:
        return 400;
    }
  }

  #authenticate(members: ClientMessage["members"]): number | undefined {
    if (this.#state.at !== "connected") return 403;
    return this.#logIn(findAccount(this.#deps.accounts, members));
  }

  #logIn(account: Account | undefined): number | undefined {
    const { faults, registry } = this.#deps;
    const planned = faults.takeError(this.endpoint.name, "auth");
    if (planned !== undefined) return planned;
    if (!account) return 402;
    const plan = PLANS[account.plan];
    if (!plan.feeds.has(this.endpoint.name)) return 409;
    const slot = `${account.key}@${this.endpoint.name}`;
    if (!registry.claim(slot, this, plan.connections)) return 406;
    if (this.#state.at === "connected") this.#state.deadline.cancel();
    const login = this.#newLogin(account, { slot, plan });
    this.#state = { at: "authenticated", login };
    this.#control({ T: "success", msg: "authenticated" });
    return undefined;
  }

  #newLogin(
    account: Account,
    { slot, plan }: { slot: string; plan: Plan },
  ): Login {
    const { policy, subscribers } = this.#deps;
    const { symbolCounting, stockSymbolPattern } = policy;
    const rules: SubscriptionRules = {
      endpoint: this.endpoint,
      plan,
      symbolCounting,
      stockSymbolPattern,
    };
    const subscriptions = new SubscriptionState(
      rules,
      (change, channel, symbol) => {
        this.#recordSubscription(change, channel, symbol);
        subscribers.change(this, { change, channel, symbol });
      },
    );
    return { account, slot, rules, subscriptions };
  }

  #change(
    action: "subscribe" | "unsubscribe",
    members: ClientMessage["members"],
  ): number | undefined {
    if (this.#state.at !== "authenticated") return 401;
    const { faults } = this.#deps;
    const { rules, subscriptions } = this.#state.login;
    const planned = faults.takeError(this.endpoint.name, "subscribe");
    if (planned !== undefined) return planned;
    const parsed = parseChange(members, rules);
    if ("error" in parsed) return parsed.error;
    const booksBefore = new Set(subscriptions.symbols("orderbooks"));
    if (action === "unsubscribe") {
      subscriptions.unsubscribe(parsed.changes);
    } else {
      const symbols = parsed.changes.flatMap((change) => change.symbols);
      const refusal = faults.streams.refusal(this.endpoint.name, symbols);
      if (refusal && refusal.code !== 0) return refusal.code;
      const changes = refusal ? without(parsed.changes, refusal.symbols) : parsed.changes;
      const code = subscriptions.subscribe(changes);
      if (code !== undefined) return code;
    }
    this.#acknowledge(subscriptions);
    const books = subscriptions.symbols("orderbooks").difference(booksBefore);
    if (books.size > 0) this.#sendOrderBooks(books);
    return undefined;
  }

  /** Sends the full order books of the symbols that a session has subscribed to, each once. */
  #sendOrderBooks(symbols: ReadonlySet<string>): void {
    const { orderBooks, subscribers } = this.#deps;
    const books = new Map(
      [...symbols].flatMap((symbol) => orderBooks?.(symbol) ?? []).map((book) => [book.S, book]),
    );
    for (const book of books.values()) subscribers.deliverTo(this, book);
  }

  #acknowledge(subscriptions: SubscriptionState): void {
    const copies = this.#deps.faults.takeAckCopies(this.endpoint.name);
    for (let copy = 0; copy < copies; copy++) {
      this.#control({ T: "subscription", ...subscriptions.snapshot() });
    }
  }

  #control(message: Readonly<Record<string, Encodable>>): void {
    if (this.#mute.acks || this.#deps.faults.isStreamSilent(this.endpoint.name)) return;
    this.#outbox.addFrame(
      frameOf(this.encoding, [encode(this.encoding, message)]),
    );
    this.#outbox.flush();
  }

  #error(code: number): void {
    if (this.#state.at === "closed") return;
    this.#control({ T: "error", code, msg: errorText(code) });
    if (!CLOSING_ERRORS.has(code)) return;
    this.#closedHere = true;
    this.#socket.close(NORMAL_CLOSURE, errorText(code));
  }

  #recordDelivery({ produced, isMalformed }: DeliveryRecord, isMuted: boolean): void {
    const { ledger } = this.#deps;
    const outcome = isMuted ? "muted" : isMalformed ? "malformed" : "waiting";
    const delivery = ledger?.addDelivery(produced, this.number, outcome);
    if (delivery && !isMuted) this.#unwritten.push(delivery);
  }

  #wrote(messages: number, isSent: boolean): void {
    for (const delivery of this.#unwritten.splice(0, messages)) {
      if (!isSent) delivery.outcome = "lost";
      else if (delivery.outcome === "waiting") delivery.outcome = "sent";
    }
  }

  #loseUnwritten(): void {
    for (const delivery of this.#unwritten) delivery.outcome = "lost";
    this.#unwritten = [];
  }

  #deleteSubscriptions(subscriptions: SubscriptionState): void {
    for (const channel of this.endpoint.channels) {
      for (const symbol of subscriptions.symbols(channel)) {
        this.#recordSubscription("delete", channel, symbol);
        this.#deps.subscribers.end(this, channel, symbol);
      }
    }
  }

  #recordSubscription(change: "add" | "delete", channel: ChannelName, symbol: string): void {
    const { ledger } = this.#deps;
    ledger?.addSubscription(this.endpoint.name, {
      connection: this.number,
      change,
      channel,
      symbol,
    });
  }

  #log(message: ClientMessage | undefined): LoggedRequest {
    const { number: connection, endpoint } = this;
    const at = this.#deps.clock.now();
    const entry = loggedRequest(message, {
      connection,
      endpoint: endpoint.name,
      at,
    });
    this.#deps.requests.add(entry);
    return entry;
  }
}

function without(
  changes: readonly ChannelChange[],
  refused: ReadonlySet<string>,
): ChannelChange[] {
  return changes.map(({ channel, symbols }) => ({
    channel,
    symbols: symbols.filter((symbol) => !refused.has(symbol)),
  }));
}
