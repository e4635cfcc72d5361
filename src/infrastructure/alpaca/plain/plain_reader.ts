/**
 * Reading frames of the plain form, straight from bytes to events.
 *
 * A frame is plain when it is what upstream sends nearly always: a list of
 * quotes, trades and minute bars with the fields of the protocol, in whatever
 * order, short numbers, ASCII text without escapes. Such a frame is read in one
 * pass that builds nothing but the events somebody wants: no text of the frame,
 * no map for each element, and what nobody wants is stepped over. That is two
 * to four times as fast as decoding it in general.
 *
 * The law: a plain reader takes a whole frame or nothing of it. Whatever it is
 * not sure of (an unknown type, a missing field, an odd value, a control
 * message) it leaves to the general decoder, which judges, counts and explains;
 * so both give the same events for the same frame, which is a law under test.
 * The one thing it does not judge is what it steps over.
 *
 * @module
 */
import type { EventSink } from "../../../application/ports/event_sink.ts";
import type { MessageType } from "../../../application/status/counters.ts";

/** Reads plain frames of one feed and publishes what they carry. */
export interface PlainReader {
  /**
   * Reads a frame.
   *
   * @param receivedAt wall clock ms at which the frame arrived
   * @returns how many elements it had; -1 when the frame is not plain, and
   *   then nothing was published or counted
   */
  read(frame: Uint8Array, receivedAt: number): number;
}

/** Thrown where a frame turns out not to be plain; carries no stack. */
export class NotPlain extends Error {
  override readonly name = "NotPlain";
}

/** One for all: making an error costs more than reading a frame. */
export const NOT_PLAIN: NotPlain = new NotPlain("The frame is not plain");

/** What a frame carries, kept until all of it has been read. */
export class FrameHarvest {
  readonly #received: Record<MessageType, number>;
  readonly #sinks: EventSink<unknown>[] = [];
  readonly #events: unknown[] = [];
  #quotes = 0;
  #trades = 0;
  #bars = 0;

  /** @param received counters of elements by type */
  constructor(received: Record<MessageType, number>) {
    this.#received = received;
  }

  /** An element of this type was there, wanted or not. */
  sawQuote(): void {
    this.#quotes++;
  }

  /** As `sawQuote`. */
  sawTrade(): void {
    this.#trades++;
  }

  /** As `sawQuote`. */
  sawBar(): void {
    this.#bars++;
  }

  /** Keeps an event for a sink. */
  keep<T>(sink: EventSink<T>, event: T): void {
    // A sink and its event stay at the same place of two lists, which the
    // types of these lists cannot say.
    this.#sinks.push(sink as EventSink<unknown>);
    this.#events.push(event);
  }

  /** Counts and publishes everything, in order; the number of elements. */
  publish(receivedAt: number): number {
    const received = this.#received;
    const elements = this.#quotes + this.#trades + this.#bars;
    received.quote += this.#quotes;
    received.trade += this.#trades;
    received.bar += this.#bars;
    const sinks = this.#sinks;
    const events = this.#events;
    for (let i = 0; i < events.length; i++) {
      sinks[i]?.publish(events[i], receivedAt);
    }
    this.clear();
    return elements;
  }

  /** Forgets everything. */
  clear(): void {
    this.#sinks.length = 0;
    this.#events.length = 0;
    this.#quotes = this.#trades = this.#bars = 0;
  }
}

/**
 * Runs `readElements`, which fills the harvest, and publishes it if the frame
 * was plain to its end.
 *
 * @returns as {@linkcode PlainReader.read}
 */
export function harvest(
  kept: FrameHarvest,
  receivedAt: number,
  readElements: () => void,
): number {
  try {
    readElements();
  } catch (error) {
    kept.clear();
    if (error === NOT_PLAIN) return -1;
    throw error;
  }
  return kept.publish(receivedAt);
}

/** Whether a number was there (not NaN), is no less than 0 and fits 31 bits. */
export function isSize(value: number): boolean {
  return value >= 0 && (value | 0) === value;
}
