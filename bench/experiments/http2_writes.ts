/**
 * Measures what a small write costs: to an HTTP/2 stream of node:http2, and the same bytes to its
 * TCP socket. For a report to the runtime, so it uses node: modules alone and runs on Deno and
 * Node.js.
 *
 * ```sh
 * deno run -A bench/experiments/http2_writes.ts
 * npx node@24 bench/experiments/http2_writes.ts
 * ```
 *
 * 100 connections with one stream each receive 100 bytes every 5 ms. The client is a second process
 * that only reads. CPU time is that of the server's process.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { createServer, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import process from "node:process";
import { fileURLToPath } from "node:url";

const CONNECTIONS = 100;
const EVERY_MS = 5;
const WINDOW_MS = 3_000;
const ROUNDS = 5;
const PAYLOAD_BYTES = 100;
const FRAME_HEADER_BYTES = 9;

/** A client's first bytes: preface, SETTINGS with a large window, a larger connection window. */
function hello(): Uint8Array {
  const preface = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const settings = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0x3f, 0xff, 0xff, 0xff];
  const window = [0, 0, 4, 8, 0, 0, 0, 0, 0, 0x3f, 0xff, 0, 0];
  // :method POST, :scheme http, :path /, :authority of "a"; END_HEADERS and END_STREAM.
  const block = [0x83, 0x86, 0x84, 0x01, 1, 0x61];
  const headers = [0, 0, block.length, 1, 5, 0, 0, 0, 1, ...block];
  return Uint8Array.from([...preface, ...settings, ...window, ...headers]);
}

/** Connects to both ports and discards what arrives. */
function runClient(ports: readonly number[]): void {
  const ack = Uint8Array.from([0, 0, 0, 4, 1, 0, 0, 0, 0]);
  ports.forEach((port, index) => {
    for (let i = 0; i < CONNECTIONS; i++) {
      const socket = connect(port, "127.0.0.1");
      socket.setNoDelay(true);
      const isHttp2 = index === 0;
      if (isHttp2) socket.write(hello());
      socket.once("data", () => isHttp2 && socket.write(ack));
      socket.on("data", () => {});
      socket.on("error", () => {});
    }
  });
}

/** CPU µs per write of `write`, called for all targets every `EVERY_MS`. */
async function measure<T>(targets: readonly T[], write: (target: T) => void): Promise<number> {
  let writes = 0;
  const timer = setInterval(() => {
    for (const target of targets) write(target);
    writes += targets.length;
  }, EVERY_MS);
  await pause(500);
  const before = process.cpuUsage();
  const writesBefore = writes;
  await pause(WINDOW_MS);
  const { user, system } = process.cpuUsage(before);
  clearInterval(timer);
  await pause(200);
  return (user + system) / (writes - writesBefore);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function listen(server: { listen(port: number, host: string, done: () => void): unknown }) {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return ((server as unknown as { address(): AddressInfo }).address()).port;
}

async function runServer(): Promise<void> {
  const streams: ServerHttp2Stream[] = [];
  const sockets: Socket[] = [];
  const http2 = createServer();
  http2.on("stream", (stream: ServerHttp2Stream) => {
    stream.on("error", () => {});
    stream.respond({ ":status": 200 });
    streams.push(stream);
  });
  const tcp = createTcpServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    sockets.push(socket);
  });
  const ports = [await listen(http2), await listen(tcp)];
  const script = fileURLToPath(import.meta.url);
  const run = "Deno" in globalThis ? ["run", "-A", script] : [...process.execArgv, script];
  const client = spawn(process.execPath, [...run, ...ports.map(String)], { stdio: "inherit" });
  while (streams.length < CONNECTIONS || sockets.length < CONNECTIONS) await pause(50);

  const payload = new Uint8Array(PAYLOAD_BYTES);
  const frame = new Uint8Array(FRAME_HEADER_BYTES + PAYLOAD_BYTES);
  frame[2] = PAYLOAD_BYTES;
  frame[8] = 1;
  const rows: { http2: number; tcp: number }[] = [];
  // The first round warms the compiler up.
  for (let round = 0; round <= ROUNDS; round++) {
    const row = {
      http2: await measure(streams, (stream) => stream.write(payload)),
      tcp: await measure(sockets, (socket) => socket.write(frame)),
    };
    if (round > 0) rows.push(row);
  }
  const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
  const show = (values: number[]) => `${median(values).toFixed(1)} µs`;
  const { deno } = process.versions;
  const runtime = deno === undefined ? `Node.js ${process.version}` : `Deno ${deno}`;
  process.stdout.write(
    `${runtime}: HTTP/2 ${show(rows.map((row) => row.http2))}, ` +
      `TCP ${show(rows.map((row) => row.tcp))} per write\n`,
  );
  client.kill();
  process.exit(0);
}

const ports = process.argv.slice(2).map(Number);
if (ports.length > 0) runClient(ports);
else await runServer();
