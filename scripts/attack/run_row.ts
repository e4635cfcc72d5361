/**
 * Runs one row: a quiet time, the attack, a rest, with looks at the proxy all
 * the while.
 *
 * @module
 */
import { Remote } from "../../bench/control.ts";
import { pause } from "../../bench/rig.ts";
import type { ProcessWatch } from "../rig/proc.ts";
import { NICE, total } from "../rig/stand.ts";
import type { AttackOrder } from "./attacker.ts";
import type { Outcome } from "./attacks/attack.ts";
import type { Range } from "./range.ts";
import { RATES, type Row } from "./rows.ts";
import { LIMITS, type Measured } from "./verdict.ts";

/** Lengths of the quiet time and of what is watched after an attack, in ms. */
const QUIET_MS = 3_000;
const AFTER_MS = 1_500;
/** Longest that an attack may take before its process is killed, in ms. */
const ATTACK_MS = 120_000;
/** Longest rest until everything is back, and when to collect, in ms. */
const REST_MS = 20_000;
const COLLECT_MS = 3_000;
const WATCH_MS = 100;
const PROBE_MS = 250;
const PROBE_TIMEOUT_MS = 5_000;

/** What a row needs. */
export interface RowContext {
  readonly range: Range;
  readonly watch: ProcessWatch;
  readonly seed: string;
  readonly scale: number;
}

interface Seen {
  rssPeak: number;
  probeMs: number;
  probeFailure?: string;
}

/** Looks at the proxy until `signal` fires; kills it beyond the limit. */
async function watchProxy(
  { range, watch }: RowContext,
  seen: Seen,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const holding = await watch.look(range.proxy.pid);
    if (!holding) return;
    seen.rssPeak = Math.max(seen.rssPeak, holding.rss);
    // As the kernel does with a container.
    if (holding.rss > LIMITS.rssBytes) range.proxy.kill();
    await pause(WATCH_MS);
  }
}

/**
 * Asks for the health until `signal` fires. One failure is forgiven, as the
 * chart's probes do; two in a row are not.
 */
async function probe(
  { range }: RowContext,
  seen: Seen,
  signal: AbortSignal,
): Promise<void> {
  const url = `http://127.0.0.1:${range.proxy.ports.health}/readyz`;
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
      seen.probeMs = Math.max(seen.probeMs, performance.now() - start);
      failed = 0;
    } catch (error) {
      seen.probeFailure ??= String(error);
      if (++failed > 1) seen.probeMs = Infinity;
    }
    await pause(PROBE_MS);
  }
}

async function makeAttack(
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

/** What a proxy holds: streams, descriptors, memory and refusals. */
interface State {
  readonly streams: number;
  readonly descriptors: number;
  readonly rss: number;
  readonly refusals: Readonly<Record<string, number>>;
}

const REFUSAL = /^alpaca_proxy_refusals_total\{.*limit="([^"]*)"/;

async function stateOf({ range, watch }: RowContext): Promise<State> {
  const [metrics, holding] = await Promise.all([
    range.proxy.metrics(),
    watch.look(range.proxy.pid),
  ]);
  const refusals: Record<string, number> = {};
  for (const [key, value] of metrics) {
    const [, limit] = REFUSAL.exec(key) ?? [];
    if (limit !== undefined) refusals[limit] = value;
  }
  return {
    streams: total(metrics, "alpaca_proxy_grpc_clients"),
    descriptors: holding?.descriptors ?? 0,
    rss: holding?.rss ?? 0,
    refusals,
  };
}

/**
 * Waits until the proxy holds what it held before, within a time. Garbage is
 * collected on the way, since V8 by itself waits until the heap is fuller.
 */
async function rest(context: RowContext, before: State): Promise<State> {
  const start = performance.now();
  for (;;) {
    const now = await stateOf(context);
    const isBack = now.streams <= before.streams &&
      now.descriptors <= before.descriptors + LIMITS.descriptorMargin &&
      now.rss <= before.rss + LIMITS.rssMarginBytes;
    const rested = performance.now() - start;
    if (isBack || rested > REST_MS) return now;
    if (rested > COLLECT_MS) await context.range.proxy.collect();
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

/** Runs a row; afterwards the proxy may have ended. */
export async function runRow(row: Row, context: RowContext): Promise<Measured> {
  const { range, seed, scale } = context;
  const rates = { ...RATES, ...row.rates };
  await range.reopen();
  await range.setRates(rates);
  await pause(1_000);
  await range.reset();
  await pause(Math.max(QUIET_MS * scale, AFTER_MS));
  const quiet = await range.report();
  const before = await stateOf(context);
  await range.reset();

  const seen: Seen = { rssPeak: before.rss, probeMs: 0 };
  const over = new AbortController();
  const watching = Promise.all([
    watchProxy(context, seen, over.signal),
    probe(context, seen, over.signal),
  ]);
  const order: AttackOrder = {
    name: row.name,
    ports: range.proxy.ports,
    options: range.options,
    scale,
    seed,
  };
  let outcome: Outcome;
  {
    await using attack = await makeAttack(order);
    outcome = attack;
    await pause(AFTER_MS);
  }
  // The end of all its connections is part of the attack.
  await pause(AFTER_MS);
  const report = await range.report();
  over.abort();
  await watching;
  const isAlive = range.proxy.exitCode === undefined;
  const after = isAlive
    ? await rest(context, before).catch(() => before)
    : before;
  if (isAlive) await range.setRates(RATES);
  const received = [
    ["stock quotes", report.stockQuotes],
    ["option quotes", report.optionQuotes],
    ["order updates", report.orderUpdates],
  ] as const;
  return {
    name: row.name,
    about: outcome.about,
    quietGapMs: quiet.gapMs,
    gapMs: report.gapMs,
    controlGapMs: report.controlGapMs,
    lost: report.lost,
    received: Object.fromEntries(received),
    silent: received.filter(([, count]) => count === 0).map(([name]) => name),
    probeMs: seen.probeMs,
    ...seen.probeFailure === undefined
      ? {}
      : { probeFailure: seen.probeFailure },
    rssBefore: before.rss,
    rssPeak: Math.max(seen.rssPeak, after.rss),
    rssAfter: after.rss,
    isAlive: isAlive && range.proxy.exitCode === undefined,
    ...range.proxy.exitCode === undefined
      ? {}
      : { exitCode: range.proxy.exitCode },
    streams: [before.streams, after.streams],
    descriptors: [before.descriptors, after.descriptors],
    refusals: increased(before.refusals, after.refusals),
    problems: outcome.problems,
  };
}
