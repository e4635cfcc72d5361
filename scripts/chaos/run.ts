/**
 * Runs a cluster under load, lets its parts fail one after the other, and compares what was
 * produced with what every client has received.
 *
 * @module
 */
import type { LogLine } from "../../tests/integration/process/child.ts";
import { Random } from "../rig/random.ts";
import { type ClientCounts, type ClientResults, Clients } from "./clients.ts";
import { Cluster } from "./cluster.ts";
import { type Fault, faults } from "./faults.ts";
import { type Member, pause, within } from "./members.ts";
import { overlaps, type SessionChange, type Span, takeoverMs } from "./sessions.ts";

/** What a run is asked to do. */
export interface ChaosOptions {
  /** How long parts fail; 0 for each fault once. */
  readonly minutes: number;
  readonly seed: string;
  /** Quotes and trades a second of each symbol. */
  readonly rate: number;
  readonly symbols: number;
  readonly clients: ClientCounts;
  readonly hubs: number;
  readonly edges: number;
  readonly leaseMs: number;
  /** Whether NATS retains what hubs publish, so that edges can read what they have missed. */
  readonly retain: boolean;
  /** How long Alpaca keeps the session of a process that was killed. */
  readonly ghostSeconds: number;
  /** The faults that come in turn, and of which more are chosen at random. */
  readonly faults: readonly Fault[];
  /** Longest recovery after a fault. */
  readonly recoveryMs: number;
  readonly print: (line: string) => void;
}

/** A fault that has happened. */
interface Happened extends Span {
  readonly fault: string;
  /** Ms until the hub that took over had a session of stocks; undefined when none had to. */
  readonly takeoverMs: number | undefined;
  /** Of each client that was affected, its longest time without a message. */
  readonly silencesMs: readonly number[];
}

/** The result of a run. */
export interface ChaosResult {
  readonly clients: ClientResults;
  readonly faults: readonly Happened[];
  /** Contradictions; empty when everything that is guaranteed holds. */
  readonly problems: readonly string[];
  /** Entries that edges have missed and read from what NATS retains. */
  readonly recovered: number;
  /** Lines of the log of each hub and edge. */
  readonly logs: ReadonlyMap<string, readonly LogLine[]>;
}

/** A shorter time without messages is usual. */
const SILENCE_MS = 1_000;
/** In which edges notice that their hub is silent, and connect again. */
const NOTICE_MS = 5_000;
/** Pause between a recovery and the next fault. */
const PAUSE_MS = { least: 1_000, most: 4_000 } as const;
/** In which all streams begin. */
const OPEN_MS = 60_000;
/** In which every stream receives what was sent, after the market has stopped. */
const SETTLE_MS = 4_000;
/** Longest time beside the faults. */
const BESIDE_MS = 5 * 60_000;

/** Entries that the ledger of the simulator keeps. */
const LEDGER_ENTRIES = 5_000_000;

/** Runs everything; it ends in a bounded time. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  await using resources = new AsyncDisposableStack();
  const bound = Math.max(options.minutes * 60_000, options.faults.length * options.recoveryMs) +
    BESIDE_MS;
  return await within(runIn(resources, options), bound, "The run does not end");
}

async function runIn(
  resources: AsyncDisposableStack,
  options: ChaosOptions,
): Promise<ChaosResult> {
  const { print, seed } = options;
  const cluster = resources.use(
    await Cluster.start({
      hubs: options.hubs,
      edges: options.edges,
      leaseMs: options.leaseMs,
      retain: options.retain,
      simulator: {
        seed,
        messagesPerSymbol: options.rate,
        ghostSeconds: options.ghostSeconds,
        haltEverySeconds: 0,
        irregularTrades: false,
        ledgerCapacity: LEDGER_ENTRIES,
        trading: { engine: { partialFillChance: 0.7 } },
      },
    }),
  );
  const { simulator, edges } = cluster;
  const clients = resources.use(
    new Clients(options.clients, simulator.stocks.slice(0, options.symbols)),
  );
  await clients.start({
    grpc: edges.map(({ ports }) => `127.0.0.1:${ports.grpc}`),
    websockets: edges.map(({ ports }) => `127.0.0.1:${ports.websocket}`),
  });
  await untilOpen(clients);
  await simulator.trade();
  const before = await clients.state();
  const startedAt = Date.now();
  await pause(PAUSE_MS.least);
  const { happened, problems, suspended } = await injectFaults(cluster, options);
  const { received } = await clients.state();
  const perSecond = (received - before.received) / (Date.now() - startedAt) * 1_000;
  print(`${perSecond.toFixed(0)} messages/s were received`);
  await simulator.stopMarket();
  await pause(SETTLE_MS);
  const changes = await simulator.sessions();
  const results = await clients.finish(simulator.url);
  const members = [...cluster.hubs, ...edges];
  return {
    clients: results,
    faults: happened.map((fault) => measure(fault, { changes, results })),
    problems: [
      ...problems,
      ...overlaps(changes, suspended),
      ...members.flatMap(({ name, problems }) => problems.map((text) => `${name} ${text}`)),
      ...clientProblems(results, happened),
    ],
    recovered: edges.reduce((sum, { log }) => sum + recoveredIn(log), 0),
    logs: new Map(members.map(({ name, log }) => [name, log])),
  };
}

function recoveredIn(log: readonly LogLine[]): number {
  return log.filter(({ msg }) => msg === "Missing entries were read from NATS")
    .reduce((sum, { entries }) => sum + Number(entries), 0);
}

async function untilOpen(clients: Clients): Promise<void> {
  const end = Date.now() + OPEN_MS;
  for (;;) {
    const { open } = await clients.state();
    if (open === clients.count) return;
    if (Date.now() > end) throw new Error(`${open} of ${clients.count} streams have begun`);
    await pause(200);
  }
}

/** A fault and when the cluster has recovered from it. */
type Past = Span & { readonly fault: Fault };

