/**
 * Starts a process and measures, from outside, how long it takes until it is ready.
 *
 * @module
 */
import { lines } from "../control.ts";
import { pause } from "../rig.ts";
import { parseMark, sharedNow } from "./marks.ts";
import type { StartMoments } from "./phases.ts";

/** A process to start: its log has a line `Started` with the port of `/readyz`. */
export interface StartPlan {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** One measured start. */
export interface MeasuredStart {
  readonly moments: StartMoments;
  /** CPU time of all its threads until it was ready, in ms; undefined without such a metric. */
  readonly cpuMs: number | undefined;
}

/** Time between two requests to `/readyz`, in ms. */
const POLL_MS = 1;

/** Starts the process, waits until it is ready and kills it. */
export async function measureStart({ command, args, env }: StartPlan): Promise<MeasuredStart> {
  const spawnedAt = sharedNow();
  await using process = new StartedProcess(
    new Deno.Command(command, {
      args: [...args],
      env: { ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn(),
  );
  const { port, at, ...seen } = await process.started;
  const base = `http://127.0.0.1:${port}`;
  await untilReady(base);
  const ready = sharedNow() - spawnedAt;
  const since = (moment: number | undefined) =>
    moment === undefined ? undefined : moment - spawnedAt;
  const moments = withoutUndefined({
    script: since(seen.script),
    modules: since(seen.modules),
    configured: since(seen.configured),
  });
  return {
    moments: { ...moments, listening: at - spawnedAt, ready },
    cpuMs: await readCpuMs(base),
  };
}

/** What was seen of a process until its ports listened. */
interface Started {
  readonly script?: number;
  readonly modules?: number;
  readonly configured?: number;
  readonly port: number;
  readonly at: number;
}

/** A process whose log and marks are read. */
class StartedProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #started = Promise.withResolvers<Started>();
  readonly #seen: { script?: number; modules?: number; configured?: number } = {};
  readonly #reading: Promise<unknown>;

  constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#reading = Promise.all([this.#readLog(), this.#readMarks()]);
    this.#reading.catch(this.#started.reject);
  }

  /** Resolves when its ports listen. @throws Error when it ends before */
  get started(): Promise<Started> {
    return this.#started.promise;
  }

  async #readLog(): Promise<void> {
    for await (const line of lines(this.#child.stdout)) {
      if (!line.startsWith("{")) continue;
      const { ts, msg, ports } = JSON.parse(line);
      // Lines are written asynchronously: several may arrive together.
      const at = ts === undefined ? sharedNow() : Date.parse(ts);
      this.#seen.configured ??= at;
      if (msg !== "Started") continue;
      // The marks come through another pipe.
      await pause(0);
      this.#started.resolve({ ...this.#seen, port: ports.health, at });
    }
    this.#started.reject(new Error("The process has ended before it was ready"));
  }

  async #readMarks(): Promise<void> {
    for await (const line of lines(this.#child.stderr)) {
      const mark = parseMark(line);
      if (mark) this.#seen[mark.moment] = mark.at;
      else Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#child.status;
    await this.#reading.catch(() => {});
  }
}

async function untilReady(base: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const answer = await fetch(`${base}/readyz`);
    await answer.body?.cancel();
    if (answer.ok) return;
    if (performance.now() > deadline) throw new Error("Not ready within 30 s");
    await pause(POLL_MS);
  }
}

async function readCpuMs(base: string): Promise<number | undefined> {
  const answer = await fetch(`${base}/metrics`);
  const [, seconds] = /^process_cpu_seconds_total ([0-9.e-]+)$/m.exec(await answer.text()) ?? [];
  return seconds === undefined ? undefined : 1000 * Number(seconds);
}

/** A copy without keys whose value is undefined. */
function withoutUndefined<T extends Record<string, number | undefined>>(
  value: T,
): { [K in keyof T]?: number } {
  const kept = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(kept) as { [K in keyof T]?: number };
}
