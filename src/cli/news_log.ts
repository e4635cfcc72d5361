/**
 * The proxy's log as news for the demo's user.
 *
 * @module
 */
import type { Log, LogFields } from "../application/ports/log.ts";
import type { News } from "./demo_state.ts";

/** Takes news as they happen. */
export type Reporter = (tone: News["tone"], text: string) => void;

/** How many lines wait for a reporter; the proxy says a handful at start. */
const MAX_EARLY = 20;

/** What a log and all that were made from it by `with` share. */
interface Desk {
  readonly early: [News["tone"], string][];
  reporter?: Reporter;
}

/** Hands log lines to a reporter; those before there is one wait for it. */
export class NewsLog implements Log {
  readonly #fields: LogFields;
  readonly #desk: Desk;

  constructor(fields: LogFields = {}, desk: Desk = { early: [] }) {
    this.#fields = fields;
    this.#desk = desk;
  }

  /** Reports to `reporter` from now on, and what has waited at once. */
  reportTo(reporter: Reporter): void {
    this.#desk.reporter = reporter;
    for (const [tone, text] of this.#desk.early.splice(0)) reporter(tone, text);
  }

  debug(): void {
    // Nothing that a user of the demo would miss.
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
    return new NewsLog({ ...this.#fields, ...fields }, this.#desk);
  }

  #report(tone: News["tone"], message: string, fields: LogFields = {}): void {
    const text = describe(message, { ...this.#fields, ...fields });
    if (this.#desk.reporter) this.#desk.reporter(tone, text);
    else if (this.#desk.early.length < MAX_EARLY) {
      this.#desk.early.push([tone, text]);
    }
  }
}

/** `sip: Feed lost, retrying in 0.7 s (Cannot connect to …: HTTP 502)`. */
function describe(message: string, fields: LogFields): string {
  const { feed, cause, delay_ms: delay } = fields;
  const subject = typeof feed === "string" ? `${feed}: ` : "";
  const when = typeof delay === "number"
    ? ` in ${(delay / 1000).toFixed(1)} s`
    : "";
  const reason = cause instanceof Error ? cause.message : cause;
  const why = typeof reason === "string" && reason !== "" ? ` (${reason})` : "";
  return `${subject}${message}${when}${why}`;
}
