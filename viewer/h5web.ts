/** What we change in H5Web: docs/explore.md says why. */

import type { Change } from "./patches";

export const IMPORTS = [
  'import { usePreferredVis, useSelectedPath, useSlice } from "/src/explore/address";',
  'import { EntityProvider, NamedDimensions } from "/src/explore/dimensions";',
  'import { OrEmpty } from "/src/explore/empty";',
  'import { orLongLine, orRows } from "/src/explore/line/instead";',
  'import { digits } from "/src/explore/texts";',
  "",
].join("\n");

/** Of the package @h5web/app. */
export const CHANGES: Change[] = [
  // the address has what is selected
  { from: "[o, s] = E(n), [c, l] = E(!1)", to: "[o, s] = useSelectedPath(n), [c, l] = E(!1)" },
  { from: 'Pe("h5web:preferredVis")', to: "usePreferredVis()" },
  { from: "[c, l] = E(t || a || s);", to: "[c, l] = E(a || t || s);" },
  { from: "t < o ? r(a.name) : t === o && n && i(), l(a);", to: "r(a.name), l(a);" },
  { from: "return Ii(t, o.dims) && n === o.axesCount && r === o.lockedDimsCount ? [o.mapping, c] : [s, c];", to: "return useSlice(t, n, s);" },
  // long lines are ours
  { from: "\t\tContainer: Io,\n", to: "\t\tContainer: orLongLine(Io),\n" },
  { from: "\t\tContainer: To,\n", to: "\t\tContainer: orRows(To),\n" },
  { from: "\t\tContainer: is,\n", to: "\t\tContainer: orRows(is),\n" },
  // axes have names
  { from: "DimensionMapper as c, ", to: "" },
  { from: 'import { Fragment as be,', to: 'const c = NamedDimensions;\nimport { Fragment as be,' },
  {
    from: "children: /* @__PURE__ */ k(o, {\n\t\t\t\tentity: t,\n\t\t\t\ttoolbarContainer: s\n\t\t\t})",
    to: "children: k(EntityProvider, { value: t, children: k(OrEmpty, { container: o, entity: t, toolbarContainer: s }) })",
  },
  // the tree has the names of the source, which a path may have to spell in another way
  { from: "\t\t\t\t\tchildren: n.name\n", to: "children: n.title ?? n.name\n" },
  // roles that fit together: https://www.w3.org/TR/wai-aria-1.2/
  { from: '\t\t\t\trole: "tablist",\n\t\t\t\tariaLabel: "Viewer mode",', to: 'role: "radiogroup", ariaLabel: "Viewer mode",' },
  { from: "\t\t\tclassName: pc.tabBar,\n", to: 'className: pc.tabBar, role: "tablist", "aria-label": "Sidebar",\n' },
  { from: "\t\tclassName: sc.entries,\n", to: 'className: sc.entries, role: "tree", "aria-label": "Found",\n' },
  // the plot fits on a phone
  { from: "\t\t\t\t\tminSize: 500,\n", to: "minSize: 250,\n" },
  // tables show all digits unless another notation is chosen
  { from: "\t\tnotation: ee.Scientific,\n", to: "\t\tnotation: ee.Exact,\n" },
  // their cells are as wide as the longest number of a type: H5Web cuts off both ends
  { from: "? 240 : 120;\n}", to: "? 240 : e.size > 32 ? (e.class === M.Float ? 288 : 240) : e.class === M.Float ? 168 : 132;\n}" },
  // a badge costs no request: it says what the group's own attributes say
  {
    from: 'if (!Ws(t.path, n, r)?.supportedVis.some((e) => e.name.startsWith("NX"))) return null;',
    to: 'if (!pi(t, "NX_class")) return null;',
  },
  // a group whose signal is missing is shown as any other
  { from: 'return vi(e, t) === "NXdata" && (', to: 'return !e.lacksSignal && vi(e, t) === "NXdata" && (' },
  // a zero with a sign keeps it
  { from: "return zn(e) || Wn(e) ? (e) => e.toString()", to: "return zn(e) || Wn(e) ? digits" },
  { from: "case ee.Exact: return (e) => e.toString();", to: "case ee.Exact: return digits;" },
  // gaps of detectors are not drawn
  { from: "if (!qn(e)) return;\n\t\tlet n = Eo(e, t);", to: "if (!qn(e)) return;\n\t\tif (e.gap !== undefined) return (n) => n === e.gap;\n\t\tlet n = Eo(e, t);" },
  // an image has its row 0 at the top
  { from: "\t\tflipYAxis: y,\n", to: "\t\tflipYAxis: y !== !!t.isImage,\n" },
  { from: "\t\tflipYAxis: g,\n", to: "\t\tflipYAxis: g !== !!e.isImage,\n" },
  { from: "k(Xo, {\n\t\t\t\tvalue: e,\n\t\t\t\tdims: r,\n", to: "k(Xo, {\n\t\t\t\tisImage: t.isImage,\n\t\t\t\tvalue: e,\n\t\t\t\tdims: r,\n" },
];

export const IMPORTS_OF_LIB = 'import { isOfTime, placeOf, ticksOf, titleOf } from "/src/explore/ticks";\n';

/** Of the package @h5web/lib. */
export const CHANGES_OF_LIB: Change[] = [
  // keys can scroll a table
  { from: "\t\t\toverscanCount: 10,\n", to: 'overscanCount: 10, tabIndex: 0, "aria-label": "Values",\n' },
  // times are ISO 8601
  { from: "T = p ? { tickValues: hr(r, w) } : { numTicks: w };", to: "own = ticksOf(n, r, w, u), T = own ? { tickValues: own.values } : p ? { tickValues: hr(r, w) } : { numTicks: w };" },
  { from: "tickFormat: _ || gr(r, d, f),\n\t\t\tlabel: h,", to: "tickFormat: own?.format || _ || gr(r, d, f),\n\t\t\tlabel: titleOf(h)," },
  { from: '`${E ?? "x"} = ${z(r)}`', to: '`${titleOf(E) ?? "x"} = ${placeOf(E, r, z)}`' },
  { from: '`${E ?? "x"}=${z(a)}, `', to: '`${titleOf(E) ?? "x"}=${placeOf(E, a, z)}, `' },
  { from: '`${O ?? "y"}=${z(o)}`', to: '`${titleOf(O) ?? "y"}=${placeOf(O, o, z)}`' },
  // their texts have room, and so has half of the last tick
  { from: "\t\tleft: !!i.label,\n", to: "left: !!i.label, isOfTime: isOfTime(i.label), endsInTime: isOfTime(r.label),\n" },
  { from: "left: t + (e.left ? rr : 0),\n\t\tright: n,\n", to: "left: t + (e.left ? rr : 0) + (e.isOfTime ? 48 : 0), right: n + (e.endsInTime ? 32 : 16),\n" },
];
