/**
 * Undoes Blosc's shuffle filters in one block.
 *
 * The filters do not move the bytes after the last whole item.
 */

/** Undo a byte shuffle: `source` has the first bytes of all items, then all second bytes, ... */
export function unshuffle(source: Uint8Array, target: Uint8Array, itemsize: number): void {
  const count = Math.floor(source.length / itemsize);
  for (let byte = 0; byte < itemsize; byte++) {
    const plane = byte * count;
    for (let i = 0, to = byte; i < count; i++, to += itemsize) target[to] = source[plane + i] as number;
  }
  target.set(source.subarray(count * itemsize), count * itemsize);
}

/**
 * Undo a bit shuffle: `source` has the first bits of all items, then all second bits, ...
 *
 * A block whose number of items is not divisible by 8 was not shuffled.
 */
export function unshuffleBits(source: Uint8Array, target: Uint8Array, itemsize: number): void {
  const count = Math.floor(source.length / itemsize);
  if (count % 8 !== 0) {
    target.set(source);
    return;
  }
  const row = count / 8;
  for (let byte = 0; byte < itemsize; byte++) {
    const plane = byte * 8 * row;
    for (let eight = 0; eight < row; eight++) {
      for (let item = 0; item < 8; item++) {
        let value = 0;
        for (let bit = 0; bit < 8; bit++) value |= (((source[plane + bit * row + eight] as number) >> item) & 1) << bit;
        target[(eight * 8 + item) * itemsize + byte] = value;
      }
    }
  }
  target.set(source.subarray(count * itemsize), count * itemsize);
}
