/**
 * One client of a market-data stream, from the greeting to the close.
 *
 *   connected → (auth) → authenticated → (subscribe, unsubscribe)* → closed
 *
 * Every frame is an array of maps with `T` first; greetings, errors and
 * acknowledgements are arrays of exactly one. Alpaca's protocol, "WebSocket
 * Stream" and "Real-time Stock Data".
 *
 * @module
 */
import type { Account, SimTimer } from "../ports.ts";
import { type Plan, PLANS } from "../plans.ts";
import {
  type ClientMessage,
  decodeClientMessage,
} from "../protocol/client_message.ts";
import type { Encodable } from "../protocol/elements.ts";
import {
  encode,
  type Encoded,
  type Encoding,
  frameOf,
} from "../protocol/encoding.ts";
import type { Endpoint } from "../protocol/endpoints.ts";
import { errorText } from "../protocol/errors.ts";
import type { Listener } from "./audience.ts";
import {
  findAccount,
  findAccountByHeaders,
  hasCredentials,
  type UpgradeHeaders,
} from "./credentials.ts";
import { LateData } from "./late_data.ts";
import { Outbox } from "./outbox.ts";
import { type LoggedRequest, loggedRequest } from "./request_log.ts";
import type { SessionServices, SessionSocket } from "./session_services.ts";
import {
  parseChange,
  type SubscriptionRules,
  SubscriptionState,
} from "./subscription_state.ts";

/** Requests that may wait behind a slow acknowledgement. */
const MAX_WAITING_REQUESTS = 10_000;

/** What one session is made for. */
export interface SessionIdentity {
  /** Number of the connection, unique in the simulator. */
  readonly number: number;
  readonly endpoint: Endpoint;
  readonly encoding: Encoding;
  readonly socket: SessionSocket;
}

/** What `mute` silences. */
export interface Silence {
  /** No data elements. */
  readonly data: boolean;
  /** No acknowledgements and no errors. */
  readonly acks: boolean;
}

type Open = {
  readonly account: Account;
  readonly place: string;
  readonly rules: SubscriptionRules;
  readonly subscriptions: SubscriptionState;
};

type State =
  | { readonly at: "connected"; readonly deadline: SimTimer }
  | { readonly at: "authenticated"; readonly open: Open }
  | { readonly at: "closed" };

/** The server's side of one market-data connection. */
export class MarketSession implements Listener {
  readonly number: number;
  readonly endpoint: Endpoint;
  readonly encoding: Encoding;
  readonly #socket: SessionSocket;
  readonly #services: SessionServices;
  readonly #outbox: Outbox;
  readonly #inbox: (() => void)[] = [];
  readonly #late: LateData;
  #slowAck: SimTimer | undefined;
  #state: State;
  #silence: Silence = { data: false, acks: false };
  #endedHere = false;

