/**
 * Runs a proxy for a long time with client churn and feed faults, samples its
 * memory and fails when it grows.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { Remote } from "../../bench/control.ts";
import { pause } from "../../bench/rig.ts";
import { Random } from "../rig/random.ts";
import { namesOf, positive, print, runCommand } from "../rig/command_line.ts";
import { ProcessSampler } from "../rig/process_stats.ts";
import { NICE, ProxyProcess, SimulatorProcess, total } from "../rig/child_processes.ts";
import { CHURN_KINDS, type ChurnKind, type ChurnPlan } from "./churn.ts";
import { nextFaults } from "./feed_faults.ts";
import { beyondHeap, type Growth, judge, type Sample, warmUpSeconds } from "./samples.ts";

/** Seconds between two samples, between two lines, between two faults. */
const SAMPLE_SECONDS = 10;
const LINE_SECONDS = 60;
const FAULT_SECONDS = 20;
/** Seconds that a client process lives. */
const CLIENT_SECONDS = 120;
const CLIENTS = 2;
/**
 * Factor of the churn in the first half of the warm-up, so that bounded memory
 * (the runtime's pool of read buffers) is full when growth is judged.
 */
const WARM_UP_CHURN = 5;
const ORDERS_PER_SECOND = 5;

const MIB = 2 ** 20;

/** What a run is asked to do. */
interface SoakOptions {
  readonly minutes: number;
  readonly seed: string;
  /** Factor of the normal rate of churn. */
  readonly churn: number;
  /** Quotes and trades a second from the simulator. */
  readonly rate: number;
  readonly kinds: readonly ChurnKind[];
  /** Whether faults are injected into the feeds. */
  readonly faults: boolean;
  /** Whether client processes are restarted. */
  readonly restarts: boolean;
  /** Largest growth in MiB per hour. */
  readonly bound: number;
  /** File for the samples, one JSON object per line. */
  readonly out?: string;
}

const USAGE = `Usage: deno task soak [options]

  --minutes N        length of the run (60)
  --seed TEXT        seed of the load (soak)
  --churn N          factor of the normal rate of client churn (1)
  --rate N           quotes and trades a second (1000)
  --kinds A,B        only these kinds of churn: ${CHURN_KINDS.join(", ")}
  --no-faults        no feed faults
  --no-restarts      no restarts of client processes
  --bound N          largest growth in MiB per hour after the warm-up (5)
  --out FILE         write each sample as a line of JSON
  --help             this text

Growth is judged after a warm-up of a fifth of the run, at most 15 minutes. In its
first half the churn is five times as fast, so that bounded buffers are full
afterwards. The exit code is 1 when memory grows by more than the bound or the
proxy exits.
`;

/** Reads the arguments. @throws RangeError that names the wrong one */
export function parseSoak(args: readonly string[]): SoakOptions | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "60" },
      seed: { type: "string", default: "soak" },
      churn: { type: "string", default: "1" },
      rate: { type: "string", default: "1000" },
      kinds: { type: "string", default: CHURN_KINDS.join(",") },
      "no-faults": { type: "boolean", default: false },
      "no-restarts": { type: "boolean", default: false },
      bound: { type: "string", default: "5" },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  return {
    minutes: positive("--minutes", values.minutes),
    seed: values.seed,
    churn: positive("--churn", values.churn),
    rate: positive("--rate", values.rate),
    kinds: namesOf("--kinds", values.kinds, CHURN_KINDS),
    faults: !values["no-faults"],
    restarts: !values["no-restarts"],
    bound: positive("--bound", values.bound),
    ...values.out === undefined ? {} : { out: values.out },
  };
}

/** Repeats `step` every `seconds` until `signal` fires. */
async function every(
  seconds: number,
  signal: AbortSignal,
  step: () => Promise<void>,
): Promise<void> {
  const { promise: stopped, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve());
  while (!signal.aborted) {
    await step();
    await Promise.race([pause(seconds * 1000), stopped]);
  }
}

/** Keeps client processes running, each for a limited time. */
async function keepClients(
  plan: ChurnPlan,
  { restarts, minutes }: SoakOptions,
  signal: AbortSignal,
): Promise<void> {
  const rushEnd = performance.now() + warmUpSeconds(minutes * 60) * 1000 / 2;
  let number = 0;
  const live = async () => {
    const seed = `${plan.seed}/${number++}`;
    await using client = new Remote(
      new URL("./churn_process.ts", import.meta.url),
      { flags: ["--allow-net=127.0.0.1"], under: NICE },
    );
    const isRush = performance.now() < rushEnd;
    const factor = plan.factor * (isRush ? WARM_UP_CHURN : 1);
    await client.call("start", { ...plan, factor, seed });
    const lifetime = restarts ? CLIENT_SECONDS * 1000 : Infinity;
    const end = isRush ? rushEnd : performance.now() + lifetime;
    while (!signal.aborted && performance.now() < end) await pause(100);
  };
  await Promise.all(Array.from(
    { length: CLIENTS },
    () => every(0, signal, live),
  ));
}

