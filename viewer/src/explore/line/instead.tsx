/** Chooses how a dataset is drawn as a line. */

import type { ProvidedEntity } from "@h5web/app";
import type { ComponentType } from "react";

import type { Shown } from "../entities";
import { LongLine } from "./longline";

interface Props {
  entity: ProvidedEntity;
  toolbarContainer: HTMLElement | undefined;
}

/** H5Web's component, or ours for a long line. */
export function orLongLine(Line: ComponentType<Props>): ComponentType<Props> {
  return function LineOfAnyLength(props) {
    const { line, values } = props.entity as Shown;
    if (!line) return <Line {...props} />;
    const units = typeof values.units === "string" ? ` (${values.units})` : "";
    return <LongLine line={line} label={`${props.entity.name}${units}`} toolbar={props.toolbarContainer} />;
  };
}
