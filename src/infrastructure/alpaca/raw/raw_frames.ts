/**
 * Passes the messages of frames on as they are, beside their events.
 *
 * @module
 */
import type { RawSink } from "../../../application/ports/raw_sink.ts";
import type {
  FoundMessage,
  MessageFormat,
  MessageTarget,
} from "../../../application/relay/relayed_message.ts";
import { JsonScanner } from "./json_scanner.ts";
import type { MessageScanner } from "./message_scanner.ts";
import { MsgpackScanner } from "./msgpack_scanner.ts";

/** Messages about the session, which are not passed on. */
const CONTROL: ReadonlySet<string> = new Set(["success", "error", "subscription"]);

/** Passes messages on. */
export class RawFrames implements RawSink {
  readonly #scanner: MessageScanner;
  readonly #target: MessageTarget;
  #receivedAt = 0;

  /** @param format of the frames */
  constructor(format: MessageFormat, target: MessageTarget) {
    this.#scanner = format === "json" ? new JsonScanner() : new MsgpackScanner();
    this.#target = target;
  }

  get isWanted(): boolean {
    return this.#target.isWanted;
  }

  receive(frame: Uint8Array, receivedAt: number): void {
    this.#receivedAt = receivedAt;
    try {
      this.#scanner.scan(frame, this.#onMessage);
    } catch (error) {
      // The messages after those that were found.
      this.unreadable();
      throw error;
    }
  }

  unreadable(): void {
    if (this.isWanted) this.#target.unreadable();
  }

  readonly #onMessage = (message: FoundMessage): void => {
    if (message.type.length > 1 && CONTROL.has(message.type)) return;
    this.#target.publish(message, this.#receivedAt);
  };
}
