/**
 * Passes the messages of frames on as they are, beside their events.
 *
 * @module
 */
import type { FramePlaces, RawSink } from "../../../application/ports/raw_sink.ts";
import type {
  FoundMessage,
  LostMessage,
  MessageFormat,
  MessageTarget,
} from "../../../application/relay/relayed_message.ts";
import { JsonScanner } from "./json_scanner.ts";
import { Found, type MessageScanner } from "./message_scanner.ts";
import { MsgpackScanner } from "./msgpack_scanner.ts";

/** Messages about the session, which are not passed on. */
const CONTROL: ReadonlySet<string> = new Set(["success", "error", "subscription"]);

/** Passes messages on. */
export class RawFrames implements RawSink {
  readonly #scanner: MessageScanner;
  readonly #target: MessageTarget;
  readonly #found = new Found();
  #receivedAt = 0;

  /** @param format of the frames */
  constructor(format: MessageFormat, target: MessageTarget) {
    this.#scanner = format === "json" ? new JsonScanner() : new MsgpackScanner();
    this.#target = target;
  }

  get isWanted(): boolean {
    return this.#target.isWanted;
  }

  receive(frame: Uint8Array, receivedAt: number, places?: FramePlaces): void {
    if (places) return this.#publish(frame, receivedAt, places);
    this.#receivedAt = receivedAt;
    try {
      this.#scanner.scan(frame, this.#onMessage);
    } catch (error) {
      // The messages after those that were found.
      this.#target.unreadable();
      throw error;
    }
  }

  unreadable(frame: Uint8Array): void {
    if (!this.isWanted) return;
    const lost = this.#findAll(frame);
    if (lost === undefined) this.#target.unreadable();
    else for (const message of lost) this.#target.lost(message);
  }

  /** What the messages of a frame are that is not valid; `undefined` if that is not certain. */
  #findAll(frame: Uint8Array): readonly LostMessage[] | undefined {
    const all: LostMessage[] = [];
    const onMessage = ({ type, symbol, symbols }: FoundMessage) => {
      if (!CONTROL.has(type)) all.push({ type, symbol, symbols });
    };
    try {
      return this.#scanner.scan(frame, onMessage) ? all : undefined;
    } catch {
      return undefined;
    }
  }

  #publish(
    frame: Uint8Array,
    receivedAt: number,
    { count, starts, ends, types, symbols }: FramePlaces,
  ): void {
    const found = this.#found;
    for (let i = 0; i < count; i++) {
      found.begin(frame, starts[i] as number);
      found.end = ends[i] as number;
      found.type = types[i] as string;
      found.symbol = symbols[i];
      this.#target.publish(found, receivedAt);
    }
  }

  readonly #onMessage = (message: FoundMessage): void => {
    if (message.type.length > 1 && CONTROL.has(message.type)) return;
    this.#target.publish(message, this.#receivedAt);
  };
}
