/**
 * The messages between a hub and its edges, as JSON, and their readers, which check everything: a
 * message may come from any program that may use NATS.
 *
 * A message that is too large for NATS is sent in parts; each but the last one has the header
 * {@linkcode MORE_HEADER}.
 *
 * @module
 */
import { publicNameOf } from "../../domain/cluster/edge_name.ts";
import { FAILURE_TYPES, type FailureType } from "../../domain/connection/failure.ts";
import { type FeedId, type FeedKind, FEEDS } from "../../domain/connection/feed.ts";
import {
  type Action,
  type Pair,
  pairsOf,
  type SymbolSets,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
} from "../../domain/subscription/pairs.ts";
import type { HubQuota } from "../../domain/subscription/quota.ts";
import type {
  AttachReply,
  AttachRequest,
  EdgeQuota,
  EdgeState,
  RestApi,
  RestReply,
  RestRequest,
  SubscribeReply,
  SubscribeRequest,
  WholeBook,
} from "../../application/cluster/messages.ts";
import { REST_PURPOSES } from "../../application/status/counters.ts";
import { isTerm } from "./frame_batch.ts";

export { PairDigest } from "../../domain/cluster/pair_digest.ts";
export type {
  AttachReply,
  AttachRequest,
  EdgeQuota,
  EdgeState,
  RestReply,
  RestRequest,
  SubscribeReply,
  SubscribeRequest,
};

/** The subjects below a prefix. */
export function hubSubjects(prefix: string): HubSubjects {
  return {
    feed: (feed) => `${prefix}.feed.${feed}`,
    feeds: `${prefix}.feed.>`,
    attach: `${prefix}.hub.attach`,
    subscribe: `${prefix}.hub.subscribe`,
    rest: `${prefix}.hub.rest`,
    hubInboxes: `_INBOX.${prefix}.hub.`,
    edge: (edge) => `${prefix}.edge.${publicNameOf(edge)}`,
  };
}

/** Where a hub and its edges publish. */
export interface HubSubjects {
  /** Batches of a feed, from the hub. */
  feed(feed: FeedId): string;
  /** The batches of all feeds, for a subscription. */
  readonly feeds: string;
  /** {@linkcode AttachRequest}, which {@linkcode AttachReply} answers. */
  readonly attach: string;
  /** {@linkcode SubscribeRequest}, which {@linkcode SubscribeReply} answers. */
  readonly subscribe: string;
  /** {@linkcode RestRequest}, which {@linkcode RestReply} answers. */
  readonly rest: string;
  /** Where hubs receive replies of NATS begins with this. */
  readonly hubInboxes: string;
  /** {@linkcode EdgeState} and {@linkcode EdgeQuota} for one edge, from the hub. */
  edge(edge: string): string;
}

/** The payload of a `down` entry: why the hub has no session. */
interface DownEntry {
  readonly errorType: FailureType;
  readonly message: string;
}

/** A message is not one of this protocol, or exceeds its limits. */
export class InvalidMessage extends Error {
  override readonly name = "InvalidMessage";
}

/** Header of each message that continues in the next one. */
export const MORE_HEADER = "Stream-Proxy-More";
/** Bytes of the largest request. */
const MAX_REQUEST_BYTES = 1_048_576;
/** Bytes of the largest reply or state, all parts together. */
const MAX_REPLY_BYTES = 16 * 1_048_576;
/** Pairs of one request; the settings allow as many. */
const MAX_REQUEST_PAIRS = 10_000;
const MAX_SYMBOL_LENGTH = 64;
const MAX_PATH_LENGTH = 512;
/** Snapshots name hundreds of contracts. */
const MAX_QUERY_LENGTH = 32 * 1_024;
const MAX_TEXT_LENGTH = 4_096;
const REST_APIS: readonly RestApi[] = ["data", "trading"];
const ACTIONS: readonly Action[] = ["subscribe", "unsubscribe"];
const EDGE = /^[A-Za-z0-9_-]{1,64}$/;
const SYMBOL = /^[\x21-\x7e]+$/;
const PATH = /^\/[A-Za-z0-9/_.:-]*$/;
const QUERY = /^[\x21-\x7e]*$/;
const DIGEST = /^[0-9a-f-]{1,32}$/;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Encodes an {@linkcode AttachRequest}. */
export function encodeAttach({ held, ...request }: AttachRequest): Uint8Array {
  return encode({ ...request, held: held && { ...held, term: String(held.term) } });
}

