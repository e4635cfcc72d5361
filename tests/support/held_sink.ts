/**
 * The writing end of a call, held still.
 *
 * @module
 */
import type { BodySink } from "../../src/infrastructure/grpc/pump.ts";

/** A sink that takes a write only when told to. */
export class HeldSink implements BodySink {
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
