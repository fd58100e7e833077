/**
 * Follows a node: `/events/<node>` tells when it has changed (docs/live.md).
 *
 * The browser connects again by itself when a connection ends. It gives up if the answer is no
 * stream, which may pass (503) or not (404); then we try again, less and less often.
 */

/** What the server tells of a node; `shape` and `revision` are null if it has none. */
export interface Node {
  kind: string;
  shape: number[] | null;
  revision: string | null;
}

/** `waiting`: the node cannot be read now; `away`: the server does not answer; `gone`: there is no such node any more. */
export type Status = "off" | "connecting" | "live" | "waiting" | "away" | "gone";

export interface Listener {
  /** Called with the node as it is now, at first and after each change. */
  onChange: (node: Node) => void;
  onStatus: (status: Status) => void;
}

const FIRST_WAIT_MS = 5000;
const LONGEST_WAIT_MS = 60_000;

export class Events {
  private source: EventSource | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private wait = FIRST_WAIT_MS;

  /** `url` is that of the stream; no header can go with it, so the API key `key` goes into its query. */
  constructor(
    private readonly url: string,
    private readonly key: string | null,
    private readonly listener: Listener,
  ) {}

  get isOn(): boolean {
    return this.source !== null;
  }

  start(): void {
    this.close();
    const url = new URL(this.url, location.href);
    if (this.key !== null) url.searchParams.set("api_key", this.key);
    const source = (this.source = new EventSource(url));
    this.listener.onStatus("connecting");
    source.addEventListener("node", ({ data }) => {
      this.wait = FIRST_WAIT_MS;
      this.listener.onStatus("live");
      this.listener.onChange(JSON.parse(data) as Node);
    });
    source.addEventListener("open", () => this.listener.onStatus("live"));
    source.addEventListener("failed", () => this.listener.onStatus("waiting"));
    source.addEventListener("gone", () => {
      source.close();
      this.listener.onStatus("gone");
    });
    source.addEventListener("error", () => {
      this.listener.onStatus("away");
      if (source.readyState !== EventSource.CLOSED) return;
      this.timer = setTimeout(() => this.start(), this.wait);
      this.wait = Math.min(2 * this.wait, LONGEST_WAIT_MS);
    });
  }

  stop(): void {
    this.close();
    this.listener.onStatus("off");
  }

  private close(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}

/** What a page says beside its switch, of the image or the like that it follows. */
export function words(noun: string): Record<Status, string> {
  return {
    off: "",
    connecting: "connecting",
    live: "live",
    waiting: "waiting: it cannot be read now",
    away: "waiting: the server does not answer",
    gone: `the ${noun} has gone`,
  };
}
