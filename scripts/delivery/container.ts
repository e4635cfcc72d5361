/**
 * Runs an unpacked image without a container engine: bubblewrap gives it a
 * read-only root, no capabilities and a numeric user. It shares the network and
 * the clock of the machine.
 *
 * @module
 */
import type { UnpackedImage } from "./build_image.ts";
import { runProgram, type RunResult } from "./run_program.ts";

/** How a container is started. */
export interface ContainerOptions {
  /** Replaces the image's command. */
  readonly command?: readonly string[];
  /** Replaces the image's entry point. @default the image's */
  readonly entrypoint?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Folders of this machine by the path at which they are mounted, read-only. */
  readonly mounts?: Readonly<Record<string, string>>;
}

/** A started container. */
export class Container {
  readonly #process: Deno.ChildProcess;
  /** Time of the start on the clock of `performance`, in ms. */
  readonly startedAt: number = performance.now();
  /** Exit code and output, once it has ended. */
  readonly ended: Promise<RunResult>;

  /** Starts the image. */
  constructor(image: UnpackedImage, options: ContainerOptions = {}) {
    const [uid = "", gid = uid] = image.user.split(":");
    const env = [
      ...image.env.map((pair) => pair.split(/=(.*)/s).slice(0, 2)),
      ...Object.entries(options.env ?? {}),
    ];
    this.#process = new Deno.Command("setpriv", {
      args: [
        ...["--reuid", uid, "--regid", gid, "--clear-groups"],
        ...["--no-new-privs", "--inh-caps=-all"],
        ...["bwrap", "--unshare-all", "--share-net", "--die-with-parent"],
        ...["--as-pid-1", "--cap-drop", "ALL", "--clearenv"],
        ...["--ro-bind", image.root, "/", "--dev", "/dev", "--proc", "/proc"],
        ...Object.entries(options.mounts ?? {})
          .flatMap(([path, folder]) => ["--ro-bind", folder, path]),
        ...env.flatMap((pair) => ["--setenv", ...pair]),
        ...["--chdir", "/app"],
        ...options.entrypoint ?? image.entrypoint,
        ...options.command ?? image.command,
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.ended = this.#process.output().then(({ code, stdout, stderr }) => {
      const decoder = new TextDecoder();
      return {
        code,
        stdout: decoder.decode(stdout),
        stderr: decoder.decode(stderr),
      };
    });
  }

  /** Id of the process inside; bubblewrap does not forward signals to it. */
  async innerPid(): Promise<number> {
    const { stdout } = await runProgram("pgrep", [
      ...["-P", String(this.#process.pid)],
    ]);
    return Number(stdout.trim().split("\n")[0]);
  }

  /** Kills it unless it has ended. */
  kill(): void {
    try {
      this.#process.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended
    }
  }
}
