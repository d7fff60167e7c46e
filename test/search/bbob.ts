// Seven of the 24 noiseless BBOB functions (Hansen, Finck, Ros & Auger 2009, INRIA RR-6829), instances
// included: the numbers equal the published ones, so rivals measured elsewhere are on the same problems.

export interface BbobFunction {
  readonly id: number;
  readonly name: string;
  /** f(x) − f_opt, at least 0 at every x. */
  readonly instance: (n: number, instance: number) => (x: readonly number[]) => number;
}

type Vector = readonly number[];
type Core = (n: number, seed: number) => (x: Vector) => number;

/** Minimised over [−5, 5]^n. */
export const BBOB: readonly BbobFunction[] = (
  [
    [1, "sphere", 1, sphere],
    [2, "ellipsoid", 2, ellipsoid],
    [3, "Rastrigin", 3, rastrigin],
    [8, "Rosenbrock", 8, rosenbrock],
    [10, "rotated ellipsoid", 10, rotatedEllipsoid],
    [15, "rotated Rastrigin", 15, rotatedRastrigin],
    [20, "Schwefel", 20, schwefel],
  ] as [number, string, number, Core][]
).map(([id, name, base, core]) => ({
  id,
  name,
  instance: (n, instance) => core(n, base + 1e4 * instance),
}));

function sphere(n: number, seed: number): (x: Vector) => number {
  const best = optimum(n, seed);
  return (x) => sum(x.map((v, i) => (v - best[i]!) ** 2));
}

function ellipsoid(n: number, seed: number): (x: Vector) => number {
  const best = optimum(n, seed);
  return (x) => sum(x.map((v, i) => 1e6 ** share(i, n) * oscillated(v - best[i]!) ** 2));
}

function rastrigin(n: number, seed: number): (x: Vector) => number {
  const best = optimum(n, seed);
  return (x) => {
    const z = x.map((v, i) => asymmetric(oscillated(v - best[i]!), i, n));
    return waves(z.map((v, i) => Math.sqrt(10) ** share(i, n) * v));
  };
}

function rosenbrock(n: number, seed: number): (x: Vector) => number {
  const best = optimum(n, seed).map((v) => 0.75 * v);
  const scale = Math.max(1, Math.sqrt(n) / 8);
  return (x) => {
    const z = x.map((v, i) => scale * (v - best[i]!) + 1);
    return sum(z.slice(0, -1).map((v, i) => 100 * (v * v - z[i + 1]!) ** 2 + (v - 1) ** 2));
  };
}

function rotatedEllipsoid(n: number, seed: number): (x: Vector) => number {
  const best = optimum(n, seed);
  const rotation = basis(n, seed + 1e6);
  return (x) => {
    const z = times(
      x.map((v, i) => v - best[i]!),
      rotation,
    ).map(oscillated);
    return sum(z.map((v, i) => 1e6 ** share(i, n) * v * v));
  };
}

function rotatedRastrigin(n: number, seed: number): (x: Vector) => number {
  const best = optimum(n, seed);
  const [first, second] = [basis(n, seed + 1e6), basis(n, seed)];
  const stretch = (v: number, i: number): number => Math.sqrt(10) ** share(i, n) * v;
  return (x) => {
    const turned = times(
      x.map((v, i) => v - best[i]!),
      first,
    );
    const bent = turned.map((v, i) => asymmetric(oscillated(v), i, n));
    return waves(times(times(bent, second).map(stretch), first));
  };
}

/** Where one half of each coordinate's wave ends: 2 · 2.10484 = 4.2096874633. */
const SCHWEFEL_WIDTH = 4.2096874633;
const SCHWEFEL_LEAST = 418.9828872724339;

function schwefel(n: number, seed: number): (x: Vector) => number {
  const signs = uniforms(n, seed).map((u) => (u < 0.5 ? -1 : 1));
  return (x) => {
    const y = x.map((v, i) => 2 * signs[i]! * v);
    const z = y
      .map((v, i) => (i === 0 ? v : v + 0.25 * (y[i - 1]! - SCHWEFEL_WIDTH)))
      .map((v, i) => Math.sqrt(10) ** share(i, n) * (v - SCHWEFEL_WIDTH) + SCHWEFEL_WIDTH)
      .map((v) => 100 * v);
    const outside = sum(z.map((v) => Math.max(0, Math.abs(v) - 500) ** 2));
    const height = sum(z.map((v) => v * Math.sin(Math.sqrt(Math.abs(v))))) / n;
    return 0.01 * (SCHWEFEL_LEAST - height) + 0.01 * outside;
  };
}

function waves(z: Vector): number {
  return 10 * (z.length - sum(z.map((v) => Math.cos(2 * Math.PI * v)))) + sum(z.map((v) => v * v));
}

/** T_osz: small irregularities, without new optima. */
function oscillated(v: number): number {
  if (v === 0) return 0;
  const [a, b] = v > 0 ? [1, 0.79] : [0.55, 0.31];
  const log = 10 * Math.log(Math.abs(v));
  return Math.sign(v) * Math.exp((log + 0.49 * (Math.sin(a * log) + Math.sin(b * log))) / 10);
}

/** T_asy with β = 0.2: the positive side is steeper. */
function asymmetric(v: number, i: number, n: number): number {
  return v > 0 ? v ** (1 + 0.2 * share(i, n) * Math.sqrt(v)) : v;
}

function share(i: number, n: number): number {
  return n === 1 ? 0 : i / (n - 1);
}

function sum(values: Vector): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Row vector times matrix. */
function times(x: Vector, matrix: readonly Vector[]): number[] {
  return x.map((_, column) => sum(x.map((v, row) => v * matrix[row]![column]!)));
}

function optimum(n: number, seed: number): number[] {
  return uniforms(n, seed).map((u) => (8 * Math.floor(1e4 * u)) / 1e4 - 4 || -1e-5);
}

/** Gram-Schmidt over normal rows. */
function basis(n: number, seed: number): number[][] {
  const draws = uniforms(2 * n * n, seed);
  const normals = draws
    .slice(0, n * n)
    .map((u, i) => Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * draws[n * n + i]!));
  const rows: number[][] = [];
  for (let r = 0; r < n; r++) {
    let row = normals.slice(r * n, (r + 1) * n);
    for (const known of rows) {
      const along = sum(row.map((v, i) => v * known[i]!));
      row = row.map((v, i) => v - along * known[i]!);
    }
    const length = Math.sqrt(sum(row.map((v) => v * v)));
    rows.push(row.map((v) => v / length));
  }
  return rows;
}

/** BBOB's own generator: Park and Miller's with a shuffle of 32 (Bays and Durham). */
function uniforms(count: number, seed: number): number[] {
  const next = (state: number): number => {
    const high = Math.floor(state / 127773);
    const product = 16807 * (state - high * 127773) - 2836 * high;
    return product < 0 ? product + 2147483647 : product;
  };
  let state = Math.max(1, Math.abs(seed));
  const table = new Array<number>(32).fill(0);
  for (let i = 39; i >= 0; i--) {
    state = next(state);
    if (i < 32) table[i] = state;
  }
  let current = table[0]!;
  return Array.from({ length: count }, () => {
    state = next(state);
    const slot = Math.floor(current / 67108865);
    current = table[slot]!;
    table[slot] = state;
    return Math.max(current / 2.147483647e9, 1e-99);
  });
}
