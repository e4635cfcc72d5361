/**
 * The market data decoders: compares the fast with the general one, with all, some
 * or no symbols subscribed, and with failing handlers.
 *
 * @module
 */
import { FrameDecoder } from "../../src/infrastructure/alpaca/decode.ts";
import {
  type MarketFormat,
  optionFormat,
  stockFormat,
} from "../../src/infrastructure/alpaca/market.ts";
import type { Control } from "../../src/infrastructure/alpaca/messages.ts";
import { frameInputs, OPTION_MESSAGES, STOCK_MESSAGES, SYMBOLS } from "./grammar.ts";
import { describe, FIXED_CLOCK, flawOf, HANDLER_ERROR, Outcome, same, sum } from "./outcome.ts";
import { DECLINED, type Target } from "./target.ts";
import { writeJson, writeMsgpack } from "./writers.ts";

const WANTED: ReadonlySet<string> = new Set(SYMBOLS.slice(0, 2));

/** Subscribed symbols of a pair of lanes, and whether its sinks fail. */
const MODES = {
  all: { mayHaveSubscribers: () => true },
  some: { mayHaveSubscribers: (symbol: string) => WANTED.has(symbol) },
  none: { mayHaveSubscribers: () => false },
  failing: {
    mayHaveSubscribers(symbol: string) {
      if (symbol === "MSFT") throw HANDLER_ERROR;
      return true;
    },
    fails: true,
  },
};

type Mode = keyof typeof MODES;
type Feed = "stock" | "option";

const OTHER_MODES = ["some", "none", "failing"] as const;
/** Modes beside "all", in turn: every other input also runs in one of them. */
const TURNS: readonly (readonly Mode[])[] = OTHER_MODES.flatMap((
  mode,
) => [[mode], []]);

/** One decoder and its outcome. */
class Lane {
  readonly outcome = new Outcome();
  /** Whether the fast decoder supported the last frame. */
  isFast = false;
  /** What the fast decoder threw at the last frame. */
  crash: unknown;
  readonly #decoder: FrameDecoder<Control>;
  readonly #onControl: (control: unknown) => void;

  constructor(feed: Feed, mode: Mode, fast: boolean) {
    const { outcome } = this;
    outcome.isNoting = mode === "all" && !fast;
    const { counters, log } = outcome;
    const sink = (channel: string) => outcome.sink<unknown>(channel, MODES[mode]);
    const sinks = {
      quotes: sink("quotes"),
      trades: sink("trades"),
      bars: sink("bars"),
      updatedBars: sink("updatedBars"),
      dailyBars: sink("dailyBars"),
      statuses: sink("statuses"),
      bands: sink("bands"),
      corrections: sink("corrections"),
      imbalances: sink("imbalances"),
    };
    const make = feed === "stock" ? stockFormat : optionFormat;
    const format = this.#watched(make(sinks), fast);
    this.#decoder = new FrameDecoder({
      format,
      counters,
      log,
      clock: FIXED_CLOCK,
    });
    this.#onControl = (control) => {
      if (mode === "failing") throw HANDLER_ERROR;
      outcome.controls.push(control);
    };
  }

  run(frame: Uint8Array): void {
    this.outcome.clear();
    this.crash = undefined;
    this.isFast = false;
    this.#decoder.receive(frame, this.#onControl);
  }

  #watched(format: ReturnType<typeof stockFormat>, fast: boolean): MarketFormat {
    const decodeFrame = (frame: Uint8Array) => {
      if (!fast) return undefined;
      try {
        const batch = format.fast.decodeFrame(frame);
        this.isFast = batch !== undefined;
        return batch;
      } catch (error) {
        if (error !== HANDLER_ERROR) this.crash = error;
        throw error;
      }
    };
    return { ...format, fast: { decodeFrame } };
  }
}

class Pair {
  readonly fast: Lane;
  readonly general: Lane;

  constructor(feed: Feed, mode: Mode) {
    this.fast = new Lane(feed, mode, true);
    this.general = new Lane(feed, mode, false);
  }

  /** Runs both decoders and returns a difference or a fault. */
  run(frame: Uint8Array): string | undefined {
    this.fast.run(frame);
    this.general.run(frame);
    const { fast, general } = this;
    const problem = fast.crash !== undefined
      ? `The fast decoder threw ${fast.crash}`
      : differenceOf(fast.outcome, general.outcome) ??
        imbalanceOf(general.outcome);
    return problem &&
      `${problem}\nfast: ${describe(fast.outcome)}\ngeneral: ${describe(general.outcome)}`;
  }
}

