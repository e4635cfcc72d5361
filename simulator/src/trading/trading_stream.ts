/**
 * The trading stream, `/stream`: the order events of each account go to the
 * sessions that are logged in to it and listen. Faults can duplicate, drop or
 * delay events.
 *
 * @module
 */
import type { Account } from "../accounts.ts";
import type { Clock } from "../clock.ts";
import type { TradingFaults } from "../faults.ts";
import { isMsgpack } from "../protocol/encoding.ts";
import type { SocketHandler } from "../socket.ts";
import type { OrderDelivery } from "./order_ledger.ts";
import {
  type SessionHost,
  TRADE_UPDATES,
  TradingSession,
  type TradingSocket,
} from "./trading_session.ts";

/** Opcode of the frames; Alpaca's paper host sends JSON in binary frames. */
export type TradingFrames = "binary" | "text";

/** Settings of the trading stream. */
export interface TradingStreamOptions {
  /** Authenticated sessions per account; 0 for no limit. Default 1. */
  readonly tradingSessionLimit?: number;
  /** Time in which a client must log in; 0 for no limit. Default 10,000 ms. */
  readonly authTimeoutMs?: number;
}

/** What the trading stream needs. */
interface TradingStreamDependencies {
  readonly clock: Clock;
  readonly accounts: readonly Account[];
  readonly faults: TradingFaults;
  readonly frames: TradingFrames;
}

/** Sends order events to any number of connections. */
export class TradingStream implements Disposable {
  readonly #host: SessionHost;
  readonly #frames: TradingFrames;
  readonly #sessionLimit: number;
  readonly #sessions = new Set<TradingSession>();

  /** Creates the stream without connections. */
  constructor(
    { clock, faults, accounts, frames }: TradingStreamDependencies,
    options: TradingStreamOptions = {},
  ) {
    const { tradingSessionLimit = 1, authTimeoutMs = 10_000 } = options;
    this.#frames = frames;
    this.#sessionLimit = tradingSessionLimit;
    this.#host = {
      clock,
      faults,
      accounts,
      authTimeoutMs,
      hasFreeSlot: (account) => this.#hasFreeSlot(account),
      remove: (session) => void this.#sessions.delete(session),
    };
  }

  /** Number of open connections, logged in or not. */
  get connections(): number {
    return this.#sessions.size;
  }

  /** Number of connections that receive order events. */
  get listeners(): number {
    return this.#listening().length;
  }

  /**
   * Handles a socket that was upgraded on `/stream`.
   *
   * @internal
   */
  connect(
    socket: TradingSocket,
    { contentType, number = 0 }: { contentType?: string | undefined; number?: number } = {},
  ): SocketHandler & TradingSession {
    const session = new TradingSession(socket, {
      host: this.#host,
      number,
      encoding: isMsgpack(contentType) ? "msgpack" : this.#frames,
    });
    this.#sessions.add(session);
    return session;
  }

  /**
   * Sends a trade update unchanged and unchecked to every listener, or to those
   * of one account. Faults apply. Returns what became of it for each of them.
   */
  emitTradeUpdate(data: unknown, accountKey?: string): OrderDelivery[] {
    const message = { stream: TRADE_UPDATES, data };
    return this.#deliver(accountKey, (session, delayMs) => session.send(message, delayMs));
  }

  /**
   * Sends a message that was recorded to every listener: its JSON unchanged, if it has any, to
   * sessions with JSON. Faults apply. Returns what became of it for each listener.
   *
   * @internal
   */
  emitRecorded(message: unknown, json: string | undefined): OrderDelivery[] {
    return this.#deliver(
      undefined,
      (session, delayMs) => session.sendRecorded(message, json, delayMs),
    );
  }

  #deliver(
    accountKey: string | undefined,
    send: (session: TradingSession, delayMs: number) => boolean,
  ): OrderDelivery[] {
    const { faults } = this.#host;
    const copies = faults.takeOrderEventCopies();
    const delayMs = faults.orderEventDelayMs();
    return this.#listening(accountKey).map((session) => {
      const connection = session.number;
      if (session.isDataMuted) return { connection, outcome: "muted", copies: 0 };
      let sent = 0;
      for (let copy = 0; copy < copies; copy++) {
        if (send(session, delayMs)) sent++;
      }
      const outcome = copies === 0 ? "dropped" : sent > 0 ? "sent" : "lost";
      return { connection, outcome, copies: sent };
    });
  }

  /** Sends a frame unchanged to every listener. */
  emitFrame(frame: string | Uint8Array): void {
    for (const session of this.#listening()) {
      if (!session.isDataMuted) session.sendRaw(frame);
    }
  }

  /** Sends a server error to every connection and closes it. */
  failConnections(errorMessage = "internal server error"): void {
    for (const session of [...this.#sessions]) session.fail(errorMessage);
  }

  /** Closes every connection. */
  [Symbol.dispose](): void {
    for (const session of [...this.#sessions]) session.end();
  }

  #hasFreeSlot(account: Account): boolean {
    if (this.#sessionLimit === 0) return true;
    const used = [...this.#sessions]
      .filter((session) => session.account?.key === account.key);
    return used.length < this.#sessionLimit;
  }

  #listening(accountKey?: string): TradingSession[] {
    return [...this.#sessions].filter((session) =>
      session.listening &&
      (accountKey === undefined || session.account?.key === accountKey)
    );
  }
}
