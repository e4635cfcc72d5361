/**
 * The `/stream` endpoint: order events of each account go to the sessions
 * that logged in with its credentials and listen. Faults may copy, lose or
 * delay events; nothing is ever replayed.
 *
 * Where Alpaca's documents are silent (session limit, ghost sessions, what
 * happens after a refusal) the behaviour is a setting.
 *
 * @module
 */
import type {
  Account,
  SimClock,
  SimTimer,
  StreamConnection,
  StreamSocket,
  TradingDependencies,
  TradingFaults,
} from "../ports.ts";
import type {
  StreamSettings,
  TradingStreamOptions,
} from "./stream_settings.ts";
import { tradingEncoding } from "./trading_codec.ts";
import {
  type Credentials,
  type SessionHost,
  TRADE_UPDATES,
  TradingSession,
} from "./trading_session.ts";

/** A place taken by a session that was lost without a close frame. */
interface Ghost {
  readonly account: Account;
  readonly timer: SimTimer;
}

/** Serves order events to any number of connections. */
export class TradingStream implements SessionHost, Disposable {
  readonly clock: SimClock;
  readonly faults: TradingFaults;
  readonly settings: StreamSettings;
  readonly #accounts: readonly Account[];
  readonly #frames: "binary" | "text";
  readonly #sessions = new Set<TradingSession>();
  readonly #ghosts = new Set<Ghost>();
  #sent = 0;

  /** Opens the stream; no connection yet. */
  constructor(
    parts: Pick<
      TradingDependencies,
      "clock" | "accounts" | "faults" | "frames"
    >,
    options: TradingStreamOptions = {},
  ) {
    this.clock = parts.clock;
    this.faults = parts.faults;
    this.#accounts = parts.accounts;
    this.#frames = parts.frames;
    this.settings = {
      tradingSessionLimit: 1,
      overLimit: "unauthorized",
      ghostSessionMs: 0,
      authTimeoutMs: 10_000,
      closeUnauthorized: false,
      authReplyAction: "authenticate",
      ...options,
    };
  }

  /** Open connections, logged in or not. */
  get connections(): number {
    return this.#sessions.size;
  }

  /** Connections that receive order events. */
  get listeners(): number {
    return [...this.#sessions].filter((session) => session.listening).length;
  }

  /** Order events sent so far, one for each connection and copy. */
  get sent(): number {
    return this.#sent;
  }

  /** HTTP status to answer an upgrade with; undefined to accept it. */
  refuseUpgrade(): number | undefined {
    const { overLimit, tradingSessionLimit } = this.settings;
    if (overLimit !== "http_429" || tradingSessionLimit === 0) return undefined;
    const full = this.#accounts.every((account) =>
      this.#places(account) >= tradingSessionLimit
    );
    return full ? 429 : undefined;
  }

  /** Takes over a socket that was upgraded on `/stream`. */
  connect(
    socket: StreamSocket,
    options: { contentType?: string | null } = {},
  ): StreamConnection {
    const session = new TradingSession(socket, {
      host: this,
      encoding: tradingEncoding(options.contentType ?? null, this.#frames),
    });
    this.#sessions.add(session);
    return session;
  }

  /**
   * Sends an update object exactly as given to every listener, or to those of
   * one account; faults apply. Nothing checks the object.
   */
  emitTradeUpdate(data: unknown, accountKey?: string): void {
    const copies = this.faults.takeOrderEventCopies();
    const delayMs = this.faults.orderEventDelayMs();
    for (const session of this.#listening(accountKey)) {
      for (let copy = 0; copy < copies; copy++) {
        session.say({ stream: TRADE_UPDATES, data }, delayMs);
        this.#sent++;
      }
    }
  }

  /** Sends a whole frame exactly as given to every listener. */
  emitFrame(frame: string | Uint8Array): void {
    for (const session of this.#listening()) session.sendRaw(frame);
  }

  /** Tells every connection of a server fault, then closes it. */
  failConnections(errorMessage = "internal server error"): void {
    for (const session of [...this.#sessions]) session.fail(errorMessage);
  }

  /** Closes every connection with a code and a reason. */
  closeConnections(code = 1000, reason = ""): void {
    for (const session of [...this.#sessions]) session.end(code, reason);
  }

  /** Cuts every connection without a close frame. */
  dropConnections(): void {
    for (const session of [...this.#sessions]) session.terminate();
  }

  /** Closes everything and forgets the ghosts. */
  [Symbol.dispose](): void {
    this.closeConnections();
    for (const { timer } of this.#ghosts) timer.cancel();
    this.#ghosts.clear();
  }

  findAccount({ key, secret, token }: Credentials): Account | undefined {
    return this.#accounts.find((account) =>
      (account.key === key && account.secret === secret) ||
      (token !== undefined && token !== "" && account.token === token)
    );
  }

  admit(_session: TradingSession, account: Account): boolean {
    const { tradingSessionLimit, overLimit } = this.settings;
    if (tradingSessionLimit === 0) return true;
    if (this.#places(account) < tradingSessionLimit) return true;
    if (overLimit !== "close_oldest") return false;
    const oldest = [...this.#sessions].find((other) =>
      other.account?.key === account.key
    );
    oldest?.end(1008, "replaced by a newer session");
    return true;
  }

  left(session: TradingSession, clean: boolean): void {
    this.#sessions.delete(session);
    const { ghostSessionMs } = this.settings;
    const { account } = session;
    if (clean || account === undefined || ghostSessionMs <= 0) return;
    const ghost: Ghost = {
      account,
      timer: this.clock.setTimer(
        ghostSessionMs,
        () => void this.#ghosts.delete(ghost),
      ),
    };
    this.#ghosts.add(ghost);
  }

  #listening(accountKey?: string): TradingSession[] {
    return [...this.#sessions].filter((session) =>
      session.listening &&
      (accountKey === undefined || session.account?.key === accountKey)
    );
  }

  /** Places of an account that are taken, ghosts included. */
  #places(account: Account): number {
    const isTheirs = (other: Account | undefined) => other?.key === account.key;
    return [...this.#sessions].filter((s) => isTheirs(s.account)).length +
      [...this.#ghosts].filter((ghost) => isTheirs(ghost.account)).length;
  }
}
