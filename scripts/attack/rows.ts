/**
 * The rows of the report: which attack, under which load, and which of the
 * proxy's limits should refuse it.
 *
 * @module
 */
import { type AttackName, ATTACKS } from "./attacks/all.ts";

/** Messages per second of the feeds. */
export interface FeedRates {
  readonly stocks: number;
  readonly options: number;
}

/** A row of the report. */
export interface Row {
  readonly name: AttackName;
  /** Whether the proxy has an access policy. */
  readonly identities?: boolean;
  /**
   * Values of the label `limit`, or of the label `reason` of refusals without access, one of which
   * has to count refusals.
   */
  readonly refusals?: readonly string[];
  /** Rates of the feeds while it lasts. */
  readonly rates?: Partial<FeedRates>;
  /** Descriptors that the proxy may have; a proxy of its own is started. */
  readonly descriptors?: number;
  /**
   * How often the attack is repeated: memory must not grow from wave to wave. For attacks after
   * which most of the memory is free but not returned by `malloc`. @default 1
   */
  readonly waves?: number;
}

/** The rates of the feeds without an attack. */
export const RATES: FeedRates = { stocks: 1_000, options: 200 };

const DETAILS: Readonly<Partial<Record<AttackName, Omit<Row, "name">>>> = {
  "unfinished-requests": { refusals: ["request_bytes", "request_time"] },
  "trickled-requests": { refusals: ["request_time", "request_bytes"] },
  "streams-10k": { refusals: ["streams_per_connection"] },
  "streams-40k": { refusals: ["streams_per_connection", "streams"] },
  "reconnect-loop": { refusals: ["stream_openings"] },
  "metadata": { refusals: ["metadata"] },
  "symbol-lists": { refusals: ["symbols"] },
  "http-idle": { refusals: ["http_connections", "connections_per_address"] },
  "slowloris": { refusals: ["http_connections", "connections_per_address"] },
  "identity-loop": { identities: true, refusals: ["identity"] },
  "share-grab": { identities: true, refusals: ["share"] },
  "wrong-tokens": { identities: true, refusals: ["blocked"] },
  "oversized-tokens": { identities: true, refusals: ["invalid"] },
  "forged-tokens": { identities: true, refusals: ["blocked"] },
  "expired-tokens": { identities: true, refusals: ["expired"] },
  "denied-requests": { identities: true, refusals: ["denied"] },
  "ws-silent": { refusals: ["connections_per_address"] },
  "ws-no-request": { refusals: ["connections_per_address"] },
  "ws-wrong-tokens": { identities: true, refusals: ["invalid"] },
  "ws-unfinished": { waves: 5 },
  "ws-never-read": { rates: { stocks: 5_000 } },
  "descriptors": {
    refusals: ["descriptors", "connections", "http_connections"],
    descriptors: 256,
  },
  "never-read-stocks": { rates: { stocks: 20_000 } },
  "never-read-options": { rates: { options: 60_000 } },
};

/** All rows in the order of the run. */
export const ROWS: readonly Row[] = Object.keys(ATTACKS).map((key) => {
  const name = key as AttackName;
  return { name, ...DETAILS[name] };
});
