/** The names of an array's axes, which H5Web shows for groups of NeXus alone. */

import type { ProvidedEntity } from "@h5web/app";
import { DimensionMapper } from "@h5web/lib";
import { type ComponentProps, createContext, useContext } from "react";

import { useAddress } from "./address";
import type { Shown } from "./entities";

const Entity = createContext<ProvidedEntity | null>(null);
export const EntityProvider = Entity.Provider;

export function NamedDimensions(props: ComponentProps<typeof DimensionMapper>): React.ReactNode {
  const { node } = (useContext(Entity) ?? {}) as Partial<Shown>;
  const { advances } = useAddress();
  const names = node?.dimension_names?.map((name) => name ?? undefined);
  return <DimensionMapper key={advances} dimHints={names?.length === props.dims.length ? names : []} {...props} />;
}
