/**
 * Commands that the documentation prints.
 *
 * The comment above an `sh` block says how it is checked; every block of the
 * README has one:
 *
 * - `<!-- run -->`: it ends by itself, with code 0;
 * - `<!-- run: 15 s -->`: it runs until it is interrupted, and then ends well;
 * - `<!-- run: 15 s, against the local Alpaca -->`: so does a proxy, which gets
 *   ready meanwhile; the local Alpaca's credentials stand for `…`;
 * - `<!-- run: with the demo -->`: as the first, while a demo runs;
 * - `<!-- not run: reason -->`: it cannot be run without an account or a
 *   cluster, say.
 *
 * @module
 */

/** How a block is checked. */
export type Check =
  | { readonly how: "run"; readonly withDemo: boolean }
  | {
    readonly how: "interrupt";
    readonly afterSeconds: number;
    readonly withAlpaca: boolean;
  }
  | { readonly how: "not run"; readonly reason: string };

/** A block of commands. */
export interface CommandBlock {
  readonly text: string;
  /** Undefined when the comment is missing or not understood. */
  readonly check: Check | undefined;
}

const BLOCK = /(?:<!--([^>]*)-->\s*\n)?^```sh\n([\s\S]*?)^```$/gm;

/** Every `sh` block of a Markdown text. */
export function commandBlocks(markdown: string): CommandBlock[] {
  return [...markdown.matchAll(BLOCK)].map(([, comment = "", text = ""]) => ({
    text: text.trim(),
    check: readCheck(comment.trim()),
  }));
}

function readCheck(comment: string): Check | undefined {
  const [, reason] = /^not run: (.+)$/.exec(comment) ?? [];
  if (reason) return { how: "not run", reason };
  const [, seconds, alpaca] =
    /^run: (\d+) s(, against the local Alpaca)?$/.exec(comment) ?? [];
  if (seconds) {
    return {
      how: "interrupt",
      afterSeconds: Number(seconds),
      withAlpaca: alpaca !== undefined,
    };
  }
  if (comment === "run") return { how: "run", withDemo: false };
  if (comment === "run: with the demo") return { how: "run", withDemo: true };
  return undefined;
}

/** Names of the tasks that a text calls, `deno task x` or through npx. */
export function taskNames(text: string): string[] {
  const call = /\b(?:deno|deno@[\d.]+) task (?:-q )?([a-z][a-z:]*)/g;
  return [...new Set([...text.matchAll(call)].map(([, name = ""]) => name))];
}
