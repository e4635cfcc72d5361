/**
 * The proxy's log as events of the demo.
 *
 * @module
 */
import type { Log, LogFields } from "../src/application/ports/log.ts";
import type { DemoEvent } from "./demo_state.ts";

/** Receives events. */
export type Reporter = (tone: DemoEvent["tone"], text: string) => void;

/** Lines that are kept until there is a reporter; the proxy logs few at start. */
const MAX_EARLY = 20;

/** State that a log shares with its children. */
interface Shared {
  readonly early: [DemoEvent["tone"], string][];
  reporter?: Reporter;
}

/** Passes log lines to a reporter; earlier lines are kept for it. */
export class DemoLog implements Log {
  readonly #fields: LogFields;
  readonly #shared: Shared;

  constructor(fields: LogFields = {}, shared: Shared = { early: [] }) {
    this.#fields = fields;
    this.#shared = shared;
  }

  /** Reports to `reporter` from now on, the kept lines first. */
  reportTo(reporter: Reporter): void {
    this.#shared.reporter = reporter;
    for (const [tone, text] of this.#shared.early.splice(0)) {
      reporter(tone, text);
    }
  }

  debug(): void {
    // Not shown in the demo.
  }

  info(message: string, fields?: LogFields): void {
    this.#report("good", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#report("bad", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#report("bad", message, fields);
  }

  with(fields: LogFields): Log {
    return new DemoLog({ ...this.#fields, ...fields }, this.#shared);
  }

  #report(
    tone: DemoEvent["tone"],
    message: string,
    fields: LogFields = {},
  ): void {
    const text = describe(message, { ...this.#fields, ...fields });
    if (this.#shared.reporter) this.#shared.reporter(tone, text);
    else if (this.#shared.early.length < MAX_EARLY) {
      this.#shared.early.push([tone, text]);
    }
  }
}

/** `sip: Feed connection failed, retrying in 0.7 s (Cannot connect to …: HTTP 502)`. */
function describe(message: string, fields: LogFields): string {
  const { feed, cause, delay_ms: delay } = fields;
  const subject = typeof feed === "string" ? `${feed}: ` : "";
  const when = typeof delay === "number" ? ` in ${(delay / 1000).toFixed(1)} s` : "";
  const reason = cause instanceof Error ? cause.message : cause;
  const why = typeof reason === "string" && reason !== "" ? ` (${reason})` : "";
  return `${subject}${message}${when}${why}`;
}
