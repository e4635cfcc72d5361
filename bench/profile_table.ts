/**
 * Prints where the time of a CPU profile went, by layer: from the kernel's socket write to the
 * proxy's own parts.
 *
 * ```sh
 * BENCH_PROXY_FLAGS="--cpu-prof --cpu-prof-dir=DIR" deno task bench --only fan-out-100
 * deno run --allow-read bench/profile_table.ts DIR/CPU.*.cpuprofile --cpu-per-message 7.2
 * ```
 *
 * The start of the process is left out (`--skip`, in seconds). With the CPU time per message that
 * the bench has measured, each layer has its µs per message.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { print } from "../scripts/rig/command_line.ts";

/** A function in one call path. */
interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

/** The part of a `.cpuprofile` that is read. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

/** Time of a layer and of its largest functions. */
export interface Layer {
  readonly name: string;
  readonly micros: number;
  readonly functions: readonly { readonly name: string; readonly micros: number }[];
}

/** Functions of V8 that stand for something else. */
const SPECIAL: Readonly<Record<string, string>> = {
  "(garbage collector)": "Garbage collection",
  "(program)": "Event loop and native code",
};

const SOCKET_WRITE = "Kernel's socket write";
const OTHER = "Everything else";

/** Layers by their modules; the first that matches counts. */
const MODULES: readonly (readonly [string, RegExp])[] = [
  ["Runtime's HTTP/2", /deno_node\/(internal\/)?http2/],
  [
    "Runtime's sockets",
    /deno_node\/(net|internal\/stream_base|internal_binding\/(stream|tcp|pipe))/,
  ],
  ["Runtime's streams and events", /deno_node\/(internal\/streams|internal\/buffer|_events)/],
  ["Runtime's timers, turns and promises", /core\/0[0-2]_|deno_node\/.*(timers|next_tick)/],
  ["grpc-js", /@grpc\/grpc-js/],
  ["ws", /\/ws\/[\d.]+\//],
  [
    "Ours: DATA frames, corking, scheduling",
    /src\/infrastructure\/grpc\/(http2_workarounds|limits)/,
  ],
  ["Ours: encoding", /src\/infrastructure\/grpc\/encoding|src\/formats/],
  ["Ours: streams and pump", /src\/infrastructure\/grpc/],
  ["Ours: channels and queues", /src\/application\/(broadcast|streaming)/],
  ["Ours: reading and decoding", /src\/infrastructure\/alpaca|src\/application\/timing/],
  ["Ours: everything else", /\/(src|bench)\//],
];

/** Divides the busy time of a profile between layers, largest first. */
export function layersOf(profile: CpuProfile, skipMs: number): readonly Layer[] {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  );
  const parentOf = (node: ProfileNode) => nodes.get(parents.get(node.id) ?? -1);
  const layers = new Map<string, Map<string, number>>();
  let elapsed = 0;
  profile.samples.forEach((id, i) => {
    const micros = profile.timeDeltas[i] ?? 0;
    elapsed += micros;
    const node = nodes.get(id);
    if (node === undefined || elapsed < skipMs * 1_000) return;
    const { functionName } = node.callFrame;
    if (functionName === "(idle)") return;
    const layer = layerOf(node, parentOf);
    const functions = layers.get(layer) ?? new Map<string, number>();
    layers.set(layer, functions);
    const name = functionName || "(anonymous)";
    functions.set(name, (functions.get(name) ?? 0) + micros);
  });
  return Array.from(layers, ([name, functions]) => ({
    name,
    micros: [...functions.values()].reduce((sum, micros) => sum + micros, 0),
    functions: Array.from(functions, ([name, micros]) => ({ name, micros }))
      .sort((a, b) => b.micros - a.micros),
  })).sort((a, b) => b.micros - a.micros);
}

/** Native functions belong to the module that calls them, except the write to a socket. */
function layerOf(
  node: ProfileNode,
  parentOf: (node: ProfileNode) => ProfileNode | undefined,
): string {
  const special = SPECIAL[node.callFrame.functionName];
  if (special !== undefined) return special;
  let at: ProfileNode | undefined = node;
  while (at && at.callFrame.url === "") at = parentOf(at);
  const url = at?.callFrame.url ?? "";
  const isNative = at !== node;
  if (isNative && /stream_base_commons/.test(url) && /^write/.test(node.callFrame.functionName)) {
    return SOCKET_WRITE;
  }
  return MODULES.find(([, modules]) => modules.test(url))?.[0] ?? OTHER;
}

/** The rows of a table; `cpuPerMessage` in µs adds a column. */
export function tableOf(layers: readonly Layer[], cpuPerMessage?: number): string {
  const busy = layers.reduce((sum, { micros }) => sum + micros, 0);
  const rows = layers.map(({ name, micros, functions }) => {
    const share = micros / busy;
    const each = cpuPerMessage === undefined ? "" : `${(share * cpuPerMessage).toFixed(2)} µs`;
    const largest = functions.slice(0, 4).map(({ name, micros }) =>
      `${name} ${(100 * micros / busy).toFixed(1)}`
    );
    return [name, `${(100 * share).toFixed(1)} %`, each, largest.join(", ")];
  });
  const width = Math.max(...rows.map(([name = ""]) => name.length));
  return rows.map(([name = "", share = "", each = "", largest = ""]) =>
    `${name.padEnd(width)} ${share.padStart(7)} ${each.padStart(9)}  ${largest}`
  ).join("\n");
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      skip: { type: "string", default: "3" },
      "cpu-per-message": { type: "string" },
    },
  });
  const cpu = values["cpu-per-message"];
  for (const path of positionals) {
    const profile = JSON.parse(await Deno.readTextFile(path)) as CpuProfile;
    const layers = layersOf(profile, 1_000 * Number(values.skip));
    print(`${path}\n${tableOf(layers, cpu === undefined ? undefined : Number(cpu))}`);
  }
}
