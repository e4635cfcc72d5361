/** Processes that compete for a lease, by a manual clock. */
import assert from "node:assert/strict";
import { Leadership, type Term } from "../../../../src/application/cluster/leadership.ts";
import type { HeldLease, Lease, LeaseChange } from "../../../../src/application/ports/lease.ts";
import { ManualClock, settle } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";

const TTL_MS = 6_000;

/** The store of a lease, whose time passes by a clock of its own. */
class LeaseStore {
  isReachable = true;
  readonly #clock: ManualClock;
  #holder: object | undefined;
  #expiresAt = 0;
  #revision = 0n;
  readonly #listeners: ((change: LeaseChange) => void)[] = [];

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  get isHeld(): boolean {
    return this.#holder !== undefined && this.#clock.monotonic() < this.#expiresAt;
  }

  lease(): Lease {
    const own: { readonly token: object } = { token: {} };
    return {
      ttlMs: TTL_MS,
      onChange: (listener) => this.#listeners.push(listener),
      acquire: () => {
        this.#check();
        if (this.isHeld) return Promise.resolve(undefined);
        this.#write(own.token);
        return Promise.resolve(this.#held(own.token, this.#revision));
      },
    };
  }

  #held(token: object, term: bigint): HeldLease {
    return {
      term,
      ttlMs: TTL_MS,
      renew: () => {
        this.#check();
        const isOwn = this.isHeld && this.#holder === token;
        if (isOwn) this.#write(token);
        return Promise.resolve(isOwn);
      },
      release: () => {
        if (this.isReachable && this.isHeld && this.#holder === token) {
          this.#holder = undefined;
          this.#notify("released");
        }
        return Promise.resolve();
      },
    };
  }

  #write(token: object): void {
    this.#holder = token;
    this.#expiresAt = this.#clock.monotonic() + TTL_MS;
    this.#revision++;
    this.#notify("renewed");
  }

  #check(): void {
    if (!this.isReachable) throw new Error("the store cannot be reached");
  }

  #notify(change: LeaseChange): void {
    for (const listener of this.#listeners) queueMicrotask(() => listener(change));
  }
}

/** One process; its clock stands still while it is suspended. */
class Process {
  readonly clock: ManualClock;
  readonly log = new RecordingLog();
  readonly leadership: Leadership;
  /** Terms in which the task runs. */
  readonly running: Term[] = [];
  readonly ended: Term[] = [];
  closingMs = 0;
  failure: Error | undefined;
  readonly #stop = new AbortController();
  #over: Promise<void> = Promise.resolve();

  constructor(store: LeaseStore, clock: ManualClock) {
    this.clock = clock;
    this.leadership = new Leadership({ lease: store.lease(), clock, log: this.log });
  }

  start(): void {
    this.#over = this.leadership.run((term) => this.#lead(term), this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await settle();
  }

  async ends(): Promise<void> {
    await this.#over;
  }

  get isLeading(): boolean {
    return this.running.length > 0;
  }

  async #lead(term: Term): Promise<void> {
    if (this.failure) throw this.failure;
    this.running.push(term);
    await new Promise<void>((resolve) =>
      term.signal.addEventListener("abort", () => resolve(), { once: true })
    );
    await this.clock.sleep(this.closingMs);
    this.running.splice(0);
    this.ended.push(term);
  }
}

/** Two processes on one clock. */
async function pair() {
  const clock = new ManualClock();
  const store = new LeaseStore(clock);
  const [one, two] = [new Process(store, clock), new Process(store, clock)];
  one.start();
  await settle();
  two.start();
  await settle();
  return { clock, store, one, two };
}

Deno.test("one of two processes leads, for as long as it renews the lease", async () => {
  const { clock, one, two } = await pair();
  for (let minute = 0; minute < 10; minute++) {
    assert.deepEqual([one.isLeading, two.isLeading], [true, false]);
    await clock.advance(60_000);
  }
  assert.deepEqual([one.ended, one.leadership.report.takeovers], [[], 1]);
  assert.equal(one.leadership.term, 1n);
  assert.equal(two.leadership.term, undefined);
});

