/**
 * A container without an engine: the image's root read-only, no capability, a
 * numeric user of its own, by bubblewrap. Network and clock are the machine's.
 *
 * @module
 */
import { run, type RunResult } from "./tools.ts";

/** An image unpacked on disk. */
export interface UnpackedImage {
  /** Folder that holds its root. */
  readonly root: string;
  readonly user: string;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly health: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** How a container is started. */
export interface ContainerOptions {
  /** In place of the image's command. */
  readonly args?: readonly string[];
  /** In place of entry point and command. */
  readonly whole?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A started container. */
export interface Container {
  readonly process: Deno.ChildProcess;
  /** Milliseconds on the clock of `performance` at which it was started. */
  readonly startedAt: number;
  /** Waits for its end. */
  ended(): Promise<RunResult>;
  /** The process inside: bubblewrap itself does not pass signals on. */
  innerPid(): Promise<number>;
}

/** Starts a container. */
export function startContainer(
  image: UnpackedImage,
  options: ContainerOptions = {},
): Container {
  const [uid = "", gid = uid] = image.user.split(":");
  const env = [
    ...image.env,
    ...Object.entries(options.env ?? {}).map(([name, value]) =>
      `${name}=${value}`
    ),
  ];
  const words = options.whole ??
    [...image.entrypoint, ...options.args ?? image.command];
  const startedAt = performance.now();
  const process = new Deno.Command("setpriv", {
    args: [
      ...["--reuid", uid, "--regid", gid, "--clear-groups", "--no-new-privs"],
      ...["--inh-caps=-all", "bwrap", "--unshare-all", "--share-net"],
      ...["--die-with-parent", "--as-pid-1", "--cap-drop", "ALL", "--clearenv"],
      ...["--ro-bind", image.root, "/", "--dev", "/dev", "--proc", "/proc"],
      ...env.flatMap((pair) => {
        const at = pair.indexOf("=");
        return ["--setenv", pair.slice(0, at), pair.slice(at + 1)];
      }),
      ...["--chdir", "/app", ...words],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  return {
    process,
    startedAt,
    innerPid: async () => {
      const { stdout } = await run("pgrep", ["-P", String(process.pid)]);
      return Number(stdout.trim().split("\n")[0]);
    },
    ended: async () => {
      const decoder = new TextDecoder();
      const { code, stdout, stderr } = await process.output();
      return {
        code,
        stdout: decoder.decode(stdout),
        stderr: decoder.decode(stderr),
      };
    },
  };
}
