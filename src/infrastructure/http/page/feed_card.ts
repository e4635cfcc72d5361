import type { ClosedMarket, LiveFeed } from "../../../application/status/live_view.ts";
import type { LatencySummary } from "../../../application/status/latency_window.ts";
import type { QuotaReport } from "../../../application/status/reports.ts";
import type { FreshnessReport } from "../../../application/status/status.ts";
import { FEED_NAMES } from "../../../domain/connection/feed.ts";
import type { Freshness } from "../../../domain/market/notices.ts";
import { actionButton, type Elements, type Tone } from "./elements.ts";
import {
  formatAge,
  formatBound,
  formatCount,
  formatDuration,
  formatRate,
  formatTime,
  STATES,
} from "./format.ts";
import { html, type Markup } from "./html.ts";

/** From this share on, a quota is marked as nearly full. */
const NEARLY_FULL = 0.9;

/** Kinds of errors that a card lists. */
const LISTED_ERRORS = 3;

/**
 * Renders the card of one feed.
 *
 * @param now wall clock ms
 */
export function feedCard(page: Elements, feed: LiveFeed, now: number): Markup {
  const { status, received: { rates } } = feed;
  const name = `feed.${status.feed}`;
  const title = FEED_NAMES[status.feed];
  const [label, tone] = stateOf(feed);
  page.content.states[`${title} feed`] = label.toLowerCase();
  const { reconnectAttempts: attempts } = status;
  const market = feed.enabled ? formatMarket(feed, now) : "";
  return html`
    <article class="panel feed" ${page.tone(name, tone)} aria-labelledby="${name}">
      <header>
        <h3 id="${name}">${title} <code>${page.text(`${name}.kind`, status.kind)}</code></h3>
        <p class="state">
          ${page.icon(`${name}.icon`, tone)} ${page.text(`${name}.state`, label)}
          <span class="attempts" ${page.show(`${name}.attempts`, attempts > 0)}>
            ${page.text(`${name}.attempts`, `attempt ${attempts}`)}
          </span>
        </p>
      </header>
      <div class="flow">
        <div>
          <p class="big">${page.text(`${name}.rate`, formatRate(rates.at(-1)))}<small>
            msg/s</small></p>
          <p class="market" ${page.show(`${name}.market`, market !== "")}>
            ${page.text(`${name}.market`, market)}
          </p>
        </div>
        ${page.chart(name, `${title}, messages per second`, rates)}
      </div>
      <dl>${facts(page, feed, now)}</dl>
      ${problem(page, feed, now)} ${reconnect(page, feed, title)}
    </article>
  `;
}

/** Replaces the session. */
function reconnect(page: Elements, { status, enabled }: LiveFeed, title: string): Markup {
  if (!enabled || !page.isOperator) return html``;
  return html`
    <p class="actions">${actionButton({
      action: "reconnect-feed",
      label: "Reconnect",
      question: `Close the session of ${title} and open another one? Data is missing meanwhile.`,
      target: status.feed,
    })}</p>
  `;
}

/** Label and tone of the session, and of its data where they are worse. */
function stateOf({ status, enabled }: LiveFeed): readonly [string, Tone] {
  if (!enabled) return ["Off", "off"];
  const [label, tone] = STATES[status.state];
  const freshness = status.freshness?.notice.freshness;
  if (status.state !== "connected" || freshness !== "stale") return [label, tone];
  return ["No data", "bad"];
}

function facts(page: Elements, feed: LiveFeed, now: number): Markup {
  const { status, received, processing } = feed;
  const name = `feed.${status.feed}`;
  const outage = formatOutage(feed, now);
  const freshness = formatFreshness(status.freshness, now);
  const quota = formatQuota(feed.quota);
  const errors = page.tone(`${name}.errors`, feed.errors.length === 0 ? "plain" : "warn");
  return html`
    <div class="wide">
      <dt>Last message</dt>
      <dd>${page.text(`${name}.last`, formatLast(feed, now))}</dd>
    </div>
    <div class="wide">
      <dt>${page.text(`${name}.since.label`, isDown(feed) ? "Down" : "Connected")}</dt>
      <dd>${page.text(`${name}.since`, formatConnected(feed, now))}</dd>
    </div>
    <div class="wide" ${page.show(`${name}.fresh`, freshness !== "")}>
      <dt>Data</dt>
      <dd class="toned" ${page.tone(
        `${name}.fresh`,
        freshnessTone(status.freshness),
      )}>
        ${page.text(`${name}.fresh`, freshness)}
      </dd>
    </div>
    <div class="wide" ${page.show(`${name}.outage`, outage !== "")}>
      <dt>Last outage</dt>
      <dd>${page.text(`${name}.outage`, outage)}</dd>
    </div>
    <div>
      <dt>Received</dt>
      <dd>${page.text(`${name}.total`, formatCount(received.total))}</dd>
    </div>
    <div>
      <dt>Subscribed</dt>
      <dd>${page.text(`${name}.subscriptions`, formatCount(status.subscriptionCount))}</dd>
    </div>
    <div class="wide" ${page.show(`${name}.quota`, quota !== "")}>
      <dt>Quota</dt>
      <dd>${page.text(`${name}.quota`, quota)} ${quotaGauge(page, feed)}</dd>
    </div>
    <div class="wide">
      <dt>Errors</dt>
      <dd class="toned" ${errors}>${page.text(`${name}.errors`, formatErrors(feed))}</dd>
    </div>
    <div class="wide">
      <dt>Processing</dt>
      <dd>${latency(page, name, processing)} ${page.bars(`${name}.bars`, processing.counts)}</dd>
    </div>
    <div class="wide">
      <dt>Data delay</dt>
      <dd>${latency(page, `${name}.delay`, feed.delay)}</dd>
    </div>
  `;
}

