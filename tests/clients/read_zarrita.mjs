// Reads boxes of arrays with zarrita: `node read_zarrita.mjs BASE FORMAT < jobs.json`. BASE is a URL, or the path of a folder.
// A job is {path, boxes: [[[start, stop], ...], ...]}; the answer to it, in a list on stdout, {path, blocks: [{dtype, shape, sha256 | items}]}
// or {path, error}. Numbers are hashed as they lie in memory, little endian, C order; booleans and strings are given as they are.
import { createHash } from "node:crypto";
import { text } from "node:stream/consumers";
import FileSystemStore from "@zarrita/storage/fs";
import * as zarr from "zarrita";

const [base, format] = process.argv.slice(2);
const open = format === "v2" ? zarr.open.v2 : zarr.open.v3;

async function read(array, box) {
    if (box.length === 0) return described(array, await scalar(array), []);
    const chunk = await zarr.get(array, box.map(([start, stop]) => zarr.slice(start, stop)));
    return described(array, chunk.data, chunk.shape);
}

async function scalar(array) {
    return (await array.getChunk([])).data;
}

function described(array, data, shape) {
    const common = { dtype: array.dtype, shape };
    if (!ArrayBuffer.isView(data)) return { ...common, items: [...data] };
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return { ...common, sha256: createHash("sha256").update(bytes).digest("hex") };
}

async function answer({ path, boxes }) {
    try {
        const store = base.startsWith("/")
            ? new FileSystemStore(`${base}/${path}`)
            : new zarr.FetchStore(`${base}/${path.split("/").map(encodeURIComponent).join("/")}`);
        const array = await open(store, { kind: "array" });
        const blocks = [];
        for (const box of boxes) blocks.push(await read(array, box));
        return { path, blocks };
    } catch (error) {
        return { path, error: `${error.name}: ${error.message}` };
    }
}

const answers = [];
for (const job of JSON.parse(await text(process.stdin))) answers.push(await answer(job));
console.log(JSON.stringify(answers));
