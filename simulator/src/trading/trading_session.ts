/**
 * One client of the trading stream (Alpaca docs "Websocket Streaming").
 *
 * The client logs in, then listens; the server replies with objects of the form
 * `{"stream": …, "data": …}`. Nothing is sent before the login. `listen`
 * replaces the whole set; the reply leaves out unknown names. Events before
 * `listen` are not sent later.
 *
 * @module
 */
import { encode } from "@msgpack/msgpack";
import { type Account, findAccount, findByToken } from "../accounts.ts";
import type { Clock, Timer } from "../clock.ts";
import { DelayQueue } from "../delay_queue.ts";
import { TRADING_ENDPOINT, type TradingFaults } from "../faults.ts";
import { decodeClientMessage, type Encoded } from "../protocol/encoding.ts";
import type { SocketHandler } from "../socket.ts";

/** The only stream that clients can listen to. */
export const TRADE_UPDATES = "trade_updates";

const WRONG_KEY = "access key verification failed";
const NO_SLOT = "connection limit exceeded";
const NORMAL_CLOSURE = 1000;
const POLICY_VIOLATION = 1008;
const INTERNAL_ERROR = 1011;
const MAX_DELAYED_MESSAGES = 10_000;
const toUtf8 = new TextEncoder();

/** Encoding of a session's frames: JSON in binary or text, or MessagePack. */
type TradingEncoding = "binary" | "text" | "msgpack";

/** The socket of a trading session. */
export interface TradingSocket {
  /** Sends text (a string) or binary (bytes); false if it does not send. */
  sendFrame(data: Encoded): boolean;
  /** Starts a clean close with a code and a reason. */
  close(code: number, reason: string): void;
}

/** The stream of a session. */
export interface SessionHost {
  readonly clock: Clock;
  readonly faults: TradingFaults;
  readonly accounts: readonly Account[];
  /** Time in which a client must log in; 0 for no limit. */
  readonly authTimeoutMs: number;
  /** Whether the account may have one more session. */
  hasFreeSlot(account: Account): boolean;
  /** Removes a session that has ended. */
  remove(session: TradingSession): void;
}

/** The protocol state of one connection. */
export class TradingSession implements SocketHandler {
  /** Number of the connection. */
  readonly number: number;
  readonly #socket: TradingSocket;
  readonly #host: SessionHost;
  readonly #encoding: TradingEncoding;
  readonly #delayed: DelayQueue<Encoded>;
  #account: Account | undefined;
  #listening = false;
  #mute = { data: false, acks: false };
  #over = false;
  #authTimer: Timer | undefined;

