/**
 * Attacks by requests: unfinished, slow, with large metadata, with very many
 * symbols, compressed.
 *
 * @module
 */
import { concat, http2Frame } from "../../../bench/http2/frames.ts";
import { type Field, grpcFields, headerBlock } from "../../rig/hpack.ts";
import {
  CONTINUATION,
  dataFrames,
  framed,
  headerFrames,
  OPEN,
  pathOf,
  texts,
} from "../../rig/messages.ts";
import { pause } from "../../../bench/rig.ts";
import { RawConnection } from "../../rig/raw_connection.ts";
import {
  type Attack,
  connections,
  during,
  endedCount,
  scaled,
  settled,
  sum,
  type Target,
} from "./attack.ts";

const MIB = 2 ** 20;
/** The largest request that the proxy reads. */
const REQUEST_BYTES = 4 * MIB - 5;
const UNFINISHED = 300;
const UNFINISHED_CONNECTIONS = 10;

/** Opens a request that announces `REQUEST_BYTES`. */
function announce(connection: RawConnection): number {
  const stream = connection.nextStream();
  connection.send(
    headerFrames(stream, headerBlock(grpcFields(pathOf("StreamQuotes")))),
  );
  const prefix = new Uint8Array(5);
  new DataView(prefix.buffer).setUint32(1, REQUEST_BYTES);
  connection.send(http2Frame(0, { stream, payload: prefix }));
  return stream;
}

/** Large requests without their last byte. */
export const unfinished: Attack = async (target) => {
  const all = await connections(target, UNFINISHED_CONNECTIONS);
  const each = scaled(target, UNFINISHED / UNFINISHED_CONNECTIONS);
  const body = new Uint8Array(REQUEST_BYTES - 1);
  const sending = all.flatMap((connection) =>
    Array.from({ length: each }, () => {
      const stream = announce(connection);
      return connection.body(stream, body, false);
    })
  );
  await Promise.race([pause(12_000), Promise.all(sending)]);
  await pause(2_000);
  const sent = Math.round(sum(all, ({ sentBytes }) => sentBytes) / MIB);
  return {
    about: `${each * all.length} requests, ${sent} MiB sent, ` +
      `${endedCount(all)} of ${all.length} connections ended, ` +
      `${sum(all, ({ resets }) => resets)} resets`,
    problems: [],
  };
};

/** Large requests that arrive byte by byte. */
export const trickle: Attack = async (target) => {
  const all = await connections(target, UNFINISHED_CONNECTIONS);
  const each = scaled(target, UNFINISHED / UNFINISHED_CONNECTIONS);
  const streams = all.map((connection) => ({
    connection,
    ids: Array.from({ length: each }, () => announce(connection)),
  }));
  await during(15_000, async () => {
    for (const { connection, ids } of streams) {
      for (const stream of ids) {
        connection.send(http2Frame(0, { stream, payload: new Uint8Array(1) }));
      }
    }
    await pause(500);
    return endedCount(all) < all.length;
  });
  const refused = sum(all, ({ resets }) => resets);
  return {
    about: `${each * all.length} requests, ${refused} resets, ` +
      `${endedCount(all)} connections ended`,
    problems: refused + endedCount(all) > 0
      ? []
      : ["requests that never arrive are not ended within 15 s"],
  };
};

/** A metadata field with a value of `bytes` bytes. */
function large(bytes: number): Field {
  return ["x-large", "m".repeat(bytes)];
}

/** One call with 200 kB of metadata beside a stream of the same connection. */
export const metadata: Attack = async ({ ports }) => {
  const connection = await RawConnection.open({ port: ports.grpc });
  const call = { method: "StreamQuotes", message: texts(1, ["AAPL"]) } as const;
  const other = connection.call(call);
  await settled(2_000, () => connection.accepted > 0);
  const heavy = connection.call({ ...call, metadata: [large(200_000)] });
  await settled(4_000, () => !connection.isOpen(heavy));
  await pause(500);
  const problems = [];
  if (connection.closed || connection.isRefused || !connection.isOpen(other)) {
    problems.push("200 kB of metadata end the connection, not the call");
  } else if (connection.isOpen(heavy)) {
    problems.push("a call with 200 kB of metadata is not refused");
  }
  return {
    about: `GOAWAY codes [${connection.goAways}], ` +
      `${connection.resets} resets`,
    problems,
  };
};

