/**
 * Runs one attack in its own process, so that it affects only the proxy and its
 * connections end with the process.
 *
 * @module
 */
import { answerCommands } from "../../bench/control.ts";
import { Random } from "../rig/random.ts";
import type { Ports } from "../rig/child_processes.ts";
import { type AttackName, ATTACKS } from "./attacks/all.ts";

/** An attack and its target. */
export interface AttackOrder {
  readonly name: AttackName;
  readonly ports: Ports;
  readonly options: readonly string[];
  readonly jwksUrl?: string | undefined;
  readonly scale: number;
  readonly seed: string;
}

await answerCommands({
  attack: ({ name, seed, ...target }: AttackOrder) =>
    ATTACKS[name]({ ...target, random: new Random(`${seed}/${name}`) }),
});
