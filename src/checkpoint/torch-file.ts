// The tensors of a file that torch.save wrote (pytorch_model.bin): a ZIP archive with a pickle that names
// them and one entry of raw bytes a storage. Only the pickle is read here, by the restricted reader; the
// bytes are where a safetensors file would have them, at an offset of the file.

import { bytesPerElement, type DType } from "../base/dtype.ts";
import { damaged } from "./damaged.ts";
import {
  PersistentId,
  PickledCall,
  PickledGlobal,
  type PickledValue,
  parsePickle,
} from "./pickle.ts";
import {
  MAX_DIMENSIONS,
  MAX_HEADER_BYTES,
  MAX_NAME_LENGTH,
  type StoredTensor,
} from "./safetensors.ts";
import type { ByteSource } from "./source.ts";
import { readZip, type ZipEntry } from "./zip.ts";

/** Element type of torch's typed storages. */
const STORAGES: Readonly<Record<string, DType>> = {
  "torch.DoubleStorage": "float64",
  "torch.FloatStorage": "float32",
  "torch.HalfStorage": "float16",
  "torch.BFloat16Storage": "bfloat16",
  "torch.LongStorage": "int64",
  "torch.IntStorage": "int32",
  "torch.ShortStorage": "int16",
  "torch.CharStorage": "int8",
  "torch.ByteStorage": "uint8",
  "torch.BoolStorage": "bool",
};

/** Types that have no typed storage: their tensors carry the type, over bytes. */
const TYPES: Readonly<Record<string, DType>> = {
  "torch.float8_e4m3fn": "float8_e4m3fn",
  "torch.float8_e5m2": "float8_e5m2",
  "torch.uint16": "uint16",
  "torch.uint32": "uint32",
  "torch.uint64": "uint64",
};

const UNTYPED = "torch.storage.UntypedStorage";
const REBUILD = "torch._utils._rebuild_tensor_v2";
const REBUILD_TYPED = "torch._utils._rebuild_tensor_v3";
const PARAMETER = "torch._utils._rebuild_parameter";

const ALLOWED = new Set([
  ...[...Object.keys(STORAGES), ...Object.keys(TYPES)],
  ...[UNTYPED, REBUILD, REBUILD_TYPED, PARAMETER, "collections.OrderedDict"],
]);

/** `PK`, with which an archive starts; what torch wrote before 1.6 starts otherwise. */
const ZIP_SIGNATURE = 0x4b50;
const RESAVE = "load it with torch and save its state_dict() again, best as safetensors";

/**
 * The tensors of a torch file, in the order of their bytes. Several may share bytes, as tied weights do.
 * @param file the name for errors
 * @throws TsmergeError `checkpoint` for names no weights need, views that are not contiguous, and broken files
 */
export async function readTorchFile(
  source: ByteSource,
  file: string,
): Promise<readonly StoredTensor[]> {
  const start = new Uint8Array(Math.min(2, source.byteLength));
  await source.read(0, start);
  if (start.length < 2 || new DataView(start.buffer).getUint16(0, true) !== ZIP_SIGNATURE) {
    throw damaged(file, "the file is no archive of torch 1.6 or later", RESAVE);
  }
  const entries = await readZip(source, file);
  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  const pickle = pickles[0];
  if (pickle === undefined || pickles.length > 1) {
    throw damaged(
      file,
      `the archive has ${pickles.length} entries named data.pkl, not one`,
      RESAVE,
    );
  }
  const folder = pickle.slice(0, -"data.pkl".length);
  const order = entries.get(`${folder}byteorder`);
  if (order !== undefined && (await readText(source, order, file)) !== "little") {
    throw damaged(file, "the weights are big-endian", "save them on a little-endian machine");
  }
  const bytes = await readEntry(source, entries.get(pickle)!, file);
  const value = parsePickle(bytes, (name) => ALLOWED.has(name), file);
  if (!(value instanceof Map))
    throw damaged(file, "the file holds no dictionary of tensors", RESAVE);
  const storageOf = (key: string) => entries.get(`${folder}data/${key}`);
  const tensors = [...value].map(([name, tensor]) => tensorOf(name, tensor, storageOf, file));
  return tensors.sort((a, b) => a.fileOffset - b.fileOffset || a.byteLength - b.byteLength);
}

