/**
 * A nats-server as a process of the bench, with what it has used.
 *
 * @module
 */
import { freePort, until } from "../rig.ts";

/** Resources used since the server started. */
export interface NatsUse {
  /** CPU time of all its threads. */
  readonly cpuMicros: number;
  /** Resident memory, bytes. */
  readonly rss: number;
  /** Bytes of messages from clients, and to them. */
  readonly inBytes: number;
  readonly outBytes: number;
  readonly inMessages: number;
  readonly outMessages: number;
  /** Time of the sample, in ms of this process's monotonic clock. */
  readonly at: number;
}

/** Why the server cannot be measured here; `undefined` when it can. */
export async function natsMissing(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "the CPU time of nats-server is read from /proc";
  try {
    await text("nats-server", "--version");
    return undefined;
  } catch {
    return "nats-server is not on the PATH";
  }
}

/** A running server with JetStream, which hubs need for their lease. */
export class NatsProcess implements AsyncDisposable {
  readonly url: string;
  readonly #monitor: string;
  readonly #folder: string;
  readonly #child: Deno.ChildProcess;

  private constructor(ports: { nats: number; monitor: number }, folder: string) {
    this.url = `nats://127.0.0.1:${ports.nats}`;
    this.#monitor = `http://127.0.0.1:${ports.monitor}`;
    this.#folder = folder;
    this.#child = new Deno.Command("nats-server", {
      args: [
        ...["--addr", "127.0.0.1", "--port", String(ports.nats)],
        ...["--http_port", String(ports.monitor)],
        ...["--jetstream", "--store_dir", folder],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** Starts a server; resolves once it replies. */
  static async start(): Promise<NatsProcess> {
    const folder = (await text("mktemp", "-d")).trim();
    const server = new NatsProcess({ nats: freePort(), monitor: freePort() }, folder);
    await until("nats-server replies", () => server.#page("healthz").then(() => true, () => false));
    return server;
  }

  /** Reads what the server has used so far. */
  async use(): Promise<NatsUse> {
    const [page, threads] = await Promise.all([
      this.#page("varz"),
      // The time of a thread on a processor, in ns, is the first number of its line.
      text("sh", "-c", `cat /proc/${this.#child.pid}/task/*/schedstat`),
    ]);
    const at = performance.now();
    const nanos = threads.trim().split("\n").map((line) => Number(line.split(" ")[0]));
    return {
      cpuMicros: nanos.reduce((sum, each) => sum + each, 0) / 1e3,
      rss: Number(page.mem),
      inBytes: Number(page.in_bytes),
      outBytes: Number(page.out_bytes),
      inMessages: Number(page.in_msgs),
      outMessages: Number(page.out_msgs),
      at,
    };
  }

  async #page(name: string): Promise<Record<string, unknown>> {
    const answer = await fetch(`${this.#monitor}/${name}`);
    return await answer.json();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await text("rm", "-r", this.#folder);
  }
}

/** What a command prints. @throws when it fails */
async function text(command: string, ...args: string[]): Promise<string> {
  const { success, stdout } = await new Deno.Command(command, { args, stderr: "null" }).output();
  if (!success) throw new Error(`${command} has failed`);
  return new TextDecoder().decode(stdout);
}
