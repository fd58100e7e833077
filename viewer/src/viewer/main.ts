/**
 * The page: an image, controls, and an error message if something fails.
 *
 * It reads the URLs of the image from the element `#viewer`, and the API key from its own URL.
 */

import "./style.css";

import { Deck, OrthographicView } from "@deck.gl/core";

import { type Camera, fit, motionOf, moved, type Size, within } from "./camera";
import * as contrast from "./contrast";
import { layers, type Scene } from "./layers";
import { type Channel, type Multiscale, open } from "./multiscale";
import { buildPanel, type Panel } from "./panel";
import { Refinement } from "./refinement";
import { scaleBar } from "./scalebar";
import { HttpError } from "../common/store";
import { type Plane, Tiles } from "./tiles";

const CLOSE_ZOOM = 1;
/** The status of paths that name a revision of the image that has gone. */
const GONE = 410;
const EMPTY = { start: 0, end: 1, min: 0, max: 1 };

/** A channel that is shown, and its plane in the image. */
interface Shown {
  channel: Channel;
  plane: Plane;
}

const page = {
  root: element("viewer"),
  canvas: element("canvas") as HTMLCanvasElement,
  controls: element("controls"),
  notice: element("notice"),
  failure: element("failure"),
  bar: element("scalebar"),
};

class Viewer {
  private readonly tiles: Tiles;
  private readonly size: Size;
  private readonly position: number[];
  private readonly panel: Panel;
  private readonly deck: Deck<OrthographicView>;
  private readonly refinement: Refinement;
  private camera: Camera;
  private generation = 0;
  private readonly measuring = new Set<Channel>();

  constructor(private readonly image: Multiscale) {
    const [height = 1, width = 1] = image.axes.slice(-2).map((axis) => axis.size);
    this.size = { width, height };
    this.tiles = new Tiles(image);
    this.position = [...image.start];
    this.refinement = new Refinement(image, () => this.readAgain(), notice);
    this.camera = fit(this.size, pageSize());
    this.deck = new Deck({
      canvas: page.canvas,
      views: new OrthographicView({ id: "image", controller: { keyboard: false, doubleClickZoom: true, inertia: 200 } }),
      viewState: this.camera,
      onViewStateChange: ({ viewState }) => this.look(within(viewState as Camera, this.size)),
      onAfterRender: () => this.tellWhetherReady(),
      onError: (error) => fail(error),
    });
    this.panel = buildPanel(page.controls, image, this.position, {
      onChange: () => this.show(),
      onAuto: () => this.autoContrast(),
      onFit: () => this.fit(),
    });
    document.addEventListener("keydown", (event) => this.press(event));
  }

  /** Measure the contrast of channels whose metadata have none, then draw. */
  async start(): Promise<void> {
    await this.measure(this.unmeasured());
    this.look(this.camera);
    this.show();
  }

  private async autoContrast(): Promise<void> {
    if (this.image.isLabels) return;
    await this.measure(this.active());
    this.show();
  }

  /** The shown channels without contrast limits; none for labels, which need no limits. */
  private unmeasured(): Shown[] {
    if (this.image.isLabels) return [];
    return this.active().filter(({ channel }) => channel.window === null && !this.measuring.has(channel));
  }

  private async measure(shown: Shown[]): Promise<void> {
    for (const { channel } of shown) this.measuring.add(channel);
    const windows = await Promise.all(shown.map(({ plane }) => contrast.windowOf(this.tiles, plane)));
    shown.forEach(({ channel }, i) => {
      channel.window = widened(windows[i] ?? EMPTY, channel.window);
      this.measuring.delete(channel);
    });
    this.panel.update();
  }

  /** The channels that are shown, each with its plane. */
  private active(): Shown[] {
    return this.image.channels.flatMap((channel, c) => (channel.active ? [{ channel, plane: this.plane(c) }] : []));
  }

  private plane(channel: number): Plane {
    return this.position.map((index, axis) => (axis === this.image.channelAxis ? channel : index));
  }

  private look(camera: Camera): void {
    const wasClose = this.isClose();
    this.camera = camera;
    page.root.dataset.state = "loading";
    this.deck.setProps({ viewState: camera });
    if (this.isClose() !== wasClose) this.show();
    if (!this.image.pixel) return;
    const { width, text } = scaleBar(this.image.pixel.size * 2 ** -camera.zoom, this.image.pixel.unit);
    page.bar.style.width = `${width}px`;
    page.bar.textContent = text;
    page.bar.hidden = false;
  }

