/**
 * Control messages of the market data streams, apart from data.
 *
 * @module
 */
import type { UpstreamError } from "../../domain/subscription/request.ts";
import {
  type SymbolSets,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
} from "../../domain/subscription/symbol_sets.ts";
import { MAX_SYMBOL_LENGTH, shorten } from "./text_limits.ts";

/** A decoded map of a frame, its values not yet trusted. */
export type Element = Readonly<Record<string, unknown>>;

/** What upstream says about the session rather than the market. */
export type Control =
  | { readonly type: "success"; readonly message: string }
  | { readonly type: "error"; readonly error: UpstreamError }
  | { readonly type: "subscription"; readonly state: SymbolSets };

/** Whether a decoded value is a map. */
export function isElement(value: unknown): value is Element {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The longest part of a foreign word that is logged. */
const MAX_PRINTED = 32;

/** A foreign word for a log line: short, and safe for any value. */
export function printable(word: unknown): string {
  if (typeof word !== "string") return typeof word;
  return word.length > MAX_PRINTED ? shorten(word).slice(0, MAX_PRINTED) : word;
}

/** Reads a control message; `undefined` when the element is none. */
export function readControl(element: Element): Control | undefined {
  switch (element.T) {
    case "success":
      return { type: "success", message: textOf(element.msg) };
    case "error":
      return { type: "error", error: readError(element) };
    case "subscription":
      return { type: "subscription", state: readState(element) };
    default:
      return undefined;
  }
}

function readError(element: Element): UpstreamError {
  const code = Number.isSafeInteger(element.code) ? Number(element.code) : 0;
  return { code, message: textOf(element.msg) || "unnamed error" };
}

/** Channels that we never ask for (corrections follow trades) are left out. */
function readState(element: Element): SymbolSets {
  const state = new Map<UpstreamChannel, ReadonlySet<string>>();
  for (const channel of UPSTREAM_CHANNELS) {
    const symbols = element[channel];
    if (!Array.isArray(symbols) || symbols.length === 0) continue;
    state.set(
      channel,
      new Set(symbols.filter(isSymbol)),
    );
  }
  return state;
}

/** A longer one was never asked for. */
function isSymbol(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_SYMBOL_LENGTH;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? shorten(value) : "";
}