/** The last error with what follows from it. */
function problem(page: Elements, { status, enabled }: LiveFeed, now: number): Markup {
  const name = `feed.${status.feed}`;
  const { errorMessage, remedy } = status;
  const next = enabled ? formatNextAttempt(status, now) : "";
  return html`
    <div class="problem" ${page.show(`${name}.problem`, errorMessage !== undefined)}>
      <p><strong>Last error</strong> ${page.text(`${name}.problem`, errorMessage ?? "")}</p>
      <p ${page.show(`${name}.remedy`, remedy !== undefined)}>
        <strong>Remedy</strong> ${page.text(`${name}.remedy`, remedy ?? "")}
      </p>
      <p ${page.show(`${name}.next`, next !== "")}>${page.text(`${name}.next`, next)}</p>
    </div>
  `;
}

function formatNextAttempt({ nextAttemptAt: at, state }: LiveFeed["status"], now: number): string {
  if (at !== undefined) {
    return `Next attempt in ${formatDuration(at - now)} (${formatTime(at, now)})`;
  }
  return state === "error" ? "No further attempt: restart the proxy" : "";
}

function freshnessTone(report: FreshnessReport | undefined): Tone {
  if (report?.notice.freshness === "stale") return "bad";
  const isPartly = report?.notice.freshness === "recovering" || (report?.staleSymbols ?? 0) > 0;
  return isPartly ? "warn" : "plain";
}

const FRESHNESS: Readonly<Record<Freshness, string>> = {
  live: "Live",
  stale: "Stale",
  recovering: "Recovering",
  closed: "Market closed",
};

function formatFreshness(report: FreshnessReport | undefined, now: number): string {
  if (!report) return "";
  const { notice: { freshness, since, reason }, staleSymbols: count } = report;
  const label = `${FRESHNESS[freshness]} since ${formatTime(since, now)}`;
  const cause = freshness === "stale" || freshness === "recovering" ? `: ${reason}` : "";
  const symbols = count === 0 ? "" : `; ${count} ${count === 1 ? "symbol" : "symbols"} stale`;
  return label + cause + symbols;
}

function isDown({ status, enabled }: LiveFeed): boolean {
  return enabled && status.downSince !== undefined;
}

const SESSIONS: Readonly<Record<ClosedMarket["session"], string>> = {
  premarket: "Pre-market",
  regular: "",
  postmarket: "Post-market",
  overnight: "Market closed",
  closed: "Market closed",
};

/** Seconds without data after which a closed market is given as the reason. */
const QUIET_SECONDS = 10;

function formatMarket({ closed, received }: LiveFeed, now: number): string {
  const isQuiet = received.rates.slice(-QUIET_SECONDS).every((rate) => rate === 0);
  if (!closed || !isQuiet) return "";
  return `${SESSIONS[closed.session]}, opens ${formatTime(closed.opensAt, now).slice(0, -3)}`;
}

function formatLast({ lastMessageAt: at }: LiveFeed, now: number): string {
  return at === undefined ? "none yet" : `${formatAge(now - at)} (${formatTime(at, now)})`;
}

function formatConnected({ status, enabled }: LiveFeed, now: number): string {
  if (!enabled) return "disabled by the settings";
  const { downSince, lastConnectedAt } = status;
  const since = downSince ?? lastConnectedAt;
  if (since === undefined) return "never yet";
  const never = lastConnectedAt === undefined ? ", never connected" : "";
  return `for ${formatDuration(now - since)} (since ${formatTime(since, now)})${never}`;
}

function formatOutage({ status }: LiveFeed, now: number): string {
  const { lastOutageMs, lastConnectedAt } = status;
  if (lastOutageMs === undefined || lastConnectedAt === undefined) return "";
  return `${formatDuration(lastOutageMs)} (until ${formatTime(lastConnectedAt, now)})`;
}

function latency(page: Elements, name: string, summary: LatencySummary): Markup {
  const { p50, p99, recent, bounds } = summary;
  const format = (seconds: number | undefined) => formatBound(seconds, bounds.at(-1));
  return html`
    <span>p50 ${page.text(`${name}.p50`, format(p50))}, p99
      ${page.text(`${name}.p99`, format(p99))}</span>
    <small>${page.text(`${name}.window`, recent ? "" : "since start")}</small>
  `;
}

function formatQuota(quota: QuotaReport | undefined): string {
  if (quota?.limit === undefined) return "";
  const { used, limit, learned } = quota;
  return `${formatCount(used)} of ${formatCount(limit)}${learned ? ", learned" : ""}`;
}

function quotaGauge(page: Elements, { quota, status }: LiveFeed): Markup {
  const share = quota?.limit ? quota.used / quota.limit : 0;
  const tone: Tone = share > 1 ? "bad" : share >= NEARLY_FULL ? "warn" : "plain";
  return page.gauge(`feed.${status.feed}.gauge`, share, tone);
}

/** The total with its most frequent kinds; the parts add up to the total. */
function formatErrors({ errors }: LiveFeed): string {
  if (errors.length === 0) return "none";
  const sum = (counts: LiveFeed["errors"]) => counts.reduce((all, [, count]) => all + count, 0);
  const parts = errors.slice(0, LISTED_ERRORS).map(([type, count]) =>
    `${type.replaceAll("_", " ")} ${formatCount(count)}`
  );
  const others = sum(errors.slice(LISTED_ERRORS));
  if (others > 0) parts.push(`other ${formatCount(others)}`);
  return `${formatCount(sum(errors))} (${parts.join(", ")})`;
}
