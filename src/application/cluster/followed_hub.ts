/**
 * Reports what an edge receives from the hub that it follows.
 *
 * @module
 */
import { type FeedId, FEEDS } from "../../domain/connection/feed.ts";
import type { EdgeFeedCounters } from "../status/counters.ts";
import type { FollowedHubReport } from "../status/reports.ts";

/**
 * Summarizes the counters of an edge: the latest term of a feed, and the longest silence.
 *
 * @param options.enabled feeds that the edge has
 * @param options.now wall clock ms
 */
export function reportFollowedHub(
  counters: Readonly<Record<FeedId, EdgeFeedCounters>>,
  { enabled, now, problem }: {
    readonly enabled: ReadonlySet<FeedId>;
    readonly now: number;
    readonly problem: string | undefined;
  },
): FollowedHubReport {
  const feeds = FEEDS.filter((feed) => enabled.has(feed)).map((feed) => {
    const { term, followedSince, lastEntryAt, missing } = counters[feed];
    return {
      feed,
      term: term === 0 ? undefined : term,
      since: followedSince,
      silenceMs: lastEntryAt === undefined ? undefined : Math.max(0, now - lastEntryAt),
      missing,
    };
  });
  const latest = Math.max(...feeds.map(({ term = 0 }) => term));
  const following = feeds.filter(({ term }) => term === latest);
  const all = (values: readonly (number | undefined)[]) =>
    values.filter((value) => value !== undefined);
  return {
    term: latest > 0 ? latest : undefined,
    since: least(all(following.map(({ since }) => since))),
    silenceMs: most(all(feeds.map(({ silenceMs }) => silenceMs))),
    missing: feeds.reduce((sum, { missing }) => sum + missing, 0),
    problem,
    feeds,
  };
}

function least(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : Math.min(...values);
}

function most(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : Math.max(...values);
}
