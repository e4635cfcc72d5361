/**
 * Renders the HTML document: landmarks, headings and tables with the content of
 * one page.
 *
 * @module
 */
import { MESSAGE_TYPES } from "../../../application/status/counters.ts";
import { type FeedId, FEEDS } from "../../../domain/connection/feed.ts";
import { CHANNELS } from "../../../domain/market/channels.ts";
import { Bindings, type Table } from "./bindings.ts";
import { html, type Markup } from "./html.ts";
import { CHANNEL_LABELS, FEED_LABELS, OTHER_LABELS } from "./labels.ts";
import type { Page } from "./page.ts";
import { SCRIPT } from "./script.ts";
import { STYLE } from "./style.ts";

/** Renders the whole document. */
export function renderDocument(page: Page): string {
  const bind = new Bindings(page);
  const body = html`
    <a class="skip" href="#main">Skip to the feeds</a>
    ${header(bind)}
    <main id="main" tabindex="-1">
      ${notices(bind)} ${feeds(bind)}
      <div class="columns">
        <div class="column">${traffic(bind)} ${subscriptions(bind)}</div>
        <div class="column">${streams(bind)} ${errors(bind)}</div>
      </div>
    </main>
    ${footer()}
  `;
  // Not a template: a formatter must not change what the policy's hashes cover.
  return [
    "<!doctype html>",
    '<html lang="en">',
    `<head>${head(page.title).text}<style>${STYLE}</style></head>`,
    `<body>${body.text}<script>${SCRIPT}</script></body>`,
    "</html>\n",
  ].join("\n");
}

function head(title: string): Markup {
  return html`
    <meta charset="utf-8">
    <title>${title}</title>
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="robots" content="noindex">
    <link rel="icon" href="icon.svg" type="image/svg+xml">
  `;
}

function header(bind: Bindings): Markup {
  const note = html`<span class="unseen">: ${bind.text("environment.note")}</span>`;
  return html`
    <header class="top">
      <h1>Alpaca Stream Proxy</h1>
      <p class="badge" ${bind.tone("environment")}>${bind.text(
        "environment",
      )}${note}</p>
      <p class="overall" ${bind.tone("overall")}>
        ${bind.icon("overall.icon")} ${bind.text("overall")}
      </p>
      <dl class="facts">
        <div>
          <dt>Version</dt>
          <dd>${bind.text("version")}</dd>
        </div>
        <div>
          <dt>Uptime</dt>
          <dd>${bind.text("uptime")}</dd>
        </div>
        <div class="clock">
          <dt>UTC</dt>
          <dd>${bind.text("now")}</dd>
        </div>
      </dl>
      <p class="link" data-link="off">
        <span class="dot" aria-hidden="true"></span>
        <span data-link-text>Not live</span>
      </p>
      <button type="button" class="pause" data-pause hidden>Pause</button>
      <p class="unseen" role="status" aria-live="polite" data-news></p>
    </header>
  `;
}

function notices(bind: Bindings): Markup {
  return html`
    <noscript>
      <p class="notice">
        Without scripts this page does not update.
        <a href="">Load it again</a> for the present state.
      </p>
    </noscript>
    <p class="notice draining" ${bind.show("draining")}>
      <strong>Shutting down.</strong> No new streams are accepted; open ones are
      being ended.
    </p>
  `;
}

function feeds(bind: Bindings): Markup {
  const note = html`${bind.text("feeds.up")} · processing: last minute`;
  return html`
    <section aria-labelledby="feeds">
      ${heading("feeds", "Feeds", note)}
      <div class="feeds">${FEEDS.map((feed) => feedCard(bind, feed))}</div>
    </section>
  `;
}

function traffic(bind: Bindings): Markup {
  const note = html`<span>charts: the last minutes, 5 at most</span>`;
  return html`
    <section class="panel" aria-labelledby="traffic">
      ${heading("traffic", "Traffic", note)}
      ${scroller("Rates by type", trafficTable(bind))}
    </section>
  `;
}

