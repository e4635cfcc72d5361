/**
 * The writing end of a call, held still.
 *
 * @module
 */
import type { MessageSink } from "../../src/infrastructure/grpc/stream_pump.ts";

/** A sink that completes writes when the test says so. */
export class ManualSink implements MessageSink {
  readonly writes: (readonly Uint8Array[])[] = [];
  #taken: (() => void)[] = [];

  write(bodies: readonly Uint8Array[], onTaken: () => void): void {
    this.writes.push(bodies);
    this.#taken.push(onTaken);
  }

  /** Takes what was written. */
  take(): void {
    for (const taken of this.#taken.splice(0)) taken();
  }
}
