/** What the parts of the page see of the viewer: the image, what is shown of it, and from where. */

import type { Camera, Size } from "./camera";
import type { Channel, Multiscale } from "./multiscale";
import type { Plane, Tiles } from "./tiles";

/** A channel that is shown, and its plane in the image. */
export interface Shown {
  channel: Channel;
  plane: Plane;
}

export interface Stage {
  readonly image: Multiscale;
  readonly tiles: Tiles;
  readonly size: Size;
  readonly camera: Camera;
  /** The index on each axis except the last two; after a change, call `show`. */
  readonly position: number[];
  /** A number that increases when what was read is out of date. */
  readonly generation: number;
  /** The channels that are shown, each with its plane. */
  active(): Shown[];
  /** Move the camera. */
  look(camera: Camera): void;
  /** Show the whole image. */
  fit(): void;
  /** Whether the whole image is shown, as `fit` does. */
  isFit(): boolean;
  /** Change the index on an axis by `by`, at most to its end. */
  step(axis: number, by: number): void;
  /** Show in the controls what `position` and the channels say now. */
  update(): void;
  /** Read everything again, since the image has changed. */
  renew(): void;
  /** Draw what `position` and the channels say now. */
  show(): void;
  /** Read the tiles of the page at another index of an axis into the cache. */
  prepare(axis: number, index: number): void;
  /** Call `listener` after each move of the camera and each change of what is shown. */
  watch(listener: () => void): void;
}
