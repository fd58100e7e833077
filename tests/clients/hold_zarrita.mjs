// Opens the array at a URL with zarrita, says so, and reads all of it once a line comes on standard input: `node hold_zarrita.mjs URL`.
// Then prints {"values": [...]}, each value that is in it once, or {"error": "..."}.
import { createInterface } from "node:readline/promises";
import * as zarr from "zarrita";

const array = await zarr.open(new zarr.FetchStore(process.argv[2]), { kind: "array" });
console.log("opened");
const lines = createInterface({ input: process.stdin });
for await (const _ of lines) {
    try {
        const { data } = await zarr.get(array);
        console.log(JSON.stringify({ values: [...new Set(data)] }));
    } catch (error) {
        console.log(JSON.stringify({ error: error.message }));
    }
}