  private isClose(): boolean {
    return this.camera.zoom >= CLOSE_ZOOM;
  }

  private show(): void {
    const unmeasured = this.unmeasured();
    if (unmeasured.length > 0) this.measure(unmeasured).then(() => this.show(), (error) => fail(error));
    page.root.dataset.state = "loading";
    this.refinement.stop();
    this.deck.setProps({ layers: layers(this.tiles, this.scene(), (error) => fail(error, () => this.readAgain())) });
  }

  private readAgain(): void {
    page.failure.hidden = true;
    this.tiles.clear();
    this.generation++;
    this.show();
  }

  private tellWhetherReady(): void {
    const layers = this.deck.props.layers as { isLoaded: boolean }[];
    if (page.root.dataset.state !== "loading" || !layers.every((layer) => layer.isLoaded)) return;
    page.root.dataset.state = "ready";
    this.refinement.watch(this.scene().planes);
  }

  private scene(): Scene {
    return {
      planes: this.active().map(({ plane }) => plane),
      shades: this.image.channels.map(({ active, color, window }) => ({
        color: active ? color : [0, 0, 0],
        limits: [(window ?? EMPTY).start, (window ?? EMPTY).end],
      })),
      isClose: this.isClose(),
      generation: this.generation,
    };
  }

  private fit(): void {
    this.look(fit(this.size, pageSize()));
  }

  private press(event: KeyboardEvent): void {
    const isTyping = event.target instanceof HTMLInputElement && event.target.type === "range" && event.key.startsWith("Arrow");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    const motion = motionOf(event);
    if (motion) this.look(moved(this.camera, motion.pan, motion.zoom, pageSize(), this.size));
    else if (event.key === "0") this.fit();
    else if (event.key === "a") this.autoContrast();
    else if (event.key === "[" || event.key === "]") this.step("z", event.key === "[" ? -1 : 1);
    else if (event.key === "," || event.key === ".") this.step("t", event.key === "," ? -1 : 1);
    else return;
    event.preventDefault();
  }

  /**
   * Change the index on an axis by `by`.
   *
   * If only one axis besides y, x and channels has more than one index, its name is ignored.
   */
  private step(name: string, by: number): void {
    const further = this.image.axes.slice(0, -2).flatMap((axis, i) => (i !== this.image.channelAxis && axis.size > 1 ? [i] : []));
    const axis = further.length === 1 ? further[0] : further.find((i) => this.image.axes[i]?.name === name);
    if (axis === undefined) return;
    this.position[axis] = Math.min((this.image.axes[axis]?.size ?? 1) - 1, Math.max(0, (this.position[axis] ?? 0) + by));
    this.panel.update();
    this.show();
  }
}

/** A measured window, with a range widened by that of the window before. */
function widened(measured: typeof EMPTY, before: typeof EMPTY | null): typeof EMPTY {
  if (!before) return measured;
  return { ...measured, min: Math.min(measured.min, before.min), max: Math.max(measured.max, before.max) };
}

function pageSize(): Size {
  return { width: page.canvas.clientWidth, height: page.canvas.clientHeight };
}

function element(id: string): HTMLElement {
  return document.getElementById(id) as HTMLElement;
}

function notice(isSampled: boolean): void {
  page.notice.textContent = "Overview sampled, being refined";
  page.notice.hidden = !isSampled;
}

/** Show an error, with a button that calls `again`; if the revision of the image has gone, it loads the page. */
function fail(error: Error, again: () => void = reload): void {
  console.error(error, error.cause);
  page.root.dataset.state = "failed";
  const isGone = error instanceof HttpError && error.status === GONE;
  const button = Object.assign(document.createElement("button"), {
    type: "button",
    textContent: "Try again",
    onclick: isGone ? reload : again,
  });
  page.failure.replaceChildren(error.message, " ", button);
  page.failure.hidden = false;
}

function reload(): void {
  location.reload();
}

async function main(): Promise<void> {
  if (!document.createElement("canvas").getContext("webgl2")) {
    throw new Error("This browser cannot draw images here: it has no WebGL 2. Switch on hardware acceleration, or use another browser.");
  }
  const key = new URLSearchParams(location.search).get("api_key");
  const urls = (page.root.dataset.sources ?? "").split(" ").map((url) => new URL(url, location.href).href);
  await new Viewer(await open(urls, key)).start();
}

main().catch((error) => fail(error));
