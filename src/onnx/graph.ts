// ONNX graphs as bytes: values, nodes and constants are added in order, `bytes` serialises them. Not a
// runtime and not a checker (src/ort runs the bytes). Equal calls give equal bytes, so bytes can be hashed.

import { create, toBinary } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "onnx-buf";
import { TsmergeError } from "../base/errors.ts";

/**
 * onnxruntime 1.30 reads operator sets up to 26, but its WebGPU provider lacks Transpose and Unsqueeze of 25 and
 * later: a graph for both devices keeps to this one.
 */
const PORTABLE_OPSET = 24;
/** The newest file format it reads. */
const IR_VERSION = 13n;

const TYPES = {
  float32: TensorProto_DataType.FLOAT,
  float64: TensorProto_DataType.DOUBLE,
  float16: TensorProto_DataType.FLOAT16,
  bfloat16: TensorProto_DataType.BFLOAT16,
  int64: TensorProto_DataType.INT64,
  int32: TensorProto_DataType.INT32,
  int8: TensorProto_DataType.INT8,
  uint32: TensorProto_DataType.UINT32,
  uint16: TensorProto_DataType.UINT16,
  uint8: TensorProto_DataType.UINT8,
  bool: TensorProto_DataType.BOOL,
} as const;

export type ElementType = keyof typeof TYPES;

/** The `to` attribute of a Cast, and any other place where ONNX wants a type as a number. */
export function typeNumber(type: ElementType): number {
  return TYPES[type];
}

/** A fixed size, or a name for a size that each run chooses. */
export type Dimension = number | string;

/** An integer, a float (marked, for 1 and 1.0 are one number here), a string, or a list of integers. */
export type Attribute = number | { readonly float: number } | string | readonly number[];

export type Attributes = Readonly<Record<string, Attribute>>;

/** A value is referred to by its name; an empty name leaves an optional operand out. */
export type Value = string;

export class Graph {
  readonly #name: string;
  readonly #opset: number;
  readonly #inputs: ValueInfoProto[] = [];
  readonly #outputs: ValueInfoProto[] = [];
  readonly #nodes: NodeProto[] = [];
  readonly #initializers: TensorProto[] = [];
  readonly #constants = new Map<string, Value>();
  readonly #names = new Set<Value>();

  /** @param opset operator set; a newer one (up to 26, for BitCast) for graphs that run on the CPU alone */
  constructor(name: string, opset = PORTABLE_OPSET) {
    this.#name = name;
    this.#opset = opset;
  }

  /** Declares a graph input. */
  input(name: string, type: ElementType, shape: readonly Dimension[]): Value {
    this.#claim(name);
    this.#inputs.push(valueInfo(name, type, shape));
    return name;
  }

  /** Makes `value` a graph output called `name`. */
  output(name: string, value: Value, type: ElementType, shape: readonly Dimension[]): void {
    this.#claim(name);
    this.#nodes.push(
      create(NodeProtoSchema, { opType: "Identity", input: [value], output: [name] }),
    );
    this.#outputs.push(valueInfo(name, type, shape));
  }

  /** Adds an operator with one output, and returns that. */
  node(op: string, inputs: readonly Value[], attributes: Attributes = {}): Value {
    return this.nodes(op, inputs, 1, attributes)[0]!;
  }

  /** Adds an operator with several outputs, and returns them in order. */
  nodes(
    op: string,
    inputs: readonly Value[],
    outputs: number,
    attributes: Attributes = {},
  ): readonly Value[] {
    const stem = `${op}_${this.#nodes.length}`;
    const names = Array.from({ length: outputs }, (_, i) => (i === 0 ? stem : `${stem}.${i}`));
    for (const name of names) this.#claim(name);
    this.#nodes.push(
      create(NodeProtoSchema, {
        name: stem,
        opType: op,
        input: [...inputs],
        output: names,
        attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
      }),
    );
    return names;
  }

  /**
   * A constant of the four types graphs compute with; equal constants are stored once.
   * @param shape empty for a scalar; its product must be the number of values
   */
  constant(
    type: "float32" | "int64" | "int32" | "uint32" | "bool",
    shape: readonly number[],
    values: ArrayLike<number>,
  ): Value {
    return this.constantBytes(type, shape, littleEndian(type, values));
  }

  /** A constant from its raw little-endian bytes (tables, half floats). */
  constantBytes(type: ElementType, shape: readonly number[], bytes: Uint8Array): Value {
    const key = `${type}[${shape.join()}]${Buffer.from(bytes).toString("latin1")}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = `constant_${this.#constants.size}`;
    this.#claim(name);
    this.#constants.set(key, name);
    this.#initializers.push(
      create(TensorProtoSchema, {
        name,
        dataType: TYPES[type],
        dims: shape.map(BigInt),
        rawData: Uint8Array.from(bytes),
      }),
    );
    return name;
  }

  /** The model file. The graph may be extended and serialised again. */
  bytes(): Uint8Array {
    return toBinary(
      ModelProtoSchema,
      create(ModelProtoSchema, {
        irVersion: IR_VERSION,
        producerName: "tsmerge",
        opsetImport: [
          create(OperatorSetIdProtoSchema, { domain: "", version: BigInt(this.#opset) }),
        ],
        graph: create(GraphProtoSchema, {
          name: this.#name,
          node: this.#nodes,
          initializer: this.#initializers,
          input: this.#inputs,
          output: this.#outputs,
        }),
      }),
    );
  }

  #claim(name: Value): void {
    if (name === "" || this.#names.has(name)) {
      throw new TsmergeError(
        "internal",
        `graph ${this.#name} already has a value called "${name}"`,
        {
          hint: "give every input and output its own name",
        },
      );
    }
    this.#names.add(name);
  }
}

function valueInfo(name: string, type: ElementType, shape: readonly Dimension[]): ValueInfoProto {
  const dim = shape.map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value:
        typeof size === "number"
          ? { case: "dimValue", value: BigInt(size) }
          : { case: "dimParam", value: size },
    }),
  );
  const tensor = create(TypeProto_TensorSchema, {
    elemType: TYPES[type],
    shape: create(TensorShapeProtoSchema, { dim }),
  });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: "tensorType", value: tensor } }),
  });
}

function attribute(name: string, value: Attribute): AttributeProto {
  const kinds = AttributeProto_AttributeType;
  if (typeof value === "string") {
    const s = Uint8Array.from(Buffer.from(value, "utf8"));
    return create(AttributeProtoSchema, { name, type: kinds.STRING, s });
  }
  if (typeof value === "number") {
    return create(AttributeProtoSchema, { name, type: kinds.INT, i: BigInt(value) });
  }
  if ("float" in value) {
    return create(AttributeProtoSchema, { name, type: kinds.FLOAT, f: value.float });
  }
  return create(AttributeProtoSchema, { name, type: kinds.INTS, ints: value.map(BigInt) });
}

function littleEndian(
  type: "float32" | "int64" | "int32" | "uint32" | "bool",
  values: ArrayLike<number>,
): Uint8Array {
  const size = type === "int64" ? 8 : type === "bool" ? 1 : 4;
  const view = new DataView(new ArrayBuffer(values.length * size));
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (type === "float32") view.setFloat32(i * size, value, true);
    else if (type === "int64") view.setBigInt64(i * size, BigInt(value), true);
    else if (type === "int32") view.setInt32(i * size, value, true);
    else if (type === "uint32") view.setUint32(i * size, value, true);
    else view.setUint8(i, value);
  }
  return new Uint8Array(view.buffer);
}
