/** A plot of a column: what is lowest and highest in each bin of rows, or each value if they are few. */

import type { Column } from "./column";
import type { Table } from "./table";

interface Actions {
  onZoom: (span: [number, number] | null) => void;
  onAxis: (x: string) => void;
  onClose: () => void;
  onFailure: (error: Error) => void;
  onSettled: () => void;
}

export class Plot {
  isSettled = true;

  constructor(
    readonly root: HTMLElement,
    readonly table: Table,
    readonly actions: Actions,
  ) {}

  async show(column: Column | undefined, x: Column | undefined, span: [number, number] | null): Promise<void> {
    void [column, x, span];
  }
}
