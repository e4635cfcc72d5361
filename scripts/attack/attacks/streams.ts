/**
 * Attacks by streams: very many, reset, cancelled, never read.
 *
 * @module
 */
import { concat, http2Frame } from "../../../bench/http2/frames.ts";
import { type Call, callFrames, resetFrame, texts } from "../../rig/messages.ts";
import { pause } from "../../../bench/rig.ts";
import { RawConnection } from "../../rig/raw_connection.ts";
import { parseMetrics, total } from "../../rig/child_processes.ts";
import {
  type Attack,
  connections,
  during,
  endedCount,
  type Outcome,
  scaled,
  settled,
  sum,
  type Target,
} from "./attack.ts";

const QUOTE: Call = { method: "StreamQuotes", message: texts(1, ["AAPL"]) };
/** Requests of one write. */
const AT_ONCE = 500;

/** Opens many streams as fast as the connections take them. */
async function openMany(
  target: Target,
  plan: { readonly streams: number; readonly connections: number },
): Promise<Outcome> {
  const all = await connections(target, plan.connections);
  const each = scaled(target, plan.streams / plan.connections);
  await Promise.all(all.map(async (connection) => {
    for (let opened = 0; opened < each && !connection.closed;) {
      const count = Math.min(AT_ONCE, each - opened);
      const frames = Array.from(
        { length: count },
        () => callFrames(connection.nextStream(), QUOTE),
      );
      await connection.put(concat(frames));
      opened += count;
    }
  }));
  const answered = () =>
    sum(all, (one) => one.accepted + one.resets) >= each * all.length ||
    endedCount(all) === all.length;
  await settled(12_000, answered);
  await pause(2_000);
  return {
    about: `${each * all.length} opened, ` +
      `${sum(all, ({ accepted }) => accepted)} accepted, ` +
      `${sum(all, ({ resets }) => resets)} reset, ` +
      `${endedCount(all)} connections ended`,
    problems: [],
  };
}

/** 10 000 streams on one connection. */
export const streams10k: Attack = (target) => openMany(target, { streams: 10_000, connections: 1 });

/** 40 000 streams on ten connections. */
export const streams40k: Attack = (target) =>
  openMany(target, { streams: 40_000, connections: 10 });

/** `count` requests, each with its reset right behind it. */
function openedAndReset(connection: RawConnection, count: number): Uint8Array {
  return concat(Array.from({ length: count }, () => {
    const stream = connection.nextStream();
    return concat([callFrames(stream, QUOTE), resetFrame(stream)]);
  }));
}

/** 10 000 streams that are opened and then all reset, in one go. */
export const resetsOnce: Attack = async (target) => {
  const connection = await RawConnection.open({ port: target.ports.grpc });
  const streams = Array.from(
    { length: scaled(target, 10_000) },
    () => connection.nextStream(),
  );
  await connection.put(concat([
    ...streams.map((stream) => callFrames(stream, QUOTE)),
    ...streams.map((stream) => resetFrame(stream)),
  ]));
  await pause(5_000);
  return {
    about: `${streams.length} opened and reset, GOAWAY codes ` +
      `[${connection.goAways}]`,
    problems: [],
  };
};

/** Opened and reset without a pause, on a new connection after each GOAWAY. */
export const resetsSustained: Attack = async (target) => {
  let count = 0;
  let used = 0;
  let connection: RawConnection | undefined;
  await during(10_000 * target.scale, async () => {
    if (!connection || connection.closed || connection.isRefused) {
      connection?.close();
      connection = await RawConnection.open({ port: target.ports.grpc });
      used++;
    }
    await connection.put(openedAndReset(connection, AT_ONCE));
    count += AT_ONCE;
    // Lets the connection's own answers be read.
    await pause(1);
    return true;
  });
  connection?.close();
  return {
    about: `${count} opened and reset on ${used} connections`,
    problems: [],
  };
};

/** A client that opens streams on a new connection, ends it, and begins again without a pause. */
export const reconnectLoop: Attack = async (target) => {
  // More than the burst of an address.
  const most = scaled(target, 15_000);
  const count = scaled(target, AT_ONCE);
  let opened = 0;
  let accepted = 0;
  let used = 0;
  await during(40_000, async () => {
    const connection = await RawConnection.open({ port: target.ports.grpc });
    used++;
    for (let i = 0; i < count; i++, opened++) connection.call(QUOTE, false);
    await settled(
      5_000,
      () => connection.accepted + connection.ended >= count || connection.closed,
    );
    accepted += connection.accepted;
    connection.close();
    return opened < most;
  });
  return {
    about: `${opened} opened on ${used} connections, ${accepted} accepted`,
    problems: [],
  };
};

