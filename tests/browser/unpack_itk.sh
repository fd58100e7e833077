#!/usr/bin/env bash
# Puts what itk-vtk-viewer reads images with, from the npm registry, into the folder that is given.
set -euo pipefail

folder=$1
package=itk-vtk-viewer-14.51.0.tgz
sha256=5d5d6994418fdd9b203f11b9f82154b1579d3ace7bc2f77b62288108af3c549e

mkdir -p "$folder"
npm pack --silent --pack-destination "$folder" itk-vtk-viewer@14.51.0 >/dev/null
echo "$sha256  $folder/$package" | sha256sum --check --quiet
tar --extract --touch --file "$folder/$package" --strip-components=2 --directory "$folder" --wildcards \
    'package/dist/*itkVtkViewer.js' package/dist/itk/pipeline package/dist/itk/web-workers
rm "$folder/$package"
