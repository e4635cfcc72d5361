/**
 * Attacks on the WebSocket port: idle and slow connections, large and compressed messages, wrong
 * tokens, and clients that request much or read nothing.
 *
 * @module
 */
import { deflateRawSync } from "node:zlib";
import { pause } from "../../../bench/rig.ts";
import { clientFrame, OPCODE, RawWebSocket } from "../../rig/raw_websocket.ts";
import { type Attack, during, type Outcome, scaled, type Target } from "./attack.ts";

/** Length of an attack, in ms. */
const DURATION_MS = 10_000;
/** Time of the proxy for a login, with a margin, in ms. */
const LOGIN_MS = 12_500;
/** Connections that are opened together, and the pause after them: below the rate of openings. */
const AT_ONCE = 15;
const OPENING_PAUSE_MS = 100;
/** Bytes of the largest message, less than the proxy's limit. */
const LARGE_BYTES = 1_000_000;

type Options = Omit<Parameters<typeof RawWebSocket.open>[0], "port">;

/** Opens `count` connections; refused ones are dropped. */
async function open(
  { ports }: Target,
  count: number,
  options: Options = {},
): Promise<RawWebSocket[]> {
  const all: RawWebSocket[] = [];
  for (let left = count; left > 0; left -= AT_ONCE) {
    const opened = await Promise.allSettled(
      Array.from(
        { length: Math.min(left, AT_ONCE) },
        () => RawWebSocket.open({ port: ports.websocket, ...options }),
      ),
    );
    all.push(...opened.filter((one) => one.status === "fulfilled").map(({ value }) => value));
    await pause(OPENING_PAUSE_MS);
  }
  return all;
}

/** Opens connections that are logged in. */
async function openLoggedIn(
  target: Target,
  count: number,
  options: Options = {},
): Promise<RawWebSocket[]> {
  const all = await open(target, count, options);
  await Promise.all(all.map((one) => one.send({ action: "auth", key: "a", secret: "b" })));
  await pause(500);
  return all;
}

/** The result of an attack: what was sent, and what was answered how often. */
function outcome(sent: string, all: readonly RawWebSocket[], problems: string[] = []): Outcome {
  const answers = new Map<string, number>();
  for (const one of all) {
    for (const [name, count] of one.answers) {
      answers.set(name, (answers.get(name) ?? 0) + count);
    }
  }
  const ended = all.filter(({ closed }) => closed).length;
  const parts = [`${ended} of ${all.length} connections ended`]
    .concat([...answers].map(([name, count]) => `${name} ${count} times`));
  return { about: `${sent}; ${parts.join(", ")}`, problems };
}

/** Connections that send nothing after the upgrade. */
export const silent: Attack = async (target) => {
  const all = await open(target, scaled(target, 1_500));
  await pause(LOGIN_MS);
  const left = all.filter(({ closed }) => !closed).length;
  const problems = left > 0 ? [`${left} connections without a login stay open`] : [];
  return outcome(`${all.length} upgraded`, all, problems);
};

/** Connections that never send the end of their request. */
export const noRequest: Attack = async (target) => {
  const all = await open(target, scaled(target, 1_500), { request: false });
  await pause(LOGIN_MS);
  const left = all.filter(({ closed }) => !closed).length;
  const problems = left > 0 ? [`${left} connections without a request stay open`] : [];
  return outcome(`${all.length} requests begun`, all, problems);
};

/** Messages of almost 1 MiB without their end, half of them before the login. */
export const unfinished: Attack = async (target) => {
  const count = scaled(target, 300);
  const all = [...await openLoggedIn(target, count), ...await open(target, count)];
  const part = clientFrame(OPCODE.text, new Uint8Array(LARGE_BYTES).fill(32), { fin: false });
  for (const one of all) {
    void one.write(part);
    await pause(2);
  }
  await pause(DURATION_MS * target.scale);
  const sent = all.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  return outcome(`${Math.round(sent / 2 ** 20)} MiB of unfinished messages`, all);
};

