/** A Vite plugin that writes the licences of all bundled packages into one text file. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import type { Plugin } from "vite";

interface Package {
  name: string;
  version: string;
  license?: string;
}

export function licences(fileName: string): Plugin {
  return {
    name: "licences",
    generateBundle(_options, bundle) {
      const modules = Object.values(bundle).flatMap((output) => (output.type === "chunk" ? output.moduleIds : []));
      const folders = [...new Set(modules.flatMap((id) => packageFolder(id) ?? []))].sort();
      const notices = folders.map(notice).sort();
      this.emitFile({ type: "asset", fileName, source: `${notices.join(`\n${"-".repeat(80)}\n\n`)}` });
    },
  };
}

/** The folder of the package that contains a module, or null for our own modules. */
function packageFolder(id: string): string | null {
  const path = id.replace(/^\0/, "").split("?")[0] as string;
  if (!path.includes("/node_modules/")) return null;
  let folder = dirname(path);
  while (!(existsSync(join(folder, "package.json")) && described(folder).name)) folder = dirname(folder);
  return folder;
}

function described(folder: string): Package {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

function notice(folder: string): string {
  const { name, version, license } = described(folder);
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file));
  if (files.length === 0 && !license) throw new Error(`${name} ${version} has no licence: do not ship it, or find out its terms`);
  const texts = files.map((file) => readFileSync(join(folder, file), "utf8").trim());
  return [`${name} ${version} (${license ?? "see below"})`, ...texts].join("\n\n") + "\n";
}
