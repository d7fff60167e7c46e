// Which arena each block of bytes lives in. An output and its inputs share an arena where they fit, for
// then the kernel computes in place; no bytes are touched here.

/** An arena's size by default: half of what WebAssembly memory can address. */
export const ARENA_LIMIT = 2 ** 31;
const ALIGNMENT = 64;

/** A block that lives as long as the arenas do. */
export interface Block {
  readonly key: string;
  readonly bytes: number;
}

export interface ArenaLayout {
  /** Bytes of each arena. */
  readonly sizes: readonly number[];
  /** Arena of each block, by key. */
  readonly arenaOf: ReadonlyMap<string, number>;
}

/**
 * Places groups of blocks in order. A block that several groups share stands where its first group stands;
 * a group larger than `limit` is spread, one block an arena where a block alone is larger.
 */
export function layOutArenas(
  groups: readonly (readonly Block[])[],
  limit = ARENA_LIMIT,
): ArenaLayout {
  const sizes: number[] = [];
  const arenaOf = new Map<string, number>();
  const place = (blocks: readonly Block[]) => {
    const fresh = [...new Map(blocks.map((block) => [block.key, block])).values()].filter(
      ({ key }) => !arenaOf.has(key),
    );
    const bytes = fresh.reduce((sum, block) => sum + aligned(block.bytes), 0);
    if (bytes > limit && fresh.length > 1) {
      for (const block of fresh) place([block]);
      return;
    }
    if (sizes.length === 0 || sizes.at(-1)! + bytes > limit) sizes.push(0);
    sizes[sizes.length - 1]! += bytes;
    for (const { key } of fresh) arenaOf.set(key, sizes.length - 1);
  };
  for (const group of groups) place(group);
  return { sizes, arenaOf };
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
