/**
 * Makes one attack in a process of its own, so that it affects nothing but
 * the proxy; its connections end with it.
 *
 * @module
 */
import { answerCommands } from "../../bench/control.ts";
import { SeededRandom } from "@alpaca-stream-proxy/simulator";
import type { Ports } from "../rig/stand.ts";
import { type AttackName, ATTACKS } from "./attacks/all.ts";

/** What to do to whom. */
export interface AttackOrder {
  readonly name: AttackName;
  readonly ports: Ports;
  readonly options: readonly string[];
  readonly scale: number;
  readonly seed: string;
}

await answerCommands({
  attack: ({ name, seed, ...target }: AttackOrder) =>
    ATTACKS[name]({ ...target, random: new SeededRandom(`${seed}/${name}`) }),
});
