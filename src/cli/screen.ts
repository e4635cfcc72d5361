/**
 * The terminal as a screen of its own: entered, drawn, and always left.
 *
 * @module
 */
import { visibleWidth } from "./paint.ts";

const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
const LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l";
/** Terminals that know it show a frame whole; the others ignore it. */
const BEGIN_FRAME = "\x1b[?2026h\x1b[H";
const END_FRAME = "\x1b[?2026l";
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

const encoder = new TextEncoder();

/** Draws lines over each other on the alternate screen, and reads keys. */
export class Screen implements Disposable {
  #entered = true;
  readonly #keys: boolean;
  readonly #leave = () => this[Symbol.dispose]();

  private constructor(keys: boolean) {
    this.#keys = keys;
    // Also for an exit that nobody planned.
    globalThis.addEventListener("unload", this.#leave);
    if (keys) Deno.stdin.setRaw(true, { cbreak: true });
    write(ENTER);
  }

  /** Takes the terminal; keys only when the input is one, too. */
  static enter(): Screen {
    return new Screen(Deno.stdin.isTerminal());
  }

  /** Columns and rows now; a resize is seen by the next frame. */
  static size(): { readonly width: number; readonly height: number } {
    try {
      const { columns, rows } = Deno.consoleSize();
      return { width: columns, height: rows };
    } catch {
      // Some pseudo-terminals have no size.
      return { width: 80, height: 24 };
    }
  }

  /** Shows exactly these lines. */
  draw(lines: readonly string[]): void {
    if (!this.#entered) return;
    write(frameOf(lines, Screen.size().width));
  }

  /** Keys as they are pressed, until the input ends; never on a pipe. */
  async *keys(): AsyncGenerator<string, void> {
    if (!this.#keys) return;
    const bytes = new Uint8Array(64);
    const decoder = new TextDecoder();
    while (this.#entered) {
      const count = await Deno.stdin.read(bytes);
      if (count === null) return;
      // A special key is a sequence, not the letters in it.
      const text = decoder.decode(bytes.subarray(0, count));
      if (!text.startsWith("\x1b")) yield* text;
    }
  }

  /** Gives the terminal back as it was; twice is once. */
  [Symbol.dispose](): void {
    if (!this.#entered) return;
    this.#entered = false;
    globalThis.removeEventListener("unload", this.#leave);
    write(LEAVE);
    if (this.#keys) Deno.stdin.setRaw(false);
  }
}

/**
 * What draws `lines` over whatever a screen of `width` columns shows.
 *
 * After a line that fills its row the cursor still stands on the last column,
 * so clearing what is right of it would take that character away.
 */
export function frameOf(lines: readonly string[], width: number): string {
  const short = (line: string | undefined) => visibleWidth(line ?? "") < width;
  const rows = lines.map((line) => short(line) ? line + CLEAR_LINE : line);
  const below = short(lines.at(-1)) ? CLEAR_BELOW : "";
  return `${BEGIN_FRAME}${rows.join("\r\n")}${below}${END_FRAME}`;
}

/** Synchronous, so that no frame is half-way out when the process ends. */
function write(text: string): void {
  let rest = encoder.encode(text);
  try {
    while (rest.length > 0) rest = rest.subarray(Deno.stdout.writeSync(rest));
  } catch (error) {
    // The terminal is gone; the signal that says so ends the command.
    if (!isGone(error)) throw error;
  }
}

/** What a terminal says after its window was closed. */
function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe ||
    error instanceof Error && "code" in error && error.code === "EIO";
}