/** @throws InvalidMessage */
export function readAttach(bytes: Uint8Array): AttachRequest {
  const { edge, feed, kind, held } = fieldsOf(parse(bytes, MAX_REQUEST_BYTES), "the request");
  return {
    edge: readEdge(edge),
    feed: readFeed(feed),
    kind: readText(kind, "kind") as FeedKind,
    held: held === undefined ? undefined : readHeld(fieldsOf(held, "held")),
  };
}

function readHeld({ term, digest }: Fields): AttachRequest["held"] {
  if (digest !== undefined && !(typeof digest === "string" && DIGEST.test(digest))) {
    throw invalid("digest", digest);
  }
  return { term: readTerm(term), digest };
}

/** Encodes an {@linkcode AttachReply}. */
export function encodeAttachReply({ term, quota, ...reply }: AttachReply): Uint8Array {
  return encode({ term: String(term), ...reply, quota: quotaFields(quota) });
}

/** @throws InvalidMessage */
export function readAttachReply(bytes: Uint8Array): AttachReply {
  const fields = fieldsOf(parse(bytes, MAX_REPLY_BYTES), "the reply");
  const { term, next, at, isUp, isKnown, kind, reason, states, quota, isRetained } = fields;
  if (!Number.isSafeInteger(next) || (next as number) < 1) throw invalid("next", next);
  if (states !== undefined && !Number.isSafeInteger(states)) throw invalid("states", states);
  return {
    term: readTerm(term),
    next: next as number,
    at: readTime(at, "at"),
    isUp: readBoolean(isUp, "isUp"),
    isKnown: readBoolean(isKnown, "isKnown"),
    kind: kind === undefined ? undefined : readText(kind, "kind") as FeedKind,
    reason: readText(reason, "reason"),
    states: states as number | undefined,
    isRetained: isRetained === undefined ? undefined : readBoolean(isRetained, "isRetained"),
    quota: readQuota(quota),
  };
}

/** Encodes a {@linkcode SubscribeRequest}. */
export function encodeSubscribe({ term, pairs, ...request }: SubscribeRequest): Uint8Array {
  return encode({ ...request, term: String(term), pairs: symbolLists(pairs) });
}

/** @throws InvalidMessage */
export function readSubscribe(bytes: Uint8Array): SubscribeRequest {
  const fields = fieldsOf(parse(bytes, MAX_REQUEST_BYTES), "the request");
  const { edge, feed, term, action, pairs } = fields;
  return {
    edge: readEdge(edge),
    feed: readFeed(feed),
    term: readTerm(term),
    action: oneOf(ACTIONS, action, "action"),
    pairs: pairsOf(readSets(pairs, MAX_REQUEST_PAIRS)),
  };
}

/** Encodes a {@linkcode SubscribeReply}. */
export function encodeSubscribeReply(reply: SubscribeReply): Uint8Array {
  return encode("state" in reply ? { ...reply, state: listsOf(reply.state) } : reply);
}

/** @throws InvalidMessage */
export function readSubscribeReply(bytes: Uint8Array): SubscribeReply {
  const fields = fieldsOf(parse(bytes, MAX_REPLY_BYTES), "the reply");
  const { state, since, error, unknown, pair } = fields;
  if (unknown === true) return { unknown };
  if (error === undefined) return { state: readSets(state), since: readTime(since, "since") };
  const { code, message } = fieldsOf(error, "error");
  if (!Number.isInteger(code)) throw invalid("code", code);
  return {
    error: { code: code as number, message: readText(message, "message") },
    ...(pair !== undefined && { pair: readPair(fieldsOf(pair, "pair")) }),
  };
}

function readPair({ channel, symbol }: Fields): Pair {
  return { channel: oneOf(UPSTREAM_CHANNELS, channel, "channel"), symbol: readSymbol(symbol) };
}

/** Encodes an {@linkcode EdgeState}. */
export function encodeEdgeState({ term, state, ...rest }: EdgeState): Uint8Array {
  return encode({ ...rest, term: String(term), state: listsOf(state) });
}

/** Encodes an {@linkcode EdgeQuota}. */
export function encodeEdgeQuota({ feed, term, quota }: EdgeQuota): Uint8Array {
  return encode({ feed, term: String(term), quota: quotaFields(quota) });
}

