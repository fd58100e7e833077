/** What we change in H5Web: docs/explore.md says why. */

import type { Change } from "./patches";

export const IMPORTS = 'import { usePreferredVis, useSelectedPath, useSlice } from "/src/explore/address";\n';

export const CHANGES: Change[] = [
  // the address has what is selected
  { from: "[o, s] = E(n), [c, l] = E(!1)", to: "[o, s] = useSelectedPath(n), [c, l] = E(!1)" },
  { from: 'Pe("h5web:preferredVis")', to: "usePreferredVis()" },
  { from: "[c, l] = E(t || a || s);", to: "[c, l] = E(a || t || s);" },
  { from: "t < o ? r(a.name) : t === o && n && i(), l(a);", to: "r(a.name), l(a);" },
  { from: "return Ii(t, o.dims) && n === o.axesCount && r === o.lockedDimsCount ? [o.mapping, c] : [s, c];", to: "return useSlice(t, n, s);" },
  // an image has its row 0 at the top
  { from: "\t\tflipYAxis: y,\n", to: "\t\tflipYAxis: y !== !!t.isImage,\n" },
];
