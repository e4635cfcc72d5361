/**
 * Records the outcome of decoding a frame and compares outcomes.
 *
 * @module
 */
import type { EventSink } from "../../src/application/ports/event_sink.ts";
import type { Log, LogFields } from "../../src/application/ports/log.ts";
import { createCounters, type FeedCounters } from "../../src/application/status/counters.ts";
import { isTimestamp, type Timestamp } from "../../src/domain/market/timestamp.ts";

/** Thrown by the sinks of a lane whose handlers fail. */
export const HANDLER_ERROR = new Error("A handler failed on purpose");

/** A clock with a fixed time. */
export const FIXED_CLOCK = {
  now: () => 1_789_396_202_500,
  monotonic: () => 0,
  sleep: () => Promise.resolve(),
};

/** A published event and the name of its channel. */
type Published = readonly [channel: string, event: unknown];

/** Everything that a decoder published, counted and logged for a frame. */
export class Outcome {
  readonly counters: FeedCounters = createCounters().feeds.sip;
  readonly events: Published[] = [];
  readonly controls: unknown[] = [];
  /** Errors that were logged as internal. */
  readonly faults: unknown[] = [];
  /** Warnings about upstream messages, without values. */
  readonly notes = new Set<string>();
  /** Whether `notes` are recorded. */
  isNoting = true;
  readonly log: Log = {
    debug: () => {},
    info: () => {},
    warn: (message, fields) => {
      if (this.isNoting) this.notes.add(note(message, fields));
    },
    error: (_, fields) => {
      if (fields?.cause !== HANDLER_ERROR) this.faults.push(fields?.cause);
    },
    with: () => this.log,
  };

  /** Removes everything. */
  clear(): void {
    const { received, errors, processing } = this.counters;
    zero(received);
    zero(errors);
    this.counters.inexact = 0;
    processing.counts.fill(0);
    this.events.length = this.controls.length = this.faults.length = 0;
    this.notes.clear();
  }

  /** A sink that records into this outcome. */
  sink<T>(
    channel: string,
    options: {
      readonly mayHaveSubscribers: (symbol: string) => boolean;
      readonly fails?: boolean;
    },
  ): EventSink<T> {
    return {
      mayHaveSubscribers: options.mayHaveSubscribers,
      publish: (event) => {
        if (options.fails) throw HANDLER_ERROR;
        this.events.push([channel, event]);
      },
      unreadable: () => {},
    };
  }

  /** Messages that the latency histogram counted. */
  get messages(): number {
    return sum(this.counters.processing.counts);
  }
}

function zero(counts: Record<string, number>): void {
  for (const name in counts) counts[name] = 0;
}

/** The sum of numbers. */
export function sum(numbers: Iterable<number>): number {
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum;
}

function note(message: string, fields: LogFields | undefined): string {
  const { cause } = fields ?? {};
  const text = cause instanceof Error ? cause.message : String(cause ?? "");
  // The field and what is wrong with it come before the value.
  const value = text.indexOf('"', text.indexOf('"', text.indexOf('"') + 1) + 1);
  return `${message} ${text.slice(0, value < 0 ? 24 : value)}`;
}

/** Compares two values deeply, −0 and NaN included. */
export function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || !a || !b) return false;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length &&
      a.every((item, i) => same(item, b[i]));
  }
  if (a instanceof Map || a instanceof Set) {
    return a.constructor === b.constructor &&
      same([...a], [...b as Iterable<unknown>]);
  }
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length &&
    keys.every((key) => same(a[key as keyof typeof a], b[key as keyof typeof b]));
}

/** Longest text in an event. */
const MAX_TEXT = 1_024;
/** Longest list in an event. */
const MAX_ITEMS = 64;

/** A part of an event that cannot be encoded; `undefined` without one. */
export function flawOf(value: unknown, path = "event"): string | undefined {
  switch (typeof value) {
    case "string":
      return value.length > MAX_TEXT ? `${path} is too long` : undefined;
    case "number":
      return Number.isFinite(value) ? undefined : `${path} is ${value}`;
    case "bigint":
    case "boolean":
    case "undefined":
      return undefined;
    case "object":
      break;
    default:
      return `${path} is a ${typeof value}`;
  }
  if (value === null) return `${path} is null`;
  const entries = Object.entries(value);
  if (entries.length > MAX_ITEMS) return `${path} has too many items`;
  if ("nanos" in value && !isTimestamp(value as Timestamp)) {
    return `${path} is not a valid time`;
  }
  for (const [key, item] of entries) {
    const flaw = flawOf(item, `${path}.${key}`);
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}

/** Formats an outcome. */
export function describe(outcome: Outcome): string {
  const { counters, events, controls, faults, notes } = outcome;
  const moved = (counts: Record<string, number>) =>
    Object.fromEntries(Object.entries(counts).filter(([, count]) => count));
  return Deno.inspect({
    received: moved(counters.received),
    errors: moved(counters.errors),
    events,
    controls,
    faults,
    notes,
  }, { depth: 8, strAbbreviateSize: 200 });
}