function differenceOf(fast: Outcome, general: Outcome): string | undefined {
  if (!same(fast.events, general.events)) return "The events differ";
  if (!same(fast.controls, general.controls)) return "The replies differ";
  if (!same(fast.counters, general.counters)) return "The counters differ";
  const fault = fast.faults[0] ?? general.faults[0];
  return fault === undefined ? undefined : `An unexpected error was thrown: ${fault}`;
}

function imbalanceOf(outcome: Outcome): string | undefined {
  const { counters: { received, errors }, events, messages } = outcome;
  const counted = sum(Object.values(received));
  if (errors.malformed_frame > 1) return "A frame was counted twice";
  if (errors.malformed_frame === 1 && (counted > 0 || messages > 0)) {
    return "A malformed frame has messages";
  }
  if (errors.unknown_type !== received.unknown) return "Unknown types differ";
  if (counted > messages || errors.malformed_element > messages) {
    return "A message was counted twice";
  }
  for (const [, event] of events) {
    const flaw = flawOf(event) ?? symbolFlaw(event);
    if (flaw !== undefined) return `An event cannot be sent: ${flaw}`;
  }
  return undefined;
}

function symbolFlaw(event: unknown): string | undefined {
  const { symbol } = event as { readonly symbol: string };
  return symbol.length >= 1 && symbol.length <= 64 ? undefined : "symbol has a wrong length";
}

/** A market data stream. */
export class MarketTarget implements Target {
  readonly name: Feed;
  readonly examples;
  readonly generate;
  readonly isText;
  readonly #pairs: Readonly<Record<Mode, Pair>>;
  #turn = 0;

  constructor(feed: Feed) {
    this.name = feed;
    const messages = feed === "stock" ? STOCK_MESSAGES : OPTION_MESSAGES;
    const inputs = frameInputs({ messages }, feed === "stock" ? writeJson : writeMsgpack);
    this.examples = inputs.examples;
    this.generate = inputs.generate;
    this.isText = feed === "stock";
    this.#pairs = {
      all: new Pair(feed, "all"),
      some: new Pair(feed, "some"),
      none: new Pair(feed, "none"),
      failing: new Pair(feed, "failing"),
    };
  }

  run(input: Uint8Array, thorough: boolean): string | undefined {
    const turn = TURNS[this.#turn++ % TURNS.length] ?? [];
    const problem = this.#runIn("all", input);
    if (problem) return problem;
    // A frame is declined before subscriptions are read.
    if (!thorough && this.signature() === DECLINED) return undefined;
    for (const mode of thorough ? OTHER_MODES : turn) {
      const problem = this.#runIn(mode, input) ?? this.#compare(mode);
      if (problem) return problem;
    }
    return undefined;
  }

  #runIn(mode: Mode, input: Uint8Array): string | undefined {
    const problem = this.#pairs[mode].run(input);
    return problem && `Mode "${mode}": ${problem}`;
  }

  /** A difference that depends on the mode and must not. */
  #compare(mode: Mode): string | undefined {
    const all = this.#pairs.all.general.outcome;
    const other = this.#pairs[mode].general.outcome;
    const problem = mode === "failing"
      ? same(all.counters.received, other.counters.received)
        ? undefined
        : "A failing handler changes what is counted as received"
      : dependenceOf(all, other, MODES[mode].mayHaveSubscribers);
    return problem &&
      `${problem}\nall: ${describe(all)}\n${mode}: ${describe(other)}`;
  }

  signature(): string {
    const { all } = this.#pairs;
    const { counters, notes, controls } = all.general.outcome;
    if (counters.errors.malformed_frame > 0) return DECLINED;
    const types = Object.entries(counters.received).flatMap(([type, count]) =>
      count > 0 ? [type] : []
    );
    return [
      all.fast.isFast,
      Math.min(controls.length, 2),
      ...types,
      ...notes,
    ].join(";");
  }
}

/** A difference between two modes beyond the subscribed symbols. */
function dependenceOf(
  all: Outcome,
  fewer: Outcome,
  mayHaveSubscribers: (symbol: string) => boolean,
): string | undefined {
  const [a, b] = [all.counters, fewer.counters];
  if (
    !same(a.received, b.received) || !same(all.controls, fewer.controls) ||
    a.errors.malformed_frame !== b.errors.malformed_frame ||
    a.errors.unknown_type !== b.errors.unknown_type
  ) return "Counters depend on the subscriptions";
  if (a.errors.malformed_element < b.errors.malformed_element) {
    return "More is malformed when fewer symbols are requested";
  }
  const wanted = all.events.filter(([, event]) =>
    mayHaveSubscribers((event as { readonly symbol: string }).symbol)
  );
  return same(wanted, fewer.events) ? undefined : "Other events depend on the subscriptions";
}
