import type { Log, LogFields } from "../../application/ports/log.ts";

/** Faulty messages of one frame that are logged one by one. */
const LOGGED = 8;

/**
 * Logs faulty messages of frames: the first {@linkcode LOGGED} of each frame,
 * and the number of the others. A frame of 1 MiB can hold half a million, and
 * logging each of them would block the process for ten seconds.
 */
export class FrameLog {
  readonly #log: Log;
  #faults = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Starts a frame. */
  start(): void {
    this.#faults = 0;
  }

  /** Logs that a message is not as the protocol says. */
  warn(message: string, fields: LogFields): void {
    if (++this.#faults <= LOGGED) this.#log.warn(message, fields);
  }

  /** Logs that handling a message failed, which is a defect of the proxy. */
  error(message: string, fields: LogFields): void {
    if (++this.#faults <= LOGGED) this.#log.error(message, fields);
  }

  /** Ends a frame. */
  end(): void {
    const messages = this.#faults - LOGGED;
    if (messages <= 0) return;
    this.#faults = 0;
    this.#log.warn("More messages of the frame are faulty", { messages });
  }
}
