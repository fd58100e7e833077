/** Metadata of nodes: https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html#array-metadata */

export type DataType = string | { name: string; configuration: Record<string, unknown> };

export type Attributes = Record<string, unknown>;

export interface ArrayNode {
  node_type: "array";
  shape: number[];
  data_type: DataType;
  chunk_grid: { configuration: { chunk_shape: number[] } };
  codecs: { name: string; configuration?: Record<string, unknown> }[];
  dimension_names?: (string | null)[];
  fill_value: unknown;
  attributes: Attributes;
}

export interface GroupNode {
  node_type: "group";
  attributes: Attributes;
  consolidated_metadata?: { metadata: Record<string, ArrayNode | GroupNode> };
}

export type ZarrNode = ArrayNode | GroupNode;
