/**
 * The queues of clients that receive every message of their channels: one for each set of channels.
 * So a message costs the same for one such client and for thousands, also while they read nothing.
 *
 * @module
 */
import {
  perChannel,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
} from "../../domain/subscription/pairs.ts";
import { type Position, SharedQueue, type SharedQueueOptions } from "../broadcast/shared_queue.ts";
import type { RelayEnvelope } from "./relay_queue.ts";
import type { RelayedMessage } from "./relayed_message.ts";

type Group = SharedQueue<RelayedMessage>;

/** Distributes messages to the clients that share queues. */
export class WildcardGroups {
  readonly #options: SharedQueueOptions<RelayedMessage>;
  /** By the names of their channels. */
  readonly #groups = new Map<string, Group>();
  readonly #ofChannel = perChannel((): Set<Group> => new Set());

  constructor(options: SharedQueueOptions<RelayedMessage>) {
    this.#options = options;
  }

  /** Adds a client that receives every message of some channels from now on, until it ends. */
  join(channels: ReadonlySet<UpstreamChannel>): Position<RelayedMessage> {
    const names = UPSTREAM_CHANNELS.filter((channel) => channels.has(channel));
    const key = names.join();
    const group = this.#groups.get(key) ?? new SharedQueue(this.#options);
    this.#groups.set(key, group);
    for (const name of names) this.#ofChannel[name].add(group);
    const onEnd = () => {
      if (group.size > 0) return;
      this.#groups.delete(key);
      for (const name of names) this.#ofChannel[name].delete(group);
    };
    return group.add(onEnd, { isPart: true });
  }

  /** Adds a message for the clients of a channel. */
  publish(channel: UpstreamChannel, envelope: RelayEnvelope): void {
    for (const group of this.#ofChannel[channel]) group.publish(envelope);
  }

  /** Adds a message for all clients. */
  publishToAll(envelope: RelayEnvelope): void {
    for (const group of this.#groups.values()) group.publish(envelope);
  }
}
