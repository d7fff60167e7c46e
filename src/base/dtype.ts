// Element types as Hugging Face configurations spell them, and as safetensors headers spell them.

/** The floating-point types that can be merged. */
export type FloatType = "float32" | "float16" | "bfloat16";

/** Every element type a checkpoint may hold; only FloatType takes part in arithmetic. */
export type DType =
  | FloatType
  | "float64"
  | "float8_e4m3fn"
  | "float8_e5m2"
  | "int64"
  | "int32"
  | "int16"
  | "int8"
  | "uint64"
  | "uint32"
  | "uint16"
  | "uint8"
  | "bool";

interface DTypeFacts {
  readonly bytes: number;
  /** The name in a safetensors header. */
  readonly safetensors: string;
}

const FACTS: Readonly<Record<DType, DTypeFacts>> = {
  float64: { bytes: 8, safetensors: "F64" },
  float32: { bytes: 4, safetensors: "F32" },
  float16: { bytes: 2, safetensors: "F16" },
  bfloat16: { bytes: 2, safetensors: "BF16" },
  float8_e4m3fn: { bytes: 1, safetensors: "F8_E4M3" },
  float8_e5m2: { bytes: 1, safetensors: "F8_E5M2" },
  int64: { bytes: 8, safetensors: "I64" },
  int32: { bytes: 4, safetensors: "I32" },
  int16: { bytes: 2, safetensors: "I16" },
  int8: { bytes: 1, safetensors: "I8" },
  uint64: { bytes: 8, safetensors: "U64" },
  uint32: { bytes: 4, safetensors: "U32" },
  uint16: { bytes: 2, safetensors: "U16" },
  uint8: { bytes: 1, safetensors: "U8" },
  bool: { bytes: 1, safetensors: "BOOL" },
};

const FROM_SAFETENSORS: ReadonlyMap<string, DType> = new Map(
  Object.entries(FACTS).map(([name, facts]) => [facts.safetensors, name as DType]), // keys of FACTS
);

/** Size of one element in bytes. */
export function bytesPerElement(dtype: DType): number {
  return FACTS[dtype].bytes;
}

/** The safetensors header's name for a type, such as `BF16`. */
export function safetensorsName(dtype: DType): string {
  return FACTS[dtype].safetensors;
}

/** The type a safetensors header names, or undefined if the name is unknown. */
export function fromSafetensorsName(name: string): DType | undefined {
  return FROM_SAFETENSORS.get(name);
}

export function isFloatType(dtype: string): dtype is FloatType {
  return dtype === "float32" || dtype === "float16" || dtype === "bfloat16";
}

/** `bfloat16` and `torch.bfloat16` both name bfloat16; undefined for a type that cannot be merged in. */
export function parseFloatType(name: string): FloatType | undefined {
  const plain = name.startsWith("torch.") ? name.slice("torch.".length) : name;
  return isFloatType(plain) ? plain : undefined;
}
