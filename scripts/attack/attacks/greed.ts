/**
 * Attacks by a client that has an identity: more streams and more symbols than its role allows.
 *
 * @module
 */
import { type Call, texts } from "../../rig/messages.ts";
import type { RawConnection } from "../../rig/raw_connection.ts";
import { GREEDY_TOKEN } from "../policy.ts";
import { type Attack, connections, during, scaled, settled, sum, type Target } from "./attack.ts";

const metadata = [["authorization", `Bearer ${GREEDY_TOKEN}`]] as const;
/** Streams that a connection opens together. */
const AT_ONCE = 250;

/** Opens calls on new connections, waits for their answers, ends them, and begins again. */
async function loop(
  target: Target,
  callOf: (at: number) => Call,
): Promise<{ readonly opened: number; readonly accepted: number; readonly ended: number }> {
  const each = scaled(target, AT_ONCE);
  let opened = 0;
  let accepted = 0;
  let ended = 0;
  await during(15_000 * target.scale, async () => {
    const all = await connections(target, 4);
    for (const connection of all) {
      for (let i = 0; i < each; i++) connection.call(callOf(opened++), false);
    }
    const isAnswered = (one: RawConnection) => one.accepted + one.ended >= each || one.closed;
    await settled(5_000, () => all.every(isAnswered));
    accepted += sum(all, (one) => one.accepted);
    ended += sum(all, (one) => one.ended);
    for (const connection of all) connection.close();
    return true;
  });
  return { opened, accepted, ended };
}

/** One identity that opens ten times the streams that its role allows, in a loop. */
export const identityLoop: Attack = async (target) => {
  const call: Call = { method: "StreamQuotes", message: texts(1, ["AAPL"]), metadata };
  const { opened, accepted, ended } = await loop(target, () => call);
  return {
    about: `${opened} opened by one identity, ${accepted} accepted, ${ended} refused`,
    problems: [],
  };
};

/** One identity that requests all option contracts, more than its share, in a loop. */
export const shareGrab: Attack = async (target) => {
  const { options } = target;
  const part = Math.max(1, Math.floor(options.length / 10));
  const { opened, accepted, ended } = await loop(target, (at) => {
    const from = at * 7 % options.length;
    const symbols = [...options.slice(from), ...options].slice(0, part);
    return { method: "StreamOptionQuotes", message: texts(1, symbols), metadata };
  });
  return {
    about: `${opened} opened with ${part} contracts each, ${accepted} accepted, ${ended} refused`,
    problems: [],
  };
};
