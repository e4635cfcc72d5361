/**
 * The decoders under test.
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
   * @param thorough whether to use every lane, or only the next ones in turn
   * @returns a description of the wrong outcome, or `undefined`
   */
  run(input: Uint8Array, thorough: boolean): string | undefined;
  /** Identifies the outcome of the last input: equal for equal outcomes. */
  signature(): string;
}

/** Names of the decoders. */
export const DECODERS = ["stock", "option", "order"] as const;

/** The name of a decoder. */
export type DecoderName = typeof DECODERS[number];

/** Valid frames: each message once, twice, and all messages together. */
export function validFrames({ messages, alone }: FrameShape): readonly Node[] {
  const frames: Node[] = messages.flatMap((message) => [
    { kind: "list", items: [message] } as const,
    { kind: "list", items: [message, message] } as const,
  ]);
  frames.push({ kind: "list", items: messages });
  return alone ? [...messages, ...frames] : frames;
}
