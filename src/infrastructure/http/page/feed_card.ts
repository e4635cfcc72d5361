import type { FeedId } from "../../../domain/connection/feed.ts";
import type { Bindings } from "./bindings.ts";
import { html, type Markup } from "./markup.ts";
import { FEED_NAMES } from "./names.ts";

/** The card of one feed. */
export function feedCard(bind: Bindings, feed: FeedId): Markup {
  const name = `feed.${feed}`;
  const title = FEED_NAMES[feed];
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
      <dt>Budget</dt>
      <dd>${text("budget")} ${bind.gauge(`${name}.gauge`)}</dd>
    </div>
    <div class="wide" ${show("errors")}>
      <dt>Errors</dt>
      <dd class="toned" ${bind.tone(`${name}.errors`)}>${text("errors")}</dd>
    </div>
    <div class="wide" ${show("processing")}>
      <dt>Processing</dt>
      <dd>
        <span>p50 ${text("p50")}, p99 ${text("p99")}</span>
        <small>${text("window")}</small> ${bind.bars(`${name}.bars`)}
      </dd>
    </div>
  `;
}
