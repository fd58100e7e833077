/** The NPY format, version 1.0: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */

const ALIGNMENT = 64;
const PREAMBLE = 10;
const KINDS: [RegExp, string][] = [
  [/^Float/, "f"],
  [/Uint/, "u"],
  [/Int/, "i"],
];

/** A file with little-endian numbers in C order, as browsers hold them. */
export function npy(values: Exclude<ArrayBufferView, DataView>, shape: number[]): Blob {
  const { name, BYTES_PER_ELEMENT: size } = values.constructor as unknown as { name: string; BYTES_PER_ELEMENT: number };
  const kind = KINDS.find(([pattern]) => pattern.test(name))?.[1];
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const header = `{'descr': '${size === 1 ? "|" : "<"}${kind}${size}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const padded = header.padEnd(Math.ceil((header.length + 1 + PREAMBLE) / ALIGNMENT) * ALIGNMENT - PREAMBLE - 1) + "\n";
  const preamble = new Uint8Array([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, padded.length & 0xff, padded.length >> 8]);
  return new Blob([preamble, padded, values as unknown as BlobPart]);
}
