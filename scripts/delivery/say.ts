/**
 * Words of the delivery's checks, for people and build logs.
 *
 * @module
 */

const encoder = new TextEncoder();

/** Writes one line to the standard output. */
export function say(line: string): void {
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));
}
