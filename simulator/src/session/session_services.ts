import type { Account, SimClock } from "../ports.ts";
import type { Faults } from "../faults/faults.ts";
import type { Audience } from "./audience.ts";
import type { OutboxLimits, OutboxSocket } from "./outbox.ts";
import type { RequestLog } from "./request_log.ts";
import type { SessionRegistry } from "./session_registry.ts";
import type { SymbolCounting } from "./subscription_state.ts";

/** The part of a socket that a session uses. */
export interface SessionSocket extends OutboxSocket {
  /** Starts a clean close; the TCP connection is cut if no answer comes. */
  close(code: number, reason: string): void;
}

/** Rules of the stream that Alpaca leaves open or that a test shortens. */
export interface SessionPolicy {
  /** Time in which a client must log in; 10 000 ms on Alpaca. */
  readonly authTimeoutMs: number;
  /** Errors after which the socket is closed. */
  readonly closingErrors: ReadonlySet<number>;
  /** Close code for those; Alpaca's own are unknown. */
  readonly closeCode: number;
  /** Refuse messages that are not in the negotiated encoding. */
  readonly strictEncoding: boolean;
  readonly symbolCounting: SymbolCounting;
  readonly countOptionTrades: boolean;
  readonly stockSymbolPattern: RegExp;
  readonly outbox: OutboxLimits;
}

/** What a session shares with its siblings. */
export interface SessionServices {
  readonly clock: SimClock;
  readonly accounts: readonly Account[];
  readonly registry: SessionRegistry;
  readonly faults: Faults;
  readonly requests: RequestLog;
  readonly audience: Audience;
  readonly policy: SessionPolicy;
}
