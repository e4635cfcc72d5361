/**
 * The difference between two acknowledged states.
 *
 * @module
 */
import { type SymbolSets, UPSTREAM_CHANNELS, type UpstreamChannel } from "./pairs.ts";

/** Symbols of one channel that one state has and the other has not. */
interface SymbolChanges {
  readonly channel: UpstreamChannel;
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

const NO_SYMBOLS: ReadonlySet<string> = new Set();

/** Returns the channels that differ. */
export function symbolChanges(before: SymbolSets, after: SymbolSets): readonly SymbolChanges[] {
  const changes: SymbolChanges[] = [];
  for (const channel of UPSTREAM_CHANNELS) {
    const old = before.get(channel) ?? NO_SYMBOLS;
    const now = after.get(channel) ?? NO_SYMBOLS;
    if (old === now) continue;
    const added: string[] = [];
    for (const symbol of now) if (!old.has(symbol)) added.push(symbol);
    const removed: string[] = [];
    // Without this test, each acknowledgement of a growing state is read twice.
    if (old.size + added.length > now.size) {
      for (const symbol of old) if (!now.has(symbol)) removed.push(symbol);
    }
    if (added.length + removed.length > 0) changes.push({ channel, added, removed });
  }
  return changes;
}
