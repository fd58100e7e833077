/** The page /explore/NODE: H5Web over the trees of this server. */

import "@h5web/app/styles.css";
import "./style.css";

import { App, DataProvider, enableBigIntSerialization } from "@h5web/app";
import { useEffect, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";

import { Address, AddressProvider } from "./address";
import { Bar } from "./bar";
import { Data } from "./data";
import { REFRESH } from "./follow";
import { Provider } from "./provider";

/** The width of a page, in pixels, below which the tree is folded. */
const NARROW = 700;

function Explorer({ data, licences }: { data: Data; licences: string }): React.ReactNode {
  const [shown, setShown] = useState(data);
  const provider = useMemo(() => new Provider(shown), [shown]);
  useEffect(() => {
    const renew = (): void => setShown((before) => before.renewed());
    document.addEventListener(REFRESH, renew);
    return () => document.removeEventListener(REFRESH, renew);
  }, []);
  return (
    <DataProvider api={provider}>
      <Bar data={shown} licences={licences} />
      <App sidebarOpen={innerWidth >= NARROW} />
    </DataProvider>
  );
}

function main(page: HTMLElement): void {
  enableBigIntSerialization();
  const root = new URL(page.dataset.root ?? "", location.href).href;
  const data = new Data(root, new URLSearchParams(location.search).get("api_key"));
  const address = new Address(root, data.tree, `/${page.dataset.pathInV3 ?? ""}`);
  createRoot(page).render(
    <AddressProvider value={address}>
      <Explorer data={data} licences={page.dataset.licences ?? ""} />
    </AddressProvider>,
  );
}

main(document.getElementById("explore") as HTMLElement);
