/** The values of a long line as pages of a table, in place of H5Web's matrix, which reads them all. */

import { ExportMenu, Toolbar } from "@h5web/lib";
import { useEffect, useState } from "react";
import { createPortal } from "react-dom";

import { useAddress } from "../address";
import type { Shown } from "../entities";
import { columns, formatted } from "../texts";

const PAGE = 1000;

interface Props {
  dataset: Shown;
  toolbar: HTMLElement | undefined;
}

export function Rows({ dataset, toolbar }: Props): React.ReactNode {
  const address = useAddress();
  const length = (dataset.node?.shape[0] ?? 0) as number;
  const [first, setFirst] = useState(() => Math.min(Number(address.get("row")) || 0, length - 1));
  const rows = usePage(dataset, first, Math.min(first + PAGE, length));
  const go = (to: number): void => {
    const inside = Math.max(0, Math.min(Math.floor(to), length - 1));
    address.keep("row", inside === 0 ? null : String(inside));
    setFirst(inside);
  };
  return (
    <>
      {toolbar && createPortal(<Tools dataset={dataset} first={first} length={length} rows={rows} onGo={go} />, toolbar)}
      <div className="rows" tabIndex={0} role="region" aria-label={`Values of ${dataset.name}`}>
        <table>
          <thead>
            <tr>
              <th scope="col">index</th>
              {columns(dataset).map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows?.map((value, i) => (
              <tr key={i}>
                <th scope="row">{(first + i).toLocaleString("en")}</th>
                {formatted(dataset.type, value).map((text, column) => (
                  <td key={column}>{text}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

interface ToolsProps {
  dataset: Shown;
  first: number;
  length: number;
  rows: unknown[] | null;
  onGo: (first: number) => void;
}

function Tools({ dataset, first, length, rows, onGo }: ToolsProps): React.ReactNode {
  const csv = (): Blob => new Blob([csvOf(dataset, first, rows ?? [])]);
  return (
    <Toolbar>
      <form className="range" onSubmit={(event) => event.preventDefault()}>
        <button type="button" disabled={first === 0} onClick={() => onGo(first - PAGE)}>
          Earlier
        </button>
        <label>
          From <input key={first} type="number" min={0} max={length - 1} defaultValue={first} onBlur={({ target }) => onGo(Number(target.value))} />
        </label>
        <button type="button" disabled={first + PAGE >= length} onClick={() => onGo(first + PAGE)}>
          Later
        </button>
        <button type="button" onClick={() => onGo(length - PAGE)}>
          Last
        </button>
        of {length.toLocaleString("en")}
      </form>
      <ExportMenu entries={[{ format: "csv", url: async () => csv() }]} />
    </Toolbar>
  );
}

/** The values of a page; null until they have come. */
function usePage(dataset: Shown, start: number, stop: number): unknown[] | null {
  const [rows, setRows] = useState<unknown[] | null>(null);
  const [error, setError] = useState<Error | null>(null);
  useEffect(() => {
    const ended = new AbortController();
    setRows(null);
    dataset.read([{ start, stop, step: null }], ended.signal).then(
      (found) => ended.signal.aborted || setRows(Array.from(found as ArrayLike<unknown>)),
      (reason) => ended.signal.aborted || setError(reason),
    );
    return () => ended.abort();
  }, [dataset, start, stop]);
  if (error) throw error;
  return rows;
}

function csvOf(dataset: Shown, first: number, rows: unknown[]): string {
  const lines = rows.map((value, i) => [String(first + i), ...formatted(dataset.type, value)]);
  return [["index", ...columns(dataset)], ...lines].map((cells) => cells.map(quoted).join(",")).join("\n");
}

/** https://www.rfc-editor.org/rfc/rfc4180 */
function quoted(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
