/** The keys of the page, and the dialog that lists them. */

import { motionOf, moved } from "./camera";
import { button, make, page, pageSize } from "./page";
import type { Stage } from "./stage";

/** Something that keys do; `label` is the text of its button, if it has one. */
export interface Command {
  keys: string[];
  says: string;
  /** `isByKeys` says that its button was pressed with Enter or Space. */
  run: (isByKeys: boolean) => void;
  label?: string;
}

const MOTIONS: [string, string][] = [
  ["← → ↑ ↓", "move the image; with Shift, further"],
  ["+ −", "zoom in and out"],
];
const CURSOR: [string, string] = ["← → ↑ ↓ at the cursor", "move it by a pixel; with Shift, by ten"];

export class Keyboard {
  private readonly help: HTMLDialogElement;
  readonly commands: Command[];

  constructor(
    private readonly stage: Stage,
    commands: Command[],
  ) {
    this.commands = [...commands, { keys: ["?"], says: "list the keys", label: "Keys", run: () => this.help.showModal() }];
    this.help = helpOf(this.commands);
    page.root.append(this.help);
    document.addEventListener("keydown", (event) => this.press(event));
  }

  /** Buttons of the commands that have a label. */
  buttons(): HTMLElement {
    const element = make("div", { className: "buttons" });
    element.append(...this.commands.flatMap(({ label, says, keys, run }) => (label ? [button(label, `${capital(says)} (${keys[0]?.toUpperCase()})`, ({ detail }) => run(detail === 0))] : [])));
    return element;
  }

  private press(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || this.help.open || isMeant(event)) return;
    const motion = motionOf(event);
    const command = this.commands.find(({ keys }) => keys.includes(event.key));
    if (motion) this.stage.look(moved(this.stage.camera, motion.pan, motion.zoom, pageSize(), this.stage.size));
    else if (command) command.run(false);
    else return;
    event.preventDefault();
  }
}

/** Whether a control of the page takes the key: fields take all, sliders those that move them. */
function isMeant({ target, key }: KeyboardEvent): boolean {
  if (target instanceof HTMLInputElement && target.type === "range") return /^(Arrow|Home|End|Page)/.test(key);
  if (target instanceof HTMLInputElement) return target.type !== "checkbox";
  return target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement;
}

function helpOf(commands: Command[]): HTMLDialogElement {
  const dialog = make("dialog", { id: "keys" });
  const list = make("dl");
  for (const [keys, says] of [...MOTIONS, ...commands.map(({ keys, says }): [string, string] => [keys.join(" "), says]), CURSOR]) {
    list.append(make("dt", { textContent: keys }), make("dd", { textContent: says }));
  }
  const title = make("h2", { id: "keys-title", textContent: "Keys" });
  dialog.setAttribute("aria-labelledby", title.id);
  dialog.append(title, list, button("Close", "Close (Escape)", () => dialog.close()));
  return dialog;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
