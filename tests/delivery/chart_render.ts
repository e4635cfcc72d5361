/**
 * Renders the chart with Helm and parses the manifests.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { parse, parseAllDocuments, stringify } from "yaml";
import { CHART } from "../../scripts/delivery/chart.ts";
import { runProgram } from "../../scripts/delivery/run_program.ts";

/** Name of the rendered release. */
export const RELEASE = "proxy";
/** Its namespace. */
export const NAMESPACE = "trading";
/** Oldest and newest supported Kubernetes. */
export const KUBERNETES: readonly string[] = ["1.30.0", "1.37.0"];

/** The parts of a Kubernetes object that the tests read. */
export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly spec?: unknown;
}

/** A key of a Secret, as a variable's value. */
export interface SecretKey {
  readonly name: string;
  readonly key: string;
  readonly optional?: boolean;
}

/** A container of a pod. */
export interface ContainerSpec {
  readonly name: string;
  readonly args?: readonly string[];
  readonly env?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly secretKeyRef?: SecretKey };
  }[];
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly ports?: readonly { readonly containerPort: number }[];
  readonly volumeMounts?: readonly { readonly mountPath: string; readonly readOnly?: boolean }[];
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

/** Folder of the chart. */
export const CHART_PATH: string = fileURLToPath(
  new URL(`../../${CHART}`, import.meta.url),
);

/** How the chart is rendered. */
export interface RenderOptions {
  /** Version to render for. @default the oldest of {@linkcode KUBERNETES} */
  readonly kubernetes?: string;
  /** Folder of the chart. @default {@linkcode CHART_PATH} */
  readonly chart?: string;
}

/** Renders the chart. @throws Error with Helm's message when it is rejected */
export async function renderChart(
  values: unknown,
  { kubernetes = KUBERNETES[0] ?? "", chart = CHART_PATH }: RenderOptions = {},
): Promise<string> {
  const { stdout } = await runProgram("helm", [
    ...["template", RELEASE, chart, "--namespace", NAMESPACE],
    ...["--kube-version", kubernetes, "--values", "-"],
  ], { input: stringify(values) });
  return stdout;
}

/** Renders what `helm install` prints. @throws Error with Helm's message when it is rejected */
export async function renderNotes(values: unknown): Promise<string> {
  // `helm template` leaves the notes out, and `helm install` needs a cluster.
  const copy = await Deno.makeTempDir();
  try {
    await runProgram("cp", ["-r", `${CHART_PATH}/.`, copy]);
    const notes = await Deno.readTextFile(`${copy}/templates/NOTES.txt`);
    await Deno.writeTextFile(
      `${copy}/templates/notes.yaml`,
      `{{ define "notes" }}${notes}{{ end }}\nkind: Notes\ntext: {{ include "notes" . | quote }}\n`,
    );
    const text = await renderChart(values, { chart: copy });
    const found = parseAllDocuments(text).map((document) => document.toJS())
      .find((manifest) => manifest?.kind === "Notes");
    return found.text;
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}

/** Parses rendered manifests. */
export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text)
    .map((document) => (document as { toJS(): Manifest | null }).toJS())
    .filter((manifest) => manifest !== null);
}

/** Spec of a Pod or of a Deployment's pod template; undefined for other kinds. */
export function podSpec({ kind, spec }: Manifest): PodSpec | undefined {
  if (kind === "Pod") return spec as PodSpec;
  if (kind !== "Deployment") return undefined;
  return (spec as { template: { spec: PodSpec } }).template.spec;
}

/** Reads values.yaml. */
export function defaultValues(): {
  readonly config: Readonly<Record<string, string | number | boolean>>;
  readonly prometheusRule: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
} {
  return parse(Deno.readTextFileSync(`${CHART_PATH}/values.yaml`));
}
