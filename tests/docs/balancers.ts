/**
 * nginx, haproxy and Envoy between the documented clients and a proxy.
 *
 * Each runs as one process in the foreground, from a template in `balancers/`.
 *
 * @module
 */
import { untilListening } from "./loopback.ts";

/** What stands between a client and the proxy. */
export interface BalancerKind {
  /** For people: `nginx, read timeout 5 s`. */
  readonly name: string;
  readonly program: "nginx" | "haproxy" | "envoy";
  /** Template in `balancers/`. */
  readonly template: string;
  /** Values of the template beside the ports and the folder. */
  readonly values: Readonly<Record<string, string>>;
}

/** Where a balancer listens, and the proxy behind it. */
export interface Ports {
  readonly listen: number;
  readonly proxy: number;
}

/** nginx that ends a stream without data after `timeout`, such as `5s`. */
export function nginx(timeout: string): BalancerKind {
  return {
    name: `nginx ${timeout}`,
    program: "nginx",
    template: "nginx.conf",
    values: { TIMEOUT: timeout },
  };
}

/** haproxy that ends a stream without data after `timeout`, such as `5s`. */
export function haproxy(timeout: string): BalancerKind {
  return {
    name: `haproxy ${timeout}`,
    program: "haproxy",
    template: "haproxy.cfg",
    values: { TIMEOUT: timeout },
  };
}

/** Envoy with a limit on the whole stream: its default of 15 s, or none. */
export function envoy(timeout: "15s" | "0s"): BalancerKind {
  return {
    name: timeout === "0s" ? "envoy 0s" : "envoy default",
    program: "envoy",
    template: "envoy.yaml",
    values: { ROUTE: timeout === "0s" ? "timeout: 0s" : "" },
  };
}

/** Why a balancer cannot run here; undefined when it can. */
export async function missingBalancer(
  { program }: BalancerKind,
): Promise<string | undefined> {
  const flag = program === "envoy" ? "--version" : "-v";
  try {
    const { success } = await new Deno.Command(pathOf(program), {
      args: [flag],
      stdout: "null",
      stderr: "null",
    }).output();
    if (success) return undefined;
  } catch {
    // Not installed: same reason as a program that does not run.
  }
  return program === "envoy" ? "no Envoy (set CLIENTS_ENVOY)" : `no ${program} on the PATH`;
}

/** A balancer that can be killed and started again on the same port. */
export class Balancer implements AsyncDisposable {
  readonly #kind: BalancerKind;
  readonly #ports: Ports;
  readonly #folder: string;
  #process: Deno.ChildProcess | undefined;

  private constructor(kind: BalancerKind, ports: Ports, folder: string) {
    this.#kind = kind;
    this.#ports = ports;
    this.#folder = folder;
  }

  /** Starts a balancer; resolves once it accepts connections. */
  static async start(kind: BalancerKind, ports: Ports): Promise<Balancer> {
    const folder = await Deno.makeTempDir({ prefix: "balancer-" });
    const balancer = new Balancer(kind, ports, folder);
    await Deno.writeTextFile(balancer.#config, await fill(kind, ports, folder));
    await balancer.resume();
    return balancer;
  }

  get #config(): string {
    return `${this.#folder}/${this.#kind.template}`;
  }

  /** Starts the process again after `kill`. */
  async resume(): Promise<void> {
    this.#process = new Deno.Command(pathOf(this.#kind.program), {
      args: argumentsOf(this.#kind, { folder: this.#folder, ...this.#ports }),
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await untilListening(this.#ports.listen);
  }

  /** Ends the process by SIGKILL. */
  async kill(): Promise<void> {
    try {
      this.#process?.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // It has ended already.
    }
    await this.#process?.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

function pathOf(program: BalancerKind["program"]): string {
  return program === "envoy" ? Deno.env.get("CLIENTS_ENVOY") ?? "envoy" : program;
}

async function fill(
  { template, values }: BalancerKind,
  ports: Ports,
  folder: string,
): Promise<string> {
  const path = new URL(`balancers/${template}`, import.meta.url);
  const all = {
    ...values,
    LISTEN_PORT: String(ports.listen),
    GRPC_PORT: String(ports.proxy),
    DIR: folder,
  };
  const names = new RegExp(`\\b(${Object.keys(all).join("|")})\\b`, "g");
  const text = await Deno.readTextFile(path);
  return text.replaceAll(
    /^(?!\s*#).*$/gm,
    (line) => line.replaceAll(names, (name) => all[name as keyof typeof all]),
  );
}

function argumentsOf(
  { program, template }: BalancerKind,
  { folder, listen }: { readonly folder: string; readonly listen: number },
): string[] {
  const config = `${folder}/${template}`;
  switch (program) {
    case "nginx":
      return ["-p", folder, "-e", `${folder}/start.log`, "-c", config];
    case "haproxy":
      return ["-db", "-q", "-f", config];
    case "envoy":
      return [
        ...["-c", config, "--log-level", "off", "--concurrency", "1"],
        ...["--disable-hot-restart", "--base-id", String(listen)],
      ];
  }
}
