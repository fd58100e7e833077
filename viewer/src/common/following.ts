/** The switch "Follow" of a page whose address has `follow=on` in its query, and the words beside it. */

import { Events, type Node, type Status, words } from "./events";

const LEAST_MS = 1000;

export class Following {
  readonly element = document.createElement("div");
  private readonly box = document.createElement("input");
  private readonly status = document.createElement("output");
  private readonly words: Record<Status, string>;
  private events: Events | null = null;
  /** The last event, until it is shown. */
  private latest: Node | null = null;
  private isReading = false;

  /** `onChange` shows what is new, at most once a second; what it throws goes to `onFailure`. */
  constructor(
    noun: string,
    private readonly key: string | null,
    private readonly onChange: (node: Node) => Promise<void>,
    private readonly onFailure: (error: Error) => void,
  ) {
    this.words = words(noun);
    this.box.type = "checkbox";
    this.box.checked = isWanted();
    this.box.addEventListener("change", () => this.turn(this.box.checked));
    addEventListener("popstate", () => this.show(isWanted()));
    const label = document.createElement("label");
    label.title = "Show what is new as soon as the source has it";
    label.append(this.box, " Follow");
    this.element.id = "follow";
    this.element.append(label, " ", this.status);
    this.tell("off");
  }

  /** Follow the node of another stream from now on, if the switch is on. */
  go(url: string): void {
    this.events?.stop();
    this.latest = null;
    const events: Events = new Events(url, this.key, {
      onChange: (node) => void this.read(node),
      onStatus: (status) => events === this.events && this.tell(status),
    });
    this.events = events;
    this.show(this.box.checked);
  }

  private turn(isOn: boolean): void {
    const url = new URL(location.href);
    if (isOn) url.searchParams.set("follow", "on");
    else url.searchParams.delete("follow");
    history.replaceState(history.state, "", url.href.replaceAll("%2C", ","));
    this.show(isOn);
  }

  private show(isOn: boolean): void {
    this.box.checked = isOn;
    if (this.events && isOn !== this.events.isOn) isOn ? this.events.start() : this.events.stop();
  }

  private tell(status: Status): void {
    this.status.textContent = this.words[status];
    this.element.dataset.state = status;
  }

  private async read(node: Node): Promise<void> {
    this.latest = node;
    if (this.isReading) return;
    this.isReading = true;
    while (this.latest) {
      const shown = this.latest;
      this.latest = null;
      await Promise.all([this.onChange(shown).catch(this.onFailure), new Promise((resolve) => setTimeout(resolve, LEAST_MS))]);
    }
    this.isReading = false;
  }
}

function isWanted(): boolean {
  return new URLSearchParams(location.search).get("follow") === "on";
}
