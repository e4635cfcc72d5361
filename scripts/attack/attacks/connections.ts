/**
 * Attacks by connections: half-open, idle, slow, too many, with bad hosts.
 *
 * @module
 */
import { http2Frame } from "../../../bench/http2/frames.ts";
import { pause } from "../../../bench/rig.ts";
import { RawConnection } from "../../rig/raw_connection.ts";
import { type Attack, connections, during, endedCount, scaled, type Target } from "./attack.ts";

const ascii = new TextEncoder();

/** Opens `count` plain TCP connections to `port`; failures are dropped. */
async function sockets(port: number, count: number): Promise<RawConnection[]> {
  const all: RawConnection[] = [];
  for (let i = 0; i < count; i++) {
    try {
      all.push(await RawConnection.open({ port, hello: false, replies: false }));
    } catch {
      // A refused connection is a valid answer.
    }
  }
  return all;
}

/** Connections that send nothing, and ones that send the preface alone. */
export const halfOpen: Attack = async (target) => {
  const count = scaled(target, 500);
  const silent = await sockets(target.ports.grpc, count);
  const greeted = await connections(target, count, { replies: false });
  await pause(8_000 * target.scale + 1_000);
  return {
    about: `${silent.length} silent, ${greeted.length} with a preface; ended ` +
      `${endedCount(silent)} and ${endedCount(greeted)}`,
    problems: [],
  };
};

/** Idle sockets on the HTTP ports. */
export const httpIdle: Attack = async (target) => {
  const { health, metrics } = target.ports;
  const count = scaled(target, 1_500);
  const all = [
    ...await sockets(health, count),
    ...await sockets(metrics, count),
  ];
  await pause(5_000 * target.scale + 1_000);
  return {
    about: `${all.length} idle sockets, ${endedCount(all)} ended`,
    problems: [],
  };
};

/** Requests whose heads arrive byte by byte, on both HTTP ports. */
export const slowloris: Attack = async (target) => {
  const { health, metrics } = target.ports;
  const count = scaled(target, 150);
  const all = [
    ...await sockets(health, count),
    ...await sockets(metrics, count),
  ];
  for (const socket of all) {
    socket.send(ascii.encode("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n"));
  }
  await during(10_000 * target.scale + 1_000, async () => {
    for (const socket of all) socket.send(ascii.encode("X-A: b\r\n"));
    await pause(250);
    return true;
  });
  return {
    about: `${all.length} slow requests, ${endedCount(all)} ended`,
    problems: [],
  };
};

/** More connections than the process may have descriptors. */
export const manyConnections: Attack = async (target) => {
  const grpc = await connections(target, scaled(target, 1_000));
  const http = await sockets(target.ports.health, scaled(target, 200));
  await pause(5_000);
  return {
    about: `${grpc.length} connections, ${endedCount(grpc)} ended; ` +
      `${http.length} of HTTP, ${endedCount(http)} ended`,
    problems: [],
  };
};

/** Connections that start with a GOAWAY. */
export const goAwayFirst: Attack = async (target) => {
  const all = await connections(target, scaled(target, 300));
  for (const connection of all) {
    connection.send(http2Frame(7, { payload: new Uint8Array(8) }));
  }
  await pause(1_000);
  return {
    about: `${all.length} connections, ${endedCount(all)} ended`,
    problems: [],
  };
};

/** Sends an HTTP/1.1 request as it stands and returns the status; 0 for none. */
async function statusOf(port: number, head: string): Promise<number> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const timer = setTimeout(() => connection.close(), 2_000);
  try {
    await connection.write(ascii.encode(head));
    const buffer = new Uint8Array(4_096);
    const size = await connection.read(buffer) ?? 0;
    const text = new TextDecoder().decode(buffer.subarray(0, size));
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
  } catch {
    return 0;
  } finally {
    clearTimeout(timer);
    try {
      connection.close();
    } catch {
      // Closed by the timer.
    }
  }
}

/** Host lines that are invalid or name no server. */
const BAD_HOSTS: readonly string[] = [
  "Host: a b",
  "Host: [::1",
  "Host: 127.0.0.1:99999999",
  "Host: \u0001",
  "Host: a/b?c",
  "Host: <script>",
  `Host: ${"h".repeat(2_000)}.example`,
  "Host: %zz",
];

/** Bad and foreign values of Host on the status page. */
export const hosts: Attack = async ({ ports }: Target) => {
  const problems: string[] = [];
  const ask = async (line: string) => {
    const head = `GET / HTTP/1.1\r\n${line}\r\nConnection: close\r\n\r\n`;
    return await statusOf(ports.health, head);
  };
  for (const line of BAD_HOSTS) {
    const status = await ask(line);
    if (status >= 500 || status === 200 || status === 0) {
      const shown = JSON.stringify(line.slice(0, 30));
      problems.push(`${shown} is answered ${status || "not at all"}`);
    }
  }
  const foreign = await ask("Host: rebound.example");
  if (foreign === 200) problems.push("a foreign Host gets the status page");
  const own = await ask(`Host: 127.0.0.1:${ports.health}`);
  if (own !== 200) problems.push(`its own address is answered ${own}`);
  return { about: `${BAD_HOSTS.length + 2} values of Host`, problems };
};
