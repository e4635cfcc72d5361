/**
 * Start options and resource usage of a measured process.
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

/** Resources used since the process started. */
export interface ProcessUse {
  /** User and system time of all its threads. */
  readonly cpuMicros: number;
  /** Resident memory, bytes. */
  readonly rss: number;
  /** Largest sample of it, bytes. */
  readonly peakRss: number;
  readonly heapUsed: number;
  /** Bytes outside of the heap that objects in it hold. */
  readonly external: number;
  /** Batches written to streams. */
  readonly writes: number;
  /** Messages in those batches. */
  readonly written: number;
  /** Frames received from upstream. */
  readonly frames: number;
  /** Time of the sample, in ms of the process's monotonic clock. */
  readonly at: number;
}
