/** Which samples the canvas shows. */

import { useCameraState, useVisCanvasContext } from "@h5web/lib";
import { useThree } from "@react-three/fiber";
import { useEffect, useLayoutEffect } from "react";

import type { Range } from "./extremes";

/** Time without a movement after which what is visible is read, in milliseconds. */
const REST = 150;

interface Props {
  /** The samples to show; they are shown once for each object. */
  wanted: Range | null;
  onRest: (range: Range) => void;
}

export function Camera({ wanted, onRest }: Props): null {
  const { abscissaScale, getVisibleDomains, canvasSize } = useVisCanvasContext();
  const camera = useThree((state) => state.camera);
  const invalidate = useThree((state) => state.invalidate);
  const visible = useCameraState((state) => getVisibleDomains(state).xVisibleDomain.join(), [getVisibleDomains]);

  useLayoutEffect(() => {
    if (!wanted) return;
    const [left, right] = [abscissaScale(wanted.start), abscissaScale(wanted.stop)];
    camera.scale.x = Math.min(1, (right - left) / canvasSize.width);
    camera.position.x = camera.scale.x < 1 ? (left + right) / 2 : 0;
    camera.updateMatrixWorld();
    invalidate();
  }, [wanted]);

  useEffect(() => {
    const [start = 0, stop = 0] = visible.split(",").map(Number);
    const timer = setTimeout(() => onRest({ start, stop }), REST);
    return () => clearTimeout(timer);
  }, [visible]);
  return null;
}
