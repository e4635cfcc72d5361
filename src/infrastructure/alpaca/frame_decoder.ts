/**
 * From a frame to published events, at once and without ever throwing.
 *
 * One bad element costs that element: an unknown type, a missing field, a
 * foreign value are counted and passed over, and their neighbours arrive. A
 * frame that cannot be decoded at all costs that frame. Nothing here costs the
 * socket.
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
import { InexactInteger } from "./fields.ts";
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

/** Decodes the frames of one market data feed. */
export class FrameDecoder {
  readonly #parts: FrameDecoderParts;

  constructor(parts: FrameDecoderParts) {
    this.#parts = parts;
  }

  /** Publishes the data of a frame and hands its control messages on, in order. */
  receive(frame: Frame, onControl: (control: Control) => void): void {
    const { clock, counters, format } = this.#parts;
    const receivedAt = clock.now();
    const start = clock.monotonic();
    let messages = format.plain.read(frame, receivedAt);
    if (messages < 0) {
      messages = this.#general({ frame, receivedAt }, onControl);
    }
    const seconds = (clock.monotonic() - start) / 1000;
    if (messages > 0) observe(counters.processing, { seconds, messages });
  }

  /** Decodes a frame of whatever form; how many elements it had. */
  #general(arrival: Arrival, onControl: (control: Control) => void): number {
    const { counters } = this.#parts;
    const elements = this.#decode(arrival.frame);
    for (let i = 0; i < elements.length; i++) {
      const element: unknown = elements[i];
      if (!isElement(element)) {
        this.#malformed(element, new TypeError("Not a map"));
        continue;
      }
      const handler = this.#parts.format.handlers.get(element.T);
      if (!handler) {
        this.#control(element, onControl);
        continue;
      }
      counters.received[handler.type]++;
      try {
        handler.handle(element, arrival.receivedAt);
      } catch (error) {
        if (error instanceof InexactInteger) {
          this.#handleExactly(handler, i, arrival);
        } else this.#malformed(element, error);
      }
    }
    return elements.length;
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
    let element: unknown;
    try {
      // Once per frame, however many of its elements need it.
      arrival.exact ??= listOf(
        this.#parts.format.codec.decodeExactly(arrival.frame),
      );
      element = arrival.exact[index];
      handler.handle(element as Element, arrival.receivedAt);
    } catch (error) {
      this.#malformed(element, error);
    }
  }

  #control(element: Element, onControl: (control: Control) => void): void {
    const { counters, log } = this.#parts;
    const control = readControl(element);
    if (control) {
      counters.received.control++;
      onControl(control);
      return;
    }
    counters.received.unknown++;
    counters.errors.unknown_type++;
    log.warn("Element of an unknown type", { type: printable(element.T) });
  }

  #malformed(element: unknown, error: unknown): void {
    const { counters, log } = this.#parts;
    counters.errors.malformed_element++;
    log.warn("Element is malformed", {
      type: isElement(element) ? printable(element.T) : typeof element,
      cause: error instanceof Error ? error.message : String(error),
    });
  }
}

/** Upstream sends arrays only; a lone map is read as an array of one. */
function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}
