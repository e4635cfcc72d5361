/**
 * Acknowledges processed messages in batches: one call for all streams.
 *
 * @module
 */
import { StreamProxyService } from "../src/gen/cream/v1/stream_proxy_pb.ts";
import type { ClientClock } from "./clock.ts";
import { type RpcClient, RpcError } from "./rpc_client.ts";

/** Longest time between processing and acknowledging, in ms. */
const DELAY_MS = 100;
/** Time after a failed call, in ms. */
const FAILED_DELAY_MS = 1_000;
/** Most positions that the proxy accepts in one call. */
const MAX_POSITIONS = 1_000;

/** A stream with acknowledged delivery. */
export interface AcknowledgedStream {
  /** From hello. */
  readonly id: string;
  /** Most unacknowledged messages. */
  readonly window: number;
}

/** What of a stream is to be acknowledged. */
interface Pending {
  sequence: bigint;
  /** Messages since the last acknowledgement. */
  messages: number;
}

/** Dependencies of an {@linkcode Acknowledger}. */
export interface AcknowledgerOptions {
  readonly transport: Pick<RpcClient, "call">;
  readonly clock: ClientClock;
  /** Ends the calls. */
  readonly signal: AbortSignal;
}

/** Acknowledges the streams of one client. */
export class Acknowledger {
  readonly #options: AcknowledgerOptions;
  readonly #pending = new Map<string, Pending>();
  #early = new AbortController();
  #isRunning = false;
  /** Positions that were acknowledged. */
  acknowledged = 0;
  /** Calls that failed and were repeated. */
  failures = 0;

  /** Starts without a stream. */
  constructor(options: AcknowledgerOptions) {
    this.#options = options;
  }

  /**
   * Records processed messages. They are acknowledged after half a window,
   * or after 100 ms.
   */
  processed({ id, window }: AcknowledgedStream, sequence: bigint, messages: number): void {
    const found = this.#pending.get(id);
    const pending = found ?? { sequence, messages: 0 };
    if (found === undefined) this.#pending.set(id, pending);
    pending.sequence = sequence;
    pending.messages += messages;
    if (pending.messages * 2 >= window) this.#early.abort();
    if (!this.#isRunning) void this.#run();
  }

  /** Forgets a stream that has ended. */
  forget({ id }: AcknowledgedStream): void {
    this.#pending.delete(id);
  }

  /** Sends calls one after the other while anything is pending. */
  async #run(): Promise<void> {
    const { clock, signal } = this.#options;
    this.#isRunning = true;
    while (this.#pending.size > 0 && !signal.aborted) {
      await clock.sleep(DELAY_MS, AbortSignal.any([signal, this.#early.signal]));
      this.#early = new AbortController();
      if (!signal.aborted && !await this.#send()) await clock.sleep(FAILED_DELAY_MS, signal);
    }
    this.#isRunning = false;
  }

  async #send(): Promise<boolean> {
    const { transport, signal } = this.#options;
    const sent = [...this.#pending].slice(0, MAX_POSITIONS);
    for (const [id] of sent) this.#pending.delete(id);
    const positions = sent.map(([streamId, { sequence }]) => ({ streamId, sequence }));
    try {
      await transport.call(StreamProxyService.method.acknowledge, { positions }, signal);
      this.acknowledged += positions.length;
      return true;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      this.failures++;
      for (const [id, pending] of sent) {
        if (!this.#pending.has(id)) this.#pending.set(id, pending);
      }
      return false;
    }
  }
}
