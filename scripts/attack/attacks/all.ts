/**
 * All attacks by name.
 *
 * @module
 */
import type { Attack } from "./attack.ts";
import * as connections from "./connections.ts";
import * as greed from "./greed.ts";
import * as identities from "./identities.ts";
import * as requests from "./requests.ts";
import * as streams from "./streams.ts";
import * as websockets from "./websockets.ts";

/** The attacks, by name. */
export const ATTACKS = {
  "unfinished-requests": requests.unfinished,
  "trickled-requests": requests.trickle,
  "streams-10k": streams.streams10k,
  "streams-40k": streams.streams40k,
  "resets-once": streams.resetsOnce,
  "resets-sustained": streams.resetsSustained,
  "resets-unread": streams.resetsUnread,
  "reconnect-loop": streams.reconnectLoop,
  "cancel-storm": streams.cancelStorm,
  "metadata": requests.metadata,
  "metadata-flood": requests.metadataFlood,
  "continuation-flood": requests.continuation,
  "ping-flood": streams.pings,
  "ping-flood-unread": streams.pingsUnread,
  "settings-flood": streams.settings,
  "symbol-lists": requests.symbols,
  "gzip-bomb": requests.gzipBomb,
  "half-open": connections.halfOpen,
  "goaway-first": connections.goAwayFirst,
  "http-idle": connections.httpIdle,
  "slowloris": connections.slowloris,
  "hosts": connections.hosts,
  "never-read-stocks": streams.neverReadStocks,
  "never-read-options": streams.neverReadOptions,
  "identity-loop": greed.identityLoop,
  "share-grab": greed.shareGrab,
  "wrong-tokens": identities.wrongTokens,
  "oversized-tokens": identities.oversizedTokens,
  "forged-tokens": identities.forgedTokens,
  "expired-tokens": identities.expiredTokens,
  "denied-requests": identities.denied,
  "ws-silent": websockets.silent,
  "ws-no-request": websockets.noRequest,
  "ws-unfinished": websockets.unfinished,
  "ws-zip-bombs": websockets.zipBombs,
  "ws-wrong-tokens": websockets.wrongTokens,
  "ws-symbol-churn": websockets.symbolChurn,
  "ws-never-read": websockets.neverRead,
  "ws-pings": websockets.pings,
  "ws-unknown-commands": websockets.unknownCommands,
  "descriptors": connections.manyConnections,
} as const satisfies Readonly<Record<string, Attack>>;

/** The name of an attack. */
export type AttackName = keyof typeof ATTACKS;
