/** What the keys and the buttons of the page do. */

import type { Address } from "./address";
import type { Cursor } from "./cursor";
import type { Command } from "./keyboard";
import type { Line } from "./line";
import { copy, linkText } from "./link";
import type { Viewer } from "./main";
import { fail, page } from "./page";
import type { Rulers } from "./rulers";
import { save } from "./snapshot";

/** The keys that go to the index before and after, by the name of the axis. */
const STEPS: Record<string, [before: string, after: string]> = { z: ["[", "]"], t: [",", "."] };

export function commands(viewer: Viewer, cursor: Cursor, rulers: Rulers, line: Line, address: Address): Command[] {
  const { image, player } = viewer;
  return [
    { keys: ["0"], says: "show the whole image", run: () => viewer.fit() },
    { keys: ["a"], says: "set the contrast from what is shown", run: () => void viewer.autoContrast() },
    ...steps(viewer),
    ...(player.first === null ? [] : [{ keys: ["p"], says: "play", run: () => player.toggle(player.first) }]),
    { keys: ["c"], says: "put the cursor on the image, for its values", run: () => cursor.crosshair.focus() },
    { keys: ["l"], says: "draw a line, and plot the values along it", label: "Line", run: (isByKeys) => line.toggle(isByKeys) },
    {
      keys: ["r"],
      says: "show or hide the rulers",
      label: "Rulers",
      run: () => {
        rulers.show(!rulers.isShown);
        address.changed();
      },
    },
    { keys: ["f"], says: "fill the screen, or leave it", label: "Full screen", run: () => void fillScreen().catch(fail) },
    { keys: ["s"], says: "save a picture as PNG", label: "PNG", run: () => void save(viewer.picture(), image).catch(fail) },
    { keys: ["k"], says: "copy a link to what is shown", label: linkText(), run: () => void copy(address.now(), document.activeElement as HTMLElement).catch(fail) },
  ];
}

/** If only one axis has a slider, all these keys step along it. */
function steps(viewer: Viewer): Command[] {
  const axes = viewer.image.axes.slice(0, -2).flatMap(({ name, size }, i) => (i !== viewer.image.channelAxis && size > 1 ? [{ name, i }] : []));
  return Object.entries(STEPS).flatMap(([name, [before, after]]) => {
    const axis = axes.length === 1 ? axes[0] : axes.find((each) => each.name === name);
    if (!axis) return [];
    return [
      { keys: [before], says: `the plane before along ${axis.name}`, run: () => viewer.step(axis.i, -1) },
      { keys: [after], says: `the next plane along ${axis.name}`, run: () => viewer.step(axis.i, 1) },
    ];
  });
}

async function fillScreen(): Promise<void> {
  await (document.fullscreenElement ? document.exitFullscreen() : page.root.requestFullscreen());
}
