/** Follows an image that changes: shows the newest plane of an axis that grows, and else the same place again. */

import { Events, type Status, words } from "../common/events";
import type { Address } from "./address";
import { checkbox, type Control } from "./controls";
import type { Multiscale } from "./multiscale";
import { fail, key, make, page } from "./page";
import type { Stage } from "./stage";

const WORDS = words("image");

export class Follow {
  readonly element = make("div", { id: "follow", className: "row" });
  private readonly events: Events;
  private readonly box: Control;
  private readonly status = make("output");
  /** Whether an event came while the image was read again. */
  private isLate = false;
  private isReading = false;

  /** `reopen` reads the metadata again; `address` is written before the page has to be loaded again. */
  constructor(
    private readonly stage: Stage,
    private readonly reopen: () => Promise<Multiscale>,
    private readonly address: () => Address,
  ) {
    this.events = new Events(page.root.dataset.events ?? "", key, {
      onChange: () => void this.read(),
      onStatus: (status) => this.tell(status),
    });
    this.box = checkbox({ get: () => this.events.isOn, set: (isOn) => this.turn(isOn) });
    const label = make("label", { title: "Show what is new as soon as the source has it" });
    label.append(this.box.element, " Follow");
    this.element.append(label, this.status);
    this.tell("off");
  }

  get isOn(): boolean {
    return this.events.isOn;
  }

  turn(isOn: boolean): void {
    if (isOn !== this.events.isOn) isOn ? this.events.start() : this.events.stop();
    this.box.update();
    this.address().changed();
  }

  private tell(status: Status): void {
    this.status.textContent = WORDS[status];
    this.element.dataset.state = status;
  }

  /** Read the metadata again, and show what is new; once more if it changes meanwhile. */
  private async read(): Promise<void> {
    this.isLate = this.isReading;
    if (this.isReading) return;
    this.isReading = true;
    try {
      do {
        this.isLate = false;
        this.adopt(await this.reopen());
      } while (this.isLate);
    } catch (error) {
      fail(error as Error);
    } finally {
      this.isReading = false;
    }
  }

  private adopt(fresh: Multiscale): void {
    const { image, position } = this.stage;
    if (!isAlike(image, fresh)) {
      this.address().now();
      location.reload();
      return;
    }
    const before = image.axes.map(({ size }) => size);
    image.axes.forEach((axis, i) => Object.assign(axis, fresh.axes[i]));
    const { store, levels, sampled, noData, packing, valueUnit } = fresh;
    Object.assign(image, { store, levels, sampled, noData, packing, valueUnit });
    position.forEach((index, i) => {
      const [size = 1, old = 1] = [fresh.axes[i]?.size, before[i]];
      position[i] = size > old && i !== image.channelAxis ? size - 1 : Math.min(index, size - 1);
    });
    this.stage.renew();
  }
}

/** Whether only the sizes of axes with a slider differ: all else was laid out for what the page has. */
function isAlike(one: Multiscale, other: Multiscale): boolean {
  const layout = ({ axes, levels, channelAxis, channels }: Multiscale) => [
    axes.map(({ name, size }, i) => [name, i < axes.length - 2 && i !== channelAxis ? size > 1 : size]),
    levels.map(({ array, factor }) => [array.dtype, factor]),
    channels.length,
  ];
  return JSON.stringify(layout(one)) === JSON.stringify(layout(other));
}
