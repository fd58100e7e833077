import { existsSync } from "node:fs";

import { defineConfig } from "vite";

import { CHANGES, CHANGES_OF_LIB, IMPORTS, IMPORTS_OF_LIB } from "./h5web";
import { licences } from "./licences";
import { patches } from "./patches";

const PAGES = ["viewer", "explore", "table"];
const page = process.env.PAGE ?? "";
if (!PAGES.includes(page)) throw new Error(`PAGE=${page}: set it to one of ${PAGES.join(", ")}`);

// We build one script and one style sheet for each page. The server requires the key in the address
// of every file, and an import inside a script would not carry it. `npm run build` empties the folder.
export default defineConfig({
  base: "./",
  publicDir: false,
  // The codecs that zarrita uses by default, and the arrays of H5Web, compile code at run time, which
  // the page's content security policy forbids.
  resolve: {
    alias: {
      ...Object.fromEntries(["blosc", "lz4", "zstd"].map((name) => [`numcodecs/${name}`, `/src/common/codecs/${name}.ts`])),
      "ndarray-ops": "/src/explore/arrays/ops.ts",
      ndarray: "/src/explore/arrays/ndarray.ts",
    },
  },
  plugins: [licences(`${page}.txt`), patches("@h5web/app/dist/index.js", IMPORTS, CHANGES), patches("@h5web/lib/dist/index.js", IMPORTS_OF_LIB, CHANGES_OF_LIB)],
  build: {
    target: "es2022",
    outDir: "../python/tiled_zarr/http/static/viewer",
    emptyOutDir: false,
    cssCodeSplit: false,
    chunkSizeWarningLimit: 4000,
    rollupOptions: {
      input: existsSync(`src/${page}/main.tsx`) ? `src/${page}/main.tsx` : `src/${page}/main.ts`,
      output: { inlineDynamicImports: true, entryFileNames: `${page}.js`, assetFileNames: `${page}[extname]` },
    },
  },
});