async function takeSample(
  proxy: ProxyProcess,
  sampler: ProcessSampler,
  at: number,
): Promise<Sample> {
  const [stats, heap, metrics] = await Promise.all([
    sampler.sample(proxy.pid),
    proxy.heap(),
    proxy.metrics(),
  ]);
  if (!stats) throw new Error("The proxy has ended");
  return {
    at: Math.round(at * 10) / 10,
    ...stats,
    ...heap,
    streams: total(metrics, "alpaca_proxy_grpc_clients"),
    queued: total(metrics, "alpaca_proxy_queue_memory_bytes"),
    received: total(metrics, "alpaca_proxy_messages_received_total"),
  };
}

function sampleText(sample: Sample): string {
  const mib = (bytes: number) => (bytes / MIB).toFixed(1).padStart(6);
  return `${(sample.at / 60).toFixed(1).padStart(6)} min` +
    `  RSS ${mib(sample.rss)}  heap ${mib(sample.heapUsed)} of ` +
    `${mib(sample.heapTotal)}  beyond ${mib(beyondHeap(sample))}` +
    `  external ${mib(sample.external)} MiB` +
    `  descriptors ${sample.descriptors}  streams ${sample.streams}` +
    `  received ${sample.received}`;
}

function growthText({ what, slope, last, bound, isOver }: Growth): string {
  const text = `${what.padEnd(23)} ${slope.toFixed(1).padStart(7)} MiB/h` +
    `  at the end ${last.toFixed(1)} MiB`;
  if (bound === undefined) return text;
  return `${text}  ${isOver ? "TOO MUCH" : "pass"}, bound ${bound} MiB/h`;
}

async function soak(options: SoakOptions): Promise<readonly Growth[]> {
  await using parts = new AsyncDisposableStack();
  const sampler = parts.use(new ProcessSampler());
  const simulator = parts.use(
    await SimulatorProcess.start({
      seed: options.seed,
      messagesPerSecond: options.rate,
      barSeconds: 5,
      ghostSeconds: 0,
      trading: { autoTrader: { ordersPerSecond: ORDERS_PER_SECOND } },
    }),
  );
  const proxy = parts.use(await ProxyProcess.start(simulator.environment));
  const out = options.out === undefined ? undefined : parts.use(await openOut(options.out));
  const random = new Random(options.seed);
  const stop = new AbortController();
  const plan: ChurnPlan = {
    ports: proxy.ports,
    kinds: options.kinds,
    stocks: simulator.stocks,
    factor: options.churn,
    seed: options.seed,
  };
  const background = [keepClients(plan, options, stop.signal)];
  if (options.faults) {
    background.push(
      every(FAULT_SECONDS / options.churn, stop.signal, async () => {
        for (const { name, body } of nextFaults(random, simulator.stocks)) {
          await simulator.control(name, body);
        }
      }),
    );
  }
  const samples: Sample[] = [];
  const start = performance.now();
  const elapsed = () => (performance.now() - start) / 1000;
  // At least ten samples of a short run.
  const step = Math.min(SAMPLE_SECONDS, options.minutes * 6);
  let nextLine = 0;
  try {
    await pause(step * 1000);
    while (elapsed() < options.minutes * 60) {
      const sample = await takeSample(proxy, sampler, elapsed())
        .catch((cause) => {
          if (proxy.exitCode !== undefined) {
            throw new Error(`The proxy ended with ${proxy.exitCode}`);
          }
          // The machine was busy; the next sample counts as well.
          print(`A sample failed: ${cause}`);
        });
      if (sample) {
        samples.push(sample);
        out?.line(JSON.stringify(sample));
        if (sample.at >= nextLine) {
          print(sampleText(sample));
          nextLine += LINE_SECONDS;
        }
      }
      await pause(step * 1000);
    }
  } finally {
    stop.abort();
    await Promise.all(background);
  }
  const warmUp = warmUpSeconds(options.minutes * 60);
  return judge(samples, { warmUp, bound: options.bound });
}

async function openOut(path: string) {
  const file = await Deno.open(path, {
    write: true,
    create: true,
    truncate: true,
  });
  return {
    line: (text: string) => file.writeSync(new TextEncoder().encode(`${text}\n`)),
    [Symbol.dispose]: () => file.close(),
  };
}

async function run(options: SoakOptions): Promise<number> {
  const growths = await soak(options);
  for (const growth of growths) print(growthText(growth));
  return growths.some(({ isOver }) => isOver) ? 1 : 0;
}

if (import.meta.main) await runCommand({ usage: USAGE, parse: parseSoak, run });
