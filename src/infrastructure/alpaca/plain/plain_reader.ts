/**
 * Fast decoding of the usual frames, straight from bytes to events.
 *
 * A frame is plain when it is what upstream nearly always sends: a list of
 * quotes, trades and minute bars with the fields of the protocol in any order,
 * short numbers, and ASCII text without escapes. It is read in one pass that
 * builds nothing but the events that streams want: no text of the frame and no
 * map per message. That is two to four times as fast as general decoding.
 *
 * Invariant: a plain reader takes a whole frame or nothing of it, and what it
 * takes has the same outcome (events, counters) as in the general decoder. A
 * frame with anything else (an unknown type, a missing field, an odd value, a
 * control message, a length beyond a limit) is left to the general decoder, which
 * validates, counts and logs. Messages that no stream wants are stepped over:
 * their syntax, type and symbol are checked, their other fields are not, in both
 * decoders. `deno task fuzz` and the property tests compare the two.
 *
 * @module
 */
import type { EventSink } from "../../../application/ports/event_sink.ts";
import type { MessageType } from "../../../application/status/counters.ts";

/** Receives what a sink's `publish` throws. */
export type OnPublishError = (error: unknown) => void;

/** Reads plain frames of one feed and publishes what they carry. */
export interface PlainReader {
  /**
   * Reads a frame.
   *
   * @param receivedAt wall clock ms at which the frame arrived
   * @param onPublishError called with what a sink throws, once per event; the
   *   other events are published
   * @returns how many elements it had; -1 when the frame is not plain, and
   *   then nothing was published or counted
   * @throws any error of a sink's `wants`; then nothing was published or counted
   */
  read(
    frame: Uint8Array,
    receivedAt: number,
    onPublishError: OnPublishError,
  ): number;
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
  publish(receivedAt: number, onPublishError: OnPublishError): number {
    const received = this.#received;
    const elements = this.#quotes + this.#trades + this.#bars;
    received.quote += this.#quotes;
    received.trade += this.#trades;
    received.bar += this.#bars;
    const sinks = this.#sinks;
    const events = this.#events;
    for (let i = 0; i < events.length; i++) {
      try {
        sinks[i]?.publish(events[i], receivedAt);
      } catch (error) {
        onPublishError(error);
      }
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

/** What {@linkcode harvest} needs beside the harvest. */
export interface HarvestOptions {
  readonly receivedAt: number;
  readonly onPublishError: OnPublishError;
  /** Reads the frame and fills the harvest. */
  readonly readElements: () => void;
}

/**
 * Reads a frame and publishes the harvest if the frame was plain to its end.
 *
 * @returns as {@linkcode PlainReader.read}
 * @throws as {@linkcode PlainReader.read}
 */
export function harvest(kept: FrameHarvest, options: HarvestOptions): number {
  try {
    options.readElements();
  } catch (error) {
    kept.clear();
    if (error === NOT_PLAIN) return -1;
    throw error;
  }
  return kept.publish(options.receivedAt, options.onPublishError);
}

/** Whether a number was there (not NaN), is no less than 0 and fits 31 bits. */
export function isSize(value: number): boolean {
  return value >= 0 && (value | 0) === value;
}
