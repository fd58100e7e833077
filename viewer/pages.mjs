/** Builds the script, the style sheet and the licences of each page. */

import { spawnSync } from "node:child_process";

// each page is a build of its own: Rollup puts what pages share into files that scripts import
for (const PAGE of ["viewer", "explore", "table"]) {
  const { status } = spawnSync("vite", ["build"], { stdio: "inherit", env: { ...process.env, PAGE }, shell: process.platform === "win32" });
  if (status !== 0) process.exit(status ?? 1);
}
