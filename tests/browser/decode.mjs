// Decodes chunks with the viewer's own decoders: `node decode.mjs`, told by JSON on standard input: [{codec, body}, ...] in base64.
// Prints the decoded bytes, a base64 text each, or the error.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const viewer = fileURLToPath(new URL("../../viewer/", import.meta.url));
const { build } = await import(`${viewer}node_modules/esbuild/lib/main.js`);

async function decoder(name) {
    const folder = mkdtempSync(join(tmpdir(), "decoder-"));
    const outfile = join(folder, "decoder.mjs");
    await build({ entryPoints: [`${viewer}src/common/codecs/${name}.ts`], bundle: true, format: "esm", outfile, logLevel: "error" });
    const { default: codec } = await import(outfile);
    rmSync(folder, { recursive: true });
    return codec.fromConfig();
}

const parts = [];
for await (const part of process.stdin) parts.push(part);
const decoders = { blosc: await decoder("blosc"), lz4: await decoder("lz4"), zstd: await decoder("zstd") };
const decoded = JSON.parse(Buffer.concat(parts).toString()).map(({ codec, body }) => {
    try {
        return Buffer.from(decoders[codec].decode(Buffer.from(body, "base64"))).toString("base64");
    } catch (error) {
        return `error: ${error.message}`;
    }
});
console.log(JSON.stringify(decoded));
