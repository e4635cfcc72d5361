/**
 * The Python clients of a run: what they stream, and their processes.
 *
 * @module
 */
import { lines } from "../../bench/control.ts";
import { NICE } from "../rig/child_processes.ts";
import { type Item, readItem } from "./records.ts";
import type { ExpectedStream } from "./verify.ts";

const PYTHON = Deno.env.get("CLIENTS_PYTHON") ?? "python3";

/** A stream of a client. */
export interface StreamPlan extends ExpectedStream {
  readonly options: Readonly<Record<string, unknown>>;
  /** Seconds after each message; 0 for none. */
  readonly pauseSeconds: number;
  /** Seconds after which it is opened again; 0 for never. */
  readonly reopenSeconds: number;
}

const METHODS = {
  quotes: { method: "StreamQuotes", field: "quote" },
  trades: { method: "StreamTrades", field: "trade" },
  bars: { method: "StreamBars", field: "bar" },
} as const;

type Wish =
  & Pick<ExpectedStream, "name" | "channel">
  & Partial<Pick<StreamPlan, "pauseSeconds" | "reopenSeconds">>
  & { readonly options?: Readonly<Record<string, unknown>> };

function plan(wish: Wish, symbols: readonly string[]): StreamPlan {
  const options = { meta: true, notices: true, heartbeatInterval: "1s", ...wish.options };
  return {
    pauseSeconds: 0,
    reopenSeconds: 0,
    ...wish,
    symbols,
    options,
    isLatest: wish.options?.delivery === LATEST.delivery,
    isAcknowledged: wish.options?.maxUnacknowledged !== undefined,
  };
}

const LATEST = { delivery: "DELIVERY_POLICY_LATEST" };
const EVERY_OR_END = { delivery: "DELIVERY_POLICY_EVERY_OR_END" };
const ACKNOWLEDGED = { maxUnacknowledged: 100 };

/** Streams of a client that reads everything that comes. */
export function fastStreams(symbols: readonly string[]): readonly StreamPlan[] {
  const wishes: readonly Wish[] = [
    { name: "quotes", channel: "quotes" },
    { name: "quotes, reopened", channel: "quotes", reopenSeconds: 7 },
    {
      name: "quotes, reopened, snapshot",
      channel: "quotes",
      reopenSeconds: 11,
      options: { snapshot: true },
    },
    { name: "quotes, or end", channel: "quotes", options: EVERY_OR_END },
    { name: "quotes, latest", channel: "quotes", options: LATEST },
    {
      name: "quotes, latest each 500 ms, reopened",
      channel: "quotes",
      reopenSeconds: 13,
      options: { ...LATEST, minInterval: "0.5s" },
    },
    { name: "trades, acknowledged", channel: "trades", options: ACKNOWLEDGED },
    { name: "trades, reopened", channel: "trades", reopenSeconds: 9 },
    { name: "trades, snapshot", channel: "trades", options: { snapshot: true } },
    { name: "bars, snapshot", channel: "bars", options: { snapshot: true } },
  ];
  return wishes.map((wish) => plan(wish, symbols));
}

/** Streams of quotes that are read at a tenth of their rate, one per policy. */
export function slowStreams(symbols: readonly string[], pauseSeconds: number): StreamPlan[] {
  const wishes: readonly Omit<Wish, "channel">[] = [
    { name: "slow, every" },
    { name: "slow, every, acknowledged", options: ACKNOWLEDGED },
    { name: "slow, latest", options: LATEST },
    { name: "slow, latest, acknowledged", options: { ...LATEST, ...ACKNOWLEDGED } },
    { name: "slow, latest, 10 unacknowledged", options: { ...LATEST, maxUnacknowledged: 10 } },
    { name: "slow, or end, acknowledged", options: { ...EVERY_OR_END, ...ACKNOWLEDGED } },
  ];
  return wishes.map((wish) => plan({ ...wish, channel: "quotes", pauseSeconds }, symbols));
}

/** A Python process with several streams. */
export class ClientProcess implements AsyncDisposable {
  /** Items of each stream so far. */
  readonly items: Item[][];
  readonly plans: readonly StreamPlan[];
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;

  /** @param context.protos folder of the compiled protos */
  constructor(
    plans: readonly StreamPlan[],
    context: { readonly protos: string; readonly address: string },
  ) {
    this.plans = plans;
    this.items = plans.map(() => []);
    const streams = plans.map((plan) => ({ ...plan, ...METHODS[plan.channel] }));
    const script = new URL("client.py", import.meta.url).pathname;
    const [command = "", ...args] = [
      ...NICE,
      PYTHON,
      script,
      context.protos,
      context.address,
      JSON.stringify(streams),
    ];
    this.#child = new Deno.Command(command, { args, stdin: "piped", stdout: "piped" }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#reading = this.#read();
  }

  /** Sends a command; see `client.py`. */
  async command(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Number of data messages so far. */
  get received(): number {
    let count = 0;
    for (const items of this.items) for (const { kind } of items) if (kind === "data") count++;
    return count;
  }

  /** Ends all streams and waits for what they have received. */
  async stop(): Promise<void> {
    await this.command("stop");
    await this.#reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#input.close().catch(() => {});
    await this.#reading.catch(() => {});
    await this.#child.status;
  }

  async #read(): Promise<void> {
    for await (const line of lines(this.#child.stdout)) {
      if (line === "") continue;
      const { stream, item } = readItem(line);
      this.items[stream]?.push(item);
    }
  }
}
