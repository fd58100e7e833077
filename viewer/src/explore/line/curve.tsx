/** The line that is drawn: strokes from the lowest to the highest of each bin, and from bin to bin. */

import { useVisCanvasContext } from "@h5web/lib";
import { useMemo } from "react";
import { BufferAttribute, BufferGeometry } from "three";

import type { Band } from "./extremes";

const COLOUR = "darkblue";

/**
 * Positions are relative to the middle of the band, since the graphics card has 24 bits for each:
 * ten million samples need more when a hundred of them fill the page.
 */
export function Curve({ band }: { band: Band }): React.ReactNode {
  const { abscissaScale, ordinateScale } = useVisCanvasContext();
  const middle = abscissaScale(band.start + (band.low.length * band.factor) / 2);
  const geometry = useMemo(() => {
    const points = strokes(band).flatMap(([x, y]) => [abscissaScale(x) - middle, ordinateScale(y), 0]);
    return new BufferGeometry().setAttribute("position", new BufferAttribute(Float32Array.from(points), 3));
  }, [band, abscissaScale, ordinateScale, middle]);
  return (
    <group position={[middle, 0, 0]}>
      <lineSegments geometry={geometry} frustumCulled={false}>
        <lineBasicMaterial color={COLOUR} />
      </lineSegments>
    </group>
  );
}

/** Pairs of points, as [index of sample, value]. */
export function strokes({ start, factor, low, high }: Band): [number, number][] {
  const centre = (bin: number): number => start + bin * factor + (factor - 1) / 2;
  const points: [number, number][] = [];
  const stroke = (from: [number, number], to: [number, number]): void => {
    if (Number.isFinite(from[1] + to[1])) points.push(from, to);
  };
  for (let i = 0; i < low.length; i++) {
    if (factor > 1) stroke([centre(i), low[i] as number], [centre(i), high[i] as number]);
    if (i + 1 < low.length) stroke([centre(i), high[i] as number], [centre(i + 1), (factor > 1 ? low : high)[i + 1] as number]);
  }
  return points;
}