/**
 * Reads what a hub sends to one edge; only an {@linkcode EdgeState} has a state.
 *
 * @throws InvalidMessage
 */
export function readEdgeMessage(bytes: Uint8Array): EdgeState | EdgeQuota {
  const fields = fieldsOf(parse(bytes, MAX_REPLY_BYTES), "the state");
  const message = { feed: readFeed(fields.feed), term: readTerm(fields.term) };
  const { state, since, book } = fields;
  return state === undefined ? { ...message, quota: readQuota(fields.quota) } : {
    ...message,
    state: readSets(state),
    since: readTime(since, "since"),
    ...(book !== undefined && { book: readBook(fieldsOf(book, "book")) }),
  };
}

function readBook({ symbol, frame }: Fields): WholeBook {
  return { symbol: readSymbol(symbol), frame: readText(frame, "frame", MAX_REPLY_BYTES) };
}

/** Encodes a {@linkcode RestRequest}. */
export function encodeRest(request: RestRequest): Uint8Array {
  return encode(request);
}

/** @throws InvalidMessage */
export function readRest(bytes: Uint8Array): RestRequest {
  const fields = fieldsOf(parse(bytes, MAX_REQUEST_BYTES), "the request");
  const { edge, api, path, query, purpose } = fields;
  return {
    edge: readEdge(edge),
    api: oneOf(REST_APIS, api, "api"),
    path: matching(PATH, readText(path, "path", MAX_PATH_LENGTH), "path"),
    query: matching(QUERY, readText(query, "query", MAX_QUERY_LENGTH), "query"),
    purpose: oneOf(REST_PURPOSES, purpose, "purpose"),
  };
}

/** Encodes a {@linkcode RestReply}. */
export function encodeRestReply(reply: RestReply): Uint8Array {
  return encode(reply);
}

/** @throws InvalidMessage */
export function readRestReply(bytes: Uint8Array): RestReply {
  const { body, serverTime, error, busy } = fieldsOf(parse(bytes, MAX_REPLY_BYTES), "the reply");
  if (busy === true) return { busy };
  if (error === undefined) {
    if (!Number.isFinite(serverTime)) throw invalid("serverTime", serverTime);
    return {
      body: readText(body, "body", MAX_REPLY_BYTES),
      serverTime: serverTime as number,
    };
  }
  const { message, status } = fieldsOf(error, "error");
  if (status !== undefined && !Number.isInteger(status)) throw invalid("status", status);
  return { error: { message: readText(message, "message"), status: status as number } };
}

/** Encodes a {@linkcode DownEntry}. */
export function encodeDown({ errorType, message }: DownEntry): Uint8Array {
  return encode({ errorType, message: message.slice(0, MAX_TEXT_LENGTH) });
}

/** @throws InvalidMessage */
export function readDown(bytes: Uint8Array): DownEntry {
  const { errorType, message } = fieldsOf(parse(bytes, MAX_REQUEST_BYTES), "the payload");
  return {
    errorType: oneOf(FAILURE_TYPES, errorType, "errorType"),
    message: readText(message, "message"),
  };
}

/** Splits a message into parts that NATS accepts. */
export function splitMessage(message: Uint8Array, maxBytes: number): readonly Uint8Array[] {
  if (message.length <= maxBytes) return [message];
  const parts: Uint8Array[] = [];
  for (let at = 0; at < message.length; at += maxBytes) {
    parts.push(message.subarray(at, at + maxBytes));
  }
  return parts;
}

/** Joins the parts of messages, which arrive in order. */
export class MessageJoiner {
  #parts: Uint8Array[] = [];
  #size = 0;

