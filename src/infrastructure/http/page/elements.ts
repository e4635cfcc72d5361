/**
 * Elements of the page whose values change.
 *
 * Rendering an element also records its value under its name. The server sends the recorded
 * {@linkcode Content} every second, and the script applies it to the elements with that name
 * (`data-text`, `data-tone`, …).
 *
 * @module
 */
import { html, type Markup } from "./html.ts";

/** Severity of a value; never shown by colour alone. */
export type Tone = "good" | "warn" | "bad" | "off" | "plain";

/** Tables with a varying number of rows. */
type TableName = "streams" | "subscriptions" | "expansions" | "errors" | "edges" | "followed";

/** One row of a table. */
export interface Row {
  /** Texts of the cells, in the order of the table's columns. */
  readonly cells: readonly string[];
  readonly tone: Tone;
}

/** A column of a table. */
interface Column {
  /** Heading. */
  readonly title: string;
  /** CSS class: `number`, `note`, … */
  readonly style?: string;
  /** Whether it shares a column with the cell before it. @default false */
  readonly joined?: boolean;
  /** A button in place of a text, for operators only; the column is the last one. */
  readonly action?: Action;
}

/** A button that asks before it acts. */
interface Action {
  /** Name of the action, as `/actions` has it. */
  readonly action: string;
  readonly label: string;
  readonly question: string;
  /** What the action is about. @default the text with `data-id` in the button's row, or nothing */
  readonly target?: string;
  /** Whether the operator can state a reason. @default false */
  readonly hasReason?: boolean;
}

/** Renders the button of an action. */
export function actionButton(
  { action, label, question, target = "", hasReason = false }: Action,
): Markup {
  return html`
    <button type="button" class="button act" data-action="${action}"
      data-target="${target}" data-question="${question}"
      data-has-reason="${String(hasReason)}">${label}</button>
  `;
}

/** A table with a varying number of rows; the first column is their header. */
export interface Table {
  readonly name: TableName;
  readonly caption: string;
  readonly columns: readonly Column[];
}

/** The values of one page, by name. */
export class Content {
  /** The document's title. */
  title = "";
  /** Contents of the elements with this `data-text`. */
  readonly text: Record<string, string> = {};
  /** `data-tone-is` of the elements with this `data-tone`. */
  readonly tone: Record<string, Tone> = {};
  /** Whether the elements with this `data-show` are visible. */
  readonly show: Record<string, boolean> = {};
  /** Path data of the `<path data-draw>` with this name. */
  readonly draw: Record<string, string> = {};
  /** Descriptions of the charts with this `data-chart`. */
  readonly chart: Record<string, string> = {};
  /** Rows of the tables. */
  readonly rows: Partial<Record<TableName, readonly Row[]>> = {};
  /** States by subject; a change is announced to screen readers. */
  readonly states: Record<string, string> = {};
}

/** Path data in a box of 16 by 16, to be stroked: one shape per tone. */
export const ICONS: Readonly<Record<Tone, string>> = {
  good: "M2 8a6 6 0 1 0 12 0a6 6 0 1 0 -12 0M5 8.2l2.2 2.2L11 6.2",
  warn: "M8 2L15 14H1ZM8 6.5V9.8M8 11.6V12",
  bad: "M2.5 2.5h11v11h-11ZM5.5 5.5l5 5M10.5 5.5l-5 5",
  off: "M2 8a6 6 0 1 0 12 0a6 6 0 1 0 -12 0M5 8h6",
  plain: "M4 8h8",
};

/** Box of the charts, in units that make path data short. */
const CHART = { width: 300, height: 300 } as const;

/** Box of the bars. */
const BARS = { width: 140, height: 20 } as const;

/** Renders elements and records their values. */
export class Elements {
  /** The values of all elements that were rendered. */
  readonly content: Content = new Content();
  /** Whether the page has actions. */
  readonly isOperator: boolean;

  constructor(isOperator: boolean) {
    this.isOperator = isOperator;
  }

  /** A text. */
  text(name: string, value: string): Markup {
    this.content.text[name] = value;
    return html`<span data-text="${name}">${value}</span>`;
  }

  /** Attributes of an element that carries a tone. */
  tone(name: string, tone: Tone): Markup {
    this.content.tone[name] = tone;
    return html`data-tone="${name}" data-tone-is="${tone}"`;
  }

  /** Attributes of an element that is visible or not. */
  show(name: string, visible: boolean): Markup {
    this.content.show[name] = visible;
    return html`data-show="${name}"${visible ? "" : " hidden"}`;
  }

