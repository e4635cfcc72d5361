/**
 * Panels of Grafana's classic JSON model, and where they stand.
 *
 * @module
 */

/** What a panel shows. */
export interface PanelOptions {
  /** PromQL. */
  readonly expr: string;
  readonly description: string;
  readonly legend?: string;
  /** More queries. */
  readonly more?: readonly { readonly expr: string; readonly legend: string }[];
  /** Grafana's name of a unit. */
  readonly unit?: string;
  /** Value from which a colour holds; null is the lowest. */
  readonly thresholds?: readonly (readonly [number | null, string])[];
  /** Bars instead of lines: for counts. */
  readonly bars?: boolean;
}

/** A panel without its place. */
export type Panel = Readonly<Record<string, unknown>>;

/** Size of a panel; the page is 24 wide. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

const PROMETHEUS = { type: "prometheus", uid: "${datasource}" };

/** Places panels from left to right, in rows. */
export class Layout {
  readonly #panels: Panel[] = [];
  #x = 0;
  #y = 0;
  #rowHeight = 0;

  /** All panels so far. */
  get panels(): readonly Panel[] {
    return this.#panels;
  }

  /** Begins a titled row. */
  row(title: string): void {
    this.#break();
    this.#place({ width: 24, height: 1 }, {
      type: "row",
      title,
      collapsed: false,
      panels: [],
    });
    this.#break();
  }

  /** Adds a panel right of the last one, or below when there is no room. */
  add(size: Size, panel: Panel): void {
    if (this.#x + size.width > 24) this.#break();
    this.#place(size, panel);
  }

  #place({ width, height }: Size, panel: Panel): void {
    const gridPos = { x: this.#x, y: this.#y, w: width, h: height };
    this.#panels.push({ id: this.#panels.length + 1, gridPos, ...panel });
    this.#x += width;
    this.#rowHeight = Math.max(this.#rowHeight, height);
  }

  #break(): void {
    this.#x = 0;
    this.#y += this.#rowHeight;
    this.#rowHeight = 0;
  }
}

/** One big number. */
export function stat(title: string, options: PanelOptions): Panel {
  return panel("stat", { title, options, instant: true }, {
    options: {
      colorMode: options.thresholds === undefined ? "none" : "value",
      graphMode: "none",
      reduceOptions: { calcs: ["lastNotNull"] },
    },
  });
}

/** Lines over time. */
export function timeSeries(title: string, options: PanelOptions): Panel {
  return panel("timeseries", { title, options }, {
    options: {
      legend: { displayMode: "list", placement: "bottom" },
      tooltip: { mode: "multi", sort: "desc" },
    },
  });
}

/** Down, up or off, over time: 0, 1 or 2. */
export function stateTimeline(title: string, options: PanelOptions): Panel {
  const states = {
    0: { text: "down", color: "red" },
    1: { text: "connected", color: "green" },
    2: { text: "off", color: "gray" },
  };
  return panel("state-timeline", { title, options }, {
    options: { showValue: "auto", mergeValues: true },
    mappings: [{ type: "value", options: states }],
  });
}

/** Buckets of a histogram over time. */
export function heatmap(title: string, options: PanelOptions): Panel {
  return panel("heatmap", { title, options, format: "heatmap" }, {
    options: {
      calculate: false,
      yAxis: { unit: "s" },
      color: { mode: "scheme", scheme: "Oranges", steps: 64 },
    },
  });
}

function panel(
  type: string,
  what: {
    readonly title: string;
    readonly options: PanelOptions;
    readonly instant?: boolean;
    readonly format?: string;
  },
  look: { readonly options: object; readonly mappings?: readonly object[] },
): Panel {
  const { title, options, instant = false, format = "time_series" } = what;
  const queries = [
    { expr: options.expr, legend: options.legend ?? "" },
    ...options.more ?? [],
  ];
  return {
    type,
    title,
    description: options.description,
    datasource: PROMETHEUS,
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: PROMETHEUS,
      expr,
      legendFormat: legend,
      instant,
      range: !instant,
      format,
    })),
    fieldConfig: {
      defaults: {
        unit: options.unit ?? "short",
        ...(look.mappings === undefined ? {} : { mappings: look.mappings }),
        ...(options.thresholds === undefined ? {} : {
          thresholds: {
            mode: "absolute",
            steps: options.thresholds.map(([value, color]) => ({
              value,
              color,
            })),
          },
        }),
        custom: options.bars === true
          ? { drawStyle: "bars", fillOpacity: 60 }
          : {},
      },
      overrides: [],
    },
    options: look.options,
  };
}
