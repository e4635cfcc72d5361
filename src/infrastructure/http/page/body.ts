/**
 * The document: landmarks, headings and tables, filled from a screen.
 *
 * @module
 */
import { FEEDS } from "../../../domain/connection/feed.ts";
import { Bindings, type LineTable } from "./bindings.ts";
import { feedCard } from "./feed_card.ts";
import { html, Markup } from "./markup.ts";
import type { Screen } from "./screen.ts";
import { SCRIPT } from "./script.ts";
import { STYLE } from "./style.ts";
import { trafficTable } from "./traffic_table.ts";

const STREAMS: LineTable = {
  name: "streams",
  caption: "Open client streams, those furthest behind first",
  columns: [
    { title: "Stream", look: "name" },
    { title: "Filter", look: "note", joined: true },
    { title: "Open", look: "number" },
    { title: "Delivered", look: "number" },
    { title: "Waiting", look: "number" },
    { title: "Lost", look: "number loss" },
  ],
};

const SUBSCRIPTIONS: LineTable = {
  name: "subscriptions",
  caption: "Symbols subscribed upstream, by channel and state",
  columns: [
    { title: "Channel", look: "name" },
    { title: "Note", look: "note", joined: true },
    { title: "Carried", look: "number" },
    { title: "Asked", look: "number" },
    { title: "Waiting", look: "number" },
    { title: "Refused", look: "number" },
    { title: "Leaving", look: "number" },
  ],
};

const EXPANSIONS: LineTable = {
  name: "expansions",
  caption: "Option contracts chosen for underlyings",
  columns: [
    { title: "Underlying", look: "name" },
    { title: "Note", look: "note", joined: true },
    { title: "Streams", look: "number" },
    { title: "Contracts", look: "number" },
    { title: "State" },
  ],
};

const ERRORS: LineTable = {
  name: "errors",
  caption: "Recent warnings and errors, newest first",
  columns: [
    { title: "When", look: "when" },
    { title: "Where", look: "where" },
    { title: "What", look: "what" },
    { title: "Why", look: "note", joined: true },
    { title: "Times", look: "times", joined: true },
  ],
};

/** The whole document. */
export function renderDocument(screen: Screen): string {
  const bind = new Bindings(screen);
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <title>${screen.title}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="robots" content="noindex">
        <link rel="icon" href="icon.svg" type="image/svg+xml">
        <style>${new Markup(STYLE)}</style>
      </head>
      <body>
    <a class="skip" href="#main">Skip to the feeds</a>
    ${header(bind)}
    <main id="main" tabindex="-1">
    ${notices(bind)}
    ${sections(bind)}
    </main>
    ${footer()}
    <script>${new Markup(SCRIPT)}</script>
      </body>
    </html>
  `.text;
}

function header(bind: Bindings): Markup {
  return html`
    <header class="top">
      <h1>Alpaca Stream Proxy</h1>
      <p class="badge"
        ${bind.tone("environment")}>${bind.text(
          "environment",
        )}<span class="unseen">: ${bind.text("environment.note")}</span></p>
      <p class="overall" ${bind.tone("overall")}>${bind.icon(
        "overall.icon",
      )} ${bind.text("overall")}</p>
      <dl class="facts">
        <div>
          <dt>Version</dt>
          <dd>${bind.text("version")}</dd>
        </div>
        <div>
          <dt>Uptime</dt>
          <dd>${bind.text("uptime")}</dd>
        </div>
        <div>
          <dt>UTC</dt>
          <dd>${bind.text("now")}</dd>
        </div>
      </dl>
      <p class="link"
        data-link="off"><span class="dot" aria-hidden="true"></span><span data-link-text>Not live</span></p>
      <button type="button" class="pause" data-pause hidden>Pause</button>
      <p class="unseen" role="status" aria-live="polite" data-news></p>
    </header>
  `;
}

function notices(bind: Bindings): Markup {
  return html`
    <noscript><p class="notice">Without scripts this page shows the moment at which it was loaded. <a href="">Load it again</a> for the present one.</p></noscript>
    <p class="notice draining"
      ${bind.show(
        "draining",
      )}><strong>Shutting down.</strong> No new streams are accepted; open ones are being ended.</p>
  `;
}

function sections(bind: Bindings): Markup {
  return html`
    <section aria-labelledby="feeds">
      <header class="head">
        <h2 id="feeds">Feeds</h2>
        <p>${bind.text("feeds.up")}</p>
      </header>
      <div class="feeds">${FEEDS.map((feed) => feedCard(bind, feed))}</div>
    </section>
    <div class="columns">
      <section class="panel" aria-labelledby="traffic"
        ${bind.show(
          "traffic",
        )}><header class="head"><h2 id="traffic">Traffic</h2><p>last 5 minutes, kept by this page</p></header>
    ${scroller("traffic", trafficTable(bind))}</section>
      <section class="panel" aria-labelledby="streams">
        <header class="head">
          <h2 id="streams">Client streams</h2>
          <p>${bind.text("streams.total")}</p>
        </header>
        <p class="empty" ${bind.show(
          "streams.none",
        )}>No client is connected.</p>
        <p class="empty" ${bind.show(
          "streams.untold",
        )}>Only their number is known.</p>
        <div ${bind.show("streams.some")}>${scroller(
          "streams",
          bind.table(STREAMS),
        )}</div>
        <p class="empty" ${bind.show("streams.more")}>${bind.text(
          "streams.more",
        )}</p>
      </section>
      <section class="panel"
        aria-labelledby="subscriptions"><header class="head"><h2 id="subscriptions">Subscriptions</h2><p>symbols upstream</p></header>
    ${scroller("subscriptions", bind.table(SUBSCRIPTIONS))}
    <div ${bind.show("expansions")}>${scroller(
      "subscriptions",
      bind.table(EXPANSIONS),
    )}</div></section>
      <section class="panel" aria-labelledby="errors" ${bind.show("errors")}>
        <header class="head">
          <h2 id="errors">Recent errors</h2>
          <p>warnings too</p>
        </header>
        <p class="empty" ${bind.show("errors.none")}>None since the start.</p>
        <div ${bind.show("errors.some")}>${scroller(
          "errors",
          bind.table(ERRORS),
        )}</div>
      </section>
    </div>
  `;
}

/** A region that scrolls by itself, by keyboard too. */
function scroller(label: string, content: Markup): Markup {
  return html`
    <div class="scroller" role="region" tabindex="0"
      aria-labelledby="${label}">${content}</div>
  `;
}

function footer(): Markup {
  return html`
    <footer>
      <nav
        aria-label="Other pages of this port"><a href="health">Health</a> <a href="healthz">Liveness</a> <a href="readyz">Readiness</a> <a href="metrics">Metrics</a></nav>
    </footer>
  `;
}
