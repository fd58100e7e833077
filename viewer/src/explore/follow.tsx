/** Follows the selected node: what is shown is read again when it has changed. */

import { useEffect, useRef, useState } from "react";

import { Following } from "../common/following";
import { useAddress } from "./address";

/** An event of the page: dispatch it when the data have changed, and all that is shown is read again. */
export const REFRESH = "refresh";

export function Follow(): React.ReactNode {
  const address = useAddress();
  const path = address.useNode();
  const place = useRef<HTMLDivElement>(null);
  const shape = useRef<number[] | null>(null);
  const [following] = useState(
    () =>
      new Following(
        "node",
        address.get("api_key"),
        async (node) => {
          if (shape.current && node.shape) address.advance(shape.current, node.shape);
          shape.current = node.shape;
          document.dispatchEvent(new Event(REFRESH));
        },
        console.error,
      ),
  );
  useEffect(() => place.current?.replaceChildren(following.element), [following]);
  useEffect(() => {
    shape.current = null;
    following.go(address.page(path, "events"));
  }, [following, path]);
  return <div ref={place} />;
}
