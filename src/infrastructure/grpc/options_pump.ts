/**
 * Writes a stream with options: events, with their metadata if it was requested, and notices, in
 * the order of the stream.
 *
 * @module
 */
import type { Envelope } from "../../application/broadcast/envelope.ts";
import type {
  NoticeItem,
  OpenAnnotatedStream,
  StreamItem,
} from "../../application/streaming/market_streams.ts";
import type { Encode } from "./encoding/channel_encoders.ts";
import type { MetaEncoder } from "./encoding/message_meta.ts";
import { encodeNotice } from "./encoding/notice_response.ts";
import {
  MAX_BYTES,
  type MessageSink,
  StreamPump,
  UNENCODABLE,
  type WriteOptions,
} from "./stream_pump.ts";

/** Options of {@linkcode pumpWithOptions}. */
export interface OptionsPumpOptions<T> extends WriteOptions {
  /** Ends the pump, also during a write. */
  readonly signal: AbortSignal;
  readonly encode: Encode<T>;
  /** Adds the metadata; without it messages have none. */
  readonly meta: MetaEncoder | undefined;
  /** The event as Alpaca spells it. */
  readonly wordOf: (event: T) => string;
  /** Version of the proxy, for hello. */
  readonly version: string;
}

/**
 * Writes a stream with options until it ends or the signal fires. An event that cannot be encoded
 * is a gap in a stream with notices.
 *
 * @throws {unknown} errors of the stream and of the call
 */
export function pumpWithOptions<T>(
  call: MessageSink,
  stream: OpenAnnotatedStream<T>,
  options: OptionsPumpOptions<T>,
): Promise<void> {
  return new OptionsPump(call, stream, options).run(stream);
}

class OptionsPump<T> extends StreamPump<StreamItem<T>> {
  readonly #stream: Pick<OpenAnnotatedStream<T>, "unencodable">;
  readonly #options: OptionsPumpOptions<T>;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(
    call: MessageSink,
    stream: Pick<OpenAnnotatedStream<T>, "unencodable">,
    options: OptionsPumpOptions<T>,
  ) {
    super(call, options);
    this.#stream = stream;
    this.#options = options;
  }

  /** Writes until the stream ends or the signal fires. */
  async run(stream: OpenAnnotatedStream<T>): Promise<void> {
    const { signal } = this.#options;
    const onAbort = () => {
      this.stop();
      this.#resolve();
    };
    signal.addEventListener("abort", onAbort);
    try {
      for await (const batch of stream.batches(signal)) {
        await new Promise<void>((resolve, reject) => {
          this.#resolve = resolve;
          this.#reject = reject;
          this.write(batch);
        });
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  protected override next(): void {
    this.#resolve();
  }

  protected override fail(error: unknown): void {
    this.#reject(error);
  }

  protected override encode(
    items: readonly StreamItem<T>[],
    from: number,
    messages: Uint8Array[],
  ): number {
    let at = from;
    let bytes = 0;
    for (; at < items.length && bytes < MAX_BYTES; at++) {
      const item = items[at] as StreamItem<T>;
      const message = "notice" in item ? this.#noticeBytes(item) : this.#eventBytes(item);
      if (message === undefined) continue;
      messages.push(message);
      bytes += message.length;
    }
    const { written } = this.#options;
    if (written) written.bytes += bytes;
    return at;
  }

  #noticeBytes({ notice }: NoticeItem): Uint8Array {
    return encodeNotice(notice, this.#options.version);
  }

  /** Encodes an event, or the gap that replaces it; undefined if there is none. */
  #eventBytes(envelope: Envelope<T>): Uint8Array | undefined {
    const { encode, meta, wordOf } = this.#options;
    try {
      envelope.encoded ??= encode(envelope.event);
      if (envelope.encoded.length > 0) {
        if (meta === undefined) return envelope.encoded;
        const word = wordOf(envelope.event);
        return envelope.encodedWithMeta ??= meta.append(envelope.encoded, envelope, word);
      }
    } catch (error) {
      envelope.encoded = UNENCODABLE;
      this.#options.onEncodeError(error);
    }
    const gap = this.#stream.unencodable(envelope);
    return gap && this.#noticeBytes(gap);
  }
}
