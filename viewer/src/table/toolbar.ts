/** The controls above the grid: they act on the column of the active cell. */

import type { Column, Facts } from "./column";
import { button, labelled, make, select } from "./elements";
import { type Filter, type Operator, OPERATORS } from "./filtering";
import { MOST_ROWS, type Sort, whyNot } from "./order";
import type { Table } from "./table";

interface Actions {
  onPlot: (column: Column) => void;
  onSort: (sort: Sort | null) => void;
  onFilter: (filter: Filter | null) => void;
  /** Drop the filter and the sort. */
  onAll: () => void;
  onGo: (row: number) => void;
}

export class Toolbar {
  private readonly about = make("span", { className: "about" });
  private readonly column: HTMLSelectElement;
  private readonly operator = select(OPERATORS, () => this.update());
  private readonly value = make("input", { type: "text", size: 14, placeholder: "value" });
  private readonly row = make("input", { type: "number", min: "0", step: "1", className: "row" });
  private readonly ordering: (HTMLButtonElement | HTMLSelectElement | HTMLInputElement)[];
  private readonly plotting: HTMLButtonElement;

  constructor(
    root: HTMLElement,
    private readonly table: Table,
    actions: Actions,
  ) {
    this.column = select(table.columns.map(({ name }) => name), () => this.update());
    this.value.ariaLabel = "Value to filter by";
    this.operator.ariaLabel = "How to filter";
    this.plotting = button("Plot", "Plot this column", () => actions.onPlot(this.chosen));
    const sorts = [
      button("Sort ↑", "Smallest values first", () => actions.onSort({ column: this.chosen.name, descending: false })),
      button("Sort ↓", "Largest values first", () => actions.onSort({ column: this.chosen.name, descending: true })),
    ];
    const apply = make("button", { type: "submit", textContent: "Filter" });
    const filter = make("form", {}, this.operator, this.value, apply);
    filter.addEventListener("submit", (event) => {
      event.preventDefault();
      actions.onFilter({ column: this.chosen.name, operator: this.operator.value as Operator, value: this.value.value });
    });
    const go = make("form", {}, labelled("Row", this.row), make("button", { type: "submit", textContent: "Go" }));
    go.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.row.value) actions.onGo(Number(this.row.value));
    });
    const all = button("All rows", "Drop the filter and the sort", actions.onAll);
    this.ordering = [...sorts, this.operator, this.value, apply, all];
    const isOff = table.rows > MOST_ROWS;
    root.append(labelled("Column", this.column), this.plotting, ...sorts, filter, all, go, this.about);
    if (isOff) root.append(make("p", { className: "note", textContent: whyNot(table.rows) }));
    for (const control of this.ordering) control.disabled = isOff;
    this.update();
  }

  /** Show the column of the active cell, and the filter that is applied. */
  show(column: Column | undefined, filter?: Filter | null): void {
    if (column) this.column.value = column.name;
    if (filter) [this.operator.value, this.value.value] = [filter.operator, filter.value];
    this.update();
  }

  private get chosen(): Column {
    return this.table.columns[this.column.selectedIndex] as Column;
  }

  private update(): void {
    const { chosen } = this;
    this.row.max = String(Math.max(0, this.table.rows - 1));
    this.value.hidden = this.operator.value.endsWith("missing");
    if (!chosen) return;
    if (chosen.facts) this.tell(chosen.facts);
    else void chosen.open().then(() => this.chosen === chosen && this.update(), () => {});
  }

  private tell(facts: Facts): void {
    this.about.textContent = [facts.type, facts.unit && `in ${facts.unit}`, facts.zone && `${facts.zone}, shown in UTC`].filter(Boolean).join(", ");
    this.plotting.disabled = !facts.isPlotted;
    this.plotting.title = facts.isPlotted ? "Plot this column" : `A column of type ${facts.type} has no plot`;
  }
}
