/**
 * Messages as upstream sent them, as places in the bytes of their frames.
 *
 * @module
 */

/** How the frames of a feed are encoded. */
export type MessageFormat = "json" | "msgpack";

/** What a message is about. */
export interface MessageSubject {
  /** Its symbol; `undefined` when it has none. */
  readonly symbol: string | undefined;
  /** Its symbols if it has a list of them and no single one, as news have. */
  readonly symbols: readonly string[] | undefined;
}

/** What a message is, without its content. */
export interface LostMessage extends MessageSubject {
  /** Its type, such as `q`; empty when it has none. */
  readonly type: string;
}

/** A message in a frame, valid until the next one is found. */
export interface FoundMessage extends LostMessage {
  readonly frame: Uint8Array;
  /** Position of the first byte in the frame. */
  readonly start: number;
  /** Position after the last byte. */
  readonly end: number;
}

/** Where a message stands. */
export interface MessagePlace {
  readonly frame: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** A message that clients receive; shared by all of them. */
export interface RelayedMessage extends MessagePlace {
  /** The frame, or a copy of the message alone once it has waited for long. */
  readonly frame: Uint8Array;
  /** The message in the other format, once a client has needed it. */
  transcoded: MessagePlace | undefined;
}

/** Takes the messages of frames, in order. */
export interface MessageTarget {
  /** Whether a client receives messages. */
  readonly isWanted: boolean;
  /** @param receivedAt wall clock ms at which the frame arrived */
  publish(message: FoundMessage, receivedAt: number): void;
  /** A message is lost because its frame could not be decoded. */
  lost(message: LostMessage): void;
  /** Messages that could not be read are lost, of unknown number and symbols. */
  unreadable(): void;
}