  /**
   * Takes a part; returns the message that it completes.
   *
   * @param hasMore whether the part has {@linkcode MORE_HEADER}
   * @throws InvalidMessage when the message is too large; it is dropped
   */
  add(part: Uint8Array, hasMore: boolean): Uint8Array | undefined {
    if (!hasMore && this.#parts.length === 0) return part;
    this.#parts.push(part);
    this.#size += part.length;
    if (this.#size > MAX_REPLY_BYTES) {
      this.#reset();
      throw new InvalidMessage(`A message is larger than ${MAX_REPLY_BYTES} bytes`);
    }
    if (hasMore) return undefined;
    const message = new Uint8Array(this.#size);
    let at = 0;
    for (const each of this.#parts) {
      message.set(each, at);
      at += each.length;
    }
    this.#reset();
    return message;
  }

  #reset(): void {
    this.#parts = [];
    this.#size = 0;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function encode(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

function parse(bytes: Uint8Array, maxBytes: number): unknown {
  if (bytes.length > maxBytes) {
    throw new InvalidMessage(`A message has ${bytes.length} bytes, at most ${maxBytes} are read`);
  }
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    throw new InvalidMessage("A message is not JSON");
  }
}

function invalid(field: string, value: unknown): InvalidMessage {
  const text = String(JSON.stringify(value)).slice(0, 60);
  return new InvalidMessage(`"${field}" of a message is not valid: ${text}`);
}

function fieldsOf(value: unknown, name: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(name, value);
  }
  return value as Fields;
}

function readText(value: unknown, field: string, maxLength = MAX_TEXT_LENGTH): string {
  if (typeof value !== "string" || value.length > maxLength) throw invalid(field, value);
  return value;
}

function readBoolean(value: unknown, field: string): boolean {
  if (typeof value !== "boolean") throw invalid(field, value);
  return value;
}

function oneOf<T extends string>(values: readonly T[], value: unknown, field: string): T {
  if (!values.includes(value as T)) throw invalid(field, value);
  return value as T;
}

function matching(pattern: RegExp, text: string, field: string): string {
  if (!pattern.test(text)) throw invalid(field, text);
  return text;
}

function readEdge(value: unknown): string {
  return matching(EDGE, readText(value, "edge"), "edge");
}

function readFeed(value: unknown): FeedId {
  return oneOf(FEEDS, value, "feed");
}

/** Terms are text: JSON has no integers of 64 bits. */
function readTerm(value: unknown): bigint {
  if (typeof value !== "string" || !/^\d{1,20}$/.test(value)) throw invalid("term", value);
  const term = BigInt(value);
  if (!isTerm(term)) throw invalid("term", value);
  return term;
}

/** Reads symbols per channel; repeated symbols are one. */
function readSets(value: unknown, maxPairs = Infinity): SymbolSets {
  const sets = new Map<UpstreamChannel, ReadonlySet<string>>();
  let count = 0;
  for (const [channel, symbols] of Object.entries(fieldsOf(value, "pairs"))) {
    if (!Array.isArray(symbols)) throw invalid(channel, symbols);
    count += symbols.length;
    if (count > maxPairs) throw new InvalidMessage(`A message has more than ${maxPairs} pairs`);
    sets.set(oneOf(UPSTREAM_CHANNELS, channel, "channel"), new Set(symbols.map(readSymbol)));
  }
  return sets;
}

/** Reads wall clock ms. */
function readTime(value: unknown, name: string): number {
  if (typeof value === "number" && value >= 0) return value;
  throw invalid(name, value);
}

function quotaFields(quota: HubQuota | undefined) {
  return quota && { ...quota, counts: [...quota.counts], others: symbolLists(quota.others) };
}

function readQuota(value: unknown): HubQuota | undefined {
  if (value === undefined) return undefined;
  const { limit, learned, counts, others } = fieldsOf(value, "quota");
  if (!Number.isSafeInteger(limit) || (limit as number) < 0) throw invalid("limit", limit);
  if (!Array.isArray(counts)) throw invalid("counts", counts);
  return {
    limit: limit as number,
    learned: readBoolean(learned, "learned"),
    counts: new Set(counts.map((channel) => oneOf(UPSTREAM_CHANNELS, channel, "counts"))),
    others: pairsOf(readSets(others)),
  };
}

function readSymbol(value: unknown): string {
  return matching(SYMBOL, readText(value, "symbol", MAX_SYMBOL_LENGTH), "symbol");
}

function listsOf(sets: SymbolSets): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(Array.from(sets, ([channel, symbols]) => [channel, [...symbols]]));
}

function symbolLists(pairs: readonly Pair[]): Readonly<Record<string, readonly string[]>> {
  const lists = new Map<UpstreamChannel, string[]>();
  for (const { channel, symbol } of pairs) {
    const symbols = lists.get(channel);
    if (symbols) symbols.push(symbol);
    else lists.set(channel, [symbol]);
  }
  return Object.fromEntries(lists);
}
