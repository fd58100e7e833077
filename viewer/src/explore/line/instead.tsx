/** Chooses how a dataset is shown: a long line by our own components, all else by those of H5Web. */

import type { ProvidedEntity } from "@h5web/app";
import type { ComponentType } from "react";

import type { Shown } from "../entities";
import { isLongLine } from "../hints";
import { LongLine } from "./longline";
import { Rows } from "./rows";

interface Props {
  entity: ProvidedEntity;
  toolbarContainer: HTMLElement | undefined;
}

type Container = ComponentType<Props>;

export function orLongLine(Line: Container): Container {
  return function LineOfAnyLength(props) {
    const { line, along, values } = props.entity as Shown;
    if (!line) return <Line {...props} />;
    const units = typeof values.units === "string" ? ` (${values.units})` : "";
    return <LongLine line={line} along={along} label={`${props.entity.name}${units}`} toolbar={props.toolbarContainer} />;
  };
}

export function orRows(Matrix: Container): Container {
  return function MatrixOfAnyLength(props) {
    const { node } = props.entity as Shown;
    return node && isLongLine(node) ? <Rows dataset={props.entity as Shown} toolbar={props.toolbarContainer} /> : <Matrix {...props} />;
  };
}