function subscriptions(bind: Bindings): Markup {
  const note = html`<span>symbols upstream</span>`;
  return html`
    <section class="panel" aria-labelledby="subscriptions">
      ${heading("subscriptions", "Subscriptions", note)}
      <p class="empty" ${bind.show(
        "subscriptions.none",
      )}>No stream requests a symbol.</p>
      <div ${bind.show("subscriptions.some")}>
        ${scroller("Symbols by channel", bind.table(SUBSCRIPTIONS))}
      </div>
      <div ${bind.show("expansions")}>
        ${scroller("Contracts by underlying", bind.table(EXPANSIONS))}
      </div>
    </section>
  `;
}

function streams(bind: Bindings): Markup {
  return html`
    <section class="panel" aria-labelledby="streams">
      ${heading("streams", "Client streams", bind.text("streams.total"))}
      <p class="empty" ${bind.show("streams.none")}>No client is connected.</p>
      <div ${bind.show("streams.some")}>
        ${scroller("Open streams", bind.table(STREAMS))}
      </div>
      <p class="empty" ${bind.show("streams.more")}>${bind.text(
        "streams.more",
      )}</p>
    </section>
  `;
}

function errors(bind: Bindings): Markup {
  const note = html`<span>warnings too</span>`;
  return html`
    <section class="panel" aria-labelledby="errors">
      ${heading("errors", "Recent errors", note)}
      <p class="empty" ${bind.show("errors.none")}>None since the start.</p>
      <div ${bind.show("errors.some")}>
        ${scroller("Latest first", bind.table(ERRORS))}
      </div>
    </section>
  `;
}

function heading(id: string, title: string, note: Markup): Markup {
  return html`
    <header class="head">
      <h2 id="${id}">${title}</h2>
      <p>${note}</p>
    </header>
  `;
}

/** A region that scrolls separately, also by keyboard. */
function scroller(label: string, content: Markup): Markup {
  return html`
    <div class="scroller" role="region" tabindex="0" aria-label="${label}">
      ${content}
    </div>
  `;
}

function footer(): Markup {
  return html`
    <footer>
      <nav aria-label="Other pages of this port">
        <a href="health">Health</a>
        <a href="healthz">Liveness</a>
        <a href="readyz">Readiness</a>
        <a href="metrics">Metrics</a>
      </nav>
    </footer>
  `;
}

/** The card of one feed. */
function feedCard(bind: Bindings, feed: FeedId): Markup {
  const name = `feed.${feed}`;
  const title = FEED_LABELS[feed];
  const text = (part: string) => bind.text(`${name}.${part}`);
  const show = (part: string) => bind.show(`${name}.${part}`);
  return html`
    <article class="panel feed" ${bind.tone(name)} aria-labelledby="${name}">
      <header>
        <h3 id="${name}">${title} <code>${text("kind")}</code></h3>
        <p class="state">
          ${bind.icon(`${name}.icon`)} ${text("state")}
          <span class="attempts" ${show("attempts")}>${text("attempts")}</span>
        </p>
      </header>
      <div class="flow">
        <p class="big">${text("rate")}<small> msg/s</small></p>
        ${bind.chart(name, `${title}, messages per second`)}
      </div>
      <dl>${facts(bind, name)}</dl>
      <p class="problem" ${show("problem")}>
        <strong>Last error</strong> ${text("problem")}
      </p>
    </article>
  `;
}

function facts(bind: Bindings, name: string): Markup {
  const text = (part: string) => bind.text(`${name}.${part}`);
  const show = (part: string) => bind.show(`${name}.${part}`);
  return html`
    <div>
      <dt>Last message</dt>
      <dd>${text("last")}</dd>
    </div>
    <div>
      <dt>Connected</dt>
      <dd>${text("since")}</dd>
    </div>
    <div>
      <dt>Received</dt>
      <dd>${text("total")}</dd>
    </div>
    <div>
      <dt>Subscribed</dt>
      <dd>${text("subscriptions")}</dd>
    </div>
    <div class="wide" ${show("budget")}>
      <dt>Quota</dt>
      <dd>${text("budget")} ${bind.gauge(`${name}.gauge`)}</dd>
    </div>
    <div class="wide">
      <dt>Errors</dt>
      <dd class="toned" ${bind.tone(`${name}.errors`)}>${text("errors")}</dd>
    </div>
    <div class="wide">
      <dt>Processing</dt>
      <dd>
        <span>p50 ${text("p50")}, p99 ${text("p99")}</span>
        <small>${text("window")}</small> ${bind.bars(`${name}.bars`)}
      </dd>
    </div>
  `;
}

