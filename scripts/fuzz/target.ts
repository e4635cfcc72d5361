/**
 * What is fuzzed.
 *
 * @module
 */
import type { Node } from "./values.ts";
import type { FrameShape } from "./grammar.ts";
import type { Write } from "./writers.ts";

/** The signature of all frames that cannot be decoded. */
export const DECLINED = "declined";

/** A decoder under test. */
export interface Target {
  readonly name: DecoderName;
  readonly shape: FrameShape;
  readonly write: Write;
  /** Whether its frames are text. */
  readonly isText: boolean;
  /**
   * Decodes an input.
   *
   * @param thorough whether in every lane, or in those whose turn it is
   * @returns what is wrong with the outcomes, or `undefined`
   */
  run(input: Uint8Array, thorough: boolean): string | undefined;
  /** What was special about the last input: equal for inputs of equal effect. */
  signature(): string;
}

/** Names of the decoders. */
export const DECODERS = ["stock", "option", "order"] as const;

/** The name of a decoder. */
export type DecoderName = typeof DECODERS[number];

/** Good frames: each message alone, doubled, and all of them together. */
export function goodFrames({ messages, alone }: FrameShape): readonly Node[] {
  const frames: Node[] = messages.flatMap((message) => [
    { kind: "list", items: [message] } as const,
    { kind: "list", items: [message, message] } as const,
  ]);
  frames.push({ kind: "list", items: messages });
  return alone ? [...messages, ...frames] : frames;
}
