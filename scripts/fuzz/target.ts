/**
 * The decoders under test.
 *
 * @module
 */
import type { Random } from "../rig/random.ts";

/** The signature of all inputs that cannot be decoded. */
export const DECLINED = "declined";

/** A decoder under test. */
export interface Target {
  readonly name: DecoderName;
  /** Valid inputs; random choices are those of the notation only. */
  readonly examples: (random: Random) => readonly Uint8Array[];
  /** An input, most of the time with faults. */
  readonly generate: (random: Random) => Uint8Array;
  /** Whether its inputs are text. */
  readonly isText: boolean;
  /**
   * Decodes an input.
   *
   * @param thorough whether to use every lane, or only the next ones in turn
   * @returns a description of the wrong outcome, or `undefined`
   */
  run(input: Uint8Array, thorough: boolean): string | undefined;
  /** Identifies the outcome of the last input: equal for equal outcomes. */
  signature(): string;
}

/** Names of the decoders: messages of Alpaca, and requests of clients. */
export const DECODERS = ["stock", "option", "order", "request", "websocket"] as const;

/** The name of a decoder. */
export type DecoderName = typeof DECODERS[number];
