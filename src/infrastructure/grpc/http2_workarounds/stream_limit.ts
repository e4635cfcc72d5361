/**
 * Announces to a client how many streams its connection may have, without the knowledge of HTTP/2.
 *
 * - Product: nghttp2 1.69.0 in Deno 2.9.6.
 * - Symptom: it ends a connection that opens some 500 streams above an announced limit, although
 *   their client cannot have read the limit.
 * - Report: none found; the limit of refusals is nghttp2's own.
 * - Test: "node:http2 ends a connection that opens many streams above the limit" fails once this
 *   can be a plain setting; "3 000 streams opened before the limit is read do not end the
 *   connection" fails without it.
 *
 * A client acknowledges the SETTINGS of HTTP/2 and those sent here alike. So both acknowledgements
 * are dropped, and HTTP/2 is given one in place of the client, right behind the client's own
 * settings. The settings of HTTP/2 only raise what a client may send, and apply once they are
 * acknowledged: `header_block.ts` joins frames that are larger than the default.
 *
 * @module
 */
import { FLAG_ACK, frameOf, FrameType, uint32 } from "./frames.ts";

/** Id of SETTINGS_MAX_CONCURRENT_STREAMS. */
const MAX_CONCURRENT_STREAMS = 3;

const SETTINGS_ACK = frameOf(FrameType.SETTINGS, { flags: FLAG_ACK });

/** SETTINGS that announce `streams`, to be sent behind those of HTTP/2. */
export function streamLimit(streams: number): Uint8Array {
  const payload = [0, MAX_CONCURRENT_STREAMS, ...uint32(streams)];
  return frameOf(FrameType.SETTINGS, { payload });
}

/** The acknowledgements of one connection's first SETTINGS. */
export class SettingsAcks {
  #isDelivered = false;
  /** Acknowledgements that the client has not sent. */
  #missing = 2;

  /** Whether an acknowledgement of the client is delivered to HTTP/2. */
  passes(payloadBytes: number): boolean {
    // With a payload it is an error, which HTTP/2 answers.
    if (payloadBytes > 0 || this.#missing === 0) return true;
    this.#missing--;
    return false;
  }

  /** The acknowledgement that HTTP/2 expects, once; `true` after that. */
  next(): true | Uint8Array {
    if (this.#isDelivered) return true;
    this.#isDelivered = true;
    return SETTINGS_ACK;
  }
}
