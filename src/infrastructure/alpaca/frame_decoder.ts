/**
 * Decodes the frames of one market data feed and publishes their events.
 *
 * Nothing is thrown. A message that cannot be read, or whose handler throws, is
 * counted and logged, and the other messages of the frame are delivered. A frame
 * that cannot be decoded costs that frame.
 *
 * What is checked does not depend on the open streams, with one exception: the
 * fields of a quote, trade or minute bar other than its type and symbol are read
 * only when a stream wants it, so a wrong value there is counted only then.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import {
  type FeedCounters,
  observe,
} from "../../application/status/counters.ts";
import {
  type Control,
  type Element,
  isElement,
  printable,
  readControl,
} from "./control.ts";
import type { ElementHandler } from "./element_handlers.ts";
import { BadField, InexactInteger } from "./fields.ts";
import { FrameLog } from "./frame_log.ts";
import type { MarketFormat } from "./market_format.ts";
import type { Frame } from "./wire.ts";

/** What a decoder needs. */
export interface FrameDecoderParts {
  readonly format: MarketFormat;
  readonly counters: FeedCounters;
  readonly clock: Clock;
  readonly log: Log;
}

/** A frame that has come, while its elements are handled. */
interface Arrival {
  readonly frame: Frame;
  /** Wall clock ms. */
  readonly receivedAt: number;
  /** Its elements with every digit, once one of them has needed that. */
  exact?: readonly unknown[];
}

const NOT_A_MAP = new TypeError("Not a map");
/**
 * Bytes of the largest frame that is decoded exactly: that takes ten times the
 * time and memory, and frames of data have less than 100 kB.
 */
const MAX_EXACT_BYTES = 512 * 1024;

/** Decodes the frames of one market data feed. */
export class FrameDecoder {
  readonly #parts: FrameDecoderParts;
  readonly #faults: FrameLog;

  constructor(parts: FrameDecoderParts) {
    this.#parts = parts;
    this.#faults = new FrameLog(parts.log);
  }

  /**
   * Publishes the data of a frame and hands its control messages on, in order.
   * Never throws, also when a sink or `onControl` does.
   */
  receive(frame: Frame, onControl: (control: Control) => void): void {
    const { clock, counters } = this.#parts;
    try {
      const receivedAt = clock.now();
      const start = clock.monotonic();
      this.#faults.start();
      let messages = this.#fast(frame, receivedAt);
      if (messages < 0) {
        messages = this.#general({ frame, receivedAt }, onControl);
      }
      this.#faults.end();
      const seconds = (clock.monotonic() - start) / 1000;
      if (messages > 0) observe(counters.processing, { seconds, messages });
    } catch (error) {
      this.fault(error);
    }
  }

  /** Counts and logs that handling a frame failed; never throws. */
  fault(error: unknown): void {
    const { counters, log } = this.#parts;
    counters.errors.malformed_frame++;
    try {
      log.error("Frame could not be processed", { cause: error });
    } catch {
      // The count is all that can be left behind.
    }
  }

  /** As `PlainReader.read`, without throwing. */
  #fast(frame: Frame, receivedAt: number): number {
    try {
      return this.#parts.format.plain.read(
        frame,
        receivedAt,
        this.#onPublishError,
      );
    } catch (error) {
      // Nothing was published: the general decoder takes the frame.
      this.#parts.log.error("Fast decoder failed", { cause: error });
      return -1;
    }
  }

  readonly #onPublishError = (error: unknown): void =>
    this.#malformed(undefined, error);

  /** Decodes a frame of any form; returns the number of its elements. */
  #general(arrival: Arrival, onControl: (control: Control) => void): number {
    const elements = this.#decode(arrival.frame);
    for (let i = 0; i < elements.length; i++) {
      const element: unknown = elements[i];
      if (!isElement(element)) {
        this.#malformed(element, NOT_A_MAP);
        continue;
      }
      const handler = this.#parts.format.handlers.get(element.T);
      try {
        if (handler) this.#data(handler, i, { arrival, element });
        else this.#control(element, onControl);
      } catch (error) {
        this.#malformed(element, error);
      }
    }
    return elements.length;
  }

  #data(
    handler: ElementHandler,
    index: number,
    { arrival, element }: {
      readonly arrival: Arrival;
      readonly element: Element;
    },
  ): void {
    this.#parts.counters.received[handler.type]++;
    try {
      handler.handle(element, arrival.receivedAt);
    } catch (error) {
      const isExactable = error instanceof InexactInteger &&
        arrival.frame.length <= MAX_EXACT_BYTES;
      if (!isExactable) throw error;
      this.#handleExactly(handler, index, arrival);
    }
  }

  /** The elements of a frame; none when it cannot be decoded at all. */
  #decode(frame: Frame): readonly unknown[] {
    const { format, counters, log } = this.#parts;
    try {
      return listOf(format.codec.decode(frame));
    } catch (error) {
      counters.errors.malformed_frame++;
      log.warn("Frame cannot be decoded", { cause: error });
      return [];
    }
  }

  /** Handles the element at `index` from a decoding that keeps every digit. */
  #handleExactly(
    handler: ElementHandler,
    index: number,
    arrival: Arrival,
  ): void {
    // Once per frame, however many of its elements need it.
    arrival.exact ??= listOf(
      this.#parts.format.codec.decodeExactly(arrival.frame),
    );
    handler.handle(arrival.exact[index] as Element, arrival.receivedAt);
  }

  #control(element: Element, onControl: (control: Control) => void): void {
    const { counters } = this.#parts;
    const control = readControl(element);
    if (control) {
      counters.received.control++;
      onControl(control);
      return;
    }
    counters.received.unknown++;
    counters.errors.unknown_type++;
    this.#faults.warn("Element of an unknown type", {
      type: printable(element.T),
    });
  }

  #malformed(element: unknown, error: unknown): void {
    this.#parts.counters.errors.malformed_element++;
    const type = isElement(element) ? printable(element.T) : typeof element;
    if (isUpstreamsMistake(error)) {
      this.#faults.warn("Element is malformed", { type, cause: error.message });
    } else {
      this.#faults.error("Element could not be processed", {
        type,
        cause: error,
      });
    }
  }
}

/** Whether the error speaks of what was received; any other one is a bug. */
function isUpstreamsMistake(error: unknown): error is Error {
  return error === NOT_A_MAP || error instanceof BadField ||
    error instanceof InexactInteger;
}

/** Upstream sends arrays only; a lone map is read as an array of one. */
function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}
