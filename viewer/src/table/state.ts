/** What the page shows, as the query of its address: a link, a reload and Back show the same. */

import { type Filter, type Operator, OPERATORS } from "./filtering";
import type { Sort } from "./order";

export interface State {
  /** The first row that is shown, in the order that is shown. */
  row: number;
  sort: Sort | null;
  filter: Filter | null;
  /** The column that is plotted; empty for none. */
  plot: string;
  /** The column whose values are the x axis; empty for the numbers of rows. */
  x: string;
  /** The rows that are plotted; null for all. */
  span: [from: number, to: number] | null;
}

export function read(): State {
  const query = new URLSearchParams(location.search);
  const operator = query.get("is") as Operator;
  const [, from, to] = (/^(\d+)-(\d+)$/.exec(query.get("span") ?? "") ?? []).map(Number);
  return {
    row: Math.max(0, Math.floor(Number(query.get("row")) || 0)),
    sort: query.has("sort") ? { column: query.get("sort") ?? "", descending: query.get("order") === "descending" } : null,
    filter: OPERATORS.includes(operator) ? { column: query.get("filter") ?? "", operator, value: query.get("value") ?? "" } : null,
    plot: query.get("plot") ?? "",
    x: query.get("x") ?? "",
    span: from !== undefined && to !== undefined && from >= 0 && to > from ? [from, to] : null,
  };
}

/** Put the state into the address; `isStep` makes Back return to the one before. */
export function write(state: State, isStep: boolean): void {
  const url = new URL(location.href);
  const values: Record<string, string> = {
    row: state.row ? String(state.row) : "",
    sort: state.sort?.column ?? "",
    order: state.sort?.descending ? "descending" : "",
    filter: state.filter?.column ?? "",
    is: state.filter?.operator ?? "",
    value: state.filter?.value ?? "",
    plot: state.plot,
    x: state.plot ? state.x : "",
    span: state.plot && state.span ? state.span.join("-") : "",
  };
  for (const [name, value] of Object.entries(values)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  if (url.href === location.href) return;
  if (isStep) history.pushState(null, "", url);
  else history.replaceState(null, "", url);
}
