/** What the page reads from: stores of one server, which it finds from the page's own address. */

import { HttpStore } from "../common/store";
import { Tree } from "./tree";

export class Data {
  readonly tree: Tree;
  /** Arrays as they are. */
  readonly arrays: HttpStore;
  /** Their pyramids. */
  readonly images: HttpStore;

  /** The extremes of long lines. */
  readonly lines: HttpStore;

  constructor(
    readonly root: string,
    private readonly key: string | null,
  ) {
    this.arrays = this.store("zarr/v3");
    this.images = this.store("ome-zarr/0.5");
    this.lines = this.store("minmax/v3");
    this.tree = new Tree(this.arrays);
  }

  /** The same with nothing remembered. */
  renewed(): Data {
    return new Data(this.root, this.key);
  }

  private store(prefix: string): HttpStore {
    return new HttpStore(new URL(prefix, this.root).href, this.key);
  }
}
