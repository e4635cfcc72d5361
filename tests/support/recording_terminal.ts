/**
 * A terminal that keeps what a command writes.
 *
 * @module
 */
import type { Clock } from "../../src/application/ports/clock.ts";
import { systemClock } from "../../src/infrastructure/clock/system_clock.ts";
import type { Terminal } from "../../cli/terminal.ts";

/** Output and errorLines of one command, and the interrupt that ends it. */
export class RecordingTerminal implements Terminal {
  readonly env: Record<string, string | undefined>;
  readonly clock: Clock;
  readonly isTerminal: boolean;
  readonly columns: () => number;
  readonly interrupt = new AbortController();
  readonly errorLines: string[] = [];
  output = "";
  /** Set to simulate a closed output. */
  broken = false;
  #changed = Promise.withResolvers<void>();
  readonly #input: string;

  constructor(
    options: {
      env?: Record<string, string>;
      isTerminal?: boolean;
      columns?: number;
      clock?: Clock;
      /** The first line of standard input. */
      input?: string;
    } = {},
  ) {
    this.#input = options.input ?? "";
    this.env = options.env ?? {};
    this.clock = options.clock ?? systemClock;
    this.isTerminal = options.isTerminal ?? false;
    this.columns = () => options.columns ?? Infinity;
  }

  get signal(): AbortSignal {
    return this.interrupt.signal;
  }

  /** Lines of the output so far. */
  get lines(): string[] {
    return this.output.split("\n").slice(0, -1);
  }

  readLine = (): Promise<string> => Promise.resolve(this.#input);

  write(text: string): Promise<void> {
    if (this.broken) return Promise.reject(new Deno.errors.BrokenPipe());
    this.output += text;
    this.#change();
    return Promise.resolve();
  }

  writeError(line: string): void {
    this.errorLines.push(line);
    this.#change();
  }

  /** Resolves as soon as the condition holds after a write. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#changed.promise;
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
