/**
 * One snapshot of the proxy, shared by the status RPC and the health page.
 *
 * @module
 */
import type {
  Environment,
  FeedId,
  FeedKind,
  LinkState,
} from "../../domain/connection/feed.ts";

/** State of one upstream session. */
export interface FeedStatus {
  readonly feed: FeedId;
  readonly kind: FeedKind;
  readonly state: LinkState;
  /** Wall clock ms of the last authentication, if there ever was one. */
  readonly lastConnectedAt: number | undefined;
  /** Text of the last error; cleared by the next successful connection. */
  readonly errorMessage: string | undefined;
  /** Entries in upstream's last acknowledgement; 0 while not connected. */
  readonly subscriptionCount: number;
  /** Attempts since the last success. */
  readonly reconnectAttempts: number;
  /** Data messages from upstream since the process started. */
  readonly messagesReceived: number;
}

/** State of the whole proxy. */
export interface ProxyStatus {
  readonly version: string;
  /** Wall clock ms. */
  readonly startedAt: number;
  /** Wall clock ms of this snapshot. */
  readonly now: number;
  readonly environment: Environment;
  /** Always three: stocks, options, trade updates. */
  readonly feeds: readonly FeedStatus[];
  /** Open client streams. */
  readonly clientCount: number;
  /** True from the first moment of shutting down: no new work, please. */
  readonly draining: boolean;
}

/** Makes a snapshot on demand. */
export type StatusSource = () => ProxyStatus;
