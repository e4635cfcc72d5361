/**
 * Runs one row: a quiet phase, the attack and a recovery phase, while memory and
 * health of the proxy are sampled.
 *
 * @module
 */
import { Remote } from "../../bench/control.ts";
import { pause } from "../../bench/rig.ts";
import type { ProcessSampler } from "../rig/process_stats.ts";
import { NICE, total } from "../rig/child_processes.ts";
import type { AttackOrder } from "./attacker.ts";
import type { Outcome } from "./attacks/attack.ts";
import type { TestBed } from "./test_bed.ts";
import { RATES, type Row } from "./rows.ts";
import { LIMITS, type Measured } from "./results.ts";

/** Lengths of the quiet phase and of the measurement after an attack, in ms. */
const QUIET_MS = 3_000;
const AFTER_MS = 1_500;
/** Longest that an attack may take before its process is killed, in ms. */
const ATTACK_MS = 120_000;
/** Longest recovery, and when to collect garbage, in ms. */
const RECOVERY_MS = 20_000;
const COLLECT_MS = 3_000;
const SAMPLE_MS = 100;
const PROBE_MS = 250;
const PROBE_TIMEOUT_MS = 5_000;

/** Processes and options of a row. */
interface RowContext {
  readonly testBed: TestBed;
  readonly sampler: ProcessSampler;
  readonly seed: string;
  readonly scale: number;
}

interface Observed {
  rssPeak: number;
  probeMs: number;
  probeFailure?: string;
}

/** Samples memory until `signal` aborts; kills the proxy above the limit. */
async function sampleMemory(
  { testBed, sampler }: RowContext,
  observed: Observed,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const stats = await sampler.sample(testBed.proxy.pid);
    if (!stats) return;
    observed.rssPeak = Math.max(observed.rssPeak, stats.rss);
    // The kernel does so with a container.
    if (stats.rss > LIMITS.rssBytes) testBed.proxy.kill();
    await pause(SAMPLE_MS);
  }
}

/**
 * Probes readiness until `signal` aborts. Like the chart's probes, it tolerates
 * one failure but not two in a row.
 */
async function probe(
  { testBed }: RowContext,
  observed: Observed,
  signal: AbortSignal,
): Promise<void> {
  const url = `http://127.0.0.1:${testBed.proxy.ports.health}/readyz`;
  let failed = 0;
  while (!signal.aborted) {
    const start = performance.now();
    try {
      const response = await fetch(url, {
        signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
        headers: { connection: "close" },
      });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`Not ready: ${response.status}`);
      observed.probeMs = Math.max(observed.probeMs, performance.now() - start);
      failed = 0;
    } catch (error) {
      observed.probeFailure ??= String(error);
      if (++failed > 1) observed.probeMs = Infinity;
    }
    await pause(PROBE_MS);
  }
}

async function attack(
  order: AttackOrder,
): Promise<Outcome & AsyncDisposable> {
  const attacker = new Remote(new URL("./attacker.ts", import.meta.url), {
    flags: ["--allow-net=127.0.0.1"],
    under: NICE,
  });
  const timer = setTimeout(() => attacker.kill(), ATTACK_MS);
  const outcome = await attacker.call<Outcome>("attack", order)
    .catch((error): Outcome => ({
      about: `the attack failed: ${error}`,
      problems: [],
    }));
  clearTimeout(timer);
  return { ...outcome, [Symbol.asyncDispose]: () => stop(attacker) };
}

async function stop(attacker: Remote): Promise<void> {
  attacker.kill();
  await attacker.ended;
}

/** Streams, descriptors, memory and refusals of a proxy. */
interface State {
  readonly streams: number;
  readonly descriptors: number;
  readonly rss: number;
  readonly refusals: Readonly<Record<string, number>>;
}

const REFUSAL =
  /^alpaca_proxy_(?:refusals_total\{.*limit|access_refusals_total\{.*reason)="([^"]*)"/;

async function stateOf({ testBed, sampler }: RowContext): Promise<State> {
  const [metrics, stats] = await Promise.all([
    testBed.proxy.metrics(),
    sampler.sample(testBed.proxy.pid),
  ]);
  const refusals: Record<string, number> = {};
  for (const [key, value] of metrics) {
    const [, limit] = REFUSAL.exec(key) ?? [];
    if (limit !== undefined) refusals[limit] = value;
  }
  return {
    streams: total(metrics, "alpaca_proxy_grpc_clients"),
    descriptors: stats?.descriptors ?? 0,
    rss: stats?.rss ?? 0,
    refusals,
  };
}

