/**
 * The LZ4 block format: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
 *
 * The Zarr v2 codec `lz4` stores the decoded size in 4 bytes, then one block.
 */

const LEAST_MATCH = 4;
const SIZE_BYTES = 4;

/** Decode one block, which must fill `target` exactly. Throws if it does not or is invalid. */
export function decodeBlock(source: Uint8Array, target: Uint8Array): void {
  let from = 0;
  let to = 0;
  while (from < source.length) {
    const token = source[from++] as number;
    let literals = token >> 4;
    if (literals === 15) [literals, from] = longer(source, from, literals);
    if (literals > source.length - from || literals > target.length - to) throw corrupt();
    copyForward(source, from, target, to, literals);
    from += literals;
    to += literals;
    if (from >= source.length) break;
    const offset = (source[from] as number) | ((source[from + 1] as number) << 8);
    from += 2;
    let match = token & 15;
    if (match === 15) [match, from] = longer(source, from, match);
    match += LEAST_MATCH;
    if (offset === 0 || offset > to || match > target.length - to) throw corrupt();
    if (offset >= match && match > 32) target.copyWithin(to, to - offset, to - offset + match);
    else copyForward(target, to - offset, target, to, match);
    to += match;
  }
  if (to !== target.length) throw corrupt();
}

/** Add the bytes that continue a length of 15, up to and including the first that is not 255. */
function longer(source: Uint8Array, from: number, length: number): [length: number, from: number] {
  for (;;) {
    const more = source[from++];
    if (more === undefined) throw corrupt();
    length += more;
    if (more !== 255) return [length, from];
  }
}

/**
 * Copy byte by byte, since a match may overlap the bytes that it produces.
 *
 * More than 32 bytes between two different arrays are copied in one call.
 */
function copyForward(source: Uint8Array, from: number, target: Uint8Array, to: number, length: number): void {
  if (length > 32 && source !== target) {
    target.set(source.subarray(from, from + length), to);
    return;
  }
  for (let i = 0; i < length; i++) target[to + i] = source[from + i] as number;
}

function corrupt(): Error {
  return new Error("the LZ4 data do not decode to the size of the chunk: they were cut short or damaged; load the page again");
}

export default class LZ4 {
  static codecId = "lz4";

  static fromConfig(): LZ4 {
    return new LZ4();
  }

  decode(body: Uint8Array): Uint8Array {
    const target = new Uint8Array(new DataView(body.buffer, body.byteOffset).getUint32(0, true));
    decodeBlock(body.subarray(SIZE_BYTES), target);
    return target;
  }

  encode(): never {
    throw new Error("the viewer cannot encode");
  }
}