function tensorOf(
  name: PickledValue,
  value: PickledValue,
  storageOf: (key: string) => ZipEntry | undefined,
  file: string,
): StoredTensor {
  if (typeof name !== "string" || name.length === 0 || name.length > MAX_NAME_LENGTH) {
    throw damaged(file, "the file's dictionary has a key that is no name of a tensor", RESAVE);
  }
  const call = unwrapped(value);
  if (call === undefined) {
    const kind = value instanceof Map ? "a dictionary" : "no tensor";
    throw damaged(file, `the entry "${name}" is ${kind}`, RESAVE);
  }
  const [storage, offset, shape, strides] = call.args;
  const stored = storageFacts(storage);
  if (stored === undefined || !isCount(offset) || !areCounts(shape) || !areCounts(strides)) {
    throw damaged(file, `tensor "${name}" is malformed`);
  }
  if (shape.length !== strides.length || shape.length > MAX_DIMENSIONS) {
    throw damaged(file, `tensor "${name}" has shape [${shape}] and strides [${strides}]`);
  }
  const type = call.target === REBUILD_TYPED ? call.args[6] : undefined;
  const dtype = type instanceof PickledGlobal ? TYPES[type.name] : stored.dtype;
  if (dtype === undefined) throw damaged(file, `tensor "${name}" has no known type`, RESAVE);
  if (!isContiguous(shape, strides)) {
    throw damaged(
      file,
      `tensor "${name}" is a view with shape [${shape}] and strides [${strides}], not contiguous`,
      "load it with torch, call .contiguous() on it and save again, best as safetensors",
    );
  }
  const width = bytesPerElement(dtype);
  const elements = shape.reduce((product, length) => product * length, 1);
  const byteLength = elements * width;
  const entry = storageOf(stored.key);
  if (entry === undefined) throw damaged(file, `the bytes of tensor "${name}" are missing`);
  if (!Number.isSafeInteger(byteLength) || offset * width + byteLength > entry.size) {
    throw damaged(
      file,
      `tensor "${name}" needs ${byteLength} bytes from element ${offset} of ${entry.size}`,
    );
  }
  return { name, dtype, shape, elements, byteLength, fileOffset: entry.offset + offset * width };
}

/** The call that makes the tensor, of a parameter the one inside. A parameter holds no other: it might be itself. */
function unwrapped(value: PickledValue): PickledCall | undefined {
  const isParameter = value instanceof PickledCall && value.target === PARAMETER;
  const call = isParameter ? value.args[0] : value;
  if (!(call instanceof PickledCall)) return undefined;
  return call.target === REBUILD || call.target === REBUILD_TYPED ? call : undefined;
}

/** A storage's entry and type: ("storage", its class, key, device, elements). */
function storageFacts(
  value: PickledValue | undefined,
): { key: string; dtype: DType | undefined } | undefined {
  if (!(value instanceof PersistentId) || !Array.isArray(value.id)) return undefined;
  const [tag, kind, key] = value.id;
  if (tag !== "storage" || !(kind instanceof PickledGlobal) || typeof key !== "string") {
    return undefined;
  }
  return { key, dtype: STORAGES[kind.name] };
}

/** Row-major without gaps; the stride of a dimension of length 1, or of nothing, says nothing. */
function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  if (shape.includes(0)) return true;
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== expected) return false;
    expected *= shape[i]!;
  }
  return true;
}

function isCount(value: PickledValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function areCounts(value: PickledValue | undefined): value is number[] {
  return Array.isArray(value) && value.every(isCount);
}

async function readEntry(source: ByteSource, entry: ZipEntry, file: string): Promise<Uint8Array> {
  if (entry.size > MAX_HEADER_BYTES) throw damaged(file, `the pickle claims ${entry.size} bytes`);
  const bytes = new Uint8Array(entry.size);
  await source.read(entry.offset, bytes);
  return bytes;
}

async function readText(source: ByteSource, entry: ZipEntry, file: string): Promise<string> {
  return new TextDecoder().decode(await readEntry(source, entry, file));
}
