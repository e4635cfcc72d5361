/**
 * What the kernel and V8 report about a process.
 *
 * The runtime gives a program `/proc` only together with all permissions; so a
 * shell reads it, one for the whole run, without a new process per look.
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

/** What a process holds. */
export interface Holding {
  /** Resident memory in bytes. */
  readonly rss: number;
  /** The part of it that no file backs, in bytes. */
  readonly anonymous: number;
  /** Open descriptors. */
  readonly descriptors: number;
}

/** Answers each line `PID` with `RSS-kB anonymous-kB descriptors`. */
const LOOK = `while read -r pid; do
  rss=0; anon=0
  { while read -r key value _; do
    case $key in VmRSS:) rss=$value ;; RssAnon:) anon=$value ;; esac
  done < /proc/$pid/status; } 2>/dev/null
  set -- /proc/$pid/fd/*
  echo "$rss $anon $#"
done`;

/** Reads an answer of the shell; undefined for a process that has ended. */
export function parseHolding(line: string): Holding | undefined {
  const [rss = 0, anonymous = 0, descriptors = 0] = line.split(" ").map(Number);
  // A process that has ended and was not waited for has no memory.
  if (!(rss > 0)) return undefined;
  return { rss: rss * 1024, anonymous: anonymous * 1024, descriptors };
}

/** Looks at processes from outside. Linux only. */
export class ProcessWatch implements AsyncDisposable {
  readonly #shell: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #answers: AsyncGenerator<string, void>;
  #last: Promise<unknown> = Promise.resolve();

  constructor() {
    this.#shell = new Deno.Command("sh", {
      args: ["-c", LOOK],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#input = this.#shell.stdin.getWriter();
    this.#answers = lines(this.#shell.stdout);
  }

  /** What process `pid` holds; undefined when it has ended. */
  look(pid: number): Promise<Holding | undefined> {
    const answer = this.#last.then(async () => {
      await this.#input.write(new TextEncoder().encode(`${pid}\n`));
      const { value } = await this.#answers.next();
      return value ? parseHolding(value) : undefined;
    });
    this.#last = answer.catch(() => {});
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await this.#input.close();
    await this.#answers.return();
    await this.#shell.status;
  }
}
