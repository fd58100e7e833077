// Decode every `*.body` in a folder with numcodecs.js, by the codec that its name begins with, and write `*.decoded`.
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Blosc, GZip, LZ4, Zlib, Zstd } from "numcodecs";

const codecs = { blosc: new Blosc(), gzip: new GZip(), lz4: new LZ4(), zlib: new Zlib(), zstd: new Zstd() };
const folder = process.argv[2];
for (const name of (await readdir(folder)).filter((name) => name.endsWith(".body"))) {
  const codec = codecs[name.split("-")[0]];
  const decoded = await codec.decode(new Uint8Array(await readFile(join(folder, name))));
  await writeFile(join(folder, name.replace(".body", ".decoded")), decoded);
}
