/**
 * The page: an image, controls, and an error message if something fails.
 *
 * It reads the URLs of the image and of its exact values from the element `#viewer`, and the API key
 * from its own URL.
 */

import "./style.css";

import { Deck, OrthographicView } from "@deck.gl/core";

import { Address } from "./address";
import { type Camera, fit, isSame, type Size, within } from "./camera";
import { commands } from "./commands";
import * as contrast from "./contrast";
import { Cursor } from "./cursor";
import { locate } from "./dimensions";
import { Follow } from "./follow";
import { edgesOf, histogramOf } from "./histogram";
import { Keyboard } from "./keyboard";
import { layers, type Scene } from "./layers";
import { Line } from "./line";
import { type Channel, type Multiscale } from "./multiscale";
import { openPlane, planeControls, planeOf, reopen } from "./planes";
import { Overlays } from "./overlay";
import { buildPanel, type Panel } from "./panel";
import { Player } from "./play";
import { Refinement } from "./refinement";
import { Rulers } from "./rulers";
import type { Shown, Stage } from "./stage";
import { fail, freeWidth, key, notice, page, pageSize } from "./page";
import { type Box, type Pixels, type Plane, Tiles } from "./tiles";
import { Values } from "./values";

const CLOSE_ZOOM = 1;
/** Screens, as style.css has them, on which the panel is folded at first, since it hides the image. */
const PHONE = "(max-width: 600px)";
const EMPTY = { start: 0, end: 1, min: 0, max: 1 };

export class Viewer implements Stage {
  readonly tiles: Tiles;
  readonly size: Size;
  readonly position: number[];
  private readonly panel: Panel;
  private readonly deck: Deck<OrthographicView>;
  private readonly refinement: Refinement;
  private readonly overlays: Overlays;
  readonly player = new Player(this);
  camera: Camera;
  generation = 0;
  /** Whether the whole image is shown, as `fit` does. */
  private isWhole = true;
  private readonly measuring = new Set<Channel>();

  private readonly listeners: (() => void)[] = [];

  constructor(readonly image: Multiscale) {
    const [height = 1, width = 1] = image.axes.slice(-2).map((axis) => axis.size);
    this.size = { width: width * image.stretch[1], height: height * image.stretch[0] };
    this.tiles = new Tiles(image);
    this.position = [...image.start];
    this.refinement = new Refinement(image, () => this.readAgain(), notice);
    this.overlays = new Overlays(image, () => this.show(), (error) => fail(error));
    this.camera = this.whole();
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
      onPercentile: (shares) => this.autoContrast(shares),
      onFit: () => this.fit(),
      beside: (axis) => this.player.buttonOf(axis),
    });
    addEventListener("resize", () => this.resized());
    page.panel.addEventListener("toggle", () => this.resized());
  }

  update(): void {
    this.panel.update();
  }

  watch(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Call what watches. */
  tell(): void {
    for (const listener of this.listeners) listener();
  }

  /** Measure the contrast of channels whose metadata have none. Draws nothing. */
  async start(): Promise<void> {
    await this.measure(this.unmeasured());
  }

  async autoContrast(shares = contrast.AUTO): Promise<void> {
    if (this.image.isLabels) return;
    await this.measure(this.active(), shares);
    this.show();
  }

  /** The shown channels without contrast limits; none for labels, which need no limits. */
  private unmeasured(): Shown[] {
    if (this.image.isLabels) return [];
    return this.active().filter(({ channel }) => channel.window === null && !this.measuring.has(channel));
  }

  private async measure(shown: Shown[], shares = contrast.AUTO): Promise<void> {
    for (const { channel } of shown) this.measuring.add(channel);
    const values = await Promise.all(shown.map(({ plane }) => contrast.valuesOf(this.tiles, plane)));
    const found = values.map((one) => contrast.windowOf(one, shares));
    const isTogether = this.image.isRgb && found.length > 0;
    shown.forEach(({ channel }, i) => {
      channel.window = widened(isTogether ? contrast.together(found) : (found[i] ?? EMPTY), channel.range, shares[1] - shares[0] === 100);
      this.measuring.delete(channel);
    });
    this.panel.update();
  }

  /** Count the values of the shown planes, and say so if none of them has data. */
  private async count(): Promise<void> {
    if (this.image.isLabels) return;
    const shown = this.active();
    const values = await Promise.all(shown.map(({ plane }) => contrast.valuesOf(this.tiles, plane)));
    shown.forEach(({ channel }, i) => {
      if (!channel.window) return;
      const edges = edgesOf(channel.window, this.image.look, this.image.isInteger);
      channel.histogram = histogramOf(values[i] as Pixels, edges, channel.histogram);
    });
    page.nothing.hidden = shown.length === 0 || values.some((one) => one.some((value) => !Number.isNaN(value)));
    this.panel.update();
  }

  /** The channels that are shown, each with its plane. */
  active(): Shown[] {
    return this.image.channels.flatMap((channel, c) => (channel.active ? [{ channel, plane: this.plane(c) }] : []));
  }

  private plane(channel: number): Plane {
    return this.position.map((index, axis) => (axis === this.image.channelAxis ? channel : index));
  }

  look(camera: Camera): void {
    const wasClose = this.isClose();
    // deck.gl draws nothing, and so tells nothing, if the camera is where it was
    if (!isSame(camera, this.camera)) page.root.dataset.state = "loading";
    this.camera = camera;
    this.isWhole = isSame(camera, this.whole());
    this.deck.setProps({ viewState: camera });
    if (this.isClose() !== wasClose) this.show();
    this.tell();
  }

  private isClose(): boolean {
    return this.camera.zoom >= CLOSE_ZOOM;
  }

  show(): void {
    const unmeasured = this.unmeasured();
    if (unmeasured.length > 0) this.measure(unmeasured).then(() => this.show(), (error) => fail(error));
    page.root.dataset.state = "loading";
    this.refinement.stop();
    this.tell();
    this.deck.setProps({ layers: layers(this.tiles, this.scene(), (error) => fail(error, () => this.readAgain())) });
  }

  /** Forget what was read, and draw what there is now; sliders follow the sizes of axes. */
  readAgain(): void {
    page.failure.hidden = true;
    this.tiles.clear();
    this.generation++;
    this.show();
  }

  renew(): void {
    this.refinement.forget();
    this.overlays.forget();
    this.update();
    this.readAgain();
  }

  private tellWhetherReady(): void {
    const layers = this.deck.props.layers as { isLoaded: boolean }[];
    if (page.root.dataset.state !== "loading" || !layers.every((layer) => layer.isLoaded)) return;
    page.root.dataset.state = "ready";
    this.refinement.watch(this.scene().planes);
    this.count().catch((error) => fail(error));
  }

  private scene(): Scene {
    return {
      planes: this.active().map(({ plane }) => plane),
      shades: this.image.channels.map(({ active, color, window }) => ({
        color: active ? color : [0, 0, 0],
        window: window ?? EMPTY,
      })),
      look: { ...this.image.look },
      overlay: this.overlays.at(this.position),
      isClose: this.isClose(),
      generation: this.generation,
    };
  }

  private whole(): Camera {
    return fit(this.size, pageSize(), freeWidth());
  }

  fit(): void {
    this.look(this.whole());
  }

  isFit(): boolean {
    return this.isWhole;
  }

  /** The page has another size, or the panel was folded: an image that was whole stays so. */
  private resized(): void {
    if (this.isWhole) this.fit();
    else this.tell();
  }

  step(axis: number, by: number): void {
    this.position[axis] = Math.min((this.image.axes[axis]?.size ?? 1) - 1, Math.max(0, (this.position[axis] ?? 0) + by));
    this.panel.update();
    this.show();
  }

  prepare(axis: number, index: number): void {
    const planes = this.active().map(({ plane }) => plane.map((at, i) => (i === axis ? index : at)));
    for (const { bbox, index: { z } } of this.drawn()) this.tiles.read(planes, bbox as Box, -z).catch(() => {}); // shown again, they say what failed
  }

  /** The tiles of the page. */
  private drawn(): { bbox: unknown; index: { z: number } }[] {
    const layers = this.deck.props.layers as { id: string; state?: { tileset?: { selectedTiles: ReturnType<Viewer["drawn"]> | null } } }[];
    return layers.flatMap(({ id, state }) => (id.includes("labels") ? [] : (state?.tileset?.selectedTiles ?? [])));
  }

  /** The canvas, just drawn; what it shows is lost at the end of the task. */
  picture(): HTMLCanvasElement {
    this.deck.redraw("picture");
    return page.canvas;
  }
}

