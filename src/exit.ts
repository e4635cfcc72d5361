/**
 * Exit codes, and the end of a process that ran nothing. What they mean is documented in main.ts.
 *
 * @module
 */

/** Exit codes. */
export const EXIT = { ok: 0, failed: 1, usage: 2, defect: 70, config: 78 } as const;

/** Writes a text, errors to standard error, and ends the process. */
export function exitWith(code: number, text: string): never {
  const stream = code === EXIT.ok ? Deno.stdout : Deno.stderr;
  stream.writeSync(new TextEncoder().encode(text));
  Deno.exit(code);
}
