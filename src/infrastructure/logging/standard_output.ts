/**
 * Lines on standard output that nobody waits for.
 *
 * A pipe that is not read (a pager, a stalled collector of logs) takes some
 * 64 KiB and then holds up whoever writes to it as `console` does; that would
 * be the whole program. Here at most one write is under way, lines wait for it
 * up to a bound, what is over the bound is counted and told once there is room
 * again.
 *
 * @module
 */

/** Most characters that wait: thousands of lines. */
const CAPACITY = 1 << 20;

/** What an output needs. */
export interface StandardOutputOptions {
  /** Writes some of the bytes and says how many, as `Deno.stdout.write` does. */
  readonly write: (bytes: Uint8Array) => Promise<number>;
  /** The line that tells of `count` lines that were lost. */
  readonly describeLoss: (count: number) => string;
  /** Most characters that wait. */
  readonly capacity?: number;
}

/** Takes lines, never waits, writes them in order. */
export class StandardOutput {
  readonly #options: StandardOutputOptions;
  readonly #capacity: number;
  readonly #encoder = new TextEncoder();
  #waiting: string[] = [];
  #waitingLength = 0;
  #lost = 0;
  #writing: Promise<void> | undefined;

  constructor(options: StandardOutputOptions) {
    this.#options = options;
    this.#capacity = options.capacity ?? CAPACITY;
  }

  /** Writes a line as soon as it can be; counts it as lost if there is no room. */
  put(line: string): void {
    if (this.#waitingLength + line.length > this.#capacity) {
      this.#lost++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingLength += line.length;
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when nothing waits any more. */
  async written(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      if (this.#lost > 0) lines.push(this.#options.describeLoss(this.#lost));
      this.#waiting = [];
      this.#waitingLength = 0;
      this.#lost = 0;
      try {
        await this.#write(this.#encoder.encode(`${lines.join("\n")}\n`));
      } catch {
        // Closed for good, as after `| head`: there is nobody left to tell.
      }
    }
    this.#writing = undefined;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += await this.#options.write(bytes.subarray(at));
    }
  }
}