/**
 * Waits until the proxy is back at its state before the attack, at most
 * {@linkcode RECOVERY_MS}. Collects garbage, since V8 waits until the heap is
 * fuller.
 */
async function recover(context: RowContext, before: State): Promise<State> {
  const start = performance.now();
  for (;;) {
    const now = await stateOf(context);
    const isBack = now.streams <= before.streams &&
      now.descriptors <= before.descriptors + LIMITS.descriptorMargin &&
      now.rss <= before.rss + LIMITS.rssMarginBytes;
    const waited = performance.now() - start;
    if (isBack || waited > RECOVERY_MS) return now;
    if (waited > COLLECT_MS) await context.testBed.proxy.collect();
    await pause(1_000);
  }
}

function increased(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const entries = Object.entries(after)
    .map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
    .filter(([, count]) => count > 0);
  return Object.fromEntries(entries);
}

/** Attacks once: the outcome, and what the reference client received. */
async function attackOnce(order: AttackOrder, { testBed }: RowContext) {
  let outcome: Outcome;
  {
    await using made = await attack(order);
    outcome = made;
    await pause(AFTER_MS);
  }
  // Closing all its connections is part of the attack.
  await pause(AFTER_MS);
  return { outcome, report: await testBed.report() };
}

/** Runs a row; the proxy may have ended afterwards. */
export async function runRow(row: Row, context: RowContext): Promise<Measured> {
  const { testBed, seed, scale } = context;
  const rates = { ...RATES, ...row.rates };
  await testBed.reopen();
  await testBed.setRates(rates);
  await pause(1_000);
  await testBed.reset();
  await pause(Math.max(QUIET_MS * scale, AFTER_MS));
  const quiet = await testBed.report();
  const before = await stateOf(context);

  const observed: Observed = { rssPeak: before.rss, probeMs: 0 };
  const order: AttackOrder = {
    name: row.name,
    ports: testBed.proxy.ports,
    options: testBed.options,
    jwksUrl: testBed.jwksUrl,
    scale,
    seed,
  };
  const { waves = 1 } = row;
  const exitCode = () => testBed.proxy.exitCode;
  const isAlive = () => exitCode() === undefined;
  const problems: string[] = [];
  const rssWaves: number[] = [];
  const gaps = { gapMs: 0, controlGapMs: 0 };
  let last: Awaited<ReturnType<typeof attackOnce>>;
  let after = before;
  do {
    const over = new AbortController();
    const watching = Promise.all([
      sampleMemory(context, observed, over.signal),
      probe(context, observed, over.signal),
    ]);
    // Without the collections of garbage between two waves.
    await testBed.reset();
    last = await attackOnce(order, context);
    gaps.gapMs = Math.max(gaps.gapMs, last.report.gapMs);
    gaps.controlGapMs = Math.max(gaps.controlGapMs, last.report.controlGapMs);
    over.abort();
    await watching;
    problems.push(...last.outcome.problems);
    after = isAlive() ? await recover(context, before).catch(() => before) : before;
    rssWaves.push(after.rss);
  } while (isAlive() && rssWaves.length < waves);
  const { outcome, report } = last;
  const exited = exitCode();
  if (isAlive()) await testBed.setRates(RATES);
  const received = [
    ["stock quotes", report.stockQuotes],
    ["option quotes", report.optionQuotes],
    ["order updates", report.orderUpdates],
  ] as const;
  return {
    name: row.name,
    about: waves > 1 ? `${waves} times: ${outcome.about}` : outcome.about,
    quietGapMs: quiet.gapMs,
    ...gaps,
    lost: report.lost,
    received: Object.fromEntries(received),
    silent: received.filter(([, count]) => count === 0).map(([name]) => name),
    probeMs: observed.probeMs,
    ...observed.probeFailure === undefined ? {} : { probeFailure: observed.probeFailure },
    rssBefore: before.rss,
    rssPeak: Math.max(observed.rssPeak, after.rss),
    rssAfter: after.rss,
    ...waves > 1 ? { rssWaves } : {},
    isAlive: exited === undefined,
    ...exited === undefined ? {} : { exitCode: exited },
    streams: [before.streams, after.streams],
    descriptors: [before.descriptors, after.descriptors],
    refusals: increased(before.refusals, after.refusals),
    problems,
  };
}
