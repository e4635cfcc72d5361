/**
 * Reports the code blocks of the decoders that were reached for the first time.
 *
 * V8 reports each block once, so reading the coverage is cheap.
 *
 * @module
 */
import { Session } from "node:inspector/promises";

/** Source files whose coverage counts. */
const WATCHED = new RegExp(
  "/src/(?:infrastructure/(?:alpaca|grpc/(?:request|normalize|acknowledge)[^/]*)|domain/market)",
);

interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly {
    readonly functionName: string;
    readonly ranges: readonly {
      readonly startOffset: number;
      readonly endOffset: number;
      readonly count: number;
    }[];
  }[];
}

/** Coverage of the decoders since it was started. */
export class Coverage implements Disposable {
  readonly #session: Session;
  readonly #reached = new Set<string>();

  #isOn = false;

  private constructor(session: Session) {
    this.#session = session;
  }

  /** Starts; modules that are imported later are covered completely. */
  static async start(): Promise<Coverage> {
    const session = new Session();
    session.connect();
    await session.post("Profiler.enable");
    const coverage = new Coverage(session);
    await coverage.turn(true);
    return coverage;
  }

  /** Enables or disables counting, which makes the decoders a third slower. */
  async turn(on: boolean): Promise<void> {
    if (on === this.#isOn) return;
    this.#isOn = on;
    if (!on) await this.#session.post("Profiler.stopPreciseCoverage");
    else {
      await this.#session.post("Profiler.startPreciseCoverage", {
        callCount: false,
        detailed: true,
      });
    }
  }

  /** Blocks reached so far. */
  get reached(): number {
    return this.#reached.size;
  }

  /** Blocks that were reached for the first time since the last call. */
  async take(): Promise<number> {
    if (!this.#isOn) return 0;
    const { result } = await this.#session.post(
      "Profiler.takePreciseCoverage",
    ) as { readonly result: readonly ScriptCoverage[] };
    const before = this.#reached.size;
    for (const { url, functions } of result) {
      if (!WATCHED.test(url)) continue;
      for (const { functionName, ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          const block = `${url} ${functionName} ${startOffset}-${endOffset}`;
          if (count > 0) this.#reached.add(block);
        }
      }
    }
    return this.#reached.size - before;
  }

  [Symbol.dispose](): void {
    this.#session.disconnect();
  }
}
