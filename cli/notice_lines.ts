/**
 * Formats the metadata of a message, and what a stream reports, as lines.
 *
 * @module
 */
import type { MessageMeta, Notice, StreamGap } from "../client/mod.ts";
import {
  FreshnessSchema,
  OriginSchema,
  SelectionChange,
  SelectionChangeSchema,
  SymbolStateSchema,
} from "../src/gen/cream/v1/stream_proxy_pb.ts";
import {
  age,
  type Colors,
  enumName,
  grouped,
  millisecondsOf,
  type Style,
  timeOfDay,
} from "./text.ts";

/** Column titles of `metaText`. */
export const META_TITLE = [
  "SEQUENCE".padStart(10),
  "OF SYMBOL".padStart(9),
  "ORIGIN".padEnd(10),
  "RECEIVED".padStart(8),
].join("  ");

/**
 * `     12345         17  live          2 ms`: the time since the proxy received it.
 *
 * @param now wall clock ms
 */
export function metaText(meta: MessageMeta, now: number): string {
  const { sequence, symbolSequence, origin, receivedAt } = meta;
  return [
    String(sequence).padStart(10),
    String(symbolSequence).padStart(9),
    enumName(OriginSchema, origin).padEnd(10),
    (receivedAt ? age(now - millisecondsOf(receivedAt)) : "-").padStart(8),
  ].join("  ");
}

/** `size=10.5`: values that the message has rounded, and an unknown order event. */
export function exactText({ exactValues, eventWord }: MessageMeta): string {
  const values = exactValues.map(({ field, value }) => `${field}=${value}`);
  return [...values, ...(eventWord ? [`event=${eventWord}`] : [])].join(" ");
}

/** A gap in words: `2 messages are missing (slow_client) of AAPL, positions 5 to 9`. */
export function gapText(
  { reason, count, firstSequence, lastSequence, symbols }: StreamGap,
): string {
  const what = count === 0
    ? "messages are missing"
    : count === 1
    ? "1 message is missing"
    : `${grouped(count)} messages are missing`;
  const whose = symbols.length > 0 ? ` of ${listed(symbols)}` : "";
  const where = lastSequence > 0n && firstSequence > 0n
    ? `, positions ${firstSequence} to ${lastSequence}`
    : "";
  return `${what} (${reason})${whose}${where}`;
}

/** A notice as a line, aligned with the messages; undefined for gaps and unknown kinds. */
export function noticeLine(
  { at, kind }: Notice,
  { colors, digits }: { readonly colors: Colors; readonly digits: 3 | 9 },
): string | undefined {
  const [style, text] = noticeText(kind) ?? [];
  if (style === undefined || text === undefined) return undefined;
  return `${colors("dim", timeOfDay(at, digits))}  ${colors(style, text)}`;
}

function noticeText(kind: Notice["kind"]): readonly [Style, string] | undefined {
  switch (kind.case) {
    case "hello": {
      const { epoch, sequence, resumed, version, streamId, feed } = kind.value;
      const state = feed ? `, feed ${enumName(FreshnessSchema, feed.freshness)}` : "";
      const how = resumed ? "resumed" : "opened";
      return ["cyan", `${how} at ${epoch}:${sequence} (${streamId}, ${version}${state})`];
    }
    case "feed": {
      const { freshness, symbols, reason } = kind.value;
      const name = enumName(FreshnessSchema, freshness);
      const whose = symbols.length > 0 ? listed(symbols) : "the feed";
      return [
        name === "live" ? "green" : "yellow",
        `${whose}: ${name}${reason ? ` (${reason})` : ""}`,
      ];
    }
    case "subscription": {
      const { symbol, state, reason, underlying, selection } = kind.value;
      const why = reason ? ` (${reason})` : "";
      if (underlying === "") {
        return ["dim", `subscription of ${symbol}: ${enumName(SymbolStateSchema, state)}${why}`];
      }
      const change = enumName(SelectionChangeSchema, selection);
      const what = symbol === underlying ? change : `${symbol} ${change}`;
      const isShort = selection === SelectionChange.SHORT;
      return [isShort ? "yellow" : "dim", `selection of ${underlying}: ${what}${why}`];
    }
    case "heartbeat": {
      const { sequence, published, delivered, conflated, lost } = kind.value;
      return [
        "dim",
        `heartbeat at ${sequence}: ${grouped(published)} published, ${grouped(delivered)} ` +
        `delivered, ${grouped(conflated)} conflated, ${grouped(lost)} lost`,
      ];
    }
    case "draining": {
      const { reason, grace } = kind.value;
      return ["yellow", `the proxy ends the stream within ${grace?.seconds ?? 0} s: ${reason}`];
    }
    case "caughtUp": {
      const { sequence, count } = kind.value;
      return ["cyan", `caught up at ${sequence} after ${grouped(count)} messages`];
    }
    default:
      return undefined;
  }
}

const MAX_LISTED = 5;

function listed(symbols: readonly string[]): string {
  const others = symbols.length - MAX_LISTED;
  const shown = symbols.slice(0, MAX_LISTED).join(", ");
  return others > 0 ? `${shown} and ${others} more` : shown;
}
