// Promises by key: what is made once and asked for again. Not a cache of values on disk, and no timer: what is
// asked for last stays.

/** The promise under a key, made at its first use. */
export type Memo<T> = <Made extends T>(key: string, make: () => Promise<Made>) => Promise<Made>;

/**
 * Keeps what `make` gives under its key; a failure is thrown and not kept. A key must always stand for the same
 * kind of value.
 * @param limit values kept, those that were asked for last
 */
export function memo<T>(limit = Number.POSITIVE_INFINITY): Memo<T> {
  const kept = new Map<string, Promise<T>>(); // the last in a map's order was asked for last
  return <Made extends T>(key: string, make: () => Promise<Made>): Promise<Made> => {
    const known = kept.get(key) as Promise<Made> | undefined; // a key stands for one kind of value
    const value: Promise<Made> =
      known ??
      make().catch((error: unknown) => {
        if (kept.get(key) === value) kept.delete(key);
        throw error;
      });
    kept.delete(key);
    kept.set(key, value);
    const [oldest] = kept.keys();
    if (kept.size > limit && oldest !== undefined) kept.delete(oldest);
    return value;
  };
}
