// bfloat16 and float16 in SIMD integer arithmetic, four lanes at a time, exact for every bit pattern:
// what base/half.ts does for one number, except that NaNs lose their sign and payload.

import { type Code, f32x4, i32x4, v128 } from "./module.ts";

/** Where the code of a loop is collected; vectors are of four 32-bit lanes. */
export interface Registers {
  /** Computes a vector once a turn and keeps it; the result reads it, any number of times. */
  keep(value: Code): Code;
  /** The same 32 bits in every lane, made once before the loop. */
  bits(lane: number): Code;
  /** The same float32 in every lane, made once before the loop. */
  float(lane: number): Code;
}

const F16_INFINITY = 0x7c00;
const F32_INFINITY = 0x7f800000;
/** Difference of the exponent biases of float32 and float16 (127 − 15), as float32 bits. */
const BIAS_SHIFT = 112 << 23;
/** 2^-14, the smallest normal float16, as float32 bits. */
const SMALLEST_NORMAL_F16 = 113 << 23;
/** 65536, the first power of two past float16's range, as float32 bits. */
const PAST_F16 = 143 << 23;
const SMALLEST_SUBNORMAL_F16 = 2 ** -24;

const LOW_FOUR = [0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23];
const HIGH_FOUR = LOW_FOUR.map((byte) => byte + 8);

/** Four float32 from the lower or upper four of eight packed bfloat16: the other halves are zero. */
export const widenBf16 = (to: Registers, packed: Code, upper: boolean): Code =>
  v128.shuffle(to.bits(0), packed, upper ? HIGH_FOUR : LOW_FOUR);

/**
 * float32 lanes whose high halves are the nearest bfloat16, ties to even; the low halves are waste.
 * A carry out of a NaN's payload could clear the NaN. So NaN lanes become all ones, a NaN too, unless
 * the caller knows that any NaN in `x` has a zero low half.
 */
function biasBf16(to: Registers, x: Code, nansAreShort: boolean): Code {
  const odd = v128.and(i32x4.shrU(x, 16), to.bits(1));
  const carried = i32x4.add(i32x4.add(x, to.bits(0x7fff)), odd);
  return nansAreShort ? carried : v128.or(carried, f32x4.ne(x, x));
}

/** The nearest bfloat16 as float32. `x` must be a kept value. */
export const roundBf16 = (to: Registers, x: Code, nansAreShort: boolean): Code =>
  v128.and(biasBf16(to, x, nansAreShort), to.bits(0xffff0000));

/** The nearest bfloat16's bits in the low halves of the lanes. `x` must be a kept value. */
export const narrowBf16 = (to: Registers, x: Code, nansAreShort: boolean): Code =>
  i32x4.shrU(biasBf16(to, x, nansAreShort), 16);

/** float32 from float16 bits in the low halves of the lanes. */
export function widenF16(to: Registers, bits: Code): Code {
  const h = to.keep(bits);
  const magnitude = to.keep(v128.and(h, to.bits(0x7fff)));
  const sign = i32x4.shl(v128.and(h, to.bits(0x8000)), 16);
  // Infinity and NaN take exponent 255, whatever the rebiased exponent is.
  const top = v128.and(i32x4.gtS(magnitude, to.bits(F16_INFINITY - 1)), to.bits(F32_INFINITY));
  const normal = v128.or(i32x4.add(i32x4.shl(magnitude, 13), to.bits(BIAS_SHIFT)), top);
  const subnormal = f32x4.mul(f32x4.fromI32(magnitude), to.float(SMALLEST_SUBNORMAL_F16));
  const isSubnormal = i32x4.ltS(magnitude, to.bits(0x400));
  return v128.or(v128.select(subnormal, normal, isSubnormal), sign);
}

/** The nearest float16's bits, ties to even, in the low halves of the lanes. `x` must be a kept value. */
export function narrowF16(to: Registers, x: Code): Code {
  const magnitude = to.keep(v128.and(x, to.bits(0x7fffffff)));
  const sign = i32x4.shrU(v128.and(x, to.bits(0x80000000)), 16);
  // Adding 0.5 aligns a float16 subnormal's last place with float32's: the addition rounds it.
  const half = to.float(0.5);
  const subnormal = i32x4.sub(f32x4.add(magnitude, half), half);
  const odd = v128.and(i32x4.shrU(magnitude, 13), to.bits(1));
  const rebiased = i32x4.add(i32x4.sub(magnitude, to.bits(BIAS_SHIFT)), to.bits(0xfff));
  const normal = i32x4.shrU(i32x4.add(rebiased, odd), 13);
  const finite = v128.select(subnormal, normal, i32x4.ltS(magnitude, to.bits(SMALLEST_NORMAL_F16)));
  const isNan = i32x4.gtS(magnitude, to.bits(F32_INFINITY));
  const special = v128.or(to.bits(F16_INFINITY), v128.and(isNan, to.bits(0x200)));
  const isSpecial = i32x4.gtS(magnitude, to.bits(PAST_F16 - 1));
  return v128.or(v128.select(special, finite, isSpecial), sign);
}

/** The nearest float16 as float32. `x` must be a kept value. */
export const roundF16 = (to: Registers, x: Code): Code => widenF16(to, narrowF16(to, x));
