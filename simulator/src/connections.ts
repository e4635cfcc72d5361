/**
 * The open connections of the simulator: drop, mute or half-open them.
 *
 * @module
 */
import type { MarketSession } from "./session/market_session.ts";
import type { Socket } from "./socket.ts";
import type { TradingSession } from "./trading/trading_session.ts";

/** Selects connections; all of them without members. */
export interface ConnectionSelector {
  /** Name of a market endpoint, or `trading`. */
  readonly endpoint?: string;
  /** Number of one connection. */
  readonly connection?: number;
}

/** What a muted connection does not send; by default nothing is sent. */
export interface MuteOptions {
  /** No market data or order events. Default true. */
  readonly data?: boolean;
  /** No acknowledgements or errors. Default true. */
  readonly acks?: boolean;
  /** No pongs to the client's pings. Default true. */
  readonly pongs?: boolean;
}

/** How a connection is dropped. */
export interface DropOptions {
  /** With a close frame; without one a ghost session remains. Default false. */
  readonly clean?: boolean;
  /** Close code of a clean drop. Default 1000. */
  readonly code?: number;
  /** Reason of a clean drop. Default empty. */
  readonly reason?: string;
}

/** One accepted connection. */
interface Connection {
  /** Counts from 1 over all endpoints. */
  readonly number: number;
  readonly endpoint: string;
  readonly socket: Socket;
  /** The market session; undefined on the trading stream. */
  readonly session: MarketSession | undefined;
  /** The session of the trading stream. */
  readonly trading?: TradingSession;
}

/** The open connections. */
export class Connections {
  readonly #open = new Map<number, Connection>();
  #accepted = 0;

  /** Number of connections accepted so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /**
   * The number for the next connection.
   *
   * @internal
   */
  nextNumber(): number {
    return ++this.#accepted;
  }

  /**
   * Adds a connection.
   *
   * @internal
   */
  add(connection: Connection): void {
    this.#open.set(connection.number, connection);
  }

  /**
   * Removes a connection that has ended.
   *
   * @internal
   */
  remove(number: number): void {
    this.#open.delete(number);
  }

  /**
   * The connections that a selector matches.
   *
   * @internal
   */
  select(selector: ConnectionSelector = {}): readonly Connection[] {
    const { endpoint, connection } = selector;
    return [...this.#open.values()].filter((open) =>
      (endpoint === undefined || open.endpoint === endpoint) &&
      (connection === undefined || open.number === connection)
    );
  }

  /**
   * Authenticated market sessions of an endpoint.
   *
   * @internal
   */
  sessions(endpoint: string): readonly MarketSession[] {
    return this.select({ endpoint })
      .map((open) => open.session)
      .filter((session) => session !== undefined)
      .filter((session) => session.account !== undefined);
  }

  /** Ends connections; returns their number. */
  drop(selector: ConnectionSelector = {}, options: DropOptions = {}): number {
    const { clean = false, code = 1000, reason = "" } = options;
    const selected = this.select(selector);
    for (const { socket } of selected) {
      if (clean) socket.close(code, reason);
      else socket.terminate();
    }
    return selected.length;
  }

  /**
   * Drops the data that waits for market sessions and closes them as slow
   * clients (407); returns their number.
   */
  closeSlow(selector: ConnectionSelector = {}): number {
    const sessions = this.select(selector)
      .map((open) => open.session)
      .filter((session) => session !== undefined);
    for (const session of sessions) session.closeSlowClient();
    return sessions.length;
  }

  /** Stops reading and writing, TCP stays open; returns their number. */
  halfOpen(selector: ConnectionSelector = {}): number {
    const selected = this.select(selector);
    for (const { socket } of selected) socket.halfOpen();
    return selected.length;
  }

  /** Stops sending until `unmute`; returns the number of connections. */
  mute(selector: ConnectionSelector = {}, options: MuteOptions = {}): number {
    const { data = true, acks = true, pongs = true } = options;
    const selected = this.select(selector);
    for (const { socket, session, trading } of selected) {
      session?.mute({ data, acks });
      trading?.mute({ data, acks });
      socket.mutePongs(pongs);
    }
    return selected.length;
  }

  /** Ends `mute`; returns the number of connections. */
  unmute(selector: ConnectionSelector = {}): number {
    return this.mute(selector, { data: false, acks: false, pongs: false });
  }
}