/** Many calls with as much metadata as a header list may have. */
export const metadataFlood: Attack = async (target) => {
  const all = await connections(target, 10);
  const each = scaled(target, 200);
  let calls = 0;
  await Promise.all(all.map(async (connection) => {
    for (let i = 0; i < each && !connection.closed; i++) {
      const stream = connection.nextStream();
      const block = headerBlock(
        grpcFields(pathOf("StreamQuotes"), [large(60_000)]),
      );
      await connection.put(concat([
        headerFrames(stream, block),
        dataFrames(stream, framed(texts(1, ["AAPL"]))),
      ]));
      calls++;
    }
  }));
  await pause(1_000);
  return {
    about: `${calls} calls with 60 kB each, ${endedCount(all)} of ` +
      `${all.length} connections ended`,
    problems: [],
  };
};

/** Header blocks without an end. */
export const continuation: Attack = async (target) => {
  const all = await connections(target, 4);
  const fields = headerBlock(
    Array.from({ length: 100 }, (_, i): Field => [`x-${i}`, "v".repeat(100)]),
  );
  await Promise.all(all.map(async (connection) => {
    const stream = connection.nextStream();
    const block = headerBlock(grpcFields(pathOf("StreamQuotes")));
    connection.send(
      http2Frame(1, { stream, flags: OPEN, payload: block }),
    );
    const frame = http2Frame(CONTINUATION, { stream, payload: fields });
    await during(8_000 * target.scale, async () => {
      await connection.put(frame);
      return !connection.closed && connection.sentBytes < 64 * MIB;
    });
  }));
  await pause(500);
  const sent = sum(all, ({ sentBytes }) => sentBytes) / MIB;
  return {
    about: `${sent.toFixed(1)} MiB sent, ${endedCount(all)} of ` +
      `${all.length} connections ended`,
    problems: endedCount(all) === all.length ? [] : ["an endless header block is read on"],
  };
};

/** The symbol with this number: five letters, `AAAAA` first. */
export function symbolNumber(index: number): string {
  let text = "";
  for (let rest = index, i = 0; i < 5; i++) {
    text = String.fromCharCode(65 + rest % 26) + text;
    rest = Math.floor(rest / 26);
  }
  return text;
}

/** Fifty streams with 20 000 symbols each, no two the same. */
export const symbols: Attack = async (target) => {
  const streams = scaled(target, 50);
  const each = 20_000;
  const first = target.random.below(1_000_000);
  const all = await connections(target, 5);
  const block = headerBlock(grpcFields(pathOf("StreamQuotes")));
  for (let i = 0; i < streams; i++) {
    const names = Array.from(
      { length: each },
      (_, k) => symbolNumber(first + i * each + k),
    );
    const connection = all[i % all.length];
    if (!connection) break;
    const stream = connection.nextStream();
    connection.send(headerFrames(stream, block));
    await Promise.race([
      connection.body(stream, framed(texts(1, names)), true),
      pause(2_000),
    ]);
  }
  await settled(
    15_000,
    () => sum(all, (one) => one.accepted + one.resets) >= streams,
  );
  await pause(2_000);
  return {
    about: `${streams} streams of ${each} symbols, ` +
      `${sum(all, ({ accepted }) => accepted)} accepted, ` +
      `${sum(all, ({ resets }) => resets)} reset`,
    problems: [],
  };
};

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Small compressed requests that are large when they are unpacked. */
export const gzipBomb: Attack = async (target: Target) => {
  const body = framed(await gzip(new Uint8Array(64 * MIB)), 1);
  const all = await connections(target, 5);
  const each = scaled(target, 8);
  const block = headerBlock(
    grpcFields(pathOf("StreamQuotes"), [["grpc-encoding", "gzip"]]),
  );
  for (const connection of all) {
    for (let i = 0; i < each; i++) {
      const stream = connection.nextStream();
      connection.send(headerFrames(stream, block));
      connection.body(stream, body, true);
    }
  }
  await pause(4_000);
  return {
    about: `${each * all.length} requests of ${body.length >> 10} KiB that ` +
      `unpack to 64 MiB, ${sum(all, ({ accepted }) => accepted)} accepted`,
    problems: sum(all, ({ accepted }) => accepted) === 0
      ? []
      : ["a request that unpacks to 64 MiB is accepted"],
  };
};
