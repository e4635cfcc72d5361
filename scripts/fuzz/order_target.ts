/**
 * The decoder of the trading stream, compared with a plain JSON parser.
 *
 * @module
 */
import { FrameDecoder } from "../../src/infrastructure/alpaca/decode.ts";
import { tradingFormat, type TradingReply } from "../../src/infrastructure/alpaca/trading.ts";
import { frameInputs, ORDER_MESSAGES } from "./grammar.ts";
import { describe, FIXED_CLOCK, flawOf, HANDLER_ERROR, Outcome, same } from "./outcome.ts";
import { DECLINED, type Target } from "./target.ts";
import { writeJson } from "./writers.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });
/** Nesting that a decoder may decline, because its parser recurses. */
const DEEP = 500;

/** Expected counts of a frame. */
interface Expected {
  readonly updates: number;
  readonly others: number;
  readonly foreign: number;
}

/** A decoder with working or failing handlers. */
class Lane {
  readonly outcome = new Outcome();
  readonly #decoder: FrameDecoder<TradingReply>;
  readonly #onReply: (reply: unknown) => void;

  constructor(fails: boolean) {
    const { outcome } = this;
    const { counters, log } = outcome;
    this.#decoder = new FrameDecoder({
      format: tradingFormat(outcome.sink("orders", { mayHaveSubscribers: () => true, fails })),
      counters,
      log,
      clock: FIXED_CLOCK,
    });
    this.#onReply = (reply) => {
      if (fails) throw HANDLER_ERROR;
      outcome.controls.push(reply);
    };
  }

  run(frame: Uint8Array): Outcome {
    this.outcome.clear();
    this.#decoder.receive(frame, this.#onReply);
    return this.outcome;
  }
}

/** The trading stream. */
export class OrderTarget implements Target {
  readonly name = "order";
  readonly examples;
  readonly generate;
  readonly isText = true;
  readonly #working = new Lane(false);
  readonly #failing = new Lane(true);

  constructor() {
    const inputs = frameInputs({ messages: ORDER_MESSAGES, alone: true }, writeJson);
    this.examples = inputs.examples;
    this.generate = inputs.generate;
  }

  run(input: Uint8Array): string | undefined {
    const outcome = this.#working.run(input);
    const failed = this.#failing.run(input);
    const problem = problemOf(input, outcome) ??
      failingProblem(outcome, failed);
    return problem && `${problem}\n${describe(outcome)}\n${describe(failed)}`;
  }

  signature(): string {
    const { counters, notes, controls } = this.#working.outcome;
    const kinds = controls.map((reply) => (reply as { type: string }).type);
    const { received, errors } = counters;
    if (errors.malformed_frame > 0) return DECLINED;
    return [
      Math.min(received.order_update, 3),
      Math.min(errors.unknown_word, 2),
      ...new Set(kinds),
      ...notes,
    ].join(";");
  }
}

function problemOf(input: Uint8Array, outcome: Outcome): string | undefined {
  const { counters: { received, errors }, events, controls, faults } = outcome;
  if (faults.length > 0) return `An unexpected error was thrown: ${faults[0]}`;
  const expected = expect(input);
  if (errors.malformed_frame > 0) {
    if (errors.malformed_frame > 1) return "A frame was counted twice";
    if (outcome.messages > 0) return "A malformed frame has messages";
    return expected === undefined || isDeep(input) ? undefined : "A frame of JSON was declined";
  }
  if (expected === undefined) return "A frame that is not JSON was accepted";
  const { updates, others, foreign } = expected;
  if (received.order_update !== updates) return "Updates are miscounted";
  if (received.control + received.unknown !== others) {
    return "Replies are miscounted";
  }
  if (errors.unknown_type !== received.unknown) return "Unknown types differ";
  if (controls.length !== received.control) return "A reply was lost";
  if (events.length + errors.malformed_element !== updates + foreign) {
    return "A message has no outcome, or two";
  }
  if (errors.unknown_word > events.length) return "Words are counted twice";
  for (const [, event] of events) {
    const flaw = flawOf(event);
    if (flaw !== undefined) return `An event cannot be sent: ${flaw}`;
  }
  return undefined;
}

function failingProblem(
  outcome: Outcome,
  failed: Outcome,
): string | undefined {
  const { counters: { received, errors }, events, controls } = outcome;
  const after = failed.counters;
  if (failed.faults.length > 0) return `A handler failed: ${failed.faults[0]}`;
  if (!same(after.received, received)) return "A failing handler miscounts";
  const malformed = errors.malformed_element + events.length + controls.length;
  return after.errors.malformed_element === malformed
    ? undefined
    : "A failing handler is not counted once";
}

/** Parses JSON; `undefined` when the frame is not JSON. */
function expect(input: Uint8Array): Expected | undefined {
  const nothing = { updates: 0, others: 0, foreign: 0 };
  if (input.length === 1 && input[0] === 1) return nothing;
  let parsed: unknown;
  try {
    parsed = JSON.parse(utf8.decode(input));
  } catch {
    return undefined;
  }
  const counts = { ...nothing };
  for (const message of Array.isArray(parsed) ? parsed : [parsed]) {
    const isMap = typeof message === "object" && message !== null &&
      !Array.isArray(message);
    if (!isMap) counts.foreign++;
    else if (message.stream === "trade_updates") counts.updates++;
    else counts.others++;
  }
  return counts;
}

function isDeep(input: Uint8Array): boolean {
  let depth = 0;
  for (const byte of input) {
    if ((byte === 0x5b || byte === 0x7b) && ++depth > DEEP) return true;
  }
  return false;
}