Deno.test("a process that stops ends its task before it releases the lease", async () => {
  const { clock, store, one, two } = await pair();
  one.closingMs = 400;
  await one.stop();
  await clock.advance(399);
  assert.deepEqual([store.isHeld, one.isLeading, two.isLeading], [true, true, false]);
  await clock.advance(1);
  await one.ends();
  await clock.advance(0);
  assert.deepEqual([one.isLeading, two.isLeading], [false, true]);
  assert.ok((two.leadership.term ?? 0n) > 1n);
});

Deno.test("the lease of a process that is gone is taken when it expires", async () => {
  const clock = new ManualClock();
  const store = new LeaseStore(clock);
  const [gone, other] = [new ManualClock(), new Process(store, clock)];
  const killed = new Process(store, gone);
  killed.start();
  await settle();
  other.start();
  await clock.advance(TTL_MS - 1);
  assert.equal(other.isLeading, false);
  await clock.advance(1 + 250);
  assert.equal(other.isLeading, true);
});

Deno.test("a task has ended before another process can take the lease", async () => {
  const { clock, store, one, two } = await pair();
  store.isReachable = false;
  const lostAfter = TTL_MS * 2 / 3;
  await clock.advance(lostAfter - 1);
  assert.equal(one.leadership.term, 1n);
  assert.ok(one.isLeading);
  await clock.advance(1);
  assert.equal(one.isLeading, false);
  assert.equal(one.leadership.term, undefined);
  assert.equal(one.leadership.report.losses, 1);
  assert.match(one.leadership.report.problem ?? "", /cannot be reached/);
  assert.equal(two.isLeading, false);
  await clock.advance(60_000);
  store.isReachable = true;
  await clock.advance(1_000);
  assert.deepEqual([one, two].filter((each) => each.isLeading).length, 1);
  assert.equal(one.leadership.report.problem, undefined);
});

Deno.test("a lease that is lost while the task ends is reported as lost", async () => {
  const { clock, store, one } = await pair();
  one.closingMs = 2 * TTL_MS;
  const [term] = one.running;
  await one.stop();
  assert.equal(term?.lost.aborted, false);
  store.isReachable = false;
  await clock.advance(TTL_MS * 2 / 3);
  assert.equal(term?.lost.aborted, true);
});

Deno.test("a renewal that fails is repeated, and nothing ends", async () => {
  const { clock, store, one } = await pair();
  await clock.advance(TTL_MS / 3 - 1);
  store.isReachable = false;
  await clock.advance(TTL_MS / 4);
  store.isReachable = true;
  await clock.advance(60_000);
  assert.deepEqual([one.isLeading, one.leadership.report.takeovers], [true, 1]);
});

Deno.test("a process that was suspended beyond its lease continues without a term", async () => {
  const clock = new ManualClock();
  const store = new LeaseStore(clock);
  const suspended = new Process(store, new ManualClock());
  const other = new Process(store, clock);
  suspended.start();
  await settle();
  other.start();
  await clock.advance(2 * TTL_MS);
  assert.deepEqual([suspended.isLeading, other.isLeading], [true, true]);
  // It continues: the monotonic clock has passed, no timer has fired yet.
  const continued = suspended.clock.advance(2 * TTL_MS);
  const { monotonic } = suspended.clock;
  suspended.clock.monotonic = () => 2 * TTL_MS;
  assert.equal(suspended.leadership.term, undefined);
  suspended.clock.monotonic = monotonic;
  await continued;
  assert.equal(suspended.isLeading, false);
  assert.deepEqual(suspended.ended.map(({ number }) => number), [1n]);
  assert.ok(other.isLeading);
});

Deno.test("a process whose task fails leaves the lease to another one", async () => {
  const { clock, one, two } = await pair();
  two.failure = new Error("cannot lead");
  await one.stop();
  await clock.advance(0);
  assert.equal(two.leadership.report.takeovers, 1);
  assert.equal(two.isLeading, false);
  two.failure = undefined;
  await clock.advance(1_000);
  assert.equal(two.isLeading, true);
});

Deno.test("each leader has a higher term, and stopping leaves no timer", async () => {
  const { clock, one, two } = await pair();
  await one.stop();
  await clock.advance(0);
  const [first, second] = [one.ended[0]?.number ?? 0n, two.running[0]?.number ?? 0n];
  assert.ok(second > first);
  await two.stop();
  await clock.advance(0);
  await Promise.all([one.ends(), two.ends()]);
  assert.equal(clock.sleepers, 0);
});