  /** The icon of a tone; the text beside it has the same meaning. */
  icon(name: string, tone: Tone): Markup {
    const path = this.#draw(name, ICONS[tone]);
    return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${path}</svg>`;
  }

  /** A chart of a rate in each of the last seconds, newest last. */
  chart(name: string, label: string, rates: readonly number[]): Markup {
    const description = `${label}: ${describe(rates)}`;
    this.content.chart[name] = description;
    return html`
      <svg class="chart" data-chart="${name}" viewBox="0 0 ${CHART.width} ${CHART.height}"
        preserveAspectRatio="none" role="img"
        aria-label="${description}">${this.#draw(name, chartPath(rates))}</svg>
    `;
  }

  /** Bars side by side; the text beside them has the same meaning. */
  bars(name: string, values: readonly number[]): Markup {
    return html`
      <svg class="bars" viewBox="0 0 ${BARS.width} ${BARS.height}" preserveAspectRatio="none"
        aria-hidden="true">${this.#draw(name, barsPath(values))}</svg>
    `;
  }

  /** A gauge, filled from the left; the text beside it has the same meaning. */
  gauge(name: string, share: number, tone: Tone): Markup {
    const filled = Math.round(Math.min(1, Math.max(0, share)) * 100);
    const path = this.#draw(name, filled === 0 ? "" : `M0 0H${filled}V4H0Z`);
    return html`
      <svg class="gauge" viewBox="0 0 100 4" preserveAspectRatio="none"
        aria-hidden="true" ${this.tone(name, tone)}>${path}</svg>
    `;
  }

  /** A table with its rows, and the template for rows that the script adds. */
  table({ name, caption, columns: all }: Table, rows: readonly Row[]): Markup {
    this.content.rows[name] = rows;
    const columns = all.filter(({ action }) => !action || this.isOperator);
    const heads = columns.filter(({ joined }) => !joined).map(({ title, style = "" }) =>
      html`<th scope="col" class="${style}">${title}</th>`
    );
    return html`
      <table class="lines ${name}">
        <caption class="unseen">${caption}</caption>
        <thead>
          <tr>${heads}</tr>
        </thead>
        <tbody data-rows="${name}">${rows.map((row) => tableRow(columns, row))}</tbody>
      </table>
      <template data-row="${name}">${tableRow(columns, { cells: [], tone: "plain" })}</template>
    `;
  }

  #draw(name: string, path: string): Markup {
    this.content.draw[name] = path;
    return html`<path data-draw="${name}" d="${path}" />`;
  }
}

function describe(rates: readonly number[]): string {
  const now = rates.at(-1);
  if (now === undefined) return "no history yet";
  const minutes = Math.max(1, Math.round(rates.length / 60));
  const [last, peak] = [now, Math.max(...rates)].map((rate) => Math.round(rate * 10) / 10);
  return `now ${last}, peak ${peak} in the last ${minutes} min`;
}

/** Seconds that a chart covers at least. */
const LEAST_REACH = 60;

/**
 * Path data of an area with the newest rate at the right; its other edges are drawn outside of the
 * box. Empty for zeros.
 */
function chartPath(rates: readonly number[]): string {
  const peak = Math.max(...rates);
  if (!(peak > 0)) return "";
  const { width, height } = CHART;
  const step = width / (Math.max(LEAST_REACH, rates.length) - 1);
  const start = width - (rates.length - 1) * step;
  let [x, y] = [start > 1 ? Math.round(start) : -9, height + 20];
  let path = `M${x} ${y}`;
  for (const [index, rate] of rates.entries()) {
    const nextX = Math.round(start + index * step);
    const nextY = Math.round(height * (0.93 - rate / peak * 0.87));
    path += `l${nextX - x} ${nextY - y}`;
    [x, y] = [nextX, nextY];
  }
  return `${path}h9V${height + 20}`;
}

/** Path data of bars, the tallest as high as the box; empty for zeros. */
function barsPath(values: readonly number[]): string {
  const tallest = Math.max(...values);
  if (!(tallest > 0)) return "";
  const step = BARS.width / values.length;
  return values.map((value, index) => {
    if (value <= 0) return "";
    const tall = Math.max(1, Math.round(value / tallest * BARS.height));
    const left = Math.round(index * step);
    return `M${left} ${BARS.height}v${-tall}h${Math.round(step) - 2}v${tall}Z`;
  }).join("");
}

function tableRow(columns: readonly Column[], row: Row): Markup {
  const groups: { readonly style: string; readonly spans: Markup[] }[] = [];
  for (const [index, { style = "", joined = false, action }] of columns.entries()) {
    const text = row.cells[index] ?? "";
    const span = action
      ? actionButton(action)
      : html`<span class="cell-${style || "text"}" data-cell="${index}">${text}</span>`;
    const group = groups.at(-1);
    if (joined && group) group.spans.push(span);
    else groups.push({ style, spans: [span] });
  }
  const cells = groups.map(({ style, spans }, index) => {
    const content = spans.length > 1 ? [html`<div class="joined">${spans}</div>`] : spans;
    return index === 0
      ? html`<th scope="row" class="${style}">${content}</th>`
      : html`<td class="${style}">${content}</td>`;
  });
  return html`<tr data-tone-is="${row.tone}">${cells}</tr>`;
}
