/** Above a long line: the range that is shown, which can be typed, and downloads of it. */

import { ExportMenu, Separator, SnapshotBtn, Toolbar } from "@h5web/lib";
import { useEffect, useState } from "react";

import { npy } from "../npy";
import type { Band, Extremes, Range } from "./extremes";

interface Props {
  line: Extremes;
  band: Band;
  range: Range;
  onRange: (range: Range) => void;
}

export function Tools({ line, band, range, onRange }: Props): React.ReactNode {
  return (
    <Toolbar>
      <Typed range={range} length={line.length} onRange={onRange} />
      <Separator />
      <ExportMenu
        entries={[
          { format: "csv", url: async () => new Blob([csv(line, band)]) },
          ...(band.factor === 1 ? [{ format: "npy" as const, url: async () => npy(band.exact as unknown as Float64Array, [band.exact.length]) }] : []),
        ]}
      />
      <SnapshotBtn />
    </Toolbar>
  );
}

function Typed({ range, length, onRange }: { range: Range; length: number; onRange: (range: Range) => void }): React.ReactNode {
  const [start, setStart] = useState(String(range.start));
  const [stop, setStop] = useState(String(range.stop));
  useEffect(() => {
    setStart(String(range.start));
    setStop(String(range.stop));
  }, [range.start, range.stop]);
  return (
    <form
      className="range"
      onSubmit={(event) => {
        event.preventDefault();
        if (Number(start) < Number(stop)) onRange({ start: Number(start), stop: Number(stop) });
      }}
    >
      <label>
        From <input type="number" min={0} max={length - 1} value={start} onChange={({ target }) => setStart(target.value)} />
      </label>
      <label>
        to <input type="number" min={1} max={length} value={stop} onChange={({ target }) => setStop(target.value)} />
      </label>
      <button type="submit">Show</button>
    </form>
  );
}

/** What is drawn: each sample, or the lowest and the highest of each bin. */
export function csv({ path }: Extremes, { start, factor, exact }: Band): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (factor === 1) return [`index,${name}`, ...Array.from(exact, (value, i) => `${start + i},${value}`)].join("\n");
  const rows = Array.from({ length: exact.length / 2 }, (_, i) => `${start + i * factor},${exact[2 * i]},${exact[2 * i + 1]}`);
  return [`first index of ${factor},lowest,highest`, ...rows].join("\n");
}
