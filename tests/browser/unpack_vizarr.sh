#!/usr/bin/env bash
# Puts a released vizarr, from the npm registry, into the folder that is given. `npm install` would follow a git dependency; `npm pack` does not.
set -euo pipefail

folder=$1
package=galaxyproject-vizarr-0.1.8.tgz
sha256=c09c8017e9bd69a2ed24ae3af32e61cfaa0d4e563b31aea1e2ffdd32877217bf

mkdir -p "$folder"
npm pack --silent --pack-destination "$folder" @galaxyproject/vizarr@0.1.8 >/dev/null
echo "$sha256  $folder/$package" | sha256sum --check --quiet
tar --extract --touch --file "$folder/$package" --strip-components=2 --directory "$folder" package/static/index.js
