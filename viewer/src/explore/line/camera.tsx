/** Which samples the canvas shows. */

import { useCameraState, useVisCanvasContext } from "@h5web/lib";
import { useFrame, useThree } from "@react-three/fiber";
import { useEffect, useRef } from "react";

import type { Range } from "./extremes";

/** Time without a movement after which what is visible is read, in milliseconds. */
const REST = 150;

interface Props {
  /** The samples to show; they are shown once for each object. */
  wanted: Range | null;
  /** The samples at the last rest, which stay if the canvas gets another width; null for all. */
  shown: Range | null;
  onRest: (range: Range) => void;
}

export function Camera({ wanted, shown, onRest }: Props): null {
  const { abscissaScale, getVisibleDomains, canvasSize } = useVisCanvasContext();
  const camera = useThree((state) => state.camera);
  const invalidate = useThree((state) => state.invalidate);
  const visible = useCameraState((state) => getVisibleDomains(state).xVisibleDomain.join(), [getVisibleDomains]);

  // after each render, H5Web moves the camera to where it was in the last frame: so we move it in a frame
  const pending = useRef<Range | null>(null);
  useEffect(() => {
    pending.current = shown;
    invalidate();
  }, [canvasSize.width]);
  useEffect(() => {
    pending.current = wanted;
    invalidate();
  }, [wanted]);
  useFrame(() => {
    if (!pending.current) return;
    const [left, right] = [abscissaScale(pending.current.start), abscissaScale(pending.current.stop)];
    pending.current = null;
    camera.scale.x = Math.min(1, (right - left) / canvasSize.width);
    camera.position.x = camera.scale.x < 1 ? (left + right) / 2 : 0;
    camera.updateMatrixWorld();
    invalidate();
  });

  useEffect(() => {
    const [start = 0, stop = 0] = visible.split(",").map(Number);
    const timer = setTimeout(() => onRest({ start, stop }), REST);
    return () => clearTimeout(timer);
  }, [visible]);
  return null;
}
