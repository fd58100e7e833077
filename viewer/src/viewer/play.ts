/** Plays through an axis: shows one plane after the other. */

import { button, make, page } from "./page";
import type { Stage } from "./stage";

const RATES = [1, 2, 5, 10, 25];
const USUAL_RATE = 5;
/** Planes that are read before they are shown. */
const AHEAD = 2;
const POLL_MS = 20;

export class Player {
  private playing: number | null = null;
  /** Planes a second, unless reading them takes longer. */
  private rate = matchMedia("(prefers-reduced-motion: reduce)").matches ? (RATES[0] as number) : USUAL_RATE;
  private isLooping = true;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly buttons = new Map<number, HTMLButtonElement>();

  constructor(private readonly stage: Stage) {
    document.addEventListener("visibilitychange", () => document.hidden && this.stop());
  }

  /** The button beside the slider of an axis. */
  buttonOf(axis: number): HTMLButtonElement {
    const made = button("▶", "", () => this.toggle(axis));
    this.buttons.set(axis, made);
    this.show();
    return made;
  }

  /** How fast to play, and whether from the start again at the end. */
  controls(): HTMLElement {
    const rate = make("select", { title: "Planes a second" });
    for (const each of RATES) rate.append(make("option", { value: String(each), textContent: `${each} a second`, selected: each === this.rate }));
    rate.addEventListener("change", () => (this.rate = Number(rate.value)));
    const loop = make("input", { type: "checkbox", checked: true });
    loop.addEventListener("change", () => (this.isLooping = loop.checked));
    const label = make("label");
    label.append(loop, " loop");
    const element = make("div", { className: "playing" });
    element.append("Play ", rate, label);
    rate.ariaLabel = rate.title;
    return element;
  }

  /** The first axis that can be played; null if there is none. */
  get first(): number | null {
    return this.buttons.keys().next().value ?? null;
  }

  toggle(axis: number | null): void {
    const isStopped = this.playing === axis;
    this.stop();
    if (axis === null || isStopped) return;
    this.playing = axis;
    this.show();
    this.wait(performance.now());
  }

  stop(): void {
    clearTimeout(this.timer);
    this.playing = null;
    this.show();
  }

  private show(): void {
    for (const [axis, made] of this.buttons) {
      const isPlaying = axis === this.playing;
      made.textContent = isPlaying ? "⏸" : "▶";
      made.title = made.ariaLabel = `${isPlaying ? "Stop" : "Play"} ${this.stage.image.axes[axis]?.name}`;
    }
  }

  /** Go on once the plane is drawn and has been shown for its time since `start`; read the next planes meanwhile. */
  private wait(start: number, isPrepared = false): void {
    const left = start + 1000 / this.rate - performance.now();
    const isReady = page.root.dataset.state === "ready";
    if (page.root.dataset.state === "failed") return this.stop();
    if (isReady && !isPrepared) this.prepare();
    if (left <= 0 && isReady) return this.advance();
    this.timer = setTimeout(() => this.wait(start, isReady), Math.max(POLL_MS, isReady ? left : 0));
  }

  private prepare(): void {
    const axis = this.playing as number;
    const size = this.stage.image.axes[axis]?.size ?? 1;
    for (let ahead = 1; ahead <= AHEAD; ahead++) this.stage.prepare(axis, ((this.stage.position[axis] ?? 0) + ahead) % size);
  }

  private advance(): void {
    const axis = this.playing as number;
    const size = this.stage.image.axes[axis]?.size ?? 1;
    const next = (this.stage.position[axis] ?? 0) + 1;
    if (next >= size && !this.isLooping) return this.stop();
    this.stage.step(axis, next < size ? 1 : 1 - size);
    this.wait(performance.now());
  }
}
