/** Decodes the Zarr codec `zstd`, without WebAssembly. */

import { decompress } from "fzstd";

export default class Zstd {
  static codecId = "zstd";

  static fromConfig(): Zstd {
    return new Zstd();
  }

  decode(body: Uint8Array): Uint8Array {
    return decompress(body);
  }

  encode(): never {
    throw new Error("the viewer cannot encode");
  }
}
