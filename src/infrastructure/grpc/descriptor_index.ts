/**
 * Finds the file that declares a name, for reflection.
 *
 * @module
 */
import {
  type DescEnum,
  type DescFile,
  type DescMessage,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

function* namesOfEnum(desc: DescEnum): Generator<string> {
  yield desc.typeName;
  // Values are declared next to their enum, not inside it.
  const scope = desc.typeName.slice(0, desc.typeName.lastIndexOf(".") + 1);
  for (const value of desc.values) yield scope + value.name;
}

function* namesOfMessage(desc: DescMessage): Generator<string> {
  yield desc.typeName;
  for (const field of desc.fields) yield `${desc.typeName}.${field.name}`;
  for (const oneof of desc.oneofs) yield `${desc.typeName}.${oneof.name}`;
  for (const nested of desc.nestedMessages) yield* namesOfMessage(nested);
  for (const nested of desc.nestedEnums) yield* namesOfEnum(nested);
}

function* namesOfFile(file: DescFile): Generator<string> {
  for (const message of file.messages) yield* namesOfMessage(message);
  for (const desc of file.enums) yield* namesOfEnum(desc);
  for (const service of file.services) {
    yield service.typeName;
    for (const method of service.methods) {
      yield `${service.typeName}.${method.name}`;
    }
  }
}

/** Files, with their imports, by name and by the names that they declare. */
export class DescriptorIndex {
  readonly #byName = new Map<string, DescFile>();
  readonly #bySymbol = new Map<string, DescFile>();

  /** Indexes `files` and all their imports. */
  constructor(files: readonly DescFile[]) {
    for (const file of files) this.#add(file);
  }

  /** Returns the file with this name, for example `cream/v1/common.proto`. */
  fileNamed(name: string): DescFile | undefined {
    return this.#byName.get(name);
  }

  /** Returns the file that declares this fully qualified name. */
  fileDeclaring(symbol: string): DescFile | undefined {
    return this.#bySymbol.get(symbol);
  }

  /** Whether this is the full name of a message. */
  isMessage(name: string): boolean {
    const file = this.#bySymbol.get(name);
    if (file === undefined) return false;
    const search = (messages: readonly DescMessage[]): boolean =>
      messages.some((message) =>
        message.typeName === name || search(message.nestedMessages)
      );
    return search(file.messages);
  }

  #add(file: DescFile): void {
    if (this.#byName.has(file.proto.name)) return;
    this.#byName.set(file.proto.name, file);
    for (const symbol of namesOfFile(file)) this.#bySymbol.set(symbol, file);
    for (const imported of file.dependencies) this.#add(imported);
  }
}

/** Returns the descriptors of a file and of all its imports, the file first. */
export function descriptorsOf(file: DescFile): Uint8Array[] {
  const seen = new Set<DescFile>();
  const visit = (file: DescFile) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const imported of file.dependencies) visit(imported);
  };
  visit(file);
  return [...seen].map(({ proto }) =>
    toBinary(FileDescriptorProtoSchema, proto)
  );
}
