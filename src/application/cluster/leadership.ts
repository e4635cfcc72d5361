/**
 * Runs a task in at most one of several processes: in the one that holds the lease.
 *
 * The lease is renewed every third of its time. After two thirds without a renewal the task is
 * stopped, so that it has ended when another process can take the lease. The time is counted from
 * before each request, by the monotonic clock, which continues while a process is suspended:
 * {@linkcode Leadership.term} is `undefined` from then on, also before the task is stopped. A
 * renewal that was sent in time and is answered later, as to a process that was suspended, extends
 * it again.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";
import type { HeldLease, Lease } from "../ports/lease.ts";
import type { Log } from "../ports/log.ts";
import type { LeaseReport } from "../status/status.ts";
import { WallStamp } from "../status/wall_stamp.ts";
import { WakeSignal } from "../timing/wake_signal.ts";

/** Attempts while it is not known when the lease of another process expires. */
const RETRY_MS = 250;
/** Pause after an attempt that failed, and after a task that failed. */
const FAILED_MS = 1_000;
/** Pause after a renewal that failed, as a share of the time of the lease. */
const RENEW_AGAIN = 1 / 20;

/** What a task may do while it runs. */
export interface Term {
  /** Higher than that of every process before. */
  readonly number: bigint;
  /** Fires when the task must end: the lease is lost, or the process stops. */
  readonly signal: AbortSignal;
  /** Fires when the lease is lost, also while the task ends: another process may take it soon. */
  readonly lost: AbortSignal;
}

/** What a leadership needs. */
interface LeadershipOptions {
  readonly lease: Lease;
  readonly clock: Clock;
  readonly log: Log;
}

/** The part of this process in the competition for a lease. */
export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #changed = new WakeSignal();
  #held: HeldLease | undefined;
  /** Monotonic ms until which no other process can have the lease. */
  #heldUntil = 0;
  /** Monotonic ms at which the lease of another process expires unless it is renewed. */
  #freeAt = 0;
  #since: WallStamp;
  /** Whether the log has that another process holds the lease. */
  #isStandby = false;
  #problem: string | undefined;
  #takeovers = 0;
  #losses = 0;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.#since = new WallStamp(options.clock);
  }

  /** The term of this process; `undefined` unless it holds the lease at this moment. */
  get term(): bigint | undefined {
    return this.#options.clock.monotonic() < this.#heldUntil ? this.#held?.term : undefined;
  }

  get report(): LeaseReport {
    return {
      term: this.term,
      since: this.#since.at,
      takeovers: this.#takeovers,
      losses: this.#losses,
      problem: this.#problem,
    };
  }

  /**
   * Takes the lease whenever that is possible and runs the task while it is held, until `signal`
   * fires and the task has ended.
   *
   * @param lead ends when its signal fires; what it has opened must be closed then
   */
  async run(lead: (term: Term) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { lease, clock } = this.#options;
    lease.onChange((change) => {
      if (this.#held) return;
      const isFree = change === "released";
      this.#freeAt = clock.monotonic() + (isFree ? 0 : lease.ttlMs);
      if (isFree) this.#changed.wake();
    });
    while (!signal.aborted) {
      const pauseMs = await this.#compete(lead, signal);
      await this.#changed.wait(pauseMs, { clock, signal });
    }
  }

  /** Makes one attempt; returns the time until the next one. */
  async #compete(lead: (term: Term) => Promise<void>, signal: AbortSignal): Promise<number> {
    const { lease, clock, log } = this.#options;
    const askedAt = clock.monotonic();
    let held: HeldLease | undefined;
    try {
      held = await lease.acquire(signal);
    } catch (cause) {
      if (signal.aborted) return 0;
      const problem = cause instanceof Error ? cause.message : String(cause);
      if (this.#problem === undefined) log.warn("Cannot ask for the lease, retrying", { cause });
      this.#problem = problem;
      return FAILED_MS;
    }
    this.#problem = undefined;
    if (!held) {
      if (!this.#isStandby) log.info("Another process has the lease, standing by");
      this.#isStandby = true;
      return Math.max(RETRY_MS, this.#freeAt - clock.monotonic());
    }
    this.#isStandby = false;
    this.#hold(held, askedAt);
    // A process that was suspended meanwhile asks again.
    if (this.term !== undefined) await this.#lead(held, { lead, signal });
    return 0;
  }

  async #lead(
    held: HeldLease,
    { lead, signal }: {
      readonly lead: (term: Term) => Promise<void>;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    const { clock, log } = this.#options;
    const lost = new AbortController();
    const done = new AbortController();
    this.#takeovers++;
    this.#since = new WallStamp(clock);
    log.info("Took the lease", { term: String(held.term) });
    const keeping = Promise.all([
      this.#renew(held, { lost, done: done.signal }),
      this.#watch({ lost, done: done.signal }),
    ]);
    let hasFailed = false;
    try {
      await lead({
        number: held.term,
        signal: AbortSignal.any([signal, lost.signal]),
        lost: lost.signal,
      });
    } catch (cause) {
      log.error("The task of the lease's holder failed", { cause });
      hasFailed = true;
    } finally {
      done.abort();
      await keeping;
      this.#held = undefined;
      this.#since = new WallStamp(clock);
      await held.release();
      log.info("Gave up the lease", { term: String(held.term) });
    }
    // Another process may be able to do it.
    if (hasFailed) await clock.sleep(FAILED_MS, signal);
  }

  #hold(held: HeldLease, askedAt: number): void {
    this.#held = held;
    this.#heldUntil = askedAt + held.ttlMs * 2 / 3;
  }

  async #renew(
    held: HeldLease,
    { lost, done }: { readonly lost: AbortController; readonly done: AbortSignal },
  ): Promise<void> {
    const { clock, log } = this.#options;
    let pauseMs = held.ttlMs / 3;
    while (!done.aborted && !lost.signal.aborted) {
      await clock.sleep(pauseMs, AbortSignal.any([done, lost.signal]));
      if (done.aborted || lost.signal.aborted) return;
      const askedAt = clock.monotonic();
      try {
        const isHeld = await held.renew();
        if (lost.signal.aborted) return;
        if (!isHeld) return this.#lose(lost, "another process has it, or it has expired");
        this.#hold(held, askedAt);
        this.#problem = undefined;
        pauseMs = held.ttlMs / 3;
      } catch (cause) {
        if (lost.signal.aborted) return;
        log.warn("Cannot renew the lease, retrying", { cause });
        this.#problem = cause instanceof Error ? cause.message : String(cause);
        pauseMs = held.ttlMs * RENEW_AGAIN;
      }
    }
  }

  /** Gives the lease up when it was not renewed in time. */
  async #watch(
    { lost, done }: { readonly lost: AbortController; readonly done: AbortSignal },
  ): Promise<void> {
    const { clock } = this.#options;
    while (!done.aborted && !lost.signal.aborted) {
      const leftMs = this.#heldUntil - clock.monotonic();
      if (leftMs <= 0) return this.#lose(lost, "it was not renewed in time");
      await clock.sleep(leftMs, AbortSignal.any([done, lost.signal]));
    }
  }

  #lose(lost: AbortController, reason: string): void {
    this.#heldUntil = 0;
    this.#losses++;
    this.#options.log.error("Lost the lease, closing all sessions", {
      reason,
      remedy: "Check that NATS is reachable, and that this process is not suspended",
    });
    lost.abort();
  }
}
