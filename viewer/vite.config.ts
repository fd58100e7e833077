import { defineConfig } from "vite";

import { licences } from "./licences";

// We build one script and one style sheet. The server requires the key in the address of every
// file, and an import inside a script would not carry it.
export default defineConfig({
  base: "./",
  publicDir: false,
  // The codecs that zarrita uses by default compile code at run time, which the page's content
  // security policy forbids.
  resolve: { alias: Object.fromEntries(["blosc", "lz4", "zstd"].map((name) => [`numcodecs/${name}`, `/src/codecs/${name}.ts`])) },
  plugins: [licences("THIRD-PARTY.txt")],
  build: {
    target: "es2022",
    outDir: "../python/tiled_zarr/http/static/viewer",
    emptyOutDir: true,
    cssCodeSplit: false,
    chunkSizeWarningLimit: 4000,
    rollupOptions: {
      input: "src/main.ts",
      output: { inlineDynamicImports: true, entryFileNames: "viewer.js", assetFileNames: "viewer[extname]" },
    },
  },
});
