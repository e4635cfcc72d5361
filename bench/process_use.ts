/**
 * What the bench asks of a process under test.
 *
 * @module
 */

/** How the proxy is started. */
export interface ProxyStart {
  /** Its settings. */
  readonly env: Readonly<Record<string, string>>;
  /** One write per message, and one encoding per client and message. */
  readonly naive: boolean;
}

/** What a process has used since it started. */
export interface ProcessUse {
  /** User and system time of all its threads. */
  readonly cpuMicros: number;
  /** Resident memory, bytes. */
  readonly rss: number;
  /** The most of it that was seen, bytes. */
  readonly peakRss: number;
  readonly heapUsed: number;
  /** Bytes outside of the heap that the heap holds. */
  readonly external: number;
  /** Batches written to streams. */
  readonly writes: number;
  /** Messages in those batches. */
  readonly written: number;
  /** Frames taken in from upstream. */
  readonly frames: number;
  /** When this was so, in ms of the process's own monotonic time. */
  readonly at: number;
}
