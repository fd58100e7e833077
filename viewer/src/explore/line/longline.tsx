/** A line of millions of samples, in place of H5Web's line, which would read and draw them all. */

import { type AxisConfig, DefaultInteractions, type DefaultInteractionsConfig, ResetZoomButton, TooltipMesh, VisCanvas, getDomain, extendDomain } from "@h5web/lib";
import { useEffect, useMemo, useState } from "react";
import { createPortal } from "react-dom";

import { mark } from "../../common/moments";
import { useAddress } from "../address";
import { type Axis, titleOf } from "../ticks";
import { placeAlong, type Places, ticksAlong } from "./along";
import { Camera } from "./camera";
import { Curve } from "./curve";
import type { Band, Extremes, Range } from "./extremes";
import { Tools } from "./tools";

/** Time after which we look again whether bins made from samples have become exact, in milliseconds. */
const AGAIN = 1000;
/** The part of a range by which the camera's ends may be beside those that were asked for. */
const ROUNDING = 1e-5;
/** The wheel zooms along x alone, since the height shows the whole range of values. */
const INTERACTIONS: DefaultInteractionsConfig = { zoom: false, xAxisZoom: { modifierKey: [] } };

interface Props {
  line: Extremes;
  label: string;
  toolbar: HTMLElement | undefined;
}

export function LongLine({ line, label, toolbar }: Props): React.ReactNode {
  const address = useAddress();
  const [wanted, setWanted] = useState<Range | null>(() => spelled(address.get("x")));
  const [zoomed, setZoomed] = useState<Range | null>(null);
  const whole = useBand(line, null);
  const part = useBand(line, zoomed);
  const places = usePlaces(whole && line, zoomed ?? { start: 0, stop: line.length });
  const width = useMemo((): [number, number] => [0, line.length], [line]);
  const height = useMemo(() => heights(whole), [whole]);
  useEffect(() => {
    if (whole) requestAnimationFrame(() => mark("plot"));
  }, [whole]);
  if (!whole) return <p className="loading">Loading…</p>;
  const band = part ?? whole;
  const indices: AxisConfig = { visDomain: width, showGrid: true, isIndexAxis: true, formatTick: String, label: "index" };
  const axis: AxisConfig & Axis = places
    ? { ...indices, label: titleOf(places.label) as string, ticks: (domain, count) => ticksAlong(places, domain, count) }
    : indices;
  const range = zoomed ?? { start: 0, stop: line.length };
  const rest = (next: Range): void => {
    const slack = Math.min(0.25, (next.stop - next.start) * ROUNDING);
    const inside = { start: Math.max(0, Math.floor(next.start + slack)), stop: Math.min(line.length, Math.ceil(next.stop - slack)) };
    const isAll = inside.stop - inside.start >= line.length;
    address.keep("x", isAll ? null : `${inside.start},${inside.stop}`);
    setZoomed(isAll ? null : inside);
  };
  return (
    <>
      {toolbar && createPortal(<Tools line={line} band={band} range={range} onRange={setWanted} />, toolbar)}
      <figure className="line" aria-label={`${label}: ${described(band, line.length)}`} data-factor={band.factor} data-start={band.start} data-count={band.low.length}>
        <VisCanvas
          title={label}
          abscissaConfig={axis}
          ordinateConfig={{ visDomain: height, showGrid: true, label }}
        >
          <DefaultInteractions {...INTERACTIONS} />
          <ResetZoomButton />
          <Camera wanted={wanted} shown={zoomed} onRest={rest} />
          <Curve band={band} />
          <TooltipMesh guides="vertical" renderTooltip={(x) => <Value band={band} x={x} length={line.length} places={places} />} />
        </VisCanvas>
        <p role="status">{described(band, line.length)}</p>
      </figure>
    </>
  );
}

/** The band of a range, or of the whole line; the one before until it has come. */
function useBand(line: Extremes, range: Range | null): Band | null {
  const [band, setBand] = useState<Band | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [again, setAgain] = useState(0);
  useEffect(() => {
    const ended = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = (next: Band): void => {
      setBand(next);
      if (next.isSampled) timer = setTimeout(() => setAgain(again + 1), AGAIN);
    };
    line.band(range ?? undefined, ended.signal).then(
      (next) => ended.signal.aborted || show(next),
      (reason) => ended.signal.aborted || setError(reason),
    );
    return () => {
      ended.abort();
      clearTimeout(timer);
    };
  }, [line, range?.start, range?.stop, again]);
  if (error) throw error;
  return band;
}

/** The coordinates in a range of samples, if there are any that ascend or descend; null until they have come. */
function usePlaces(line: Extremes | null, { start, stop }: Range): Places | null {
  const [places, setPlaces] = useState<Places | null>(null);
  useEffect(() => {
    const ended = new AbortController();
    const found = line?.along().then((along) => along && along.places(start, stop, ended.signal));
    found
      ?.catch(() => null) // the axis has indices then
      .then((next) => ended.signal.aborted || setPlaces(next));
    return () => ended.abort();
  }, [line, start, stop]);
  return places;
}

interface ValueProps {
  band: Band;
  x: number;
  length: number;
  places: Places | null;
}

function Value({ band, x, length, places }: ValueProps): React.ReactNode {
  const { start, factor, exact } = band;
  const bin = Math.floor((x - start) / factor);
  const first = start + bin * factor;
  const last = Math.min(length, first + factor) - 1;
  const along = (text: string): string => (places ? `${titleOf(places.label)} = ${text}, index ` : "");
  if (factor === 1) return `${along(places ? placeAlong(places, first) : "")}${first}: ${exact[bin] ?? ""}`;
  const ends = places ? `${placeAlong(places, first)} to ${placeAlong(places, last)}` : "";
  return `${along(ends)}${first} to ${last}: ${exact[2 * bin] ?? ""} to ${exact[2 * bin + 1] ?? ""}`;
}

function heights(band: Band | null): [number, number] {
  const [bottom, top] = band ? [getDomain(band.low)?.[0] ?? 0, getDomain(band.high)?.[1] ?? 1] : [0, 1];
  return extendDomain(bottom < top ? [bottom, top] : [bottom - 1, top + 1], 0.05);
}

/** What a band of a line of `length` samples shows; its last bin may have fewer samples. */
function described({ start, factor, low, isSampled }: Band, length: number): string {
  const stop = Math.min(length, start + low.length * factor).toLocaleString("en");
  if (factor === 1) return `All ${low.length.toLocaleString("en")} samples from ${start.toLocaleString("en")} on`;
  const what = isSampled ? "Lowest and highest (so far, from some samples)" : "Lowest and highest";
  return `${what} of each ${factor.toLocaleString("en")} samples, from ${start.toLocaleString("en")} to ${stop}: ${low.length.toLocaleString("en")} bins`;
}

function spelled(text: string | null): Range | null {
  const [start = NaN, stop = NaN] = (text ?? "").split(",").map(Number);
  return start < stop ? { start, stop } : null;
}
