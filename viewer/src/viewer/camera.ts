/**
 * The camera: which point of the image is in the middle of the page, and how large.
 *
 * At zoom 0 a pixel of the image is a pixel of the page; each +1 doubles its size.
 */

/** A point of the drawing, in pixels of level 0 times the image's `stretch`, or of the page. */
export type Point = [x: number, y: number];

export interface Camera {
  target: Point;
  zoom: number;
  minZoom: number;
  maxZoom: number;
}

export interface Size {
  width: number;
  height: number;
}

const CLOSEST = 6;
const MARGIN = 0.04;
const STEP = 0.1;

/** Whether two cameras show the same. */
export function isSame(one: Camera, other: Camera): boolean {
  return one.zoom === other.zoom && one.target[0] === other.target[0] && one.target[1] === other.target[1];
}

/**
 * A camera that shows the whole image in the part of the page from the left to the column `free`, in CSS pixels.
 *
 * The image is in the middle of the page if it fits there, else as near to it as `free` lets it be.
 */
export function fit(image: Size, page: Size, free: number): Camera {
  const scale = Math.min(free / image.width, page.height / image.height) * (1 - MARGIN);
  const middle = Math.min(page.width, free * (2 - MARGIN) - image.width * scale) / 2;
  const zoom = Math.log2(scale);
  return { target: [image.width / 2 + (page.width / 2 - middle) / scale, image.height / 2], zoom, minZoom: Math.min(zoom, 0) - 1, maxZoom: Math.max(CLOSEST, zoom + 1) };
}

/**
 * The camera after a pan, in pages, and a change of zoom about the middle of the page.
 *
 * The middle of the page stays inside the image.
 */
export function moved(camera: Camera, pan: [x: number, y: number], zoom: number, page: Size, image: Size): Camera {
  const scale = 2 ** -camera.zoom;
  const target: Camera["target"] = [camera.target[0] + pan[0] * page.width * scale, camera.target[1] + pan[1] * page.height * scale];
  return within({ ...camera, target, zoom: camera.zoom + zoom }, image);
}

export function within(camera: Camera, image: Size): Camera {
  const [x, y] = camera.target;
  return {
    ...camera,
    target: [clamp(x, 0, image.width), clamp(y, 0, image.height)],
    zoom: clamp(camera.zoom, camera.minZoom, camera.maxZoom),
  };
}

/** The point of the page, in CSS pixels, at which a point of the image is drawn. */
export function toPage(camera: Camera, page: Size, [x, y]: Point): Point {
  const scale = 2 ** camera.zoom;
  return [(x - camera.target[0]) * scale + page.width / 2, (y - camera.target[1]) * scale + page.height / 2];
}

/** The point of the image that is drawn at a point of the page. */
export function toImage(camera: Camera, page: Size, [x, y]: Point): Point {
  const scale = 2 ** -camera.zoom;
  return [(x - page.width / 2) * scale + camera.target[0], (y - page.height / 2) * scale + camera.target[1]];
}

/** The pan, in pages, and the change of zoom that a key requests; null for other keys. */
export function motionOf(event: KeyboardEvent): { pan: [number, number]; zoom: number } | null {
  const step = event.shiftKey ? 5 * STEP : STEP;
  switch (event.key) {
    case "ArrowLeft":
      return { pan: [-step, 0], zoom: 0 };
    case "ArrowRight":
      return { pan: [step, 0], zoom: 0 };
    case "ArrowUp":
      return { pan: [0, -step], zoom: 0 };
    case "ArrowDown":
      return { pan: [0, step], zoom: 0 };
    case "+":
    case "=":
      return { pan: [0, 0], zoom: 0.5 };
    case "-":
    case "_":
      return { pan: [0, 0], zoom: -0.5 };
    default:
      return null;
  }
}

export function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