/** A measured window whose range covers all values, of other planes too, but not what was typed before; `isFull` draws all of it. */
function widened(measured: typeof EMPTY, range: Channel["range"], isFull: boolean): typeof EMPTY {
  const [min, max] = [Math.min(measured.min, range?.min ?? Infinity), Math.max(measured.max, range?.max ?? -Infinity)];
  return isFull ? { min, max, start: min, end: max } : { ...measured, min, max };
}

async function main(): Promise<void> {
  if (!document.createElement("canvas").getContext("webgl2")) {
    throw new Error("This browser cannot draw images here: it has no WebGL 2. Switch on hardware acceleration, or use another browser.");
  }
  const { image, asked, plane } = await openPlane();
  const viewer = new Viewer(image);
  const { values, axes } = page.root.dataset;
  const source = values && axes ? { url: new URL(values, location.href).href, axes } : null;
  const located = locate(image).then(() => viewer.tell());
  const cursor = new Cursor(viewer, new Values(image, source, key), located);
  const rulers = new Rulers(viewer);
  const line = new Line(viewer, cursor, () => address.changed());
  const follow: Follow = new Follow(viewer, () => reopen(plane), () => address);
  const address: Address = new Address(viewer, [
    { name: "plane", get: () => plane, set: (text) => planeOf(text) !== asked && location.reload(), isKept: true },
    { name: "line", get: () => line.get(), set: (text) => line.load(text) },
    { name: "follow", get: () => (follow.isOn ? "on" : null), set: (text) => follow.turn(text === "on"), isKept: true },
    { name: "rulers", get: () => (rulers.isShown ? null : "off"), set: (text) => rulers.show(text !== "off") },
  ]);
  const keyboard = new Keyboard(viewer, commands(viewer, cursor, rulers, line, address));
  page.controls.append(...planeControls(image, plane, address), ...(viewer.player.first === null ? [] : [viewer.player.controls()]), follow.element, keyboard.buttons());
  page.panel.open = !matchMedia(PHONE).matches;
  await viewer.start();
  address.start();
}

main().catch((error) => fail(error));