/** A well-behaved client that cancels 100 calls a second beside five streams. */
export const cancelStorm: Attack = async (target) => {
  const connection = await RawConnection.open({ port: target.ports.grpc });
  const kept = Array.from({ length: 5 }, () => connection.call(QUOTE));
  await settled(2_000, () => connection.accepted >= kept.length);
  const start = performance.now();
  let cancelled = 0;
  await during(Math.max(2_000, 20_000 * target.scale), async () => {
    const stream = connection.call(QUOTE);
    cancelled++;
    // By the clock, so that a late timer does not lower the rate.
    await pause(Math.max(1, start + 10 * cancelled - performance.now()));
    connection.cancel(stream);
    return !connection.closed;
  });
  await pause(500);
  const alive = kept.filter((stream) => connection.isOpen(stream)).length;
  return {
    about: `${cancelled} cancelled, ${alive} of ${kept.length} streams ` +
      `alive, GOAWAY codes [${connection.goAways}]`,
    // Libraries end all streams of a connection that is refused.
    problems: alive === kept.length && !connection.isRefused
      ? []
      : ["cancels of a well-behaved client end its connection"],
  };
};

/** Streams on a connection that is never read. */
async function neverRead(
  target: Target,
  calls: readonly Call[],
  ms: number,
): Promise<Outcome> {
  const [connection] = await connections(target, 1, { reads: false });
  for (const call of calls) connection?.call(call, false);
  await pause(ms * target.scale);
  return {
    about: `${calls.length} streams never read for ` +
      `${Math.round(ms * target.scale / 1000)} s`,
    problems: [],
  };
}

/** 90 option streams of one stuck consumer, each with contracts of its own. */
export const neverReadOptions: Attack = (target) => {
  const { options } = target;
  const each = Math.max(1, Math.floor(options.length / 90));
  const calls = Array.from({ length: 90 }, (_, i): Call => ({
    method: "StreamOptionQuotes",
    message: texts(1, options.slice(i * each, (i + 1) * each)),
  }));
  return neverRead(target, calls, 90_000);
};

/** 100 streams of all stock quotes that are never read. */
export const neverReadStocks: Attack = (target) => {
  const call: Call = { method: "StreamQuotes", message: texts(1, []) };
  const calls = Array.from({ length: 100 }, () => call);
  return neverRead(target, calls, 20_000);
};

/** Unread streams that a gateway resets with NO_ERROR. */
export const resetsUnread: Attack = async (target) => {
  const open = async () => {
    const { metrics } = target.ports;
    const page = await fetch(`http://127.0.0.1:${metrics}/metrics`);
    return total(
      parseMetrics(await page.text()),
      "alpaca_proxy_grpc_clients",
    );
  };
  const connection = await RawConnection.open({ port: target.ports.grpc });
  const before = await open();
  const count = scaled(target, 50);
  const call: Call = { method: "StreamQuotes", message: texts(1, []) };
  const streams = Array.from(
    { length: count },
    () => connection.call(call, false),
  );
  await pause(5_000);
  const noError = 0;
  for (const stream of streams) connection.send(resetFrame(stream, noError));
  await pause(3_000);
  const left = await open() - before;
  return {
    about: `${count} unread streams reset with NO_ERROR, ${left} still open`,
    problems: left > 0 ? [`${left} unread streams stay open after RST_STREAM(NO_ERROR)`] : [],
  };
};

/** Frames of one kind, as fast as the connections take them. */
function controlFlood(frame: Uint8Array, reads: boolean): Attack {
  return async (target) => {
    const all = await connections(target, 4, { replies: false, reads });
    const chunk = concat(Array.from({ length: 1_000 }, () => frame));
    let frames = 0;
    await Promise.all(
      all.map((connection) =>
        during(6_000 * target.scale, async () => {
          // A peer that does not read stops taking as well.
          await Promise.race([connection.put(chunk), pause(1_000)]);
          frames += 1_000;
          return !connection.closed;
        })
      ),
    );
    return {
      about: `${frames} frames, ${endedCount(all)} of ${all.length} ` +
        `connections ended`,
      problems: [],
    };
  };
}

const PING = http2Frame(6, { payload: new Uint8Array(8) });
const SETTINGS = http2Frame(4, {
  payload: new Uint8Array([0, 4, 0, 0, 255, 255]),
});

/** PINGs whose answers are read. */
export const pings: Attack = controlFlood(PING, true);
/** PINGs whose answers are never read. */
export const pingsUnread: Attack = controlFlood(PING, false);
/** SETTINGS whose acknowledgements are never read. */
export const settings: Attack = controlFlood(SETTINGS, false);
