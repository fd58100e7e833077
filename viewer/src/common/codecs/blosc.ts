/**
 * Decodes the Zarr codec `blosc`:
 * https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst
 *
 * It replaces the WebAssembly of numcodecs, which makes code from text at run time: the page's
 * content security policy forbids that.
 */

import { decompress } from "fzstd";

import { decodeBlock } from "./lz4";
import { unshuffle, unshuffleBits } from "./shuffle";

const HEADER_BYTES = 16;
const LENGTH_BYTES = 4;
const SHUFFLED = 0x1;
const STORED = 0x2;
const BITS_SHUFFLED = 0x4;
const UNSPLIT = 0x10;
const LZ4 = 1;
const ZSTD = 4;
const MOST_SPLITS = 16;
const LEAST_SPLIT_ITEMS = 128;

type Decode = (source: Uint8Array, target: Uint8Array) => void;

export default class Blosc {
  static codecId = "blosc";

  static fromConfig(): Blosc {
    return new Blosc();
  }

  /** Decode a chunk. Its header says how it is compressed, so we need no metadata of the array. */
  decode(body: Uint8Array): Uint8Array {
    const header = new DataView(body.buffer, body.byteOffset, body.byteLength);
    const flags = header.getUint8(2);
    const itemsize = header.getUint8(3);
    const target = new Uint8Array(header.getUint32(4, true));
    if (flags & STORED) {
      target.set(body.subarray(HEADER_BYTES, HEADER_BYTES + target.length));
      return target;
    }
    const blockSize = header.getUint32(8, true);
    const decode = compressor(flags >> 5);
    const scratch = new Uint8Array(blockSize);
    for (let start = 0, block = 0; start < target.length; start += blockSize, block++) {
      const piece = target.subarray(start, start + blockSize);
      const isSplit = !(flags & UNSPLIT) && piece.length === blockSize && itemsize <= MOST_SPLITS && blockSize / itemsize >= LEAST_SPLIT_ITEMS;
      const from = header.getUint32(HEADER_BYTES + LENGTH_BYTES * block, true);
      const isFiltered = (flags & BITS_SHUFFLED) !== 0 || ((flags & SHUFFLED) !== 0 && itemsize > 1);
      const decoded = isFiltered ? scratch.subarray(0, piece.length) : piece;
      decodeStreams(body, header, from, decoded, isSplit ? itemsize : 1, decode);
      if (isFiltered) (flags & BITS_SHUFFLED ? unshuffleBits : unshuffle)(decoded, piece, itemsize);
    }
    return target;
  }

  encode(): never {
    throw new Error("the viewer cannot encode");
  }
}

/** Fill a block from its streams. Each follows its length, and is stored if it did not shrink. */
function decodeStreams(body: Uint8Array, header: DataView, from: number, block: Uint8Array, streams: number, decode: Decode): void {
  const size = block.length / streams;
  for (let stream = 0; stream < streams; stream++) {
    const length = header.getUint32(from, true);
    from += LENGTH_BYTES;
    const source = body.subarray(from, from + length);
    const target = block.subarray(stream * size, (stream + 1) * size);
    if (length === size) target.set(source);
    else decode(source, target);
    from += length;
  }
}

function compressor(code: number): Decode {
  switch (code) {
    case LZ4:
      return decodeBlock;
    case ZSTD:
      return (source, target) => void decompress(source, target);
    default:
      throw new Error(`Blosc compressor ${code} is not supported by this viewer: set the server's codec to blosc:lz4 or blosc:zstd`);
  }
}
