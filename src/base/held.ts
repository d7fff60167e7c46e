// Promises that are awaited later than they are made.

/** The promise itself: its failure waits until it is awaited, instead of ending the process as unhandled. */
export function held<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
