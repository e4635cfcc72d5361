/**
 * A real Chromium, driven by its DevTools protocol: just enough to look at a
 * page, press keys and read its errors.
 *
 * @module
 */

/** Where Debian, Ubuntu and Chrome's own packages put it. */
const PLACES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** Path of an installed Chromium; `CHROMIUM` in the environment wins. */
export function findChromium(): string | undefined {
  const configured = Deno.env.get("CHROMIUM");
  return [...configured ? [configured] : [], ...PLACES].find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** How a page is looked at. */
export interface PageOptions {
  readonly width: number;
  readonly height: number;
  readonly scheme: "light" | "dark";
  /** @default true */
  readonly scripts?: boolean;
  /** More arguments of Chromium. @default none */
  readonly args?: readonly string[];
}

/** One open page; disposing it ends its browser. */
export class BrowserPage implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, PromiseWithResolvers<Message>>();
  readonly #stderr: Promise<void>;
  #calls = 0;
  /** Errors and warnings of the console, exceptions, refused requests. */
  readonly complaints: string[] = [];

  private constructor(
    parts: {
      process: Deno.ChildProcess;
      profile: string;
      socket: WebSocket;
      stderr: Promise<void>;
    },
  ) {
    this.#process = parts.process;
    this.#profile = parts.profile;
    this.#socket = parts.socket;
    this.#stderr = parts.stderr;
    this.#socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
  }

  /** Starts a browser with one page of the given size. */
  static async open(path: string, options: PageOptions): Promise<BrowserPage> {
    const profile = await Deno.makeTempDir({ prefix: "status-page-" });
    const process = new Deno.Command(path, {
      args: [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--remote-debugging-port=0",
        `--user-data-dir=${profile}`,
        ...options.args ?? [],
        "about:blank",
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const { port, drained } = await listenForPort(process.stderr);
    const list = await fetch(`http://127.0.0.1:${port}/json/list`);
    const targets: { type: string; webSocketDebuggerUrl: string }[] = await list
      .json();
    const target = targets.find(({ type }) => type === "page");
    if (!target) throw new Error("The browser has no page");
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    const page = new BrowserPage({ process, profile, socket, stderr: drained });
    await page.#prepare(options);
    return page;
  }

  async #prepare({ width, height, scheme, scripts }: PageOptions) {
    for (const domain of ["Page", "Runtime", "Log", "Network"]) {
      await this.call(`${domain}.enable`);
    }
    await this.call("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: false,
    });
    await this.call("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: scheme }],
    });
    if (scripts === false) {
      await this.call("Emulation.setScriptExecutionDisabled", { value: true });
    }
  }

  /** One call of the protocol. */
  async call(
    method: string,
    params: Record<string, unknown> = {},
  ): Promise<Record<string, unknown>> {
    const id = ++this.#calls;
    const answer = Promise.withResolvers<Message>();
    this.#answers.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method, params }));
    const { error, result } = await answer.promise;
    if (error) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  }

  /** Opens an address and waits for its document. */
  async goTo(url: string): Promise<void> {
    await this.call("Page.navigate", { url });
    while (await this.evaluate("document.readyState") === "loading") {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** The value of an expression (a promise is awaited) in the page. */
  async evaluate(expression: string): Promise<unknown> {
    const answer = await this.call("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    const { result, exceptionDetails } = answer as {
      result?: { value?: unknown };
      exceptionDetails?: unknown;
    };
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    return result?.value;
  }

  /** Presses and releases a key. */
  async press(key: "Tab" | "Enter"): Promise<void> {
    const code = key === "Tab" ? 9 : 13;
    const text = key === "Enter" ? { text: "\r" } : {};
    const event = { key, code: key, windowsVirtualKeyCode: code, ...text };
    await this.call("Input.dispatchKeyEvent", { type: "keyDown", ...event });
    await this.call("Input.dispatchKeyEvent", { type: "keyUp", ...event });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.onclose = resolve);
    await this.call("Browser.close");
    await closed;
    await this.#process.status;
    await this.#stderr;
    await Deno.remove(this.#profile, { recursive: true });
  }

  #receive(message: Message): void {
    if (message.id !== undefined) {
      this.#answers.get(message.id)?.resolve(message);
      this.#answers.delete(message.id);
      return;
    }
    const { method, params } = message;
    const isComplaint = method === "Runtime.exceptionThrown" ||
      method === "Log.entryAdded" || method === "Runtime.consoleAPICalled" ||
      method === "Network.loadingFailed";
    if (isComplaint) this.complaints.push(JSON.stringify(params));
  }
}

/** Reads the port that the browser announces, then lets it talk unheard. */
async function listenForPort(
  stderr: ReadableStream<Uint8Array>,
): Promise<{ port: string; drained: Promise<void> }> {
  const reader = stderr.pipeThrough(new TextDecoderStream()).getReader();
  let heard = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The browser did not start: ${heard}`);
    heard += value;
    const port = /DevTools listening on ws:\/\/[^:]+:(\d+)\//.exec(heard)?.[1];
    if (port === undefined) continue;
    const drained = (async () => {
      while (!(await reader.read()).done);
    })();
    return { port, drained };
  }
}
