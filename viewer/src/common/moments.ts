/** Moments of a page, which bench/viewer.py reads. */

/** Keep the moment at which something was first there. */
export function mark(what: string): void {
  if (performance.getEntriesByName(what).length === 0) performance.mark(what);
}