/** Compressed messages of 64 KiB that unpack to 64 MiB of zeros. */
export const zipBombs: Attack = async (target) => {
  const bomb = deflateRawSync(new Uint8Array(64 * 2 ** 20));
  const frame = clientFrame(OPCODE.text, bomb, { compressed: true });
  const count = scaled(target, 200);
  const all = [
    ...await openLoggedIn(target, count, { deflate: true }),
    ...await open(target, count, { deflate: true }),
  ];
  for (const one of all) {
    void one.write(frame);
    await pause(5);
  }
  await pause(3_000);
  const left = all.filter(({ closed, answers }) => !closed && answers.size === 0).length;
  const problems = left > 0 ? [`${left} connections are not answered`] : [];
  return outcome(`${all.length} messages of ${bomb.length} bytes`, all, problems);
};

/** Logins with unknown tokens: new connections of a feed, and many on one of the orders. */
export const wrongTokens: Attack = async (target) => {
  const all: RawWebSocket[] = [];
  let logins = 0;
  await during(DURATION_MS * target.scale, async () => {
    const feeds = await open(target, AT_ONCE);
    const orders = await open(target, 1, { path: "/stream" });
    for (const one of [...feeds, ...orders]) {
      const times = orders.includes(one) ? 100 : 1;
      for (let i = 0; i < times && !one.closed; i++, logins++) {
        void one.send({ action: "auth", key: "x", secret: `asp_${logins}`.padEnd(47, "2") });
      }
    }
    all.push(...feeds, ...orders);
    return true;
  });
  await pause(1_000);
  const accepted = all.filter(({ answers }) => answers.has("login")).length;
  const problems = accepted > 0 ? [`${accepted} wrong tokens were accepted`] : [];
  return outcome(`${logins} logins`, all, problems);
};

/** Clients that subscribe to thousands of symbols, and unsubscribe, again and again. */
export const symbolChurn: Attack = async (target) => {
  const all = await openLoggedIn(target, 5);
  const letter = (index: number) => String.fromCharCode(65 + index % 26);
  const quotes = Array.from(
    { length: 5_000 },
    (_, i) => `${letter(i)}${letter(i / 26)}${letter(i / 676)}Z`,
  );
  let requests = 0;
  await during(DURATION_MS * target.scale, async () => {
    const open = all.filter(({ closed }) => !closed);
    await Promise.all(open.map(async (one) => {
      await one.send({ action: "subscribe", quotes, trades: quotes });
      await one.send({ action: "unsubscribe", quotes, trades: quotes });
      requests += 2;
    }));
    return open.length > 0;
  });
  await pause(1_000);
  return outcome(`${requests} requests of ${2 * quotes.length} symbols`, all);
};

/** Clients of all quotes that read nothing. */
export const neverRead: Attack = async (target) => {
  const all = await openLoggedIn(target, scaled(target, 500));
  for (const one of all) {
    one.stopReading();
    void one.send({ action: "subscribe", quotes: ["*"], trades: ["*"] });
  }
  await pause(2 * DURATION_MS * target.scale);
  return outcome(`${all.length} clients`, all);
};

/** Pings without a pause. */
export const pings: Attack = async (target) => {
  const all = await openLoggedIn(target, 10);
  const ping = clientFrame(OPCODE.ping, new Uint8Array(100));
  const many = new Uint8Array(500 * ping.length);
  for (let i = 0; i < 500; i++) many.set(ping, i * ping.length);
  let sent = 0;
  await during(DURATION_MS * target.scale, async () => {
    const open = all.filter(({ closed }) => !closed);
    sent += 500 * open.length;
    await Promise.race([Promise.all(open.map((one) => one.write(many))), pause(1_000)]);
    return open.length > 0;
  });
  const pongs = all.reduce((sum, { frames }) => sum + frames, 0);
  return outcome(`${sent} pings, ${pongs} answered`, all);
};

/** Large messages that are no command. */
export const unknownCommands: Attack = async (target) => {
  const all = await openLoggedIn(target, 10);
  const list = "[".repeat(1_000) + "]".repeat(1_000);
  const data = Array.from({ length: Math.floor(LARGE_BYTES / (list.length + 1)) }, () => list);
  const text = `{"action":"explode","data":[${data.join(",")}]}`;
  const frame = clientFrame(OPCODE.text, new TextEncoder().encode(text));
  let sent = 0;
  await during(DURATION_MS * target.scale, async () => {
    const open = all.filter(({ closed }) => !closed);
    sent += open.length;
    await Promise.race([Promise.all(open.map((one) => one.write(frame))), pause(1_000)]);
    return open.length > 0;
  });
  await pause(500);
  return outcome(`${sent} messages of ${text.length} bytes`, all);
};
