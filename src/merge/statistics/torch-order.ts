// The order in which torch sorts and selects equal numbers on the CPU: that of libstdc++'s std::sort,
// std::nth_element and std::partial_sort, which no rule on positions describes, but which is always the same.
// mergekit keeps and ranks equal magnitudes in it, so compat repeats those algorithms (introsort, introselect:
// Musser 1997), swap by swap. Everything else sorts stably (magnitudes.ts). Keys ascend; 8 bytes an element.

/** Parts up to these lengths are left to the insertion sort. */
const SHORT_SORT = 16;
const SHORT_SELECT = 3;
/** torch selects k of n by a heap where k·this ≤ n. */
const HEAP_SHARE = 64;

/** Indices of `keys` by ascending key, as std::sort leaves them. Overwrites `keys`. */
export function torchSort(keys: Uint32Array): Uint32Array {
  const pairs = pairsOf(keys);
  const n = keys.length;
  const parts = [{ first: 0, end: n, depth: deepest(n) }];
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    let { first, end, depth } = part;
    for (; end - first > SHORT_SORT; depth--) {
      if (depth === 0) {
        pairs.heapSort(first, end);
        break;
      }
      const cut = pairs.partition(first, end);
      parts.push({ first: cut, end, depth: depth - 1 });
      end = cut;
    }
  }
  pairs.insertionSort(0, n);
  return pairs.order;
}

/** Indices of the `k` smallest of `keys` (k ≥ 1) that torch.topk selects, in no order. Overwrites `keys`. */
export function torchSelect(keys: Uint32Array, k: number): Uint32Array {
  const pairs = pairsOf(keys);
  const n = keys.length;
  if (k * HEAP_SHARE <= n) {
    pairs.heapSelect(0, k, n);
    return pairs.order.subarray(0, k);
  }
  let [first, end] = [0, n];
  for (let depth = deepest(n); end - first > SHORT_SELECT; depth--) {
    if (depth === 0) {
      pairs.heapSelect(first, k, end);
      return pairs.order.subarray(0, k);
    }
    const cut = pairs.partition(first, end);
    if (cut <= k - 1) first = cut;
    else end = cut;
  }
  pairs.insertionSort(first, end);
  return pairs.order.subarray(0, k);
}

/** How often parts are divided before a heap takes over. */
const deepest = (n: number) => (n === 0 ? 0 : 2 * (31 - Math.clz32(n)));

/** Keys with the index that each had, and the steps of the algorithms on parts [first, end) of them. */
function pairsOf(keys: Uint32Array) {
  const order = Uint32Array.from(keys, (_, i) => i);
  const put = (at: number, key: number, index: number) => {
    keys[at] = key;
    order[at] = index;
  };
  const copy = (to: number, from: number) => put(to, keys[from]!, order[from]!);
  const swap = (i: number, j: number) => {
    const [key, index] = [keys[i]!, order[i]!];
    copy(i, j);
    put(j, key, index);
  };

  /** The middle one of three places goes to `first`. */
  const pivotTo = (first: number, a: number, b: number, c: number) => {
    const [x, y, z] = [keys[a]!, keys[b]!, keys[c]!];
    if (x < y) swap(first, y < z ? b : x < z ? c : a);
    else swap(first, x < z ? a : y < z ? c : b);
  };

  /** Divides a part by its middle key; where the second half begins. */
  const partition = (first: number, end: number): number => {
    pivotTo(first, first + 1, first + ((end - first) >>> 1), end - 1);
    const pivot = keys[first]!;
    let [low, high] = [first + 1, end];
    for (;;) {
      while (keys[low]! < pivot) low++;
      high--;
      while (pivot < keys[high]!) high--;
      if (low >= high) return low;
      swap(low++, high);
    }
  };

  const insertionSort = (first: number, end: number) => {
    for (let i = first + 1; i < end; i++) {
      const [key, index] = [keys[i]!, order[i]!];
      let at = i;
      for (; at > first && key < keys[at - 1]!; at--) copy(at, at - 1);
      put(at, key, index);
    }
  };

  /** Sinks a pair from `hole` to the bottom of a heap of `length`, then lifts it to its place. */
  const adjustHeap = (
    first: number,
    hole: number,
    length: number,
    [key, index]: readonly [number, number],
  ) => {
    let at = hole;
    for (let child = 2 * at + 2; child <= length; child = 2 * at + 2) {
      if (child === length || keys[first + child]! < keys[first + child - 1]!) child--;
      copy(first + at, first + child);
      at = child;
    }
    for (let parent = (at - 1) >> 1; at > hole && keys[first + parent]! < key; ) {
      copy(first + at, first + parent);
      at = parent;
      parent = (at - 1) >> 1;
    }
    put(first + at, key, index);
  };
  const pairAt = (at: number) => [keys[at]!, order[at]!] as const;

  /** The smallest pairs of [first, end) come to [first, middle), as a heap. */
  const heapSelect = (first: number, middle: number, end: number) => {
    const length = middle - first;
    for (let parent = (length - 2) >> 1; parent >= 0; parent--) {
      adjustHeap(first, parent, length, pairAt(first + parent));
    }
    for (let i = middle; i < end; i++) {
      if (keys[i]! >= keys[first]!) continue;
      const pair = pairAt(i);
      copy(i, first);
      adjustHeap(first, 0, length, pair);
    }
  };

  const heapSort = (first: number, end: number) => {
    heapSelect(first, end, end);
    for (let last = end - 1; last > first; last--) {
      const pair = pairAt(last);
      copy(last, first);
      adjustHeap(first, 0, last - first, pair);
    }
  };
  return { order, partition, insertionSort, heapSelect, heapSort };
}