async function injectFaults(cluster: Cluster, options: ChaosOptions) {
  const { print, recoveryMs } = options;
  const random = new Random(options.seed);
  const happened: Past[] = [];
  const suspended: Span[] = [];
  const problems: string[] = [];
  const end = Date.now() + options.minutes * 60_000;
  const isDone = () => happened.length >= options.faults.length && Date.now() >= end;
  for (const fault of faults(options.faults, random)) {
    if (isDone()) break;
    const targets = await targetsOf(fault, cluster, random);
    const from = Date.now();
    try {
      await Promise.all(targets.map((target) => fail(target, fault)));
      if (fault.signal === "SIGSTOP") suspended.push({ from, to: Date.now() });
      await cluster.untilHealthy(recoveryMs);
    } catch (error) {
      problems.push(`${fault.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    const to = Date.now();
    happened.push({ fault, from, to });
    const names = targets.map(({ name }) => name).join(", ");
    print(`${fault.name} (${names}): recovered after ${((to - from) / 1_000).toFixed(1)} s`);
    await pause(PAUSE_MS.least + random.below(PAUSE_MS.most - PAUSE_MS.least));
  }
  return { happened, problems, suspended };
}

async function targetsOf(fault: Fault, cluster: Cluster, random: Random): Promise<Member[]> {
  const leader = await cluster.leader() ?? cluster.hubs[0];
  return fault.targets.map((target): Member => {
    const standby = cluster.hubs.find((hub) => hub !== leader);
    const found = {
      leader,
      standby,
      edge: random.pick(cluster.edges),
      nats: cluster.nats,
      connections: cluster.connections,
    }[target];
    if (!found) throw new Error(`There is no ${target}`);
    return found;
  });
}

async function fail(member: Member, { signal, suspendMs }: Fault): Promise<void> {
  if (signal !== "SIGSTOP") return await member.restart(signal);
  await member.suspend();
  await pause(suspendMs);
  await member.resume();
}

function measure(
  { fault, from, to }: Past,
  { changes, results }: {
    readonly changes: readonly SessionChange[];
    readonly results: ClientResults;
  },
): Happened {
  const silencesMs = results.silences.flatMap((spans) => {
    // One that began earlier is of the fault before.
    const within = spans.filter((span) => span.from > from - SILENCE_MS && span.from < to);
    const longest = Math.max(0, ...within.map((span) => span.to - span.from));
    return longest > SILENCE_MS ? [longest] : [];
  });
  return {
    fault: fault.name,
    from,
    to,
    takeoverMs: takeoverMs(changes, "sip", { from, to }),
    silencesMs,
  };
}

function clientProblems(results: ClientResults, happened: readonly Past[]): readonly string[] {
  const found = [...results.market, ...results.orders, ...results.websocket]
    .flatMap(({ name, problems }) => problems.map((text) => `${name}: ${text}`));
  for (const { name, missingAt } of results.websocket) {
    const beside = missingAt.filter((at) =>
      !happened.some(({ from, to }) => from - SILENCE_MS <= at && at <= to + NOTICE_MS)
    );
    if (beside.length === 0) continue;
    const [first = 0] = beside;
    const time = new Date(first).toISOString();
    found.push(`${name}: messages are missing beside faults (${beside.length}, at ${time})`);
  }
  return found;
}
