/**
 * A Zarr store over HTTP.
 *
 * 404 means that a key is absent, 200 has its bytes, and all else is an error that says what to do.
 */

import type { AbsolutePath, AsyncReadable } from "zarrita";

const DOCUMENT = /\/(zarr\.json|\.z(array|attrs|group|metadata))$/;
const TRIES = 4;
const LONGEST_WAIT_SECONDS = 10;

/** A reply without data; its message is for the person who looks at the page. */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    path: string,
  ) {
    super(advice(status, path));
  }
}

export class HttpStore implements AsyncReadable {
  private readonly tags = new Map<AbsolutePath, string>();

  constructor(
    readonly url: string,
    private readonly key: string | null,
  ) {}

  /** The store of a node below this one. */
  below(path: string): HttpStore {
    return new HttpStore(`${this.url}/${path.split("/").map(encodeURIComponent).join("/")}`, this.key);
  }

  /**
   * The bytes of a key, or undefined if it is absent. Throws HttpError.
   *
   * With the cache `no-cache`, the browser asks the server whether its cached copy is still valid.
   * `accept` is the media type that is wanted: of a group's listing, for example.
   */
  async get(key: AbsolutePath, options: { signal?: AbortSignal; cache?: RequestCache; accept?: string } = {}): Promise<Uint8Array | undefined> {
    const { cache = "default", signal = null, accept } = options;
    const response = await this.patiently(key, { cache, signal, ...(accept && { headers: { Accept: accept } }) });
    if (response.status === 404) return undefined;
    if (!response.ok) throw new HttpError(response.status, new URL(response.url).pathname);
    this.tags.set(key, response.headers.get("etag") ?? "");
    return new Uint8Array(await response.arrayBuffer());
  }

  /** Whether the entity tag of any wanted key that was read before has changed. */
  async isOutdated(isWanted: (key: string) => boolean): Promise<boolean> {
    const known = [...this.tags].filter(([key]) => isWanted(key));
    const now = await Promise.all(known.map(([key]) => this.patiently(key, { method: "HEAD", cache: "no-store" })));
    return now.some((response, i) => response.ok && response.headers.get("etag") !== known[i]?.[1]);
  }

  /**
   * The reply, after up to three more requests while the server replies 503.
   *
   * It waits as long as Retry-After says, at most 10 s each time.
   */
  private async patiently(key: AbsolutePath, init: RequestInit): Promise<Response> {
    for (let left = TRIES - 1; ; left--) {
      const response = await this.fetch(key, init);
      if (response.status !== 503 || left === 0) return response;
      const seconds = Number(response.headers.get("retry-after")) || 1;
      await wait(Math.min(seconds, LONGEST_WAIT_SECONDS), init.signal);
    }
  }

  private async fetch(key: AbsolutePath, init: RequestInit): Promise<Response> {
    const headers = { ...init.headers, ...(this.key !== null && { Authorization: `Apikey ${this.key}` }) };
    try {
      // with cookies for our own origin alone: a proxy in front, such as that of Jupyter, lets nobody in without its own
      return await fetch(this.url + key, { ...init, headers, credentials: "same-origin" });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new Error(`${new URL(this.url, location.href).host} does not answer. Is the server still running? Then try again.`);
    }
  }
}

/**
 * A store that requests each metadata document only once, as `cache` says.
 *
 * To request it again, call `get` of the store below.
 */
export function remembering(store: HttpStore, cache: RequestCache = "default"): AsyncReadable {
  const documents = new Map<AbsolutePath, Promise<Uint8Array | undefined>>();
  return {
    get(key, options) {
      if (!DOCUMENT.test(key)) return store.get(key, options);
      const known = documents.get(key) ?? store.get(key, { cache });
      documents.set(key, known);
      return known;
    },
  };
}

function wait(seconds: number, signal: AbortSignal | null | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}

function advice(status: number, path: string): string {
  switch (status) {
    case 401:
      return "These data need an API key, or a different one. Open this page again with ?api_key=YOUR_KEY at the end of its address.";
    case 403:
      return `Your API key does not open ${path}. Ask the person who gave it to you for a key that does.`;
    case 410:
      return "The image has changed since this page was opened. Try again to see it as it is now.";
    case 429:
    case 503:
      return "The server is busy. Wait a little, then try again.";
    default:
      return `The server could not read ${path} (status ${status}). Its log says why. Try again when the cause is fixed.`;
  }
}
