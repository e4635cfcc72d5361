/**
 * One client of the trading stream (Alpaca docs "Websocket Streaming").
 *
 * The client logs in, then listens; the server answers with objects of the
 * form `{"stream": …, "data": …}`. Nothing is sent unasked before the login.
 * `listen` replaces the whole set; unknown names are left out of the answer.
 * There is no replay: what happened before `listen` is not told.
 *
 * @module
 */
import {
  type Account,
  type SimClock,
  type SimTimer,
  type StreamConnection,
  type StreamSocket,
  TRADING_ENDPOINT,
  type TradingFaults,
} from "../ports.ts";
import { Outbox } from "./outbox.ts";
import {
  decodeMessage,
  encodeMessage,
  type TradingEncoding,
} from "./trading_codec.ts";
import type { StreamSettings } from "./stream_settings.ts";

/** The only stream clients can listen to. */
export const TRADE_UPDATES = "trade_updates";

const WRONG_KEY = "access key verification failed";
const NORMAL_CLOSURE = 1000;
const POLICY_VIOLATION = 1008;
const INTERNAL_ERROR = 1011;
const OUTBOX_CAPACITY = 10_000;

/** What a session asks of the stream it belongs to. */
export interface SessionHost {
  readonly clock: SimClock;
  readonly faults: TradingFaults;
  readonly settings: StreamSettings;
  /** The account of these credentials, or undefined. */
  findAccount(credentials: Credentials): Account | undefined;
  /** Whether one more session of the account is allowed; takes the place. */
  admit(session: TradingSession, account: Account): boolean;
  /** The session is over. */
  left(session: TradingSession, clean: boolean): void;
}

/** What a client shows to log in. */
export interface Credentials {
  readonly key?: string;
  readonly secret?: string;
  readonly token?: string;
}

/** The protocol state of one connection. */
export class TradingSession implements StreamConnection {
  readonly #socket: StreamSocket;
  readonly #host: SessionHost;
  readonly #encoding: TradingEncoding;
  readonly #outbox: Outbox;
  #account: Account | undefined;
  #listening = false;
  #over = false;
  #authTimer: SimTimer | undefined;

  /** Waits for the client to log in. */
  constructor(
    socket: StreamSocket,
    options: { host: SessionHost; encoding: TradingEncoding },
  ) {
    this.#socket = socket;
    this.#host = options.host;
    this.#encoding = options.encoding;
    this.#outbox = new Outbox(options.host.clock, {
      deliver: (data) => this.#socket.send(data),
      capacity: OUTBOX_CAPACITY,
    });
    const { authTimeoutMs } = options.host.settings;
    if (authTimeoutMs > 0) {
      this.#authTimer = options.host.clock.setTimer(
        authTimeoutMs,
        () => this.end(POLICY_VIOLATION, "auth timeout"),
      );
    }
  }

  /** The account that logged in, if any. */
  get account(): Account | undefined {
    return this.#account;
  }

  /** Whether order events are to be sent to this client. */
  get listening(): boolean {
    return this.#listening && !this.#over;
  }

  receive(data: string | Uint8Array): void {
    if (this.#over) return;
    let message: unknown;
    try {
      message = decodeMessage(data);
    } catch {
      return this.fail("invalid syntax"); // the reason is of no use to a client
    }
    if (typeof message !== "object" || message === null) {
      return this.fail("invalid syntax");
    }
    this.#handle(message as Record<string, unknown>);
  }

  closed(clean: boolean): void {
    if (this.#over) return;
    this.#finish(clean);
  }

  /** Sends a message of the protocol; ends the session when it is too slow. */
  say(message: unknown, delayMs = 0): void {
    this.sendRaw(encodeMessage(message, this.#encoding), delayMs);
  }

  /** Sends bytes or text exactly as given. */
  sendRaw(data: string | Uint8Array, delayMs = 0): void {
    if (this.#over) return;
    if (!this.#outbox.put(data, delayMs)) {
      this.end(POLICY_VIOLATION, "slow client");
    }
  }

  /** Tells of a server fault and closes, as Alpaca does. */
  fail(errorMessage: string): void {
    this.say({ action: "error", data: { error_message: errorMessage } });
    this.end(INTERNAL_ERROR, errorMessage);
  }

  /** Closes the connection from the server's side. */
  end(code = NORMAL_CLOSURE, reason = ""): void {
    if (this.#over) return;
    this.#finish(true);
    this.#socket.close(code, reason);
  }

  /** Cuts the TCP connection without a close frame. */
  terminate(): void {
    if (this.#over) return;
    this.#finish(false);
    this.#socket.terminate();
  }

  #handle(message: Record<string, unknown>): void {
    switch (message["action"]) {
      case "auth":
        return this.#logIn({
          key: textOf(message["key"]),
          secret: textOf(message["secret"]),
        }, this.#host.settings.authReplyAction);
      case "authenticate": {
        const data = recordOf(message["data"]);
        return this.#logIn({
          key: textOf(data["key_id"]),
          secret: textOf(data["secret_key"]),
          token: textOf(data["oauth_token"]),
        }, "authenticate");
      }
      case "listen":
        return this.#listen(recordOf(message["data"])["streams"]);
      default:
        return this.fail("invalid syntax");
    }
  }

  #logIn(
    given: { key: string; secret: string; token?: string },
    action: string,
  ): void {
    const token = given.key === "oauth" || given.key === "access_token"
      ? given.secret
      : given.token ?? "";
    const planned = this.#host.faults.takeError(TRADING_ENDPOINT, "auth");
    const account = planned === undefined
      ? this.#host.findAccount({ ...given, token })
      : undefined;
    if (account === undefined) return this.#refuse(action, WRONG_KEY);
    if (this.#account === undefined && !this.#host.admit(this, account)) {
      return this.#refuse(action, "connection limit exceeded");
    }
    this.#account = account;
    this.#authTimer?.cancel();
    this.#authorization({ status: "authorized", action });
  }

  #refuse(action: string, message: string): void {
    this.#authorization({ status: "unauthorized", action, message });
    if (this.#host.settings.closeUnauthorized) {
      this.end(POLICY_VIOLATION, "unauthorized");
    }
  }

  #authorization(data: Record<string, string>): void {
    this.say({ stream: "authorization", data });
  }

  #listen(names: unknown): void {
    if (this.#account === undefined) {
      return this.#authorization({ status: "unauthorized", action: "listen" });
    }
    const { faults } = this.#host;
    if (faults.takeError(TRADING_ENDPOINT, "subscribe") !== undefined) {
      return this.fail("internal server error");
    }
    if (!Array.isArray(names)) return this.fail("invalid syntax");
    this.#listening = names.includes(TRADE_UPDATES);
    const streams = this.#listening ? [TRADE_UPDATES] : [];
    const copies = faults.takeAckCopies(TRADING_ENDPOINT);
    for (let copy = 0; copy < copies; copy++) {
      this.say(
        { stream: "listening", data: { streams } },
        faults.ackDelayMs(TRADING_ENDPOINT),
      );
    }
  }

  #finish(clean: boolean): void {
    this.#over = true;
    this.#authTimer?.cancel();
    this.#outbox[Symbol.dispose]();
    this.#host.left(this, clean);
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null
    ? value as Record<string, unknown>
    : {};
}
