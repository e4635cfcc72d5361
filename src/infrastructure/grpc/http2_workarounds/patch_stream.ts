/**
 * Replaces `respond`, `write` and `end` of a server's HTTP/2 stream; nothing else replaces them.
 * See `data_frames.ts`: DATA frames are written beside HTTP/2, which sends the end of a stream
 * after them.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type {
  OutgoingHttpHeaders,
  ServerHttp2Stream,
  ServerStreamResponseOptions,
} from "node:http2";
import type { StreamData } from "./data_frames.ts";
import type { EndedStreams } from "./stream_end.ts";

/** What {@linkcode patchStream} needs. */
export interface PatchOptions {
  /** Sends the data of the stream. */
  readonly data: StreamData;
  readonly endedStreams: EndedStreams;
  /** Called after headers were sent; `isEnd` when nothing follows them. */
  readonly onResponse: (isEnd: boolean) => void;
}

const ignore = () => {};

/** Replaces the methods of a stream that send. */
export function patchStream(stream: ServerHttp2Stream, options: PatchOptions): void {
  const { data, endedStreams, onResponse } = options;
  const { respond } = stream;
  const end = stream.end as () => typeof stream;
  const write = (chunk: Uint8Array | string, onTaken: () => void = ignore): boolean => {
    if (!stream.headersSent) stream.respond();
    data.write(typeof chunk === "string" ? Buffer.from(chunk) : chunk, onTaken);
    return true;
  };
  stream.respond = (
    headers?: OutgoingHttpHeaders,
    responseOptions?: ServerStreamResponseOptions,
  ) => {
    respond.call(stream, headers, responseOptions);
    onResponse(responseOptions?.endStream === true);
  };
  stream.write = write as typeof stream.write;
  stream.end = ((chunk?: Uint8Array | string | (() => void), onEnd?: () => void) => {
    if (stream.closed) data.close();
    else if (chunk !== undefined && typeof chunk !== "function") write(chunk);
    if (typeof onEnd === "function") stream.once("finish", onEnd);
    endedStreams.add(stream);
    data.end(() => end.call(stream));
    return stream;
  }) as typeof stream.end;
  stream.once("close", () => data.close());
}