/** The table of received and sent messages, by type. */
function trafficTable(bind: Bindings): Markup {
  return html`
    <table class="traffic">
      <caption class="unseen">Messages per second and in total, by type</caption>
      <thead>
        <tr>
          <th scope="col">Type</th>
          <th scope="col" class="flowing">In, per second</th>
          <th scope="col" class="flowing">Out, per second</th>
          <th scope="col" class="number">Lost</th>
        </tr>
      </thead>
      <tbody>${channelRows(bind)} ${otherRows(bind)}</tbody>
    </table>
  `;
}

function channelRows(bind: Bindings): Markup[] {
  return CHANNELS.map((channel) => {
    const name = CHANNEL_LABELS[channel];
    const lost = `lost.${channel}`;
    return html`
      <tr>
        <th scope="row">${name}</th>
        <td class="flowing in">${flow(bind, `in.${channel}`, `${name} in`)}</td>
        <td class="flowing out">${flow(
          bind,
          `out.${channel}`,
          `${name} out`,
        )}</td>
        <td class="number toned" ${bind.tone(lost)}>${bind.text(lost)}</td>
      </tr>
    `;
  });
}

function otherRows(bind: Bindings): Markup[] {
  return MESSAGE_TYPES.map((type) => {
    const name = OTHER_LABELS[type];
    const other = `other.${type}`;
    return html`
      <tr class="other" ${bind.show(other)}>
        <th scope="row">${name}</th>
        <td class="flowing in">${flow(bind, other, `${name} in`)}</td>
        <td class="flowing out">not delivered</td>
        <td class="number">–</td>
      </tr>
    `;
  });
}

function flow(bind: Bindings, name: string, label: string): Markup {
  return html`
    <div class="cells">
      <span class="now">${bind.text(name)}</span>
      ${bind.chart(name, `${label} per second`)}
      <span class="total">${bind.text(
        `${name}.total`,
      )}<span class="unseen"> in total</span></span>
    </div>
  `;
}

const STREAMS: Table = {
  name: "streams",
  caption: "Open client streams, those furthest behind first",
  columns: [
    { title: "Stream", style: "name" },
    { title: "Filter", style: "note", joined: true },
    { title: "Open", style: "number" },
    { title: "Delivered", style: "number" },
    { title: "Waiting", style: "number" },
    { title: "Lost", style: "number loss" },
  ],
};

const SUBSCRIPTIONS: Table = {
  name: "subscriptions",
  caption: "Symbols subscribed upstream, by channel and state",
  columns: [
    { title: "Channel", style: "name" },
    { title: "Note", style: "note", joined: true },
    { title: "Active", style: "number" },
    { title: "Requested", style: "number" },
    { title: "Waiting", style: "number" },
    { title: "Rejected", style: "number" },
    { title: "Lingering", style: "number" },
  ],
};

const EXPANSIONS: Table = {
  name: "expansions",
  caption: "Option contracts chosen for underlyings",
  columns: [
    { title: "Underlying", style: "name" },
    { title: "Note", style: "note", joined: true },
    { title: "Streams", style: "number" },
    { title: "Contracts", style: "number" },
    { title: "State" },
  ],
};

const ERRORS: Table = {
  name: "errors",
  caption: "Recent warnings and errors, newest first",
  columns: [
    { title: "When", style: "when" },
    { title: "Feed", style: "where" },
    { title: "Message", style: "what" },
    { title: "Cause", style: "note", joined: true },
    { title: "Times", style: "times", joined: true },
  ],
};