  /** Greets the client and starts its login timer. */
  constructor(
    identity: SessionIdentity,
    services: SessionServices,
    headers: UpgradeHeaders = {},
  ) {
    this.number = identity.number;
    this.endpoint = identity.endpoint;
    this.encoding = identity.encoding;
    this.#socket = identity.socket;
    this.#services = services;
    this.#outbox = new Outbox(identity.socket, {
      encoding: identity.encoding,
      limits: services.policy.outbox,
      overflow: () => this.#endSlowClient(),
    });
    this.#late = new LateData(services.clock, {
      maxBytes: services.policy.outbox.maxBytes,
      arrive: (elements) => {
        for (const element of elements) this.#outbox.add(element);
        this.#outbox.flush();
      },
    });
    const timeout = services.policy.authTimeoutMs;
    const deadline = services.clock.setTimer(timeout, () => this.#error(404));
    this.#state = { at: "connected", deadline };
    this.#control({ T: "success", msg: "connected" });
    if (hasCredentials(headers)) {
      this.#logIn(findAccountByHeaders(services.accounts, headers));
    }
  }

  /** The account after a login, undefined before. */
  get account(): Account | undefined {
    return this.#state.at === "authenticated"
      ? this.#state.open.account
      : undefined;
  }

  /** Full subscription state; empty before the login. */
  get subscriptions(): Record<string, string[]> {
    return this.#state.at === "authenticated"
      ? this.#state.open.subscriptions.snapshot()
      : {};
  }

  /** Bytes that wait because the client is slow. */
  get pendingBytes(): number {
    return this.#outbox.pendingBytes;
  }

  /** Takes one message of the client. */
  receive(data: string | Uint8Array): void {
    const message = decodeClientMessage(data);
    const entry = this.#log(message);
    if (this.#inbox.length >= MAX_WAITING_REQUESTS) return this.#error(500);
    this.#inbox.push(() => this.#handle(message, entry));
    this.#work();
  }

  /** The socket is gone; without a close frame its place stays a ghost's. */
  closed(clean: boolean): void {
    const state = this.#state;
    if (state.at === "closed") return;
    this.#state = { at: "closed" };
    this.#slowAck?.cancel();
    this.#late.clear();
    this.#inbox.length = 0;
    this.#outbox.clear();
    if (state.at === "connected") return state.deadline.cancel();
    this.#leaveAudience(state.open.subscriptions);
    const { place } = state.open;
    this.#services.registry.release(place, this, clean || this.#endedHere);
  }

  /** Silences data, acknowledgements, or both, until told otherwise. */
  mute(silence: Silence): void {
    this.#silence = silence;
  }

  deliver(element: Encoded): void {
    if (this.#silence.data) return;
    const delayMs = this.#services.faults.dataDelayMs(this.endpoint.name);
    if (delayMs === 0 && !this.#late.isWaiting) this.#outbox.add(element);
    else this.#late.add(element, delayMs);
  }

  flush(): void {
    this.#outbox.flush();
  }

  /** Sends elements in one frame of their own, subscribed or not. */
  deliverFrame(elements: readonly Encodable[]): void {
    const parts = elements.map((element) => encode(this.encoding, element));
    this.deliverRaw(frameOf(this.encoding, parts));
  }

  /** Sends bytes or text as they are. */
  deliverRaw(frame: Encoded): void {
    if (this.#silence.data) return;
    this.#outbox.addFrame(frame);
    this.#outbox.flush();
  }

  #work(): void {
    while (!this.#slowAck && this.#state.at !== "closed") {
      const next = this.#inbox.shift();
      if (!next) return;
      next();
    }
  }

  #handle(message: ClientMessage | undefined, entry: LoggedRequest): void {
    const settle = (code: number | undefined) => {
      entry.error = code;
      if (code !== undefined) this.#error(code);
    };
    const delayMs = this.#services.faults.ackDelayMs(this.endpoint.name);
    const change = message?.members["action"] !== "auth";
    if (delayMs === 0 || !change) return settle(this.#respond(message));
    this.#slowAck = this.#services.clock.setTimer(delayMs, () => {
      this.#slowAck = undefined;
      settle(this.#respond(message));
      this.#work();
    });
  }

  #respond(message: ClientMessage | undefined): number | undefined {
    if (!message) return 400;
    const { encoding, members } = message;
    if (this.endpoint.kind === "options" && encoding === "json") return 412;
    if (this.#services.policy.strictEncoding && encoding !== this.encoding) {
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
    return this.#admit(findAccount(this.#services.accounts, members));
  }

  #logIn(account: Account | undefined): void {
    const code = this.#admit(account);
    if (code !== undefined) this.#error(code);
  }

  #admit(account: Account | undefined): number | undefined {
    const { faults, registry } = this.#services;
    const planned = faults.takeError(this.endpoint.name, "auth");
    if (planned !== undefined) return planned;
    if (!account) return 402;
    const plan = PLANS[account.plan];
    if (!plan.feeds.has(this.endpoint.name)) return 409;
    const place = `${account.key}@${this.endpoint.name}`;
    if (!registry.claim(place, this, plan.connections)) return 406;
    if (this.#state.at === "connected") this.#state.deadline.cancel();
    const open = this.#open(account, { place, plan });
    this.#state = { at: "authenticated", open };
    this.#control({ T: "success", msg: "authenticated" });
    return undefined;
  }

  #open(
    account: Account,
    { place, plan }: { place: string; plan: Plan },
  ): Open {
    const { policy, audience } = this.#services;
    const { symbolCounting, countOptionTrades, stockSymbolPattern } = policy;
    const rules: SubscriptionRules = {
      endpoint: this.endpoint,
      plan,
      symbolCounting,
      countOptionTrades,
      stockSymbolPattern,
    };
    const subscriptions = new SubscriptionState(
      rules,
      (change, channel, symbol) =>
        audience.change(this, { change, channel, symbol }),
    );
    return { account, place, rules, subscriptions };
  }

  #change(
    action: "subscribe" | "unsubscribe",
    members: ClientMessage["members"],
  ): number | undefined {
    if (this.#state.at !== "authenticated") return 401;
    const { faults } = this.#services;
    const { open } = this.#state;
    const planned = faults.takeError(this.endpoint.name, "subscribe");
    if (planned !== undefined) return planned;
    const parsed = parseChange(members, open.rules);
    if ("error" in parsed) return parsed.error;
    if (action === "unsubscribe") {
      open.subscriptions.unsubscribe(parsed.changes);
    } else {
      const refusal = open.subscriptions.subscribe(parsed.changes);
      if (refusal !== undefined) return refusal;
    }
    this.#acknowledge(open.subscriptions);
    return undefined;
  }

  #acknowledge(subscriptions: SubscriptionState): void {
    const copies = this.#services.faults.takeAckCopies(this.endpoint.name);
    for (let copy = 0; copy < copies; copy++) {
      this.#control({ T: "subscription", ...subscriptions.snapshot() });
    }
  }

  #control(message: Readonly<Record<string, Encodable>>): void {
    if (this.#silence.acks) return;
    this.#outbox.addFrame(
      frameOf(this.encoding, [encode(this.encoding, message)]),
    );
    this.#outbox.flush();
  }

  #error(code: number): void {
    if (this.#state.at === "closed") return;
    this.#control({ T: "error", code, msg: errorText(code) });
    const { closingErrors, closeCode } = this.#services.policy;
    if (!closingErrors.has(code)) return;
    this.#endedHere = true;
    this.#socket.close(closeCode, errorText(code));
  }

  #endSlowClient(): void {
    const message = { T: "error", code: 407, msg: errorText(407) };
    const parts = [encode(this.encoding, message)];
    this.#endedHere = true;
    this.#socket.sendFrame(frameOf(this.encoding, parts));
    this.#socket.close(this.#services.policy.closeCode, errorText(407));
  }

  #leaveAudience(subscriptions: SubscriptionState): void {
    for (const channel of this.endpoint.channels) {
      for (const symbol of subscriptions.symbols(channel)) {
        const change = "delete";
        this.#services.audience.change(this, { change, channel, symbol });
      }
    }
  }

  #log(message: ClientMessage | undefined): LoggedRequest {
    const { number: connection, endpoint } = this;
    const at = this.#services.clock.now();
    const entry = loggedRequest(message, {
      connection,
      endpoint: endpoint.name,
      at,
    });
    this.#services.requests.add(entry);
    return entry;
  }
}
