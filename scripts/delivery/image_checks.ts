/**
 * What the checks of the image have in common: ports, output, and waiting.
 *
 * @module
 */
import type { Simulator } from "@alpaca-stream-proxy/simulator";
import { allowedAddresses, allowedVariables } from "./permissions.ts";
import { Container, type ContainerOptions } from "./container.ts";
import type { UnpackedImage } from "./build_image.ts";
import type { RunResult } from "./run_program.ts";

/** Ports of the container, other than the defaults of a proxy that runs here. */
export const PORTS = { grpc: 45_052, health: 45_082, metrics: 45_090 } as const;
/** Address that they listen on. */
export const HOST = "127.0.0.1";

/** Settings of a proxy on these ports. */
export const PORT_SETTINGS: Readonly<Record<string, string>> = {
  STREAM_PROXY_HOST: HOST,
  STREAM_PROXY_GRPC_PORT: String(PORTS.grpc),
  STREAM_PROXY_WEBSOCKET_PORT: "0",
  STREAM_PROXY_HEALTH_PORT: String(PORTS.health),
  STREAM_PROXY_METRICS_PORT: String(PORTS.metrics),
};

/** Prints a line. */
export function log(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** Runs a container to its end, at most 30 s. */
export async function runToEnd(
  image: UnpackedImage,
  options: ContainerOptions,
): Promise<RunResult> {
  const container = new Container(image, options);
  try {
    return await within30s(container.ended, "a container");
  } catch (error) {
    container.kill();
    const { stdout, stderr } = await container.ended;
    const command = options.command?.join(" ");
    throw new Error(`${command}\n${stdout}${stderr}`, { cause: error });
  }
}

/** Fetches until the status is 200, at most 20 s, and returns the body. */
export async function fetchOk(url: string, client?: Deno.HttpClient): Promise<string> {
  const end = performance.now() + 20_000;
  for (;;) {
    try {
      const response = await fetch(url, client ? { client } : {});
      const text = await response.text();
      if (response.ok) return text;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // not listening yet
    }
    if (performance.now() > end) throw new Error(`No 200 from ${url} in 20 s`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Waits for at most 30 s. @throws Error that names what took longer */
export async function within30s<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took 30 s`)), 30_000);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Permissions and flags as the chart derives them for these addresses. */
export function proxyCommand(simulator: Simulator): string[] {
  const ports = Object.values(PORTS).map((port) => `${HOST}:${port}`);
  const alpaca = allowedAddresses().filter((one) => one.endsWith(":443"));
  const net = [...ports, new URL(simulator.url).host, ...alpaca];
  return [
    `--allow-env=${allowedVariables().join(",")}`,
    `--allow-net=${net.join(",")}`,
    "--v8-flags=--max-old-space-size=682",
    "/app/src/start.ts",
  ];
}
