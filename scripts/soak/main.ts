/**
 * Runs a proxy for a long time with clients that come and go and feeds that
 * fail, samples its memory and judges whether it grows.
 *
 * @module
 */
import { Remote } from "../../bench/control.ts";
import { pause } from "../../bench/rig.ts";
import { SeededRandom } from "@alpaca-stream-proxy/simulator";
import { ProcessWatch } from "../rig/proc.ts";
import { NICE, ProxyProcess, SimulatorProcess, total } from "../rig/stand.ts";
import { parseSoak, type SoakOptions, USAGE } from "./arguments.ts";
import type { ChurnPlan } from "./churn.ts";
import { nextFaults } from "./feed_faults.ts";
import {
  beyondHeap,
  type Growth,
  judge,
  type Sample,
  warmUpSeconds,
} from "./samples.ts";

/** Seconds between two samples, between two lines, between two faults. */
const SAMPLE_SECONDS = 10;
const LINE_SECONDS = 60;
const FAULT_SECONDS = 20;
/** Seconds that a client process lives. */
const CLIENT_SECONDS = 120;
const CLIENTS = 2;
/**
 * How many times faster clients come and go in the first half of the warm-up,
 * so that what is bounded (the runtime's store of read buffers) is full when the
 * growth is judged.
 */
const WARM_UP_CHURN = 5;
const ORDERS_PER_SECOND = 5;

const MIB = 2 ** 20;

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
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
  const rush = performance.now() + warmUpSeconds(minutes * 60) * 1000 / 2;
  let number = 0;
  const live = async () => {
    const seed = `${plan.seed}/${number++}`;
    await using client = new Remote(
      new URL("./churn_process.ts", import.meta.url),
      { flags: ["--allow-net=127.0.0.1"], under: NICE },
    );
    const isRush = performance.now() < rush;
    const factor = plan.factor * (isRush ? WARM_UP_CHURN : 1);
    await client.call("start", { ...plan, factor, seed });
    const lifetime = restarts ? CLIENT_SECONDS * 1000 : Infinity;
    const end = isRush ? rush : performance.now() + lifetime;
    while (!signal.aborted && performance.now() < end) await pause(100);
  };
  await Promise.all(Array.from(
    { length: CLIENTS },
    () => every(0, signal, live),
  ));
}

async function takeSample(
  proxy: ProxyProcess,
  watch: ProcessWatch,
  at: number,
): Promise<Sample> {
  const [holding, heap, metrics] = await Promise.all([
    watch.look(proxy.pid),
    proxy.heap(),
    proxy.metrics(),
  ]);
  if (!holding) throw new Error("The proxy has ended");
  return {
    at: Math.round(at * 10) / 10,
    ...holding,
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
  const watch = parts.use(new ProcessWatch());
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
  const out = options.out === undefined
    ? undefined
    : parts.use(await openOut(options.out));
  const random = new SeededRandom(options.seed);
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
      const sample = await takeSample(proxy, watch, elapsed())
        .catch((cause) => {
          if (proxy.exitCode !== undefined) {
            throw new Error(`The proxy ended with ${proxy.exitCode}`);
          }
          // A busy machine; the next look is as good.
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
    line: (text: string) =>
      file.writeSync(new TextEncoder().encode(`${text}\n`)),
    [Symbol.dispose]: () => file.close(),
  };
}

/** Runs the command; the result is the exit code. */
async function main(args: readonly string[]): Promise<number> {
  let options: SoakOptions | "help";
  try {
    options = parseSoak(args);
  } catch (error) {
    print(error instanceof Error ? error.message : String(error));
    return 2;
  }
  if (options === "help") {
    print(USAGE);
    return 0;
  }
  const growths = await soak(options);
  for (const growth of growths) print(growthText(growth));
  return growths.some(({ isOver }) => isOver) ? 1 : 0;
}

Deno.exitCode = await main(Deno.args);
