/**
 * Samples memory and descriptors of a process.
 *
 * Deno allows reading `/proc` only with all permissions, so one shell reads it
 * for the whole run.
 *
 * @module
 */
import { lines } from "../../bench/control.ts";

/** The JavaScript heap of a process, in bytes. */
export interface HeapUse {
  readonly heapUsed: number;
  /** Bytes that V8 has committed for its heap. */
  readonly heapTotal: number;
  /** Bytes outside of the heap that objects in it hold. */
  readonly external: number;
  /** Bytes that V8 has allocated outside of its heap for itself. */
  readonly malloced: number;
}

/** Memory and descriptors of a process. */
interface ProcessStats {
  /** Resident memory in bytes. */
  readonly rss: number;
  /** Anonymous part of the resident memory, in bytes. */
  readonly anonymous: number;
  /** Open descriptors. */
  readonly descriptors: number;
}

/** Replies to each line `PID` with `RSS-kB anonymous-kB descriptors`. */
const SCRIPT = `while read -r pid; do
  rss=0; anon=0
  { while read -r key value _; do
    case $key in VmRSS:) rss=$value ;; RssAnon:) anon=$value ;; esac
  done < /proc/$pid/status; } 2>/dev/null
  set -- /proc/$pid/fd/*
  echo "$rss $anon $#"
done`;

/** Parses a reply of the shell; undefined for a process that has ended. */
export function parseStats(line: string): ProcessStats | undefined {
  const [rss = 0, anonymous = 0, descriptors = 0] = line.split(" ").map(Number);
  // A zombie has no memory.
  if (!(rss > 0)) return undefined;
  return { rss: rss * 1024, anonymous: anonymous * 1024, descriptors };
}

/** Samples processes. Linux only. */
export class ProcessSampler implements AsyncDisposable {
  readonly #shell: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #replies: AsyncGenerator<string, void>;
  #last: Promise<unknown> = Promise.resolve();

  constructor() {
    this.#shell = new Deno.Command("sh", {
      args: ["-c", SCRIPT],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#input = this.#shell.stdin.getWriter();
    this.#replies = lines(this.#shell.stdout);
  }

  /** Samples process `pid`; undefined when it has ended. */
  sample(pid: number): Promise<ProcessStats | undefined> {
    const reply = this.#last.then(async () => {
      await this.#input.write(new TextEncoder().encode(`${pid}\n`));
      const { value } = await this.#replies.next();
      return value ? parseStats(value) : undefined;
    });
    this.#last = reply.catch(() => {});
    return reply;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await this.#input.close();
    await this.#replies.return();
    await this.#shell.status;
  }
}
