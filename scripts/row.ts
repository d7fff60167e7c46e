// One figure of a benchmark: a ratio against a yardstick measured in the same run, or a plain count.

export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What is aimed at, such as `≥ 60 %`. */
  readonly target?: string;
}

/** Prints rows as a table for people on stderr and as one JSON line each on stdout. */
export function printRows(rows: readonly Row[]): void {
  for (const row of rows) {
    const target = row.target === undefined ? "" : `   target ${row.target}`;
    process.stderr.write(
      `${row.name.padEnd(64)} ${row.value.toPrecision(4).padStart(10)} ${row.unit}${target}\n`,
    );
    process.stdout.write(`${JSON.stringify(row)}\n`);
  }
}
