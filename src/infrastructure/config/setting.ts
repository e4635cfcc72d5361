/**
 * What a setting is: its variable, how its text is parsed, and its description.
 *
 * @module
 */
import type { Kind } from "./kinds.ts";

/** Headings under which the documentation lists the settings. */
export const SECTIONS = [
  "Credentials",
  "Feeds",
  "Upstream addresses",
  "Listening",
  "Logs and traces",
  "Subscriptions",
  "WebSocket tuning",
  "Limits",
  "Channel capacities",
] as const;

/** One heading of the documentation. */
export type Section = typeof SECTIONS[number];

/** One variable. */
export interface Setting<T> {
  /** Name of the environment variable. */
  readonly name: string;
  /** Other names that are accepted for it. */
  readonly aliases: readonly string[];
  readonly section: Section;
  readonly kind: Kind<T>;
  /** Text that is read when it is unset; undefined when there is none. */
  readonly fallback: string | undefined;
  /** What stands in for it when unset and there is no fixed fallback. */
  readonly otherwise: string | undefined;
  /** One line for users, without a full stop. */
  readonly description: string;
  /** True when its value is never shown. */
  readonly secret: boolean;
}

/** The optional parts of a setting. */
export interface Details {
  readonly description: string;
  readonly fallback?: string;
  readonly otherwise?: string;
  readonly aliases?: readonly string[];
  readonly secret?: boolean;
}

/** Makes the settings of one section: variable, kind, details. */
export function section(name: Section) {
  return <T>(
    variable: string,
    kind: Kind<T>,
    details: Details,
  ): Setting<T> => ({
    name: variable,
    kind,
    section: name,
    aliases: details.aliases ?? [],
    fallback: details.fallback,
    otherwise: details.otherwise,
    description: details.description,
    secret: details.secret ?? false,
  });
}
