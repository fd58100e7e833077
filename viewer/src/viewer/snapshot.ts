/** A PNG file of what the page shows: the image, its scale bar and the bar of its colours. */

import { drawLegend, legendOf } from "./colorbar";
import type { Multiscale } from "./multiscale";
import { make, page } from "./page";

const BAR = { left: 20, bottom: 20, thickness: 3 };
/** Where the bar of colours ends; in pictures narrower than `beside` it lies above the scale bar. */
const LEGEND = { right: 20, bottom: 14, beside: 480, above: 40 };
const LONGEST_NAME = 100;

/** Let the browser save the picture; `canvas` has just been drawn. */
export async function save(canvas: HTMLCanvasElement, image: Multiscale): Promise<void> {
  const picture = make("canvas", { width: canvas.width, height: canvas.height });
  const context = picture.getContext("2d") as CanvasRenderingContext2D;
  context.fillStyle = "#000";
  context.fillRect(0, 0, picture.width, picture.height);
  context.drawImage(canvas, 0, 0);
  const ratio = canvas.width / Math.max(1, canvas.clientWidth);
  context.fillStyle = "#fff";
  context.shadowColor = "#000";
  context.shadowBlur = 3 * ratio;
  drawBar(context, ratio);
  drawColors(context, ratio, image);
  const blob = await new Promise<Blob | null>((resolve) => picture.toBlob(resolve, "image/png"));
  if (!blob) throw new Error("The browser cannot make a PNG file of this size. Make the window smaller.");
  const link = make("a", { href: URL.createObjectURL(blob), download: fileName(image.name) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function drawBar(context: CanvasRenderingContext2D, ratio: number): void {
  const width = Number.parseFloat(page.bar.style.width) * ratio;
  if (page.bar.hidden || !width) return;
  const [left, top] = [BAR.left * ratio, context.canvas.height - BAR.bottom * ratio];
  context.fillRect(left, top, width, BAR.thickness * ratio);
  context.font = `${13 * ratio}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.fillText(page.bar.textContent ?? "", left + width / 2, top - 5 * ratio);
}

function drawColors(context: CanvasRenderingContext2D, ratio: number, image: Multiscale): void {
  const legend = legendOf(image);
  if (!legend) return;
  const { width, height } = context.canvas;
  const isNarrow = width / ratio < LEGEND.beside;
  context.scale(ratio, ratio);
  context.translate(width / ratio - LEGEND.right, height / ratio - LEGEND.bottom - (isNarrow ? LEGEND.above : 0));
  context.font = "12px system-ui, sans-serif";
  drawLegend(context, legend, image.look);
}

/** A file name that all systems take, from the name of an image. */
export function fileName(name: string): string {
  const safe = name.replace(/[^\p{L}\p{N}._ -]+/gu, "_").replace(/^[.\s]+|[.\s]+$/g, "");
  return `${safe.slice(0, LONGEST_NAME) || "image"}.png`;
}
