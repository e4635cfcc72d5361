/**
 * Encodes and decodes the entries of an order store, as MessagePack with a version.
 *
 * What is read may be from another version of the program, or not from the program at all, so every
 * field is checked.
 *
 * @module
 */
import { decode, encode } from "@msgpack/msgpack";
import type { StoredEntry, StoredGap, StoredUpdate } from "../../application/ports/order_store.ts";
import type { OrderDetails, OrderLeg, OrderUpdate } from "../../domain/market/order_events.ts";
import { isTimestamp, type Timestamp } from "../../domain/market/timestamp.ts";

const VERSION = 1;

/** Encodes entries as one message. */
export function encodeEntries(entries: readonly StoredEntry[]): Uint8Array {
  return encode({ version: VERSION, entries }, { ignoreUndefined: true });
}

/**
 * Decodes the entries of one message.
 *
 * @throws {TypeError} when it is no message of this version
 */
export function decodeEntries(bytes: Uint8Array): readonly StoredEntry[] {
  const message = decode(bytes);
  if (!isRecord(message) || !Array.isArray(message.entries)) {
    throw new TypeError("is not a message with order updates");
  }
  if (message.version !== VERSION) {
    throw new TypeError(`has version ${message.version}, not ${VERSION}`);
  }
  return message.entries.map((entry: unknown) => {
    if (isStoredGap(entry)) return entry;
    if (isStoredUpdate(entry)) return withOwnSource(entry);
    throw new TypeError("has an entry that is neither an order update nor a gap");
  });
}

/** An update without what only clients of Alpaca's protocol receive. */
export function withoutSources(
  { update: { source: _, order: { source: __, ...order }, ...update }, ...rest }: StoredUpdate,
): StoredUpdate {
  return { ...rest, update: { ...update, order } };
}

/** Copies the frame out of the buffer of the whole message. */
function withOwnSource(entry: StoredUpdate): StoredUpdate {
  const { update } = entry;
  if (!update.source) return entry;
  return { ...entry, update: { ...update, source: new Uint8Array(update.source) } };
}

type Fields = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStoredGap(value: unknown): value is StoredGap {
  return isRecord(value) && (value.reason === "upstream_lost" || value.reason === "unreadable") &&
    Number.isFinite(value.startTime) && Number.isFinite(value.endTime) &&
    (value.symbols === undefined || Array.isArray(value.symbols) && value.symbols.every(isText));
}

function isStoredUpdate(value: unknown): value is StoredUpdate {
  return isRecord(value) && isOrderUpdate(value.update) && Number.isFinite(value.receivedAt) &&
    (value.origin === "live" || value.origin === "reconciled");
}

const UPDATE = ["event", "eventId"] satisfies (keyof OrderUpdate)[];
const UPDATE_OPTIONAL = [
  "executionId",
  "price",
  "qty",
  "positionQty",
] satisfies (keyof OrderUpdate)[];
const ORDER = [
  "id",
  "clientOrderId",
  "symbol",
  "assetClass",
  "orderClass",
  "orderType",
  "side",
  "timeInForce",
  "qty",
  "filledQty",
  "filledAvgPrice",
  "status",
] satisfies (keyof OrderDetails)[];
const ORDER_OPTIONAL = ["limitPrice", "stopPrice", "commission"] satisfies (keyof OrderDetails)[];
const ORDER_TIMES = [
  "createdAt",
  "updatedAt",
  "submittedAt",
  "filledAt",
  "canceledAt",
  "expiredAt",
  "failedAt",
] satisfies (keyof OrderDetails)[];
const LEG = [
  "id",
  "symbol",
  "side",
  "qty",
  "filledQty",
  "filledAvgPrice",
  "ratioQty",
  "status",
] satisfies (keyof OrderLeg)[];

function isOrderUpdate(value: unknown): value is OrderUpdate {
  return isRecord(value) && has(value, UPDATE, isText) &&
    has(value, UPDATE_OPTIONAL, optional(isText)) &&
    optional(isTime)(value.timestamp) && isOrder(value.order) &&
    (value.source === undefined || value.source instanceof Uint8Array);
}

function isOrder(value: unknown): value is OrderDetails {
  return isRecord(value) && has(value, ORDER, isText) &&
    has(value, ORDER_OPTIONAL, optional(isText)) &&
    has(value, ORDER_TIMES, optional(isTime)) && typeof value.extendedHours === "boolean" &&
    Array.isArray(value.legs) && value.legs.every(isLeg) && optional(isRecord)(value.source);
}

function isLeg(value: unknown): value is OrderLeg {
  return isRecord(value) && has(value, LEG, isText);
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isTime(value: unknown): value is Timestamp {
  return isRecord(value) && isTimestamp(value as unknown as Timestamp);
}

function optional(check: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => value === undefined || check(value);
}

function has(
  value: Fields,
  keys: readonly string[],
  check: (value: unknown) => boolean,
): boolean {
  return keys.every((key) => check(value[key]));
}
