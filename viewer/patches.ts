/**
 * A Vite plugin that changes a few lines of H5Web 17.0.0: docs/explore.md says what and why.
 *
 * Each change names the text that it replaces. The build fails unless the package has that text
 * exactly once, so a new version of the package cannot lose a change without notice.
 */

import type { Plugin } from "vite";

export interface Change {
  from: string;
  to: string;
}

/** `imports` goes before the text of `file`, the last part of a module's path. */
export function patches(file: string, imports: string, changes: Change[]): Plugin {
  return {
    name: `patches ${file}`,
    transform(code, id) {
      if (!id.split("?")[0]?.endsWith(file)) return null;
      return { code: imports + changes.reduce(changed, code), map: null };
    },
  };
}

function changed(code: string, { from, to }: Change): string {
  const count = code.split(from).length - 1;
  if (count !== 1) throw new Error(`H5Web has ${count} times, instead of once: ${from}`);
  return code.replace(from, () => to);
}
