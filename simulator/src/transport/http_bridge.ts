import type { IncomingMessage, ServerResponse } from "node:http";

/** Anything that answers a request of the web platform. */
export type HttpHandler = (request: Request) => Promise<Response>;

/** Most bytes of a request body that are read. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

/**
 * Answers a node:http request through a handler of web `Request`s. The
 * request's signal is aborted when the client goes away, and a streamed body
 * is written no faster than the client reads. A handler that throws is
 * answered with 500.
 */
export async function answerHttp(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handler: HttpHandler,
): Promise<void> {
  const gone = new AbortController();
  outgoing.on("close", () => gone.abort());
  // A client that leaves is no fault of ours; "close" tells the rest.
  outgoing.on("error", () => gone.abort());
  try {
    const request = await toRequest(incoming, gone.signal);
    await writeResponse(outgoing, await handler(request));
  } catch (error) {
    if (gone.signal.aborted) return;
    const status = error instanceof BodyTooLarge ? 413 : 500;
    const message = error instanceof Error ? error.message : String(error);
    const body = JSON.stringify({ message });
    if (outgoing.headersSent) outgoing.destroy();
    else {
      outgoing.writeHead(status, { "content-type": "application/json" });
      outgoing.end(body);
    }
  }
}

class BodyTooLarge extends Error {
  override readonly name = "BodyTooLarge";
}

async function toRequest(
  incoming: IncomingMessage,
  signal: AbortSignal,
): Promise<Request> {
  const method = incoming.method ?? "GET";
  const host = incoming.headers.host ?? "localhost";
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (typeof value === "string") headers.set(name, value);
    else for (const item of value ?? []) headers.append(name, item);
  }
  const init: RequestInit = { method, headers, signal };
  if (method !== "GET" && method !== "HEAD") {
    init.body = await readBody(incoming);
  }
  return new Request(new URL(incoming.url ?? "/", `http://${host}`), init);
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of incoming) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_BODY_BYTES) {
      throw new BodyTooLarge(`the body is over ${MAX_BODY_BYTES} bytes`);
    }
  }
  return text + decoder.decode();
}

async function writeResponse(
  outgoing: ServerResponse,
  response: Response,
): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (!response.body) return void outgoing.end();
  outgoing.flushHeaders();
  for await (const chunk of response.body) {
    if (outgoing.destroyed) break;
    if (!outgoing.write(chunk)) await drained(outgoing);
  }
  outgoing.end();
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      outgoing.off("drain", settle);
      outgoing.off("close", settle);
      resolve();
    };
    outgoing.on("drain", settle);
    outgoing.on("close", settle);
  });
}
