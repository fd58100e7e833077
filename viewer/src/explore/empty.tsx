/** What is shown of an array without values: an error of H5Web would be one of the page, too. */

import type { ProvidedEntity } from "@h5web/app";
import type { ComponentType } from "react";

interface Props {
  container: ComponentType<{ entity: ProvidedEntity; toolbarContainer: HTMLElement | undefined }>;
  entity: ProvidedEntity;
  toolbarContainer: HTMLElement | undefined;
}

export function OrEmpty({ container: Container, ...props }: Props): React.ReactNode {
  const dims = "shape" in props.entity && "dims" in props.entity.shape ? props.entity.shape.dims : [];
  if (!dims.includes(0)) return <Container {...props} />;
  return <p className="loading">There are no values: the shape is {dims.join(" × ")}.</p>;
}
