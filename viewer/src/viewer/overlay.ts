/** The label image that lies over an image. */

import type { Overlay } from "./layers";
import { type Multiscale, openLabels } from "./multiscale";
import { type Plane, Tiles } from "./tiles";

/** Opens label images when they are first shown, and keeps them. */
export class Overlays {
  private readonly opened = new Map<string, Tiles | null>();

  /** `onOpened` is called when a label image that `at` did not have yet can be drawn. */
  constructor(
    private readonly image: Multiscale,
    private readonly onOpened: () => void,
    private readonly onError: (error: Error) => void,
  ) {}

  /** The labels at a plane of the image; null if none are shown, or if they are not open yet. */
  at(plane: Plane): Overlay | null {
    const { labels: name, opacity } = this.image.look;
    if (!this.image.labels.includes(name) || opacity === 0) return null;
    const tiles = this.opened.get(name);
    if (tiles === undefined) this.open(name);
    return tiles ? { tiles, plane: planeOf(this.image, tiles.image, plane) } : null;
  }

  /** Open label images again when they are shown next, since they may have changed. */
  forget(): void {
    this.opened.clear();
  }

  private open(name: string): void {
    this.opened.set(name, null);
    openLabels(this.image, name).then(
      (labels) => {
        this.opened.set(name, new Tiles(labels));
        this.onOpened();
      },
      (error) => this.onError(error),
    );
  }
}

/** The plane of the labels at a plane of the image: axes of the same name have the same index. */
function planeOf(image: Multiscale, labels: Multiscale, plane: Plane): Plane {
  return labels.axes.slice(0, -2).map(({ name, size }, axis) => {
    const same = image.axes.findIndex((other) => other.name === name);
    return axis === labels.channelAxis || same < 0 ? 0 : Math.min(size - 1, plane[same] ?? 0);
  });
}
