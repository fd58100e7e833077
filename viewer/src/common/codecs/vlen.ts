/**
 * Decodes the Zarr codec `vlen-utf8`: the number of texts, then the length of each before its bytes.
 *
 * zarrita calls a TextDecoder for each text, which takes 5 s for a million. We decode a chunk once,
 * a character for each byte, and cut texts of ASCII out of it.
 */

import { type Chunk, registry } from "zarrita";

const LENGTH_BYTES = 4;

class Texts {
  readonly kind = "array_to_bytes" as const;

  constructor(private readonly shape: number[]) {}

  static fromConfig(_: unknown, { shape }: { shape: number[] }): Texts {
    return new Texts(shape);
  }

  decode(bytes: Uint8Array): Chunk<"string"> {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const characters = new TextDecoder("latin1").decode(bytes);
    const decoder = new TextDecoder();
    const data = new Array<string>(view.getUint32(0, true));
    for (let i = 0, at = LENGTH_BYTES; i < data.length; i++) {
      const start = at + LENGTH_BYTES;
      at = start + view.getUint32(at, true);
      data[i] = isAscii(bytes, start, at) ? characters.slice(start, at) : decoder.decode(bytes.subarray(start, at));
    }
    const stride = this.shape.map((_, axis) => this.shape.slice(axis + 1).reduce((product, size) => product * size, 1));
    return { data: data as Chunk<"string">["data"], shape: this.shape, stride };
  }

  encode(): never {
    throw new Error("this page cannot encode");
  }
}

function isAscii(bytes: Uint8Array, start: number, stop: number): boolean {
  for (let i = start; i < stop; i++) if ((bytes[i] as number) > 0x7f) return false;
  return true;
}

/** Use this decoder for all arrays of texts. */
export function registerTexts(): void {
  registry.set("vlen-utf8", () => Promise.resolve(Texts as never));
}
