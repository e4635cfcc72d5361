/**
 * Renders the chart and reads what comes out.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { parse, parseAllDocuments, stringify } from "yaml";
import { CHART } from "./chart.ts";
import { run } from "./tools.ts";

/** The release that the checks render. */
export const RELEASE = "proxy";
/** Its namespace. */
export const NAMESPACE = "trading";
/** Oldest and newest Kubernetes that the chart is checked for. */
export const KUBERNETES: readonly string[] = ["1.30.0", "1.37.0"];

/** A Kubernetes object, as far as the checks look into it. */
export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly spec?: unknown;
}

/** A container of a pod. */
export interface ContainerSpec {
  readonly name: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly ports?: readonly { readonly containerPort: number }[];
  readonly resources?: {
    readonly limits?: { readonly memory?: string | number };
  };
}

/** A pod's spec. */
export interface PodSpec {
  readonly containers: readonly ContainerSpec[];
  readonly initContainers?: readonly ContainerSpec[];
  readonly [key: string]: unknown;
}

/** Where the chart is on disk. */
export const chartPath: string = fileURLToPath(
  new URL(`../../${CHART}`, import.meta.url),
);

/** What a chart is rendered with. */
export interface RenderOptions {
  readonly helm: string;
  readonly values: unknown;
  readonly kubernetes?: string;
}

/** The text that `helm template` prints. */
export async function renderText(options: RenderOptions): Promise<string> {
  const { helm, values, kubernetes = KUBERNETES[0] ?? "" } = options;
  const { stdout } = await run(helm, [
    ...["template", RELEASE, chartPath, "--namespace", NAMESPACE],
    ...["--kube-version", kubernetes, "--values", "-"],
  ], { input: stringify(values) });
  return stdout;
}

/** The objects in a rendered text. */
export function readManifests(text: string): Manifest[] {
  return parseAllDocuments(text)
    .map((document) => (document as { toJS(): Manifest | null }).toJS())
    .filter((manifest) => manifest !== null);
}

/** The spec of a Deployment's or a Pod's pod; undefined for other kinds. */
export function podSpec({ kind, spec }: Manifest): PodSpec | undefined {
  if (kind === "Pod") return spec as PodSpec;
  if (kind !== "Deployment") return undefined;
  return (spec as { template: { spec: PodSpec } }).template.spec;
}

/** values.yaml as it stands. */
export function defaultValues(): {
  readonly config: Readonly<Record<string, string | number | boolean>>;
  readonly prometheusRule: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
} {
  return parse(Deno.readTextFileSync(`${chartPath}/values.yaml`));
}
