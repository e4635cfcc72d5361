import { MESSAGE_TYPES } from "../../../application/status/counters.ts";
import { CHANNELS } from "../../../domain/market/channels.ts";
import type { Bindings } from "./bindings.ts";
import { html, type Markup } from "./markup.ts";
import { CHANNEL_NAMES, OTHER_NAMES } from "./names.ts";

/** The table of what comes in and goes out, by type. */
export function trafficTable(bind: Bindings): Markup {
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
    const name = CHANNEL_NAMES[channel];
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
    const name = OTHER_NAMES[type];
    const other = `other.${type}`;
    return html`
      <tr class="other" ${bind.show(other)}>
        <th scope="row">${name}</th>
        <td class="flowing in">${flow(bind, other, `${name} in`)}</td>
        <td class="flowing out">not passed on</td>
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
