/**
 * When to read overviews again that the server has made from samples.
 *
 * The server makes an overview from samples until it has read all pixels.
 */

import { type Multiscale, readSampled } from "./multiscale";
import type { Plane } from "./tiles";

const FIRST_WAIT_SECONDS = 1;
const LONGEST_WAIT_SECONDS = 20;
const SLOWER = 1.5;

export class Refinement {
  private readonly exact = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * `onReplaced` is called when the tiles that were read are out of date.
   *
   * `onNotice` is called with whether the page shows samples.
   */
  constructor(
    private readonly image: Multiscale,
    private readonly onReplaced: () => void,
    private readonly onNotice: (isSampled: boolean) => void,
  ) {}

  /** Stop asking the server, until the next `watch`. */
  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** Forget which planes are exact, since the image has changed. */
  forget(): void {
    this.exact.clear();
  }

  /** Ask the server from time to time whether these planes are exact now, if they are sampled. */
  watch(planes: Plane[]): void {
    this.stop();
    const isSampled = this.image.sampled.length > 0 && !this.exact.has(planes.join(" "));
    this.onNotice(isSampled);
    if (isSampled) this.wait(planes, FIRST_WAIT_SECONDS);
  }

  private wait(planes: Plane[], seconds: number): void {
    const timer = setTimeout(async () => {
      const isReplaced = await this.isReplaced(planes).catch(() => false);
      if (timer !== this.timer) return;
      if (!isReplaced) return this.wait(planes, Math.min(seconds * SLOWER, LONGEST_WAIT_SECONDS));
      this.exact.add(planes.join(" "));
      this.onReplaced();
      this.watch(planes);
    }, seconds * 1000);
    this.timer = timer;
  }

  /** Whether the coarsest level of these planes has changed since it was read. */
  private async isReplaced(planes: Plane[]): Promise<boolean> {
    this.image.sampled = await readSampled(this.image);
    if (this.image.sampled.length === 0) return true;
    const coarsest = this.image.levels.at(-1)?.array.path;
    const prefixes = planes.flatMap((plane) => ["", "c/"].map((start) => `${coarsest}/${start}${plane.map((index) => `${index}/`).join("")}`));
    return this.image.store.isOutdated((key) => prefixes.some((prefix) => key.startsWith(prefix)));
  }
}
