/**
 * The client examples of the documentation do what it says: they print quotes
 * of the proxy, and come back when it was restarted or the connection broke.
 *
 * @module
 */
import assert from "node:assert/strict";
import { setStage, type Stage, until } from "../support/stage.ts";
import { TextLineStream } from "../support/text_lines.ts";
import {
  CLIENT_PROJECTS,
  type ClientProject,
  type Command,
} from "./client_projects.ts";
import { startRelay } from "./relay.ts";

const CLIENTS = new URL("../../docs/clients/", import.meta.url);

for (const project of CLIENT_PROJECTS) {
  const { language } = project;
  const missing = await project.missing();
  Deno.test({
    name: `the ${language} client of the README prints quotes and survives ` +
      `restarts and broken connections${
        missing ? ` (left out: ${missing})` : ""
      }`,
    ignore: missing !== undefined,
    fn: () => follow(project),
  });
}

async function follow(project: ClientProject): Promise<void> {
  await using folder = await copyOf(project.folder);
  const command = await project.prepare(folder.path);
  await using relay = await startRelay();
  await using client = start(command, {
    cwd: folder.path,
    env: { STREAM_PROXY_ADDRESS: relay.address },
  });
  {
    await using stage = await setStage();
    relay.target = stage.proxy.ports.grpc;
    await printed(stage, client, { symbol: "AAPL", bid: 150.25, ask: 150.27 });
  }
  await using stage = await setStage();
  relay.target = stage.proxy.ports.grpc;
  await printed(stage, client, { symbol: "MSFT", bid: 402.11, ask: 402.13 });
  relay.breakAll();
  await printed(stage, client, { symbol: "AAPL", bid: 150.35, ask: 150.37 });
}

/** Sends a quote until the client prints it. */
async function printed(
  { simulator }: Stage,
  client: Client,
  { symbol, bid, ask }: { symbol: string; bid: number; ask: number },
): Promise<void> {
  const venue = { bx: "Q", bs: 100, ax: "P", as: 100, c: ["R"], z: "C" };
  const t = "2026-01-05T14:30:00.123456789Z";
  const line = `${symbol} ${bid} x ${ask}`;
  await until(`the client prints "${line}"`, () => {
    assert.equal(client.ended, undefined, `It ended: ${client.ended}`);
    simulator.emit("sip", [
      { T: "q", S: symbol, bp: bid, ap: ask, t, ...venue },
    ]);
    return client.lines.includes(line);
  }, 60_000);
}

/** A client that runs. */
interface Client extends AsyncDisposable {
  /** What it has printed so far. */
  readonly lines: readonly string[];
  /** What it said when it ended by itself. */
  readonly ended: string | undefined;
}

function start(
  { words: [command = "", ...args], env }: Command,
  place: { readonly cwd: string; readonly env: Record<string, string> },
): Client {
  const child = new Deno.Command(command, {
    args,
    cwd: place.cwd,
    env: { ...env, ...place.env },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const lines: string[] = [];
  let ended: string | undefined;
  const complaint = new Response(child.stderr).text();
  const over = Promise.all([
    (async () => {
      const text = child.stdout.pipeThrough(new TextLineStream());
      for await (const line of text) lines.push(line);
    })(),
    (async () => {
      const { code } = await child.status;
      ended = `code ${code}, ${await complaint}`;
    })(),
  ]);
  return {
    lines,
    get ended() {
      return ended;
    },
    async [Symbol.asyncDispose]() {
      if (ended === undefined) child.kill("SIGKILL");
      await over;
    },
  };
}

async function copyOf(
  name: string,
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "client-" });
  await copyFolder(new URL(`${name}/`, CLIENTS), path);
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

/** Copies what is committed, not what somebody has built there. */
async function copyFolder(from: URL, to: string): Promise<void> {
  const made = ["gen", "node_modules", "target", "cream", "__pycache__"];
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (made.includes(name)) continue;
    if (isDirectory) {
      await Deno.mkdir(`${to}/${name}`);
      await copyFolder(new URL(`${name}/`, from), `${to}/${name}`);
    } else await Deno.copyFile(new URL(name, from), `${to}/${name}`);
  }
}