  /** Starts the login timer. */
  constructor(
    socket: TradingSocket,
    options: { host: SessionHost; encoding: TradingEncoding; number: number },
  ) {
    this.number = options.number;
    this.#socket = socket;
    this.#host = options.host;
    this.#encoding = options.encoding;
    const { clock, authTimeoutMs } = options.host;
    this.#delayed = new DelayQueue(clock, (messages) => {
      for (const message of messages) this.#socket.sendFrame(message);
    });
    if (authTimeoutMs > 0) {
      this.#authTimer = clock.setTimer(
        authTimeoutMs,
        () => this.end(POLICY_VIOLATION, "auth timeout"),
      );
    }
  }

  /** The account; undefined before the login. */
  get account(): Account | undefined {
    return this.#account;
  }

  /** Whether the client receives order events. */
  get listening(): boolean {
    return this.#listening && !this.#over;
  }

  /** Whether no events and no raw frames are sent. */
  get isDataMuted(): boolean {
    return this.#mute.data || this.#host.faults.isStreamMuted(TRADING_ENDPOINT);
  }

  /** Stops sending events, replies, or both; replaces the last mute. */
  mute(mute: { readonly data: boolean; readonly acks: boolean }): void {
    this.#mute = mute;
  }

  receive(data: string | Uint8Array): void {
    if (this.#over) return;
    const message = decodeClientMessage(data);
    if (message === undefined) return this.fail("invalid syntax");
    this.#handle(message.members);
  }

  closed(): void {
    if (!this.#over) this.#finish();
  }

  /** Sends a message of the protocol; false if it is lost. */
  send(message: unknown, delayMs = 0): boolean {
    if (this.#encoding === "msgpack") {
      return this.sendRaw(encode(message), delayMs);
    }
    const text = JSON.stringify(message);
    return this.sendRaw(
      this.#encoding === "text" ? text : toUtf8.encode(text),
      delayMs,
    );
  }

  /**
   * Sends a message that was recorded: its JSON unchanged where the session has JSON.
   * False if it is lost.
   */
  sendRecorded(message: unknown, json: string | undefined, delayMs = 0): boolean {
    if (json === undefined || this.#encoding === "msgpack") return this.send(message, delayMs);
    return this.sendRaw(this.#encoding === "text" ? json : toUtf8.encode(json), delayMs);
  }

  /**
   * Sends a frame unchanged. Too many delayed frames close the session as a slow
   * client. False if the frame is lost.
   */
  sendRaw(data: Encoded, delayMs = 0): boolean {
    if (this.#over) return false;
    if (delayMs <= 0 && this.#delayed.length === 0) {
      return this.#socket.sendFrame(data);
    }
    if (this.#delayed.length >= MAX_DELAYED_MESSAGES) {
      this.end(POLICY_VIOLATION, "slow client");
      return false;
    }
    this.#delayed.add(data, delayMs);
    return true;
  }

  /** Sends an error and closes, as Alpaca does. */
  fail(errorMessage: string): void {
    this.#reply({ action: "error", data: { error_message: errorMessage } });
    this.end(INTERNAL_ERROR, errorMessage);
  }

  /** Closes the connection from the server's side. */
  end(code = NORMAL_CLOSURE, reason = ""): void {
    if (this.#over) return;
    this.#finish();
    this.#socket.close(code, reason);
  }

  #handle(message: Readonly<Record<string, unknown>>): void {
    switch (message["action"]) {
      case "auth":
        return this.#logIn(
          findAccount(this.#host.accounts, {
            key: message["key"],
            secret: message["secret"],
          }),
        );
      case "authenticate": {
        const data = recordOf(message["data"]);
        const { accounts } = this.#host;
        return this.#logIn(
          findByToken(accounts, data["oauth_token"]) ??
            findAccount(accounts, {
              key: data["key_id"],
              secret: data["secret_key"],
            }),
        );
      }
      case "listen":
        return this.#listen(recordOf(message["data"])["streams"]);
      default:
        return this.fail("invalid syntax");
    }
  }

  /** Alpaca replies to both forms of the login with `authenticate`. */
  #logIn(account: Account | undefined): void {
    const action = "authenticate";
    const planned = this.#host.faults.takeError(TRADING_ENDPOINT, "auth");
    const isFull = account !== undefined && this.#account === undefined &&
      !this.#host.hasFreeSlot(account);
    if (account === undefined || planned !== undefined || isFull) {
      const message = isFull && planned === undefined ? NO_SLOT : WRONG_KEY;
      this.#authorization({ status: "unauthorized", action, message });
      return;
    }
    this.#account = account;
    this.#authTimer?.cancel();
    this.#authorization({ status: "authorized", action });
  }

  #authorization(data: Record<string, string>): void {
    this.#reply({ stream: "authorization", data });
  }

  #reply(message: unknown, delayMs = 0): void {
    if (this.#mute.acks || this.#host.faults.isStreamSilent(TRADING_ENDPOINT)) return;
    this.send(message, delayMs);
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
      this.#reply(
        { stream: "listening", data: { streams } },
        faults.ackDelayMs(TRADING_ENDPOINT),
      );
    }
  }

  #finish(): void {
    this.#over = true;
    this.#authTimer?.cancel();
    this.#delayed.clear();
    this.#host.remove(this);
  }
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}
