/**
 * The settings as tables of the documentation.
 *
 * @module
 */
import type {
  Section,
  Setting,
} from "../../src/infrastructure/config/setting.ts";
import { ALL_SETTINGS } from "../../src/infrastructure/config/settings.ts";

/** The Markdown table of one section, header included, one row per variable. */
export function settingsTable(section: Section): string {
  const rows = ALL_SETTINGS.filter((setting) => setting.section === section)
    .map((setting) =>
      `| ${nameCell(setting)} | ${
        defaultCell(setting)
      } | ${setting.description} |`
    );
  return [
    "| Variable | Default | Description |",
    "| --- | --- | --- |",
    ...rows,
  ].join("\n");
}

function nameCell(setting: Setting<unknown>): string {
  const aliases = setting.aliases.map((alias) => `\`${alias}\``).join(", ");
  return `\`${setting.name}\`${aliases && ` (or ${aliases})`}`;
}

function defaultCell(setting: Setting<unknown>): string {
  return setting.default === undefined
    ? setting.whenUnset ?? ""
    : `\`${setting.default}\``;
}
