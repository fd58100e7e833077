/** Failures: the page says all of them, and the console has those that may be bugs of ours. */

import { HttpError } from "./store";

/**
 * Write an error to the console unless it is expected.
 *
 * What a server or a source lacks is an HttpError, what a user or an image lacks a plain Error; all
 * other types are thrown by JavaScript or a library.
 */
export function note(error: Error): void {
  if (error.constructor !== Error && !(error instanceof HttpError)) console.error(error, error.cause);
}
